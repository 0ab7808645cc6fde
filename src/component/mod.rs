//! What an action and a trigger are: the contract between the kinds and the rest of the program.
//!
//! A kind declares itself once ([`ActionDeclaration`], [`TriggerDeclaration`]): its name, its
//! fields and their types, what it gives, what it does to the world, an example. That one
//! declaration feeds the checker, the documentation and the command line. At run time a kind sees
//! its rendered arguments and a [`Context`]; it never sees the engine, and the engine, the checker
//! and the planner never see a kind.

mod action;
mod allow;
mod arguments;
mod budget;
mod declaration;
pub mod forms;
pub mod json_schema;
mod kinds;
mod prompt;
mod prospect;
mod trigger;
mod wait;

pub use action::{Action, Attempt, Context, Delta, Misfit, Response, Retry, StepError, StepFuture};
pub use allow::{Allow, AllowError};
pub use arguments::{Argument, Arguments, Rendered};
pub use budget::{Ask, CostRange, Reservation, ReserveFuture};
pub use declaration::{
    ActionDeclaration, Effect, Field, FieldType, Files, Need, OutputType, SecretsIn, Type, Written,
};
pub use kinds::Kinds;
pub use prompt::{PROMPT_FILE, PromptCall};
pub use prospect::{Asks, Candidate, Line, Outlook, Tariff};
pub use trigger::{
    Armed, Arming, Delivered, EventSink, Incoming, Ingress, Ledger, Received, Refused, Rejection,
    RespondMode, Route, Setting, Source, Trigger, TriggerDeclaration,
};
pub use wait::{Decision, Reach, Resumed, Signal, StateEdit, StateFuture, Wait, WaitFuture};
