//! What a step came to: as it is found in the journal, and as it is noted there.

use std::sync::Arc;

use crate::ids::StepPath;
use crate::journal::{AfterFailure, Entry, StepEnd, StepStatus};
use crate::value::{Failure, Json, RUN_LIMIT, SharedJson, VALUE_LIMIT, Value};

use super::flow::failed;
use super::frame::Ended;
use super::run::{Halt, Run};

impl Run {
    /// What a step came to before a restart; nothing when it has not ended.
    pub async fn recorded(&self, path: &StepPath) -> Result<Option<Ended>, Halt> {
        let found = self.book.read(|state| {
            let step = state?.steps.get(path)?;
            let failure = step.attempts.last().and_then(|attempt| attempt.failure.clone());
            let attempts = u32::try_from(step.attempts.len().max(1)).unwrap_or(u32::MAX);
            let started = step.attempts.first().map(|attempt| attempt.started);
            matches!(step.status, StepStatus::Succeeded | StepStatus::Skipped | StepStatus::Failed).then(
                || {
                    (
                        step.status,
                        step.output.clone(),
                        failure,
                        attempts,
                        started,
                        step.ended,
                        step.model.clone(),
                    )
                },
            )
        });
        let Some((status, output, failure, attempts, started, ended, model)) = found else {
            return Ok(None);
        };
        let output = match output {
            Some(value) => self.shared.store.fetch(value).await.map_err(|error| {
                failed(
                    Failure::new(
                        "journal_unreadable",
                        format!("the step's recorded output cannot be read: {error}"),
                    ),
                    path,
                )
            })?,
            None => Arc::new(Json::Null),
        };
        let ended = ended.unwrap_or_else(|| self.shared.clock.now());
        Ok(Some(Ended { output, status, failure, attempts, started, ended, model }))
    }

    /// Takes an output into keeping, without anything that must not be written down.
    pub async fn keep_output(&self, output: SharedJson) -> Result<(Value, SharedJson), Failure> {
        let secrets = self.shared.secrets.load();
        let output = if secrets.stand_in(&output) {
            let mut clean = Json::clone(&output);
            secrets.redact_json(&mut clean);
            Arc::new(clean)
        } else {
            output
        };
        let value = self.shared.store.keep(output.clone()).await.map_err(|error| {
            Failure::new(
                "output_not_kept",
                format!("the output cannot be kept (the limit is {VALUE_LIMIT} bytes): {error}"),
            )
        })?;
        if !self.book.read(|state| state.is_none_or(|state| state.has_room(&value))) {
            let message = format!(
                "the outputs of this run have more than {} MiB together, and that is the limit: keep large ones in \
                 files, or let another workflow do a part with `call`",
                RUN_LIMIT >> 20
            );
            return Err(Failure::new("run_too_large", message));
        }
        Ok((value, output))
    }

    pub async fn record_output(&self, path: &StepPath, output: SharedJson) -> Result<Ended, Halt> {
        match self.keep_output(output).await {
            Ok((value, output)) => {
                let at = self.shared.clock.now();
                self.book.note(Entry::StepFinished {
                    path: path.clone(),
                    status: StepEnd::Succeeded,
                    output: value,
                    model: None,
                    at,
                });
                let started = self.book.read(|state| {
                    let step = state?.steps.get(path)?;
                    step.attempts.first().map(|attempt| attempt.started)
                });
                let ended = Ended::without_output(StepStatus::Succeeded, at);
                Ok(Ended { output, attempts: 1, started, ..ended })
            }
            Err(failure) => Ok(self.record_failure(path, failure)),
        }
    }

    /// Records that a step failed before its attempts, between them, or in the middle of one.
    pub fn record_failure(&self, path: &StepPath, failure: Failure) -> Ended {
        let at = self.shared.clock.now();
        let past = self.book.read(|state| {
            let attempts = &state?.steps.get(path)?.attempts;
            let open = attempts.last().is_some_and(|last| last.ended.is_none());
            Some((attempts.len() + usize::from(!open), attempts.first()?.started))
        });
        let (attempt, started) = past.map_or((1, None), |(attempt, started)| (attempt, Some(started)));
        let attempt = u32::try_from(attempt).unwrap_or(u32::MAX);
        let failure = self.redacted(failure);
        self.book.note(Entry::StepFailed {
            path: path.clone(),
            attempt,
            failure: failure.clone(),
            model: None,
            then: AfterFailure::GiveUp,
            at,
        });
        let failure = Some(failure);
        Ended { failure, attempts: attempt, started, ..Ended::without_output(StepStatus::Failed, at) }
    }

    /// The failure without anything that must not be written down.
    pub fn redacted(&self, failure: Failure) -> Failure {
        Failure { message: self.shared.secrets.load().redact(&failure.message), ..failure }
    }

    pub fn record_skipped(&self, path: &StepPath) -> Ended {
        let ended = Ended::without_output(StepStatus::Skipped, self.shared.clock.now());
        self.book.note(Entry::StepFinished {
            path: path.clone(),
            status: StepEnd::Skipped,
            output: Value::Inline(ended.output.clone()),
            model: None,
            at: ended.ended,
        });
        ended
    }
}
