//! What an action and a trigger are: the contract between the kinds and the rest of the program.
//!
//! A kind declares itself once ([`ActionDeclaration`], [`TriggerDeclaration`]): its name, its
//! fields and their types, what it gives, what it does to the world, an example. That one
//! declaration feeds the checker, the documentation and the command line. At run time a kind sees
//! its rendered arguments and a [`Context`]; it never sees the engine, and the engine, the checker
//! and the planner never see a kind.

mod action;
mod arguments;
mod declaration;
mod kinds;
mod trigger;

pub use action::{Action, Attempt, Context, Delta, Misfit, Response, Retry, StepError, StepFuture};
pub use arguments::{Argument, Arguments, Rendered};
pub use declaration::{
    ActionDeclaration, Effect, Field, FieldType, Need, OutputType, SecretsIn, Type, Written,
};
pub use kinds::Kinds;
pub use trigger::{
    Armed, Arming, Delivered, EventSink, Incoming, Ingress, Ledger, Received, Refused, Rejection,
    RespondMode, Route, Setting, Source, Trigger, TriggerDeclaration,
};
