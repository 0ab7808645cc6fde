//! Why a call gave no answer: what the engine decides by, and one line for people.

use std::time::Duration;

use super::call::ERROR_LIMIT;
use super::provider::{Provider, shown};
use super::server_error::{ServerError, Subject, one_line};
use crate::clock::Timestamp;
use crate::models::{DEFAULT_PROVIDER, ModelRef};
use crate::net::retry::{LONGEST_WAIT, Verdict, classify};
use crate::net::{Class, Headers, NetError};
use crate::secret::Secrets;
use crate::units::format_duration;
use crate::value::{Failure, ModelFacts};

/// A call without an answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{failure}")]
pub struct ModelError {
    /// What happened, in a code of `model_…` (or `cancelled`) and a line without secrets.
    pub failure: Failure,
    /// What to do about it.
    pub retry: Retry,
    /// What the model had written before it broke off.
    pub partial: Option<String>,
    /// What is billed all the same, where the server had begun.
    pub facts: Option<Box<ModelFacts>>,
}

/// What to do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Nothing: no attempt at any model would help.
    Never,
    /// Try the same model again.
    Again {
        /// How long the server asks to wait; none leaves it to the policy.
        after: Option<Duration>,
    },
    /// This model will not do; another one may.
    NextModel,
}

impl ModelError {
    pub(super) fn new(code: &'static str, retry: Retry, message: impl Into<String>) -> Self {
        Self { failure: Failure::new(code, message), retry, partial: None, facts: None }
    }

    /// A model of a provider that is not configured.
    pub(super) fn no_provider(name: &str) -> Self {
        let message = format!("there is no provider `{name}`: add it under `providers` in `howdah.yaml`");
        Self::new("model_unknown", Retry::NextModel, message)
    }

    fn with_status(mut self, status: u16) -> Self {
        self.failure = self.failure.with_status(status);
        self
    }
}

/// What errors name: who was asked for which model, and where.
pub(super) struct Asked<'a> {
    pub(super) provider: &'a Provider,
    pub(super) model: ModelRef,
    pub(super) url: url::Url,
    pub(super) secrets: &'a Secrets,
}

impl Asked<'_> {
    /// The error of a request that got no whole answer.
    pub(super) fn unreachable(&self, error: &NetError) -> ModelError {
        let model = &self.model;
        let again = Retry::Again { after: None };
        match &error.class {
            Class::Secret { name } => {
                let place = match self.provider.key_name() {
                    Some(key) if key == name && self.provider.name == DEFAULT_PROVIDER => {
                        "in the environment or in `.env`; keys are made at https://mammouth.ai, in the account's \
                         API settings"
                    }
                    _ => "in the environment or in `.env`",
                };
                ModelError::new(
                    "model_auth",
                    Retry::NextModel,
                    format!("`{model}` needs `{name}`, which is not set: put it {place}"),
                )
            }
            Class::Timeout(_) => ModelError::new("model_timeout", again, format!("`{model}`: {error}")),
            Class::TooLarge => {
                ModelError::new("model_bad_answer", Retry::NextModel, format!("`{model}`: {error}"))
            }
            Class::Connect | Class::Dns => {
                let message = format!(
                    "`{model}` is not reached: {error}; its `base_url` is `{}`",
                    self.provider.base_url
                );
                ModelError::new("model_unreachable", again, message)
            }
            Class::Reset | Class::Protocol => {
                ModelError::new("model_unreachable", again, format!("`{model}`: {error}"))
            }
            Class::Tls | Class::Policy | Class::Invalid => ModelError::new(
                "model_unreachable",
                Retry::NextModel,
                format!("`{model}` cannot be called: {error}"),
            ),
        }
    }

    /// The error of an answer with a status that is none of success.
    pub(super) fn refused(&self, status: u16, headers: &Headers, body: &[u8], now: Timestamp) -> ModelError {
        let error = ServerError::read(body);
        let verdict = classify(status, headers, now);
        let how = format!("answered {status}");
        self.explain(&how, status, &error, verdict, headers.get("location")).with_status(status)
    }

    /// The error of an error object inside an answer of success.
    pub(super) fn reported(&self, error: &ServerError) -> ModelError {
        let status = error.code.parse().ok().filter(|status| (400..600).contains(status)).unwrap_or(500);
        let verdict = classify(status, &Headers::default(), Timestamp::UNIX_EPOCH);
        self.explain("reported an error in its answer", status, error, verdict, None)
    }

    fn explain(
        &self,
        how: &str,
        status: u16,
        error: &ServerError,
        verdict: Verdict,
        location: Option<&str>,
    ) -> ModelError {
        let Self { model, secrets, .. } = self;
        let subject = error.subject(status);
        let (code, advice) = match subject {
            Subject::Key => ("model_auth", self.advise_key()),
            Subject::Quota => ("model_quota", "raise the limit or add credit at the provider".to_owned()),
            Subject::Model => {
                ("model_unknown", format!("check the model's name (`{}` was called)", self.address()))
            }
            Subject::Address => ("model_unknown", self.advise_address(location)),
            Subject::Context => {
                ("model_context", "shorten the prompt or choose a model with a larger context".to_owned())
            }
            Subject::Filter => {
                ("model_filtered", "the provider's content filter refused the prompt".to_owned())
            }
            Subject::Unsupported => {
                ("model_unsupported", "leave that out or choose another model".to_owned())
            }
            Subject::Rate => ("model_rate_limited", String::new()),
            Subject::Timeout => ("model_timeout", String::new()),
            Subject::Request => ("model_bad_request", self.advise_request(error)),
            Subject::Server => ("model_unavailable", String::new()),
        };
        // These last, whatever the status: another attempt at the same model only costs time.
        let lasts = matches!(
            subject,
            Subject::Quota | Subject::Context | Subject::Filter | Subject::Unsupported | Subject::Model
        );
        let (retry, wait) = match verdict {
            _ if lasts => (Retry::NextModel, None),
            Verdict::Again(after) => (
                Retry::Again { after },
                after.map(|after| format!("it asks to wait {}", format_duration(after))),
            ),
            Verdict::TooLong(wait) => {
                let (wait, most) = (format_duration(wait), format_duration(LONGEST_WAIT));
                (
                    Retry::NextModel,
                    Some(format!("it asks to wait {wait}, longer than the {most} that are waited")),
                )
            }
            Verdict::No if subject == Subject::Request => (Retry::Never, None),
            Verdict::No => (Retry::NextModel, None),
        };
        let said = match error.shown(secrets) {
            said if said.is_empty() => String::new(),
            said => format!(": {}", said.trim_end_matches('.')),
        };
        let advice: String = [advice, wait.unwrap_or_default()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .map(|part| format!("; {part}"))
            .collect();
        ModelError::new(code, retry, format!("`{model}` {how}{said}{advice}"))
    }

    /// The error of an answer that should be JSON and is not.
    pub(super) fn not_json(&self, body: &[u8]) -> ModelError {
        let begin = &body[..body.len().min(ERROR_LIMIT)];
        let shown = one_line(&String::from_utf8_lossy(begin), self.secrets);
        let message = format!(
            "`{}` answered something that is not JSON ({shown:?}); is `{}` the address of an OpenAI-compatible API?",
            self.model, self.provider.base_url
        );
        ModelError::new("model_bad_answer", Retry::Again { after: None }, message)
    }

    fn advise_key(&self) -> String {
        match self.provider.key_name() {
            Some(name) if self.provider.name == DEFAULT_PROVIDER => {
                format!("check `{name}`; keys are made at https://mammouth.ai, in the account's API settings")
            }
            Some(name) => format!("check `{name}`, the key of provider `{}`", self.provider.name),
            None => format!("set `api_key` of provider `{}` in `howdah.yaml`", self.provider.name),
        }
    }

    fn advise_address(&self, location: Option<&str>) -> String {
        let called = self.address();
        if let Some(location) = location {
            let location = one_line(location, self.secrets);
            return format!(
                "`{called}` was called, which sends on to `{location}`; put the right address in `base_url`"
            );
        }
        match self.provider.base_url.other_spelling() {
            Some(other) => {
                format!("`{called}` was called; check the model's name and `base_url`, or try `{other}`")
            }
            None => format!("`{called}` was called; check the model's name and `base_url`"),
        }
    }

    fn advise_request(&self, error: &ServerError) -> String {
        match &error.param {
            Some(param) => format!("check `{}`", one_line(param, self.secrets)),
            None => String::new(),
        }
    }

    fn address(&self) -> String {
        self.secrets.redact(&shown(&self.url))
    }
}
