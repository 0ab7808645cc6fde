//! What a run would do, without doing it: the steps in order, each prompt as it would be sent, what it
//! costs, the files and hosts it touches.
//!
//! A plan is walked over values that are known or not. Steps without effects are done, as nobody
//! notices; what a step with an effect gives is not known, nor is anything that depends on it, and so
//! both ways of a decision on it are shown. A [rehearsal](Answers::MadeUp) makes up answers instead and
//! goes one way; then everything that follows is as made up as they are.
//!
//! It is not the engine: nothing is tried again, waited for or recorded. What must stay true: no effect
//! of any kind, and nothing that is not known is shown as if it were.

mod deed;
mod flow;
mod json;
mod pure;
mod sight;
mod sums;
mod text;
mod walk;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::SharedClock;
use crate::component::{Asks, Effect, Kinds, Outlook};
use crate::ids::StepPath;
use crate::plan::{OpenInputs, Plan};
use crate::template::foresight::Foreseen;
use crate::template::{Branch as Names, Node, Scope};
use crate::value::{Failure, Json, SharedJson};

pub use json::json;
pub use sums::{Limits, Sums};
pub use text::text;

/// What a forecast is made with.
pub struct Setting<'a> {
    /// The clock that steps without effects may look at.
    pub clock: SharedClock,
    /// What the kinds declare.
    pub kinds: &'a Kinds,
    /// The workflows that can be called, by name.
    pub workflows: &'a BTreeMap<Arc<str>, Arc<Plan>>,
    /// What steps with effects give.
    pub answers: Answers,
}

/// What steps with effects give.
#[derive(Clone, Copy)]
pub enum Answers {
    /// Nobody knows.
    Unknown,
    /// Something that fits: a value for the schema of an answer, and marks for other texts.
    MadeUp(fn(&Json) -> Json),
}

/// What a run begins with.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// `inputs`; one without a value is not known.
    pub inputs: OpenInputs,
    /// `event`; without one, what reads it is not known.
    pub event: Option<SharedJson>,
}

/// What a run would do.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// The workflow's name.
    pub workflow: Arc<str>,
    /// In the author's words.
    pub description: Option<Arc<str>>,
    /// What it begins with.
    pub given: Given,
    /// Its steps.
    pub steps: Vec<Item>,
    /// What it does when it fails; empty where it does not come to that.
    pub on_failure: Vec<Item>,
    /// What it does at the end in any case.
    pub finally: Vec<Item>,
    /// What it comes to.
    pub end: End,
    /// What all of it costs.
    pub sums: Sums,
}

/// What a run or a step comes to.
#[derive(Clone, Debug)]
pub enum End {
    /// This, as far as it is known.
    Output(Foreseen<Json>),
    /// Something that fits, made up.
    MadeUp(Foreseen<Json>),
    /// Nothing, as it is not done.
    Skipped,
    /// A failure, at this step.
    Failed(Failure, StepPath),
}

/// One step.
#[derive(Clone, Debug)]
pub struct Item {
    /// Where it stands in the run.
    pub path: StepPath,
    /// What the author calls it, if anything.
    pub label: Option<Arc<str>>,
    /// Whether it is done.
    pub chance: Chance,
    /// The condition that decides that.
    pub condition: Option<String>,
    /// What it does.
    pub doing: Doing,
    /// The lists in it that may be done.
    pub branches: Vec<Branch>,
    /// What it comes to.
    pub end: End,
    /// What it costs, and all in it.
    pub sums: Sums,
}

/// Whether something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Chance {
    /// No.
    Never,
    /// Perhaps: it depends on what is not known yet.
    Possible,
    /// Yes, if all before it succeeds.
    Certain,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Doing {
    /// An action.
    Deed(Box<Deed>),
    /// Control flow, in words.
    Flow(String),
    /// So much is done that the rest is not told.
    Untold,
}

/// An action, as far as its fields are known.
#[derive(Clone, Debug)]
pub struct Deed {
    /// The action's name.
    pub kind: &'static str,
    /// What it does to the world.
    pub effect: Effect,
    /// Its fields.
    pub fields: Outlook,
    /// The files and addresses it touches.
    pub touches: Vec<Touch>,
    /// The model calls it makes.
    pub asks: Option<Asks>,
    /// What it waits for, or changes beside files and addresses, in words.
    pub told: Option<String>,
}

/// A file or an address that is touched.
#[derive(Clone, Debug, PartialEq)]
pub struct Touch {
    /// How.
    pub access: Access,
    /// The path or the address.
    pub what: Foreseen<String>,
}

/// How something is touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// A file is read.
    Read,
    /// A file is written, moved or taken away.
    Write,
    /// A request goes to an address.
    Send,
}

/// A list of steps in a step.
#[derive(Clone, Debug)]
pub struct Branch {
    /// When it is done, in words; empty for the body of a group.
    pub label: String,
    /// Whether it is done.
    pub chance: Chance,
    /// Its steps.
    pub items: Vec<Item>,
}

impl Chance {
    /// Whether something is done that is done only where this and the other hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.min(other)
    }
}

/// What a run of this plan would do.
pub async fn forecast(plan: &Plan, given: Given, setting: &Setting<'_>) -> Forecast {
    let mut inputs = Names::new();
    for (name, value) in &given.inputs {
        inputs.insert(name.clone(), value.clone().map_or(Node::Unknown, Node::from));
    }
    let walked = walk::Walk::new(setting).run(plan, roots(plan, &given, inputs)).await;
    Forecast {
        workflow: plan.name.clone(),
        description: plan.description.clone(),
        given,
        steps: walked.steps,
        on_failure: walked.on_failure,
        finally: walked.finally,
        end: walked.end,
        sums: walked.sums,
    }
}

/// What a run reads from its first step on.
fn roots(plan: &Plan, given: &Given, inputs: Names) -> Scope {
    let event = given.event.clone().map_or(Node::Unknown, Node::from);
    walk::roots(plan, inputs, event)
}

impl Forecast {
    /// Every step, those in others included, in order.
    pub fn each_item<'a>(&'a self, see: &mut dyn FnMut(&'a Item)) {
        for list in [&self.steps, &self.on_failure, &self.finally] {
            each(list, see);
        }
    }
}

fn each<'a>(items: &'a [Item], see: &mut dyn FnMut(&'a Item)) {
    for item in items {
        see(item);
        item.branches.iter().for_each(|branch| each(&branch.items, see));
    }
}
