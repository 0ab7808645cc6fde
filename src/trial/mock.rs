//! What stands in for a step: a value, one for each pass of its loops, or a failure.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::component::{Retry, StepError};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::syntax::fields::{self, Fields};
use crate::syntax::tree::{Kind, Node};
use crate::value::{Failure, Json, Output};

use super::request::passes;

/// What stands in for a step.
#[derive(Clone, Debug)]
pub(super) enum Mock {
    /// This value.
    Value(Arc<Json>),
    /// One for each pass of a loop.
    Passes(Vec<Mock>),
    /// A failure of the first attempts, and what comes after.
    Fails {
        /// What is told.
        failure: Failure,
        /// How many attempts fail.
        times: u32,
        /// What the next one gives.
        then: Option<Box<Mock>>,
    },
}

impl Mock {
    /// Reads what stands in for a step inside of so many loops.
    pub fn read(node: &Node, loops: usize, diagnostics: &mut Diagnostics) -> Self {
        match &node.kind {
            Kind::Sequence(items) if loops > 0 => {
                Self::Passes(items.iter().map(|item| Self::read(item, loops - 1, diagnostics)).collect())
            }
            _ if is_failure(node) => Self::failure(node, diagnostics),
            _ => Self::Value(Arc::new(node.to_json())),
        }
    }

    fn failure(node: &Node, diagnostics: &mut Diagnostics) -> Self {
        let mut fails =
            Self::Fails { failure: Failure::new("mocked", "the mock says so"), times: u32::MAX, then: None };
        let Self::Fails { failure, times, then } = &mut fails else { return fails };
        let Some(mut written) = Fields::open(node, "a mocked failure", diagnostics) else { return fails };
        let error = written.take("error").map(|field| field.node);
        let count = written.take("times");
        *then = written.take("then").map(|field| Box::new(Self::read(field.node, 0, diagnostics)));
        written.finish(diagnostics);
        if let Some(count) =
            count.and_then(|field| fields::integer(field.node, "times", 1..=100, diagnostics))
        {
            *times = u32::try_from(count).unwrap_or(u32::MAX);
        } else if then.is_some() {
            *times = 1;
        }
        let Some(error) = error else { return fails };
        if let Some(message) = error.as_text() {
            failure.message = message.to_owned();
            return fails;
        }
        if let Some(mut written) = Fields::open(error, "`error`", diagnostics) {
            if let Some(code) =
                written.take("code").and_then(|field| fields::text(field.node, "code", diagnostics))
            {
                failure.code = code.to_owned().into();
            }
            if let Some(text) =
                written.take("message").and_then(|field| fields::text(field.node, "message", diagnostics))
            {
                failure.message = text.to_owned();
            }
            let status = written.take("status");
            let status =
                status.and_then(|field| fields::integer(field.node, "status", 100..=599, diagnostics));
            failure.status = status.and_then(|status| u16::try_from(status).ok());
            written.finish(diagnostics);
        }
        fails
    }

    /// What an attempt of the step at this path gives.
    pub fn answer(&self, path: &str, attempt: u32) -> Result<Output, StepError> {
        let mut mock = self;
        let mut inside = passes(path).into_iter();
        while let Self::Passes(list) = mock {
            let pass = inside.next().unwrap_or_default();
            mock = list.get(pass).ok_or_else(|| {
                let message = format!("the mock of `{path}` has {} passes, and this is one more", list.len());
                StepError::fatal(Failure::new("mocked", message))
            })?;
        }
        match mock {
            Self::Fails { failure, times, then } => match then.as_deref().filter(|_| attempt > *times) {
                Some(then) => then.answer("", attempt - times),
                None => {
                    let retry = Retry::Safe { after: Some(Duration::ZERO) };
                    Err(StepError { failure: failure.clone(), retry, model: None })
                }
            },
            Self::Value(value) => Ok(Output { value: value.clone(), model: None }),
            Self::Passes(_) => Ok(Output::new(Json::Null)),
        }
    }

    /// The same for a step that asks a server: what is not said of the answer is as usual.
    pub fn completed(self) -> Self {
        match self {
            Self::Value(value) => match &*value {
                Json::Object(fields) if !fields.is_empty() => {
                    let mut answer = json!({ "status": 200, "headers": {}, "body": null });
                    fields.iter().for_each(|(key, field)| answer[key] = field.clone());
                    Self::Value(Arc::new(answer))
                }
                _ => Self::Value(value),
            },
            Self::Passes(list) => Self::Passes(list.into_iter().map(Self::completed).collect()),
            Self::Fails { failure, times, then } => {
                Self::Fails { failure, times, then: then.map(|then| Box::new(then.completed())) }
            }
        }
    }
}

/// Whether a value is written as a failure: `error`, alone or with what belongs to it.
pub(super) fn is_failure(node: &Node) -> bool {
    let Kind::Mapping(entries) = &node.kind else { return false };
    entries.iter().any(|(key, _)| &*key.value == "error")
        && entries.iter().all(|(key, _)| ["error", "times", "then"].contains(&&*key.value))
}

/// The value that is meant to fit the step's output, where a mock says one: itself, or what comes after
/// its failures.
pub(super) fn value_of(node: &Node) -> Option<&Node> {
    if !is_failure(node) {
        return Some(node);
    }
    let Kind::Mapping(entries) = &node.kind else { return None };
    entries.iter().find(|(key, _)| &*key.value == "then").map(|(_, then)| then)
}

/// A diagnostic of a mock.
pub(super) fn misfit(node: &Node, message: String) -> Diagnostic {
    Diagnostic::error("mock-mismatch", node.span, message)
}
