//! The words in which a run ends: verdicts and exit codes. People script against both.

use std::fmt;

/// The verdict on a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The run is valid and every target was met.
    Go,
    /// A target was missed, or the audit found a loss.
    NoGo,
    /// Too little evidence to say.
    Inconclusive,
    /// The plan was not delivered, or trouble of the generator or the mock explains the result.
    Invalid,
    /// A rollback threshold tripped.
    Rollback,
    /// The user stopped the run.
    Interrupted,
}

impl Verdict {
    /// All verdicts.
    pub const ALL: [Verdict; 6] = [
        Verdict::Go,
        Verdict::NoGo,
        Verdict::Inconclusive,
        Verdict::Invalid,
        Verdict::Rollback,
        Verdict::Interrupted,
    ];

    /// The verdict as it is written everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Go => "GO",
            Verdict::NoGo => "NO-GO",
            Verdict::Inconclusive => "INCONCLUSIVE",
            Verdict::Invalid => "INVALID",
            Verdict::Rollback => "ROLLBACK",
            Verdict::Interrupted => "INTERRUPTED",
        }
    }

    /// The verdict with this name.
    pub fn from_name(name: &str) -> Option<Verdict> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }

    /// The exit code that goes with the verdict.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Verdict::Go => ExitCode::Go,
            Verdict::NoGo => ExitCode::NoGo,
            Verdict::Inconclusive => ExitCode::Inconclusive,
            Verdict::Invalid => ExitCode::Invalid,
            Verdict::Rollback => ExitCode::Rollback,
            Verdict::Interrupted => ExitCode::Interrupted,
        }
    }

    /// What the verdict means, in one sentence for somebody who sees it for the first time.
    pub fn meaning(self) -> &'static str {
        match self {
            Verdict::Go => "The run is valid and every target was met.",
            Verdict::NoGo => "A target was missed, or accepted work was lost.",
            Verdict::Inconclusive => "The run is valid, but it holds too little evidence to say.",
            Verdict::Invalid => "The run proves nothing about the target: the test itself went wrong.",
            Verdict::Rollback => {
                "A rollback threshold tripped: in production this release would be rolled back."
            }
            Verdict::Interrupted => "The run was stopped by its user before it was over.",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Every exit code of the tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExitCode {
    /// Every target was met.
    Go = 0,
    /// An internal error.
    Internal = 1,
    /// A usage error, or an invalid scenario.
    Usage = 2,
    /// The run could not start; nothing was measured.
    CouldNotStart = 3,
    NoGo = 10,
    Inconclusive = 11,
    Invalid = 12,
    Rollback = 13,
    Interrupted = 130,
}

impl ExitCode {
    /// The number that the process ends with.
    pub fn code(self) -> u8 {
        self as u8
    }
}
