//! A part of a plan: one step and what stands before it.
//!
//! A step can be started from, or done alone, where it is done at most once in a run: not inside a loop
//! or a handler.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::component::Argument;
use crate::diagnostic::did_you_mean;
use crate::ids::StepPath;
use crate::template::{Reference, Segment, Tree};

use super::flow::{Body, OnError, Step, StepList};
use super::{Bound, Plan};

/// A step, and what stands before it.
pub struct Located<'p> {
    /// Where it stands in a run.
    pub path: StepPath,
    /// The step.
    pub step: &'p Step<Bound>,
    /// The steps before it, in its list and in those around it.
    pub before: Vec<(StepPath, &'p Step<Bound>)>,
    /// The steps that it stands in, the outermost first.
    pub around: Vec<&'p Step<Bound>>,
}

/// Why there is no such step to start from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotLocated {
    /// It is in no list.
    #[error("the workflow has no step `{step}`{}", help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default())]
    Unknown {
        /// What was asked for.
        step: String,
        /// What was probably meant.
        help: Option<String>,
    },
    /// It may be done any number of times.
    #[error("the step `{step}` stands in the loop `{around}`, which is done as a whole; name `{around}`")]
    InLoop {
        /// What was asked for.
        step: String,
        /// The loop.
        around: StepPath,
    },
    /// It is done only when something else has happened.
    #[error("the step `{step}` stands in `{around}`, which is done only when something has happened before")]
    InHandler {
        /// What was asked for.
        step: String,
        /// The handler.
        around: String,
    },
}

/// A search through the lists of a plan.
struct Search<'p> {
    wanted: &'p str,
    before: Vec<(StepPath, &'p Step<Bound>)>,
    around: Vec<&'p Step<Bound>>,
}

impl Plan {
    /// The step of this id, or at this path.
    ///
    /// # Errors
    /// When there is none, or it stands where it is not done once.
    pub fn locate<'p>(&'p self, wanted: &'p str) -> Result<Located<'p>, NotLocated> {
        let mut search = Search { wanted, before: Vec::new(), around: Vec::new() };
        if let Some((path, step)) = search.list(&self.steps, &StepPath::root())? {
            return Ok(Located { path, step, before: search.before, around: search.around });
        }
        for (name, list) in [("on_failure", &self.on_failure), ("finally", &self.finally)] {
            search.handler(list, name, &StepPath::root().branch(name))?;
        }
        let mut names = Vec::new();
        self.steps.each_step(&mut |step| names.extend(step.settings.id.as_deref()));
        let help = did_you_mean(wanted, names);
        Err(NotLocated::Unknown { step: wanted.to_owned(), help })
    }

    /// The plan of a run that does one step alone, with those before it that `is_done` says are done.
    #[must_use]
    pub fn only(&self, path: &StepPath, is_done: &dyn Fn(&StepPath) -> bool) -> Self {
        let mut only = self.clone();
        only.steps = narrow(&self.steps, &StepPath::root(), path, is_done);
        (only.output, only.on_failure, only.finally) = (None, StepList::default(), StepList::default());
        let mut reads = StepReads::default();
        only.vars.iter().for_each(|(_, tree)| tree.references().for_each(|found| reads.note(found)));
        only.steps.steps.iter().for_each(|step| reads.step(step));
        only.reads.event = reads.event;
        only
    }
}

impl<'p> Search<'p> {
    fn list(
        &mut self,
        list: &'p StepList<Bound>,
        at: &StepPath,
    ) -> Result<Option<(StepPath, &'p Step<Bound>)>, NotLocated> {
        let outside = self.before.len();
        for step in &list.steps {
            let path = at.step(&step.settings.key);
            if self.means(step, &path) {
                return Ok(Some((path, step)));
            }
            self.around.push(step);
            let found = self.body(step, &path)?;
            if found.is_some() {
                return Ok(found);
            }
            self.around.pop();
            if let OnError::Handle(list) = &step.on_error {
                let name = format!("on_error of {path}");
                self.handler(list, &name, &path.branch("on_error"))?;
            }
            self.before.push((path, step));
        }
        self.before.truncate(outside);
        Ok(None)
    }

    fn body(
        &mut self,
        step: &'p Step<Bound>,
        path: &StepPath,
    ) -> Result<Option<(StepPath, &'p Step<Bound>)>, NotLocated> {
        match &step.body {
            Body::Group { steps, otherwise } => match (self.list(steps, path)?, otherwise) {
                (None, Some(list)) => self.list(list, path),
                (found, _) => Ok(found),
            },
            Body::Parallel(steps) => self.list(steps, path),
            Body::Switch { cases, default, .. } => {
                let named = cases.iter().map(|(name, list)| (&**name, list));
                for (name, list) in named.chain(default.iter().map(|list| ("default", list))) {
                    let found = self.list(list, &path.branch(name))?;
                    if found.is_some() {
                        return Ok(found);
                    }
                }
                Ok(None)
            }
            Body::Foreach(each) => self.looped(&each.steps, path).map(|()| None),
            Body::Repeat(repeat) => self.looped(&repeat.steps, path).map(|()| None),
            Body::Approve { notify, .. } => {
                self.handler(notify, &format!("notify of {path}"), &path.branch("notify")).map(|()| None)
            }
            Body::Action(_) | Body::Call(_) => Ok(None),
        }
    }

    fn looped(&self, list: &StepList<Bound>, around: &StepPath) -> Result<(), NotLocated> {
        let is_here = self.wanted.strip_prefix(around.as_str()).is_some_and(|rest| rest.starts_with('['));
        if is_here || self.is_in(list) {
            return Err(NotLocated::InLoop { step: self.wanted.to_owned(), around: around.clone() });
        }
        Ok(())
    }

    fn handler(&self, list: &StepList<Bound>, name: &str, at: &StepPath) -> Result<(), NotLocated> {
        let is_here = self.wanted.strip_prefix(at.as_str()).is_some_and(|rest| rest.starts_with('/'));
        if is_here || self.is_in(list) {
            return Err(NotLocated::InHandler { step: self.wanted.to_owned(), around: name.to_owned() });
        }
        Ok(())
    }

    fn means(&self, step: &Step<Bound>, path: &StepPath) -> bool {
        path.as_str() == self.wanted || step.settings.id.as_deref() == Some(self.wanted)
    }

    /// Whether a step of this id stands anywhere in a list.
    fn is_in(&self, list: &StepList<Bound>) -> bool {
        let mut found = false;
        list.each_step(&mut |step| found |= step.settings.id.as_deref() == Some(self.wanted));
        found
    }
}

impl Located<'_> {
    /// What the step, and the decisions that lead to it, read of steps: their ids.
    pub fn reads(&self) -> StepReads {
        let mut reads = StepReads::default();
        reads.step(self.step);
        self.around.iter().for_each(|step| reads.decision(step));
        reads
    }
}

/// What steps read.
#[derive(Clone, Debug, Default)]
pub struct StepReads {
    /// The ids under `steps`.
    pub steps: BTreeSet<Arc<str>>,
    /// Whether they read all of `steps` at once.
    pub all_steps: bool,
    /// Whether they read `event`.
    pub event: bool,
}

impl StepReads {
    /// Whether this step, or one in a group of it, is read.
    pub fn reads(&self, step: &Step<Bound>) -> bool {
        let mut found = self.all_steps;
        let own = StepList { steps: vec![step.clone()] };
        own.each_step(&mut |step| {
            found |= step.settings.id.as_ref().is_some_and(|id| self.steps.contains(id));
        });
        found
    }

    fn note(&mut self, reference: &Reference) {
        match (reference.root(), reference.path.get(1)) {
            ("event", _) => self.event = true,
            ("steps", Some(Segment::Key(id))) => drop(self.steps.insert(id.clone())),
            ("steps", _) => self.all_steps = true,
            _ => {}
        }
    }

    fn tree(&mut self, tree: &Tree) {
        tree.references().for_each(|found| self.note(found));
    }

    fn list(&mut self, list: &StepList<Bound>) {
        list.steps.iter().for_each(|step| self.step(step));
    }

    /// What decides whether and how the steps in this one are done.
    fn decision(&mut self, step: &Step<Bound>) {
        let condition = step.settings.condition.iter();
        condition.flat_map(|condition| condition.references()).for_each(|found| self.note(found));
        if let Body::Switch { on, .. } = &step.body {
            on.references().iter().for_each(|found| self.note(found));
        }
    }

    fn step(&mut self, step: &Step<Bound>) {
        self.decision(step);
        match &step.body {
            Body::Action(bound) => self.arguments(bound),
            Body::Approve { action, notify } => {
                self.arguments(action);
                self.list(notify);
            }
            Body::Group { steps, otherwise } => {
                self.list(steps);
                otherwise.iter().for_each(|list| self.list(list));
            }
            Body::Parallel(steps) => self.list(steps),
            Body::Foreach(each) => {
                self.tree(&each.over);
                each.collect.iter().for_each(|tree| self.tree(tree));
                let once = each.once.iter().flat_map(|once| once.key.references());
                once.for_each(|found| self.note(found));
                self.list(&each.steps);
            }
            Body::Repeat(repeat) => {
                let until = repeat.until.iter().flat_map(|until| until.references());
                until.for_each(|found| self.note(found));
                repeat.collect.iter().for_each(|tree| self.tree(tree));
                self.list(&repeat.steps);
            }
            Body::Call(child) => child.with.iter().for_each(|(_, tree)| self.tree(tree)),
            Body::Switch { cases, default, .. } => {
                cases.iter().map(|(_, list)| list).chain(default).for_each(|list| self.list(list));
            }
        }
        if let OnError::Handle(list) = &step.on_error {
            self.list(list);
        }
    }

    fn arguments(&mut self, bound: &Bound) {
        bound.arguments.iter().for_each(|(_, argument)| self.argument(argument));
    }

    fn argument(&mut self, argument: &Argument) {
        match argument {
            Argument::Tree(tree) => self.tree(tree),
            Argument::Text(template, _) | Argument::File(template) => {
                template.references().iter().for_each(|found| self.note(found))
            }
            Argument::Later(expression) => expression.references().iter().for_each(|found| self.note(found)),
            Argument::Prompt(call) => {
                self.tree(&call.with);
                call.context.iter().for_each(|(_, tree)| self.tree(tree));
                call.history.iter().for_each(|tree| self.tree(tree));
            }
            Argument::Schema(_) => {}
            Argument::List(items) => items.iter().for_each(|item| self.argument(item)),
            Argument::Map(entries) => entries.iter().for_each(|(_, entry)| self.argument(entry)),
        }
    }
}

/// The list up to the step at `path`, or the one that holds it, without those before that are not done.
fn narrow(
    list: &StepList<Bound>,
    at: &StepPath,
    path: &StepPath,
    is_done: &dyn Fn(&StepPath) -> bool,
) -> StepList<Bound> {
    let mut steps: Vec<Step<Bound>> = Vec::new();
    let mut places = Vec::new();
    for (place, step) in list.steps.iter().enumerate() {
        let own = at.step(&step.settings.key);
        let is_last = own == *path || holds(step, &own, path);
        if !is_last && !is_done(&own) {
            continue;
        }
        let mut step = step.clone();
        // Those that are left wait for each other as they did.
        step.settings.after = places
            .iter()
            .enumerate()
            .filter(|(_, old)| step.settings.after.contains(old))
            .map(|(new, _)| new)
            .collect();
        if is_last && own != *path {
            into_body(&mut step.body, &own, path, is_done);
        }
        places.push(place);
        steps.push(step);
        if is_last {
            break;
        }
    }
    StepList { steps }
}

/// Whether the step at `path` stands in a list of this step.
fn holds(step: &Step<Bound>, own: &StepPath, path: &StepPath) -> bool {
    matches!(step.body, Body::Group { .. } | Body::Parallel(_) | Body::Switch { .. })
        && path.as_str().strip_prefix(own.as_str()).is_some_and(|rest| rest.starts_with(['/', '!']))
}

fn into_body(body: &mut Body<Bound>, own: &StepPath, path: &StepPath, is_done: &dyn Fn(&StepPath) -> bool) {
    match body {
        Body::Group { steps, otherwise } => {
            *steps = narrow(steps, own, path, is_done);
            if let Some(list) = otherwise {
                *list = narrow(list, own, path, is_done);
            }
        }
        Body::Parallel(steps) => *steps = narrow(steps, own, path, is_done),
        Body::Switch { cases, default, .. } => {
            for (name, list) in cases {
                *list = narrow(list, &own.branch(name), path, is_done);
            }
            if let Some(list) = default {
                *list = narrow(list, &own.branch("default"), path, is_done);
            }
        }
        Body::Action(_) | Body::Approve { .. } | Body::Foreach(_) | Body::Repeat(_) | Body::Call(_) => {}
    }
}
