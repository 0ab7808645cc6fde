//! Lists of steps with their control flow, as the checker leaves them and the engine runs them.
//!
//! `A` is what a step does: a named kind and its arguments after checking, an action bound to its
//! services after planning. The shape around it is the same.

use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::Span;
use crate::money::Money;
pub use crate::syntax::ast::{OnItemError, OnLimit, Retry};
use crate::template::{Expr, Tree};

/// A list of steps.
#[derive(Clone, Debug)]
pub struct StepList<A> {
    /// In the order written, which is an order in which they can run.
    pub steps: Vec<Step<A>>,
}

impl<A> Default for StepList<A> {
    fn default() -> Self {
        Self { steps: Vec::new() }
    }
}

/// A step.
#[derive(Clone, Debug)]
pub struct Step<A> {
    /// What holds for every step, whatever it does.
    pub settings: Settings,
    /// What happens when it failed for good.
    pub on_error: OnError<A>,
    /// What it does.
    pub body: Body<A>,
}

/// What holds for every step, whatever it does.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its part of the step path: the id, or its place in the list counted from 1.
    pub key: Arc<str>,
    /// Under which later steps read it.
    pub id: Option<Arc<str>>,
    /// What people see instead of the id.
    pub name: Option<Arc<str>>,
    /// Where it was written.
    pub span: Span,
    /// Whether it runs; without one it does.
    pub condition: Option<Arc<Expr>>,
    /// The places in the list of the steps that must have ended before it starts.
    pub after: Vec<usize>,
    /// How it is tried again, as far as the author says.
    pub retry: Retry,
    /// Attempts and waits together.
    pub timeout: Option<Duration>,
    /// Whether doing it twice is as good as once, where the author says so.
    pub idempotent: Option<bool>,
    /// What all its attempts together may cost.
    pub cost_limit: Option<Money>,
}

/// What happens when a step failed for good.
#[derive(Clone, Debug)]
pub enum OnError<A> {
    /// The run fails.
    Fail,
    /// The run goes on; the step's output is null.
    Continue,
    /// These run; when they succeed, so has the step.
    Handle(StepList<A>),
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Body<A> {
    /// An action.
    Action(A),
    /// An action that waits, and what tells people of it first: those steps see `approval`.
    Approve {
        /// The action.
        action: A,
        /// What tells people.
        notify: StepList<A>,
    },
    /// One of two lists, by the step's condition.
    Group {
        /// The steps when the condition holds.
        steps: StepList<A>,
        /// The steps when it does not; without them the group is skipped.
        otherwise: Option<StepList<A>>,
    },
    /// Steps that start together; the output maps each id to its output.
    Parallel(StepList<A>),
    /// Steps for each item of a list.
    Foreach(Foreach<A>),
    /// Steps that are done again and again.
    Repeat(Repeat<A>),
    /// Another workflow, as a run of its own.
    Call(Child),
    /// One of several lists.
    Switch {
        /// The value that chooses, compared as text.
        on: Arc<Expr>,
        /// The lists by value.
        cases: Vec<(Arc<str>, StepList<A>)>,
        /// The list for every other value.
        default: Option<StepList<A>>,
    },
}

/// A loop.
#[derive(Clone, Debug)]
pub struct Foreach<A> {
    /// What gives the list: an expression, or the list as it was written.
    pub over: Tree,
    /// The name of the item; `index` is its place.
    pub item: Arc<str>,
    /// How many items are under way at once.
    pub concurrency: usize,
    /// How many items are taken together: then the item is a list of so many.
    pub batch: Option<usize>,
    /// Which items an earlier run has done already.
    pub once: Option<Once>,
    /// What is done for each.
    pub steps: StepList<A>,
    /// What each item gives, instead of its last output.
    pub collect: Option<Tree>,
    /// What happens when an item fails.
    pub on_item_error: OnItemError,
}

/// Items that are done once and for all.
#[derive(Clone, Debug)]
pub struct Once {
    /// What tells items apart, in the scope of an item.
    pub key: Arc<Expr>,
    /// How long an item is remembered; without it, for ever.
    pub keep: Option<Duration>,
}

/// A loop that goes on until a condition holds.
#[derive(Clone, Debug)]
pub struct Repeat<A> {
    /// When it ends: looked at after each round.
    pub until: Option<Arc<Expr>>,
    /// The most rounds.
    pub max: usize,
    /// What happens when the rounds are used up and the condition does not hold.
    pub on_limit: OnLimit,
    /// What is done in each round.
    pub steps: StepList<A>,
    /// What each round gives to a list, instead of the last round's output.
    pub collect: Option<Tree>,
}

/// Another workflow, started by a step that waits for it.
#[derive(Clone, Debug)]
pub struct Child {
    /// Its name.
    pub workflow: Arc<str>,
    /// Where the name stands.
    pub span: Span,
    /// Its inputs.
    pub with: Vec<(Arc<str>, Tree)>,
}

impl<A> StepList<A> {
    /// The same steps with what `bind` makes of each action; nothing when it makes nothing of one.
    pub fn try_map<B>(self, bind: &mut dyn FnMut(&Settings, A) -> Option<B>) -> Option<StepList<B>> {
        let steps = self.steps.into_iter().map(|step| step.try_map(bind)).collect::<Option<_>>()?;
        Some(StepList { steps })
    }

    /// Calls `see` with every step, in the order written, those in handlers and branches included.
    pub fn each_step<'a>(&'a self, see: &mut dyn FnMut(&'a Step<A>)) {
        for step in &self.steps {
            see(step);
            match &step.body {
                Body::Action(_) | Body::Call(_) => {}
                Body::Approve { notify: steps, .. } | Body::Parallel(steps) => steps.each_step(see),
                Body::Foreach(each) => each.steps.each_step(see),
                Body::Repeat(repeat) => repeat.steps.each_step(see),
                Body::Group { steps, otherwise } => {
                    steps.each_step(see);
                    otherwise.iter().for_each(|list| list.each_step(see));
                }
                Body::Switch { cases, default, .. } => {
                    cases.iter().for_each(|(_, list)| list.each_step(see));
                    default.iter().for_each(|list| list.each_step(see));
                }
            }
            if let OnError::Handle(list) = &step.on_error {
                list.each_step(see);
            }
        }
    }

    /// Calls `see` with every action, in the order written, those in handlers and branches included.
    pub fn each_action<'a>(&'a self, see: &mut dyn FnMut(&'a A)) {
        for step in &self.steps {
            match &step.body {
                Body::Action(action) => see(action),
                Body::Approve { action, notify } => {
                    see(action);
                    notify.each_action(see);
                }
                Body::Repeat(repeat) => repeat.steps.each_action(see),
                Body::Call(_) => {}
                Body::Group { steps, otherwise } => {
                    steps.each_action(see);
                    otherwise.iter().for_each(|list| list.each_action(see));
                }
                Body::Parallel(steps) => steps.each_action(see),
                Body::Foreach(each) => each.steps.each_action(see),
                Body::Switch { cases, default, .. } => {
                    cases.iter().for_each(|(_, list)| list.each_action(see));
                    default.iter().for_each(|list| list.each_action(see));
                }
            }
            if let OnError::Handle(list) = &step.on_error {
                list.each_action(see);
            }
        }
    }
}

impl<A> Step<A> {
    fn try_map<B>(self, bind: &mut dyn FnMut(&Settings, A) -> Option<B>) -> Option<Step<B>> {
        let body = match self.body {
            Body::Action(action) => Body::Action(bind(&self.settings, action)?),
            Body::Approve { action, notify } => {
                Body::Approve { action: bind(&self.settings, action)?, notify: notify.try_map(bind)? }
            }
            Body::Repeat(repeat) => Body::Repeat(Repeat {
                until: repeat.until,
                max: repeat.max,
                on_limit: repeat.on_limit,
                steps: repeat.steps.try_map(bind)?,
                collect: repeat.collect,
            }),
            Body::Call(child) => Body::Call(child),
            Body::Group { steps, otherwise } => {
                Body::Group { steps: steps.try_map(bind)?, otherwise: optional(otherwise, bind)? }
            }
            Body::Parallel(steps) => Body::Parallel(steps.try_map(bind)?),
            Body::Foreach(each) => Body::Foreach(Foreach {
                over: each.over,
                item: each.item,
                concurrency: each.concurrency,
                batch: each.batch,
                once: each.once,
                steps: each.steps.try_map(bind)?,
                collect: each.collect,
                on_item_error: each.on_item_error,
            }),
            Body::Switch { on, cases, default } => Body::Switch {
                on,
                cases: cases
                    .into_iter()
                    .map(|(value, list)| Some((value, list.try_map(bind)?)))
                    .collect::<Option<_>>()?,
                default: optional(default, bind)?,
            },
        };
        let on_error = match self.on_error {
            OnError::Fail => OnError::Fail,
            OnError::Continue => OnError::Continue,
            OnError::Handle(list) => OnError::Handle(list.try_map(bind)?),
        };
        Some(Step { settings: self.settings, on_error, body })
    }
}

fn optional<A, B>(
    list: Option<StepList<A>>,
    bind: &mut dyn FnMut(&Settings, A) -> Option<B>,
) -> Option<Option<StepList<B>>> {
    match list {
        Some(list) => list.try_map(bind).map(Some),
        None => Some(None),
    }
}
