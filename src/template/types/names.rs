//! The types of the names that a text can read at its place.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::template::reference::Segment;
use crate::template::term::{Path, Root, RoundValue};

use super::path::{put, walk};
use super::{Kind, Presence, Ty};

/// The types of roots and steps. Names that are not here are of any type: whether they exist is for
/// others to say. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub struct Names {
    roots: Arc<IndexMap<Arc<str>, Ty>>,
    steps: Arc<IndexMap<Arc<str>, Ty>>,
}

impl Names {
    /// No names.
    pub fn new() -> Self {
        Self::default()
    }

    /// These names and one more root; a root of the same name is hidden.
    #[must_use]
    pub fn with_root(mut self, name: impl Into<Arc<str>>, ty: Ty) -> Self {
        Arc::make_mut(&mut self.roots).insert(name.into(), ty);
        self
    }

    /// Adds a step: the type of `steps.ID`.
    pub fn add_step(&mut self, id: impl Into<Arc<str>>, ty: Ty) {
        Arc::make_mut(&mut self.steps).insert(id.into(), ty);
    }

    /// The type of a root.
    pub fn root(&self, name: &str) -> Option<&Ty> {
        self.roots.get(name)
    }

    /// The names of all roots, in the order in which they came.
    pub fn roots(&self) -> impl Iterator<Item = &str> {
        self.roots.keys().map(AsRef::as_ref)
    }

    /// The type of `steps.ID`.
    pub fn step(&self, id: &str) -> Option<&Ty> {
        self.steps.get(id)
    }

    /// The type of what stands at a path, as far as the path leads somewhere.
    pub fn at(&self, path: &[Segment]) -> Ty {
        self.base(path).map_or_else(Ty::any, |(base, rest)| walk(base, rest).ty)
    }

    /// These names where what stands at a path is of this type.
    #[must_use]
    pub fn with_at(&self, path: &[Segment], ty: &Ty) -> Self {
        self.change(path, &mut |_| ty.clone())
    }

    /// The root or the step that a path begins with, and the path from there.
    pub(super) fn base<'n, 'p>(&'n self, path: &'p [Segment]) -> Option<(&'n Ty, &'p [Segment])> {
        match path {
            [Segment::Key(steps), Segment::Key(id), rest @ ..] if &**steps == "steps" => {
                Some((self.steps.get(id)?, rest))
            }
            [Segment::Key(root), rest @ ..] => Some((self.roots.get(root)?, rest)),
            _ => None,
        }
    }

    /// These names where what stands at a path is changed, and there for sure.
    fn change(&self, path: &[Segment], change: &mut dyn FnMut(&Ty) -> Ty) -> Self {
        let Some((base, rest)) = self.base(path) else { return self.clone() };
        let ty = put(base, rest, change);
        let mut names = self.clone();
        match path {
            [Segment::Key(steps), Segment::Key(id), rest @ ..] if &**steps == "steps" => {
                let ty = settle_output(ty, rest);
                Arc::make_mut(&mut names.steps).insert(id.clone(), ty);
            }
            [Segment::Key(root), ..] => {
                Arc::make_mut(&mut names.roots).insert(root.clone(), ty);
            }
            _ => {}
        }
        names
    }

    /// What holds whichever of the two holds.
    fn or(&self, other: &Self) -> Self {
        Self { roots: either(&self.roots, &other.roots), steps: either(&self.steps, &other.steps) }
    }
}

/// A step of which the status is known to be `succeeded` has an output for sure, and one that is known
/// to have `failed` an error.
fn settle_output(step: Ty, changed: &[Segment]) -> Ty {
    let is_status = matches!(changed, [Segment::Key(field)] if &**field == "status");
    let status = step.field("status").filter(|_| is_status).map(|(ty, _)| ty);
    let there: &[&str] = match status.as_ref().and_then(Ty::as_words) {
        Some([word]) if &**word == "succeeded" => &["output", "started", "duration"],
        Some([word]) if &**word == "failed" => &["error"],
        _ => return step,
    };
    there.iter().copied().fold(step, |step, name| match step.field(name) {
        Some((ty, _)) => step.with_field(name, ty.settled(), Presence::Required),
        None => step,
    })
}

fn either(a: &Arc<IndexMap<Arc<str>, Ty>>, b: &Arc<IndexMap<Arc<str>, Ty>>) -> Arc<IndexMap<Arc<str>, Ty>> {
    if Arc::ptr_eq(a, b) {
        return a.clone();
    }
    let join = |(name, ty): (&Arc<str>, &Ty)| {
        let ty = b.get(name).map_or_else(|| ty.clone(), |other| ty.or(other));
        (name.clone(), ty)
    };
    Arc::new(a.iter().map(join).collect())
}

/// What a term can see: the names, and the values of the loops and blocks around it.
#[derive(Clone, Debug)]
pub(in crate::template) struct Env {
    pub(super) names: Names,
    /// Outermost first.
    frames: Vec<Frame>,
}

/// The value of a loop or a block, and the key where it goes over something.
#[derive(Clone, Debug)]
struct Frame {
    value: Ty,
    key: Ty,
}

impl Env {
    /// Outside of all loops.
    pub(in crate::template) fn new(names: &Names) -> Self {
        Self { names: names.clone(), frames: Vec::new() }
    }

    /// The names alone.
    pub(in crate::template) fn into_names(self) -> Names {
        self.names
    }

    /// Inside a block whose value is this.
    pub(in crate::template) fn with_value(&self, value: Ty) -> Self {
        self.with_frame(Frame { value, key: Ty::integer() })
    }

    /// Inside a loop over this.
    pub(in crate::template) fn in_loop_over(&self, over: &Ty) -> Self {
        let key = match (over.can_be(Kind::List), over.can_be(Kind::Map)) {
            (true, true) => Ty::text().or(&Ty::integer()),
            (false, true) => Ty::text(),
            _ => Ty::integer(),
        };
        self.with_frame(Frame { value: over.item(), key })
    }

    fn with_frame(&self, frame: Frame) -> Self {
        let mut env = self.clone();
        env.frames.push(frame);
        env
    }

    fn frame(&self, up: usize) -> Option<usize> {
        self.frames.len().checked_sub(up + 1)
    }

    /// What a path begins with, and the path from there.
    pub(super) fn base<'e>(&'e self, path: &'e Path) -> Option<(&'e Ty, &'e [Segment])> {
        match path.root {
            Root::Scope => self.names.base(&path.path),
            Root::Frame(up) => Some((&self.frames.get(self.frame(up)?)?.value, &path.path)),
        }
    }

    /// The type of `@index` and its kin.
    pub(super) fn round(&self, up: usize, value: RoundValue) -> Ty {
        match value {
            RoundValue::Index => Ty::integer(),
            RoundValue::Key => self
                .frame(up)
                .and_then(|at| self.frames.get(at))
                .map_or_else(Ty::any, |frame| frame.key.clone()),
            RoundValue::First | RoundValue::Last => Ty::boolean(),
        }
    }

    /// The same where what stands at a path is changed, and there for sure.
    pub(super) fn change(&self, path: &Path, change: &mut dyn FnMut(&Ty) -> Ty) -> Self {
        match path.root {
            Root::Scope => Self { names: self.names.change(&path.path, change), frames: self.frames.clone() },
            Root::Frame(up) => {
                let mut env = self.clone();
                if let Some(frame) = self.frame(up).and_then(|at| env.frames.get_mut(at)) {
                    frame.value = put(&frame.value, &path.path, change);
                }
                env
            }
        }
    }

    /// What holds whichever of the two holds.
    pub(super) fn or(&self, other: &Self) -> Self {
        let frames = self.frames.iter().zip(&other.frames);
        let frames = frames.map(|(a, b)| Frame { value: a.value.or(&b.value), key: a.key.clone() });
        Self { names: self.names.or(&other.names), frames: frames.collect() }
    }
}
