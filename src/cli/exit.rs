//! Exit codes, in one table. Scripts rely on them: a code keeps its meaning.

use std::process::ExitCode;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// What was asked for is done. Warnings alone are no reason for another code.
    Done,
    /// It was tried and did not succeed: a run failed, or nobody answered.
    Failed,
    /// It was not tried: the command line, a workflow or the configuration is not right.
    Invalid,
    /// Ctrl-C, as shells count it: 128 and the signal's number.
    Interrupted,
    /// SIGTERM, as shells count it.
    Terminated,
}

impl Exit {
    /// The table.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Invalid => 2,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// Ends the process here and now, without any tidying up: for a second Ctrl-C.
    pub fn at_once(self) -> ! {
        std::process::exit(i32::from(self.code()))
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
