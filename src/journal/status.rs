//! The words for where a run or a step stands: the same in the journal, the CLI, the API and the page.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Accepted, or taken over after a restart, and not yet under way.
    Queued,
    /// A step of it is under way, in a process that lives.
    Running,
    /// All its present steps wait for an instant, a person or a signal.
    Waiting,
    /// It came to its end.
    Succeeded,
    /// A step failed and nothing caught that.
    Failed,
    /// Somebody ended it.
    Cancelled,
    /// It stands still until a person decides; there is a reason.
    NeedsAttention,
}

impl RunStatus {
    /// Every status, in the order of a run's life.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Running,
        Self::Waiting,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::NeedsAttention,
    ];

    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::NeedsAttention => "needs_attention",
        }
    }

    /// Whether nothing changes it any more.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    /// Whether the engine is to bring it further, without a person.
    pub const fn is_unfinished(self) -> bool {
        matches!(self, Self::Queued | Self::Running | Self::Waiting)
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a text is not a run's status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a status of a run; expected `queued`, `running`, `waiting`, `succeeded`, `failed`, `cancelled` or `needs_attention`"
)]
pub struct StatusError(String);

impl FromStr for RunStatus {
    type Err = StatusError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| StatusError(text.chars().take(40).collect()))
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    /// It came to its end.
    Succeeded,
    /// A step failed and nothing caught that.
    Failed,
    /// Somebody ended it.
    Cancelled,
}

impl From<RunEnd> for RunStatus {
    fn from(end: RunEnd) -> Self {
        match end {
            RunEnd::Succeeded => Self::Succeeded,
            RunEnd::Failed => Self::Failed,
            RunEnd::Cancelled => Self::Cancelled,
        }
    }
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// Not under way: not yet, or not since the process was lost that had started it.
    #[default]
    Pending,
    /// An attempt is under way.
    Running,
    /// The next attempt is due later.
    Waiting,
    /// It has an output.
    Succeeded,
    /// It failed after its last attempt.
    Failed,
    /// Its `if` said no.
    Skipped,
    /// The run ended before it did.
    Cancelled,
    /// Nobody knows whether its effect happened; a person decides.
    InDoubt,
}

impl StepStatus {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
            Self::InDoubt => "in_doubt",
        }
    }

    /// Whether the step has ended, one way or the other.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Skipped | Self::Cancelled)
    }
}

impl fmt::Display for StepStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_one_in_text_and_json() {
        for status in RunStatus::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
            assert_eq!(status.as_str().parse(), Ok(status));
            assert!(!(status.is_final() && status.is_unfinished()));
        }
        for status in [StepStatus::Pending, StepStatus::InDoubt, StepStatus::Cancelled] {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        let wrong = "done".parse::<RunStatus>().unwrap_err().to_string();
        assert!(wrong.starts_with("`done` is not a status of a run"), "{wrong}");
    }
}
