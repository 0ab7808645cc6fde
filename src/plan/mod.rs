//! From a checked workflow to one that can run here: every action bound to its services, every
//! trigger armed, every secret and model looked for.
//!
//! What is wrong for reasons of this machine appears here first, at its place in the file. A
//! [`Plan`] is immutable; runs keep the one they started with.

mod bundle;
mod inputs;
mod part;

use std::path::PathBuf;
use std::sync::Arc;

use crate::check::flow::StepList;
use crate::check::{Call, Input, Reads, Workflow};
use crate::component::{Action, Allow, Arguments, Armed, Effect, Misfit, Setting, Trigger};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity, Span};
use crate::event::TriggerId;
use crate::ids::Digest;
use crate::secret::Secrets;
use crate::template::{Expr, Scope, Tree};

pub use crate::check::{Concurrency, Limits, Overflow, flow};
pub use bundle::{Bundle, BundleError};
pub use inputs::{InputError, InputErrors, OpenInputs};
pub use part::{Located, NotLocated, StepReads};

/// Where the kinds are: what binds a name to something that runs.
pub trait Kinds: Send + Sync {
    /// The action of this name.
    fn action(&self, kind: &str) -> Option<Arc<dyn Action>>;

    /// The trigger of this name.
    fn trigger(&self, kind: &str) -> Option<Arc<dyn Trigger>>;
}

/// A workflow that can run on this machine.
#[derive(Clone)]
pub struct Plan {
    /// Unique in the workspace.
    pub name: Arc<str>,
    /// Of the bundle it was made from.
    pub digest: Digest,
    /// The file, relative to the workspace.
    pub path: PathBuf,
    /// In the author's words.
    pub description: Option<Arc<str>>,
    /// What every trigger fills.
    pub inputs: Vec<Input>,
    /// What the workspace sets under `vars`.
    pub settings: Scope,
    /// Values evaluated once at the start, in order.
    pub vars: Vec<(Arc<str>, Tree)>,
    /// What it does.
    pub steps: StepList<Bound>,
    /// What it gives; without one, the output of the last step.
    pub output: Option<Tree>,
    /// What happens when it failed.
    pub on_failure: StepList<Bound>,
    /// What happens at the end in any case.
    pub finally: StepList<Bound>,
    /// What a run may cost and how long it may take.
    pub limits: Limits,
    /// How many of its runs are under way at once; none: as many as there are.
    pub concurrency: Option<Concurrency>,
    /// The names of the secrets it reads, set or not.
    pub secrets: Arc<[Arc<str>]>,
    /// Which roots it reads, of those that somebody has to provide.
    pub reads: Reads,
}

/// An action with everything it needs but its values.
#[derive(Clone)]
pub struct Bound {
    /// The action's name.
    pub kind: &'static str,
    /// What runs.
    pub action: Arc<dyn Action>,
    /// What is rendered for it.
    pub arguments: Arguments,
    /// What this step does to the world, the author's word included.
    pub effect: Effect,
}

/// A trigger that is ready, with what the workflow wants of its events.
#[derive(Clone)]
pub struct PlannedTrigger {
    /// Its kind and place.
    pub id: TriggerId,
    /// Where its kind is written.
    pub span: Span,
    /// Which events it wants; without one, all.
    pub condition: Option<Arc<Expr>>,
    /// What each input is, from the event.
    pub with: Vec<(Arc<str>, Tree)>,
    /// The trigger itself.
    pub armed: Armed,
}

/// What a plan is made with.
pub struct Binding<'a> {
    /// Where the kinds are.
    pub kinds: &'a dyn Kinds,
    /// What `vars` of the workspace hold.
    pub settings: &'a Scope,
    /// The secrets that are set.
    pub secrets: &'a Secrets,
}

/// Binds a workflow. What this machine lacks is in `diagnostics`; with errors there is no plan.
pub fn plan(
    workflow: &Workflow,
    digest: Digest,
    binding: &Binding<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Plan> {
    let mut own = Diagnostics::new();
    for (name, span) in &workflow.secrets {
        if binding.secrets.get(name).is_none() {
            let message = format!("the secret `{name}` is not set on this machine");
            own.push(
                Diagnostic::warning("missing-secret", *span, message)
                    .with_help(format!("put `{name}=…` into `.env`, or into the environment of the daemon")),
            );
        }
    }
    let steps = bind(&workflow.steps, &workflow.allow, binding, &mut own);
    let on_failure = bind(&workflow.on_failure, &workflow.allow, binding, &mut own);
    let finally = bind(&workflow.finally, &workflow.allow, binding, &mut own);
    let failed = own.has_errors();
    diagnostics.extend(own);
    if failed {
        return None;
    }
    Some(Plan {
        name: workflow.name.clone(),
        digest,
        path: workflow.path.clone(),
        description: workflow.description.clone(),
        inputs: workflow.inputs.clone(),
        settings: binding.settings.clone(),
        vars: workflow.vars.clone(),
        steps: steps?,
        output: workflow.output.clone(),
        on_failure: on_failure?,
        finally: finally?,
        limits: workflow.limits.clone(),
        concurrency: workflow.concurrency.clone(),
        secrets: workflow.secrets.iter().map(|(name, _)| name.clone()).collect(),
        reads: workflow.reads,
    })
}

fn bind(
    steps: &StepList<Call>,
    allow: &Arc<Allow>,
    binding: &Binding<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<StepList<Bound>> {
    let mut said = Vec::new();
    steps.each_action(&mut |call| said.extend(examine(call, binding)));
    let failed = said.iter().any(Diagnostic::is_error);
    for one in said {
        // What a provider lacks is told at the first of its steps.
        let is_told = |other: &Diagnostic| other.code == one.code && other.message == one.message;
        if one.code != "missing-secret" || !diagnostics.iter().any(is_told) {
            diagnostics.push(one);
        }
    }
    if failed {
        return None;
    }
    steps.clone().try_map(&mut |settings, call| {
        let action = binding.kinds.action(call.kind)?;
        let effect = match settings.idempotent {
            Some(true) => action.effect(&call.arguments).min(Effect::Idempotent),
            Some(false) => Effect::Once,
            None => action.effect(&call.arguments),
        };
        let arguments = call.arguments.allowing(allow.clone());
        Some(Bound { kind: call.kind, action, arguments, effect })
    })
}

fn examine(call: &Call, binding: &Binding<'_>) -> Vec<Diagnostic> {
    let Some(action) = binding.kinds.action(call.kind) else {
        let message = format!("the action `{}` is not available here", call.kind);
        return vec![Diagnostic::error("unavailable-action", call.name, message)];
    };
    let place =
        |field: &str| call.places.iter().find(|(name, _)| name == field).map_or(call.name, |(_, span)| *span);
    let say = |misfit: Misfit| {
        let new = match misfit.severity {
            Severity::Error => Diagnostic::error,
            Severity::Warning => Diagnostic::warning,
        };
        new(misfit.code, place(misfit.field), misfit.message).with_help_if(misfit.help)
    };
    action.examine(&call.arguments).into_iter().map(say).collect()
}

/// Arms a workflow's triggers. One that this machine cannot arm is in `diagnostics`, at its place.
pub fn arm(workflow: &Workflow, binding: &Binding<'_>, diagnostics: &mut Diagnostics) -> Vec<PlannedTrigger> {
    let mut planned = Vec::new();
    for trigger in &workflow.triggers {
        let Some(kind) = binding.kinds.trigger(&trigger.id.kind) else {
            let message = format!("the trigger `{}` is not available here", trigger.id.kind);
            diagnostics.push(Diagnostic::error("unavailable-trigger", trigger.span, message));
            continue;
        };
        let armed = trigger.arguments.render(binding.settings).and_then(|values| {
            kind.arm(Setting {
                workflow: &workflow.name,
                id: trigger.id.clone(),
                values,
                arguments: &trigger.arguments,
            })
        });
        match armed {
            Ok(armed) => planned.push(PlannedTrigger {
                id: trigger.id.clone(),
                span: trigger.span,
                condition: trigger.condition.clone(),
                with: trigger.with.clone(),
                armed,
            }),
            Err(failure) => diagnostics.push(Diagnostic::error("cannot-arm", trigger.span, failure.message)),
        }
    }
    planned
}
