//! A workflow as a drawing: what starts it, its steps with their order, and what happens when they fail.
//!
//! [`Graph::of`] takes from a checked workflow what a drawing shows; [`text`], [`mermaid`] and [`svg`] draw
//! it. What a step does in detail is not shown, so nothing secret is.
//!
//! What must stay true: nothing that a workflow holds can break out of a label, whatever the drawing is
//! written in, and the same workflow gives the same drawing.

mod build;
pub mod mermaid;
pub mod svg;
pub mod text;

/// What a drawing shows. All texts are one line each, without control characters.
#[derive(Clone, Debug)]
pub struct Graph {
    /// The workflow's name.
    pub name: String,
    /// In the author's words.
    pub description: Option<String>,
    /// What starts a run, beside people.
    pub triggers: Vec<Trigger>,
    /// What it does.
    pub steps: Vec<Step>,
    /// What it does when it failed.
    pub on_failure: Vec<Step>,
    /// What it does at the end in any case.
    pub finally: Vec<Step>,
}

/// What starts a run.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// The kind, and what it looks at.
    pub what: String,
    /// Which events it wants; without one, all.
    pub condition: Option<String>,
}

/// A step of a list.
#[derive(Clone, Debug)]
pub struct Step {
    /// What the author calls it, if anything.
    pub label: Option<String>,
    /// The action, or the form of control flow with what it depends on.
    pub what: String,
    /// What kind of thing that is.
    pub shape: Shape,
    /// Whether it runs; without one it does.
    pub condition: Option<String>,
    /// The places in the list of the steps that it waits for, each before its own.
    pub after: Vec<usize>,
    /// Whether that is what somebody who reads the list expects: the step before, or together with the others.
    pub in_line: bool,
    /// Whether the run goes on when it failed.
    pub may_fail: bool,
    /// The lists in it.
    pub branches: Vec<Branch>,
}

/// What kind of thing a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// It does something.
    Action,
    /// It waits for a person.
    Approval,
    /// It runs another workflow.
    Call,
    /// It does all of its list.
    Group,
    /// It does its list again and again.
    Loop,
    /// It does one of its lists.
    Choice,
}

/// A list of steps in a step.
#[derive(Clone, Debug)]
pub struct Branch {
    /// When it is done.
    pub role: Role,
    /// In the order written.
    pub steps: Vec<Step>,
}

/// When a list of steps in a step is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Whenever the step is.
    Body,
    /// When the value is this.
    Case(String),
    /// When it is nothing else, or the condition does not hold.
    Otherwise,
    /// While it waits, to tell people.
    Notify,
    /// When the step failed.
    OnError,
}

impl Role {
    /// In words; nothing for what needs none.
    pub fn words(&self) -> Option<&str> {
        match self {
            Self::Body => None,
            Self::Case(value) => Some(value),
            Self::Otherwise => Some("otherwise"),
            Self::Notify => Some("tell people"),
            Self::OnError => Some("on error"),
        }
    }
}

impl Step {
    /// The label and what it does, as two parts of one line.
    fn title(&self) -> String {
        match &self.label {
            Some(label) => format!("{label}: {}", self.what),
            None => self.what.clone(),
        }
    }

    /// Whether it always does one of its cases.
    fn is_exhaustive(&self) -> bool {
        self.branches.iter().any(|branch| branch.role == Role::Otherwise)
    }
}
