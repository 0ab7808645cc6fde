//! The types of what the language itself provides: steps, runs, errors, rounds.

use std::sync::Arc;

use crate::component::{Arguments, Type};
use crate::template::Ty;
use crate::template::types::Presence;

/// What `run` holds.
pub(super) const RUN: Type = Type::Record(&[
    ("id", Type::Text),
    ("workflow", Type::Text),
    ("trigger", Type::Text),
    ("started", Type::Text),
    ("attempt", Type::Integer),
    ("cost", Type::Text),
    ("url", Type::Nullable(&Type::Text)),
    ("status", Type::Text),
]);

/// What `error` holds.
pub(super) const ERROR: Type = Type::Record(&[
    ("code", Type::Text),
    ("message", Type::Text),
    ("step", Type::Text),
    ("status", Type::Nullable(&Type::Integer)),
    ("attempt", Type::Integer),
]);

/// What `round` holds in a `repeat`.
pub(super) fn round() -> Ty {
    let previous = Ty::any().or_absent("there is none before the first round");
    Ty::map([("index", Ty::integer(), Presence::Required), ("previous", previous, Presence::Required)])
}

/// What `approval` holds in `notify`.
pub(super) const APPROVAL: Type = Type::Record(&[("id", Type::Text), ("url", Type::Text)]);

/// What a step that called a model shows beside what every step shows.
const MODEL: [(&str, Type); 6] = [
    ("usage", USAGE),
    ("cost", Type::Text),
    ("model", Type::Text),
    ("finish_reason", Type::Nullable(&Type::Text)),
    ("reasoning", Type::Nullable(&Type::Text)),
    ("truncated", Type::Boolean),
];

/// What a model step's `usage` holds.
const USAGE: Type = Type::Record(&[
    ("input_tokens", Type::Integer),
    ("cached_tokens", Type::Integer),
    ("output_tokens", Type::Integer),
    ("reasoning_tokens", Type::Integer),
    ("estimated", Type::Boolean),
]);

/// The type of a value that does not depend on arguments.
pub(super) fn fixed(ty: Type) -> Ty {
    ty.with(&Arguments::default())
}

/// What `steps.ID` holds of a step that has always run.
pub(super) fn step(output: Ty) -> Ty {
    let always = [
        ("output", output),
        ("status", Ty::words(["succeeded"])),
        ("attempts", Ty::integer()),
        ("started", Ty::text()),
        ("duration", Ty::number()),
    ];
    let always = always.map(|(name, ty)| (name, ty, Presence::Required));
    let error = ("error", fixed(ERROR), Presence::Optional);
    Ty::map(always.into_iter().chain([error]))
}

/// The same of a step that called a model.
pub(super) fn called_a_model(step: &Ty) -> Ty {
    MODEL.iter().fold(step.clone(), |step, (name, ty)| step.with_field(*name, fixed(*ty), Presence::Required))
}

/// The same step where it may have ended in another way too, for this reason.
pub(super) fn may_end(step: &Ty, status: &str, why: &Arc<str>) -> Ty {
    let status = Ty::words([status]);
    let all = step.field("status").map_or(status.clone(), |(known, _)| known.or(&status));
    let mut step = step.with_field("status", all, Presence::Required);
    if let Some((output, _)) = step.field("output") {
        step = step.with_field("output", output.or_absent(why.clone()), Presence::Required);
    }
    for name in ["started", "duration"] {
        if let Some((ty, _)) = step.field(name) {
            step = step.with_field(name, ty, Presence::Optional);
        }
    }
    step
}

/// A step that always fails, in a run that goes on.
pub(super) fn failed(step: &Ty) -> Ty {
    let fields = [("output", Ty::null()), ("status", Ty::words(["failed"])), ("error", fixed(ERROR))];
    fields.into_iter().fold(step.clone(), |step, (name, ty)| step.with_field(name, ty, Presence::Required))
}

/// The same step where it is known to have run to its end.
pub(super) fn has_run(step: &Ty) -> Ty {
    let Some((output, _)) = step.field("output") else { return step.clone() };
    let step = step.with_field("output", output.settled(), Presence::Required);
    let step = step.with_field("status", Ty::words(["succeeded"]), Presence::Required);
    ["started", "duration"].into_iter().fold(step, |step, name| match step.field(name) {
        Some((ty, _)) => step.with_field(name, ty, Presence::Required),
        None => step,
    })
}

/// Whether a name is one that a step shows.
pub(super) fn is_of_step(name: &str) -> bool {
    ["output", "status", "error", "attempts", "started", "duration"].contains(&name)
        || MODEL.iter().any(|(known, _)| *known == name)
}
