//! Names: which roots, steps and fields a text may read at its place, and what was meant by others.
//!
//! Codes: `unknown-name`, `unknown-step`, `step-not-before`, `step-out-of-reach`, `unknown-input`,
//! `unknown-field`, `secret-misplaced`.

use std::collections::HashMap;
use std::sync::Arc;

use crate::component::{SecretsIn, Type};
use crate::diagnostic::{Diagnostic, Span, did_you_mean};
use crate::template::{Need, Reference, Segment};

use super::shape::Shape;

/// Where each step of the file stands, for what is said of one that cannot be read.
pub(super) type Ids = HashMap<Arc<str>, Place>;

/// Where a step stands.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Its `id`.
    pub span: Span,
    /// The loop or the `switch` it lies in, by id, if any.
    pub inside: Option<Inside>,
}

/// What closes a step off from the rest of the file.
#[derive(Clone, Debug)]
pub(super) struct Inside {
    /// `the loop`, `a case of the switch`, `an error handler`.
    pub what: &'static str,
    /// The id of the step that holds it.
    pub id: Option<Arc<str>>,
}

/// What a text at some place may read.
#[derive(Clone)]
pub(super) struct Visible {
    /// Roots other than `steps` and `secrets`, with what is known of them.
    roots: Vec<(Arc<str>, Shape)>,
    /// The steps that have ended.
    steps: Vec<(Arc<str>, Shape)>,
    /// Whether steps can be read here at all.
    has_steps: bool,
}

/// What `run` holds.
const RUN: Type = Type::Record(&[
    ("id", Type::Text),
    ("workflow", Type::Text),
    ("trigger", Type::Text),
    ("started", Type::Text),
]);

/// What `error` holds.
pub(super) const ERROR: Type = Type::Record(&[
    ("code", Type::Text),
    ("message", Type::Text),
    ("step", Type::Text),
    ("status", Type::Any),
    ("attempt", Type::Integer),
]);

/// What a step shows beside its output.
const STEP: [(&str, Type); 10] = [
    ("status", Type::Text),
    ("error", ERROR),
    ("attempts", Type::Integer),
    ("started", Type::Text),
    ("duration", Type::Any),
    ("usage", USAGE),
    ("cost", Type::Text),
    ("model", Type::Text),
    ("finish_reason", Type::Text),
    ("reasoning", Type::Text),
];

/// What a model step's `usage` holds.
const USAGE: Type = Type::Record(&[
    ("input_tokens", Type::Integer),
    ("cached_tokens", Type::Integer),
    ("output_tokens", Type::Integer),
    ("reasoning_tokens", Type::Integer),
    ("estimated", Type::Boolean),
]);

impl Visible {
    /// What every text may read: nothing but secrets, where those are allowed.
    pub fn nothing() -> Self {
        Self { roots: Vec::new(), steps: Vec::new(), has_steps: false }
    }

    /// The same and this root.
    #[must_use]
    pub fn with_root(mut self, name: &str, shape: Shape) -> Self {
        self.roots.retain(|(known, _)| **known != *name);
        self.roots.push((name.into(), shape));
        self
    }

    /// The same and the run itself.
    #[must_use]
    pub fn with_run(self) -> Self {
        self.with_root("run", Shape::Declared(RUN))
    }

    /// The same in a place where steps can be read.
    #[must_use]
    pub fn with_steps(mut self) -> Self {
        self.has_steps = true;
        self
    }

    /// Adds a step that has ended.
    pub fn add_step(&mut self, id: Arc<str>, output: Shape) {
        let mut fields =
            vec![(Arc::from("output"), output), (Arc::from("truncated"), Shape::Declared(Type::Boolean))];
        fields.extend(STEP.iter().map(|(name, ty)| (Arc::from(*name), Shape::Declared(*ty))));
        self.steps.push((id, Shape::Map(fields)));
    }

    /// The output of a step that has ended.
    pub fn output(&self, id: &str) -> Shape {
        let step = self.steps.iter().find(|(known, _)| **known == *id);
        step.and_then(|(_, shape)| shape.at(&[Segment::Key("output".into())]).ok()).unwrap_or(Shape::Unknown)
    }

    /// What is wrong with reading this here; nothing when all is well.
    ///
    /// `at` is where the reference stands.
    pub fn check(
        &self,
        reference: &Reference,
        at: Span,
        secrets: SecretsIn,
        ids: &Ids,
    ) -> Option<Diagnostic> {
        let (Segment::Key(root), path) = reference.path.split_first()? else {
            return None;
        };
        match &**root {
            "secrets" => self.check_secret(path, at, secrets),
            "steps" => self.check_step(reference, path, at, ids),
            _ => self.check_root(reference, root, path, at, ids),
        }
    }

    /// What is known of the value at a path that is read here.
    pub fn shape(&self, path: &[Segment]) -> Shape {
        let Some((Segment::Key(root), rest)) = path.split_first() else {
            return Shape::Unknown;
        };
        let (known, rest) = match (&**root, rest.split_first()) {
            ("steps", Some((Segment::Key(id), rest))) => {
                (self.steps.iter().find(|(known, _)| known == id), rest)
            }
            _ => (self.roots.iter().find(|(known, _)| known == root), rest),
        };
        known.and_then(|(_, shape)| shape.at(rest).ok()).unwrap_or(Shape::Unknown)
    }

    fn check_secret(&self, path: &[Segment], at: Span, secrets: SecretsIn) -> Option<Diagnostic> {
        if secrets == SecretsIn::Refused {
            let problem = Diagnostic::error("secret-misplaced", at, "a secret may not stand here").with_help(
                "secrets may stand in `auth`, headers, `query`, `form` and `json` of `http` and `webhook`, and in their addresses",
            );
            return Some(problem);
        }
        match path {
            [Segment::Key(_)] => None,
            _ => Some(Diagnostic::error("unknown-field", at, "a secret is read as `secrets.NAME`")),
        }
    }

    fn check_root(
        &self,
        reference: &Reference,
        root: &Arc<str>,
        path: &[Segment],
        at: Span,
        ids: &Ids,
    ) -> Option<Diagnostic> {
        let Some((_, shape)) = self.roots.iter().find(|(known, _)| known == root) else {
            let problem = Diagnostic::error("unknown-name", at, format!("there is no `{root}` here"));
            return Some(problem.with_help_if(self.advice(root, path, ids)));
        };
        let code = if &**root == "inputs" { "unknown-input" } else { "unknown-field" };
        no_such_field(reference, root, 1, shape, path, at, code)
    }

    /// What somebody probably meant by a name that is no root.
    fn advice(&self, root: &Arc<str>, path: &[Segment], ids: &Ids) -> Option<String> {
        if ids.contains_key(root) {
            let rest = match path.first() {
                None => ".output",
                Some(Segment::Key(key))
                    if &**key == "output" || STEP.iter().any(|(name, _)| *name == &**key) =>
                {
                    ""
                }
                Some(_) => ".output…",
            };
            return Some(format!("a step is read as `steps.{root}{rest}`"));
        }
        let inputs = self.roots.iter().find(|(name, _)| &**name == "inputs");
        if let Some((_, Shape::Map(inputs))) = inputs
            && inputs.iter().any(|(name, _)| name == root)
        {
            return Some(format!("an input is read as `inputs.{root}`"));
        }
        match &**root {
            "env" => {
                return Some(
                    "the environment is not read by workflows; a credential is `secrets.NAME`".into(),
                );
            }
            "event" => return Some("`event` needs a trigger: add `on:`".into()),
            "error" => return Some("`error` can be read in `on_error` and `on_failure` only".into()),
            "item" | "index" => return Some("`item` and `index` can be read inside `foreach` only".into()),
            "trigger" => return Some("what started the run is `event`".into()),
            _ => {}
        }
        let mut names: Vec<&str> = self.roots.iter().map(|(name, _)| &**name).collect();
        if self.has_steps {
            names.push("steps");
        }
        did_you_mean(root, names)
    }

    fn check_step(&self, reference: &Reference, path: &[Segment], at: Span, ids: &Ids) -> Option<Diagnostic> {
        if !self.has_steps {
            let problem = Diagnostic::error("unknown-name", at, "no step has run yet here");
            return Some(problem.with_help("here `event`, `vars` and the like can be read"));
        }
        let Some((Segment::Key(id), rest)) = path.split_first() else {
            let problem = Diagnostic::error("unknown-step", at, "`steps` alone is not a value");
            return Some(problem.with_help("name a step: `steps.ID.output`"));
        };
        if let Some((_, shape)) = self.steps.iter().find(|(known, _)| known == id) {
            if rest.is_empty() && reference.need == Need::Required {
                let problem =
                    Diagnostic::error("unknown-field", at, format!("`steps.{id}` alone is not a value"));
                return Some(problem.with_help(format!("its value is `steps.{id}.output`")));
            }
            return no_such_field(reference, &format!("steps.{id}"), 2, shape, rest, at, "unknown-field").map(|problem| {
                let direct = matches!(rest, [Segment::Key(key), ..] if self.output(id).at(&[Segment::Key(key.clone())]).is_ok());
                match (direct, &problem.help) {
                    (true, _) if matches!(rest, [Segment::Key(key), ..] if &**key != "output") => {
                        let tail = path_text(rest);
                        problem.with_help(format!("the step's value is under `output`: `steps.{id}.output{tail}`"))
                    }
                    _ => problem,
                }
            });
        }
        let Some(place) = ids.get(id) else {
            let problem = Diagnostic::error("unknown-step", at, format!("there is no step `{id}`"));
            return Some(
                problem.with_help_if(did_you_mean(id, ids.keys().map(|id| &**id).collect::<Vec<_>>())),
            );
        };
        if let Some(inside) = &place.inside {
            let problem = Diagnostic::error(
                "step-out-of-reach",
                at,
                format!("`{id}` lies in {} and can be read only there", inside.what),
            );
            let help = inside
                .id
                .as_ref()
                .map(|outer| format!("read the result of the whole: `steps.{outer}.output`"));
            return Some(problem.with_related(place.span, "the step").with_help_if(help));
        }
        let problem =
            Diagnostic::error("step-not-before", at, format!("`{id}` has not run yet when this is read"));
        Some(
            problem.with_related(place.span, "it stands here").with_help(format!(
                "move it before this step, or let this step wait for it: `needs: [{id}]`"
            )),
        )
    }
}

/// A path that leads out of what is known, as a diagnostic.
fn no_such_field(
    reference: &Reference,
    prefix: &str,
    segments_before: usize,
    shape: &Shape,
    path: &[Segment],
    at: Span,
    code: &'static str,
) -> Option<Diagnostic> {
    let missing = shape.at(path).err()?;
    let field = match &path[missing.known] {
        Segment::Key(key) => key.to_string(),
        Segment::Index(index) => index.to_string(),
        Segment::Each => "item".to_owned(),
    };
    let owner = format!("{prefix}{}", path_text(&path[..missing.known]));
    debug_assert!(reference.path.len() == path.len() + segments_before);
    if missing.names.is_empty() && missing.what != "a map" {
        let message = format!("`{owner}` is {} and has no `{field}`", missing.what);
        return Some(Diagnostic::error(code, at, message));
    }
    if reference.need == Need::Optional && code != "unknown-input" {
        return None;
    }
    let message = format!("`{owner}` has no `{field}`");
    Some(
        Diagnostic::error(code, at, message)
            .with_help_if(did_you_mean(&field, missing.names.iter().map(String::as_str).collect::<Vec<_>>())),
    )
}

/// `.a[0].b`: a path as it is written after its root.
pub(super) fn path_text(path: &[Segment]) -> String {
    path.iter()
        .map(|segment| match segment {
            Segment::Key(key) => format!(".{key}"),
            Segment::Index(index) => format!("[{index}]"),
            Segment::Each => "[]".to_owned(),
        })
        .collect()
}
