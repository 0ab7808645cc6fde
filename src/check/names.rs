//! Names: which roots, steps and fields a text may read at its place, and what was meant by others.
//!
//! Codes: `unknown-name`, `unknown-step`, `step-not-before`, `step-out-of-reach`,
//! `secret-misplaced`. What fields a value has is decided by its type, where the text is looked at.

use std::collections::HashMap;
use std::sync::Arc;

use crate::component::SecretsIn;
use crate::diagnostic::{Diagnostic, Span, did_you_mean};
use crate::template::types::Presence;
use crate::template::{Expr, Names, Need, Outcome, ROOTS, Reference, Segment, Ty};

use super::steps::lies_in;
use super::types::{RUN, fixed, has_run, is_of_step};

/// Where each step of the file stands, for what is said of one that cannot be read.
pub(super) type Ids = HashMap<Arc<str>, Place>;

/// Where a step stands.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Its `id`.
    pub span: Span,
    /// All of it.
    pub step: Span,
    /// The loop or the `switch` it lies in, by id, if any.
    pub inside: Option<Inside>,
}

/// What closes a step off from the rest of the file.
#[derive(Clone, Debug)]
pub(super) struct Inside {
    /// `a loop`, `a case of a switch`, `an error handler`.
    pub what: &'static str,
    /// What has a result that can be read instead.
    pub holder: Holder,
    /// All of it: here the step can be read.
    pub span: Span,
}

/// What steps are closed off in.
#[derive(Clone, Debug)]
pub(super) enum Holder {
    /// A step, by its id if it has one.
    Step(Option<Arc<str>>),
    /// A handler of the workflow, which gives nothing.
    Workflow,
}

/// A step that later ones may read.
#[derive(Clone)]
pub(super) struct Export {
    /// Its id.
    pub id: Arc<str>,
    /// What `steps.ID` holds.
    pub ty: Ty,
    /// The conditions under which it has run for sure; none where nothing makes that sure.
    pub sure: Option<Vec<Arc<str>>>,
}

/// What a text at some place may read.
#[derive(Clone)]
pub(super) struct Visible {
    /// Roots other than `secrets`, and the steps that have ended.
    names: Names,
    /// For steps that may have been skipped: the conditions under which they were not.
    conditional: Vec<(Arc<str>, Vec<Arc<str>>)>,
    /// Whether steps can be read here at all.
    has_steps: bool,
    /// Vars that are worked out only after this text.
    later_vars: Vec<Arc<str>>,
}

impl Visible {
    /// What every text may read: nothing but secrets, where those are allowed.
    pub fn nothing() -> Self {
        Self { names: Names::new(), conditional: Vec::new(), has_steps: false, later_vars: Vec::new() }
    }

    /// The same and this root.
    #[must_use]
    pub fn with_root(mut self, name: &str, ty: Ty) -> Self {
        self.names = self.names.with_root(name, ty);
        self
    }

    /// The same and the run itself.
    #[must_use]
    pub fn with_run(self) -> Self {
        self.with_root("run", fixed(RUN))
    }

    /// The same in a place where steps can be read.
    #[must_use]
    pub fn with_steps(mut self) -> Self {
        self.has_steps = true;
        self
    }

    /// The same in a var that is worked out before these.
    #[must_use]
    pub fn with_later_vars(mut self, later: impl Iterator<Item = Arc<str>>) -> Self {
        let Some(mut vars) = self.names.root("vars").cloned() else { return self };
        for name in
            later.filter(|name| self.names.root("vars").is_some_and(|vars| vars.field(name).is_none()))
        {
            vars = vars.with_field(name.clone(), Ty::any(), Presence::Required);
            self.later_vars.push(name);
        }
        self.with_root("vars", vars)
    }

    /// Adds a step that has ended.
    pub fn add_step(&mut self, step: &Export) {
        self.names.add_step(step.id.clone(), step.ty.clone());
        if let Some(conditions) = step.sure.as_ref().filter(|conditions| !conditions.is_empty()) {
            self.conditional.push((step.id.clone(), conditions.clone()));
        }
    }

    /// The types of what can be read.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The same where what stands at a path is of this type.
    #[must_use]
    pub fn with_at(&self, path: &[Segment], ty: &Ty) -> Self {
        Self { names: self.names.with_at(path, ty), ..self.clone() }
    }

    /// The same where a condition came out like this. Steps that ran under the same condition have run.
    #[must_use]
    pub fn after(&self, condition: &Expr, text: &str, outcome: Outcome) -> Self {
        let mut visible = Self { names: condition.assume(&self.names, outcome), ..self.clone() };
        if outcome == Outcome::Holds && !self.conditional.is_empty() {
            let holds = clauses(condition, text);
            for (id, conditions) in &self.conditional {
                if let Some(step) = visible.names.step(id)
                    && conditions.iter().all(|condition| holds.contains(&&**condition))
                {
                    let step = has_run(step);
                    visible.names.add_step(id.clone(), step);
                }
            }
        }
        visible
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
            "vars" => self.check_var(path, at),
            _ => self.check_root(root, path, at, ids),
        }
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

    fn check_var(&self, path: &[Segment], at: Span) -> Option<Diagnostic> {
        let Some(Segment::Key(name)) = path.first() else { return None };
        if !self.later_vars.contains(name) {
            return None;
        }
        let message = format!("`vars.{name}` is not worked out yet: vars are, in the order written");
        let problem = Diagnostic::error("unknown-field", at, message);
        Some(problem.with_help(format!("move `{name}:` above the var that reads it")))
    }

    fn check_root(&self, root: &Arc<str>, path: &[Segment], at: Span, ids: &Ids) -> Option<Diagnostic> {
        if self.names.root(root).is_some() {
            return None;
        }
        let problem = Diagnostic::error("unknown-name", at, format!("there is no `{root}` here"));
        Some(problem.with_help_if(self.advice(root, path, ids)))
    }

    /// What somebody probably meant by a name that is no root.
    fn advice(&self, root: &Arc<str>, path: &[Segment], ids: &Ids) -> Option<String> {
        if ids.contains_key(root) {
            let rest = match path.first() {
                None => ".output",
                Some(Segment::Key(key)) if is_of_step(key) => "",
                Some(_) => ".output…",
            };
            return Some(format!("a step is read as `steps.{root}{rest}`"));
        }
        if self.names.root("inputs").is_some_and(|inputs| inputs.field(root).is_some()) {
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
            "item" => {
                return Some(match self.names.roots().find(|name| !ROOTS.contains(name)) {
                    Some(name) => format!("the item is called `{name}` here"),
                    None => "`item` can be read inside `foreach` only".into(),
                });
            }
            "index" => return Some("`index` can be read inside `foreach` only".into()),
            "round" => return Some("`round` can be read inside `repeat` only".into()),
            "approval" => {
                return Some("`approval` can be read in the `notify` of `approve` and `wait` only".into());
            }
            "trigger" => return Some("what started the run is `event`".into()),
            "now" | "today" | "date" => {
                return Some("the only clock is `run.started`: `date run.started '%F'`".into());
            }
            "github" | "context" | "execution" | "workflow" => {
                return Some("what started the run is `event`, and the run itself `run`".into());
            }
            "needs" | "jobs" | "outputs" | "nodes" => {
                return Some("what a step gave is `steps.ID.output`".into());
            }
            "$json" | "$input" | "$node" | "$trigger" => {
                return Some(
                    "what started the run is `event`, and what a step gave `steps.ID.output`".into(),
                );
            }
            "params" | "parameters" | "args" => return Some("what a run is given is `inputs.NAME`".into()),
            "matrix" => return Some("the item of a `foreach` is `item`".into()),
            "history" => {
                return Some(
                    "`{{history}}` works in prompt files: `prompt: { file: NAME, history: … }`".into(),
                );
            }
            _ => {}
        }
        let mut names: Vec<&str> = self.names.roots().collect();
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
        if self.names.step(id).is_some() {
            if !rest.is_empty() || reference.need == Need::Optional {
                return None;
            }
            let problem =
                Diagnostic::error("unknown-field", at, format!("`steps.{id}` alone is not a value"));
            return Some(problem.with_help(format!("its value is `steps.{id}.output`")));
        }
        let Some(place) = ids.get(id) else {
            let problem = Diagnostic::error("unknown-step", at, format!("there is no step `{id}`"));
            return Some(
                problem.with_help_if(did_you_mean(id, ids.keys().map(|id| &**id).collect::<Vec<_>>())),
            );
        };
        if let Some(inside) = place.inside.as_ref().filter(|inside| !lies_in(at, inside.span)) {
            let problem = Diagnostic::error(
                "step-out-of-reach",
                at,
                format!("`{id}` lies in {} and can be read only there", inside.what),
            );
            let help = match &inside.holder {
                Holder::Step(Some(outer)) => {
                    Some(format!("read the result of the whole: `steps.{outer}.output`"))
                }
                Holder::Step(None) => {
                    Some("give the step around it an `id`, and read that: `steps.ID.output`".to_owned())
                }
                Holder::Workflow => None,
            };
            return Some(problem.with_related(place.span, "the step").with_help_if(help));
        }
        if lies_in(at, place.step) {
            let message = format!("`{id}` is read in itself, before it has an output");
            let problem = Diagnostic::error("step-not-before", at, message);
            return Some(
                problem
                    .with_related(place.span, "it is this step")
                    .with_help("in a `repeat`, what the round before gave is `round.previous`"),
            );
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

/// The parts of a condition that all hold when it holds, as they are written. Those that read what
/// may change in between are left out.
pub(super) fn clauses<'t>(condition: &Expr, text: &'t str) -> Vec<&'t str> {
    let clause = |range: std::ops::Range<usize>| text.get(range).map(str::trim);
    condition.clauses().into_iter().filter_map(clause).filter(|text| !text.contains("state.")).collect()
}
