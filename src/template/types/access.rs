//! How parts of values are read: whether they are there, and what is told when they are not.

use std::ops::Range;

use crate::diagnostic::{Severity, did_you_mean, nearest};
use crate::template::TemplateError;
use crate::template::functions::Takes;
use crate::template::reference::{Segment, path_text};
use crate::template::term::{Op, Path, Root, Term};

use super::infer::{Inferrer, Language, Reading};
use super::path::{Gap, Missing, Nowhere, Walk, walk};
use super::{Env, Kind, Ty};

impl Inferrer {
    pub(super) fn path(&mut self, path: &Path, range: &Range<usize>, reading: Reading, env: &Env) -> Ty {
        let Some((base, rest)) = env.base(path) else { return Ty::any() };
        let walk = walk(base, rest);
        let place = Place { path, rest };
        self.walked(walk, &place, range, reading)
    }

    fn walked(&mut self, walk: Walk, place: &Place<'_>, range: &Range<usize>, reading: Reading) -> Ty {
        let Walk { ty, nowhere, gap } = walk;
        if let Some(nowhere) = nowhere {
            self.nowhere(&nowhere, place, range);
            return Ty::any();
        }
        if let Some(gap) = gap
            && self.gap(&gap, place, range, reading)
        {
            return Ty::any();
        }
        match ty.absence() {
            Some(why) if reading == Reading::Used => {
                let what = &place.path.spelled;
                let help = self.remedy(what, what);
                self.error("may-be-absent", range, format!("`{what}` may be null: {why}"), Some(help));
                ty.present()
            }
            _ => ty,
        }
    }

    /// A part that is never there.
    fn nowhere(&mut self, nowhere: &Nowhere, place: &Place<'_>, range: &Range<usize>) {
        let Nowhere { at, holder } = nowhere;
        let (owner, part) = (place.owner(*at), place.part(*at));
        let code = if place.is_input(*at) { "unknown-input" } else { "unknown-field" };
        let Some(names) = holder.field_names() else {
            let help = match (holder.list_item(), part.as_str()) {
                (Some(_), "length" | "size" | "count") => Some(match self.language {
                    Language::Cel => format!("its length is `length({owner})`"),
                    Language::Handlebars => format!("its length is `{{{{length {owner}}}}}`"),
                }),
                (Some((item, _)), part) if item.field(part).is_some() => Some(match self.language {
                    Language::Cel => {
                        format!("take an item, as in `{owner}[0].{part}`, or all: `{owner}.map(x, x.{part})`")
                    }
                    Language::Handlebars => format!(
                        "go over it with `{{{{#each {owner}}}}}`, or take an item: `{owner}.[0].{part}`"
                    ),
                }),
                _ if owner.ends_with(".output")
                    && holder.kinds().is_some_and(|mut kinds| kinds.all(|kind| kind == Kind::Text)) =>
                {
                    Some(format!("read it whole, as `{owner}`; with a `schema` the step gives fields"))
                }
                _ => None,
            };
            return self.error(code, range, format!("`{owner}` is {holder} and has no `{part}`"), help);
        };
        let help = match place.step(*at).filter(|_| holder.output_has(&part)) {
            Some(step) => Some(format!("the step's value is under `output`: `{step}.output.{part}`")),
            None => did_you_mean(&part, names.iter().map(AsRef::as_ref).collect::<Vec<_>>()),
        };
        self.error(code, range, format!("`{owner}` has no `{part}`"), help);
    }

    /// A part that may be missing. Whether it was told.
    fn gap(&mut self, gap: &Gap, place: &Place<'_>, range: &Range<usize>, reading: Reading) -> bool {
        let (whole, owner) = (&place.path.spelled, place.owner(gap.at));
        let through = place.owner(gap.at + 1);
        if let Missing::FieldIsUnnamed { holder } = &gap.why {
            let part = place.part(gap.at);
            let names = holder.field_names().unwrap_or_default();
            if let Some(near) = nearest(&part, names.iter().map(AsRef::as_ref)) {
                let message = format!("`{owner}` is not known to have a `{part}`");
                let help = Some(format!("did you mean `{near}`?"));
                self.push(
                    Severity::Warning,
                    TemplateError::new("unknown-field", range.clone(), message),
                    help,
                );
            }
            return false;
        }
        if reading == Reading::Optional {
            return false;
        }
        let (message, guard) = match &gap.why {
            Missing::HolderIsAbsent(why) => (format!("`{owner}` may be null: {why}"), &owner),
            Missing::HolderIsNull => (format!("`{owner}` may be null"), &owner),
            Missing::FieldIsOptional if place.is_of_event() => {
                (format!("`{through}` may be missing: not every event has it"), &through)
            }
            Missing::FieldIsOptional => (format!("`{through}` may be missing"), &through),
            Missing::FieldIsUnnamed { .. } => return false,
        };
        let help = self.remedy(whole, guard);
        self.error("may-be-absent", range, message, Some(help));
        true
    }

    pub(super) fn has(&mut self, holder: &Term, part: &Segment, env: &Env) {
        let ty = self.term(holder, Reading::Tested, env).present();
        if let Some(nowhere) = walk(&ty, std::slice::from_ref(part)).nowhere {
            self.nameless(&nowhere.holder, part, holder, &holder.range);
        }
    }

    pub(super) fn select(
        &mut self,
        holder: &Term,
        part: &Segment,
        range: &Range<usize>,
        reading: Reading,
        env: &Env,
    ) -> Ty {
        let inner = if reading == Reading::Tested { Reading::Used } else { reading };
        let ty = self.term(holder, inner, env);
        if reading != Reading::Optional {
            self.present(holder, &ty);
        }
        let walk = walk(&ty.present(), std::slice::from_ref(part));
        if let Some(nowhere) = walk.nowhere {
            self.nameless(&nowhere.holder, part, holder, range);
        } else if let Some(Gap { why: Missing::FieldIsOptional, .. }) = walk.gap
            && reading != Reading::Optional
        {
            let message = format!("`{}` may be missing there", path_text(std::slice::from_ref(part)));
            let help = "give it a value for that case with `default`".to_owned();
            self.error("may-be-absent", range, message, Some(help));
            return Ty::any();
        }
        walk.ty
    }

    /// A part that a value never has which has no name itself.
    fn nameless(&mut self, ty: &Ty, part: &Segment, holder: &Term, range: &Range<usize>) {
        let part = path_text(std::slice::from_ref(part));
        let owner = self.spelling(holder).map_or_else(|| "this".to_owned(), |owner| format!("`{owner}`"));
        match ty.field_names() {
            Some(names) => {
                let help = did_you_mean(&part, names.iter().map(AsRef::as_ref).collect::<Vec<_>>());
                self.error("unknown-field", range, format!("{owner} has no `{part}`"), help);
            }
            None => self.error("unknown-field", range, format!("{owner} is {ty} and has no `{part}`"), None),
        }
    }

    pub(super) fn index(
        &mut self,
        both: &[Term; 2],
        range: &Range<usize>,
        reading: Reading,
        env: &Env,
    ) -> Ty {
        let [holder, key] = both;
        let key_ty = self.given(key, "a key", Takes::NumberOrText, Reading::Used, env);
        if let Op::Literal(name) = &key.op
            && let Some(name) = name.as_str()
        {
            return self.select(holder, &Segment::Key(name.into()), range, reading, env);
        }
        let inner = if reading == Reading::Optional { reading } else { Reading::Used };
        let ty = self.term(holder, inner, env);
        if reading != Reading::Optional {
            self.present(holder, &ty);
        }
        let ty = ty.present();
        if !ty.can_be(Kind::List) && !ty.can_be(Kind::Map) {
            let owner = self.spelling(holder).map_or_else(|| "this".to_owned(), |owner| format!("`{owner}`"));
            self.error("wrong-type", range, format!("{owner} is {ty} and has no parts"), None);
            return Ty::any();
        }
        if !ty.can_be(Kind::Map) && !key_ty.can_be(Kind::Number) {
            let message = format!("an item of a list is taken by a whole number, found {key_ty}");
            self.error("wrong-type", &key.range, message, None);
        }
        ty.item()
    }
}

/// A path that is read, and the part of it after its root or its step.
struct Place<'p> {
    path: &'p Path,
    rest: &'p [Segment],
}

impl Place<'_> {
    /// What the first so many parts of `rest` lead to, as it is spelled.
    fn owner(&self, at: usize) -> String {
        let before = self.path.path.len() - self.rest.len();
        match self.path.root {
            Root::Scope => path_text(&self.path.path[..before + at]),
            Root::Frame(_) => {
                let tail = path_text(&self.rest[at.min(self.rest.len())..]);
                let spelled = self.path.spelled.as_ref();
                let owner =
                    spelled.strip_suffix(tail.as_str()).unwrap_or(spelled).trim_end_matches(['.', '/']);
                if owner.is_empty() { "this".to_owned() } else { owner.to_owned() }
            }
        }
    }

    /// The name of the part after the first so many.
    fn part(&self, at: usize) -> String {
        match self.rest.get(at) {
            Some(Segment::Key(name)) => name.to_string(),
            Some(Segment::Index(index)) => index.to_string(),
            Some(Segment::Each) | None => "item".to_owned(),
        }
    }

    fn root(&self) -> &str {
        match (self.path.root, self.path.path.first()) {
            (Root::Scope, Some(Segment::Key(root))) => root,
            _ => "",
        }
    }

    /// Whether it is a part of what started the run.
    fn is_of_event(&self) -> bool {
        self.root() == "event"
    }

    /// Whether the part after the first so many is the name of an input.
    fn is_input(&self, at: usize) -> bool {
        at == 0 && self.root() == "inputs"
    }

    /// The step, where the part after the first so many is a part of one.
    fn step(&self, at: usize) -> Option<String> {
        (at == 0 && self.root() == "steps").then(|| self.owner(0))
    }
}

impl Ty {
    /// The names of the fields it has or may have; none where it is no map.
    fn field_names(&self) -> Option<Vec<std::sync::Arc<str>>> {
        let fields = self.known.as_ref()?.map.as_ref()?;
        Some(fields.named.keys().cloned().collect())
    }

    /// Whether the output of the step that this is has such a field.
    fn output_has(&self, name: &str) -> bool {
        self.field("output").is_some_and(|(output, _)| {
            output
                .known
                .as_ref()
                .and_then(|known| known.map.as_ref())
                .is_some_and(|fields| fields.named.contains_key(name))
        })
    }
}
