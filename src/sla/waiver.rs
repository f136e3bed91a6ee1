//! Waivers: targets whose miss somebody has accepted. A waiver changes what a miss does to the verdict, never whether
//! it is one: the target's status stays, and every report shows both.

use jiff::civil::Date;

use super::finding::{Finding, Status, Subject};
use crate::plan::Waiver;

/// A waiver, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaiverUse {
    pub waiver: Waiver,
    pub state: WaiverState,
}

/// What became of a waiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaiverState {
    /// Its target was not met, and that does not count.
    Applied,
    /// Its target was met without it.
    NotNeeded,
    /// Void: its last day was before the day of the judgement, or nobody said which day that is.
    Expired,
    /// Void: the run is judged by targets among which there is none of that name.
    NoTarget,
}

impl WaiverState {
    /// All states.
    pub const ALL: [WaiverState; 4] = [
        WaiverState::Applied,
        WaiverState::NotNeeded,
        WaiverState::Expired,
        WaiverState::NoTarget,
    ];

    /// The state as `run.json` writes it.
    pub fn key(self) -> &'static str {
        match self {
            WaiverState::Applied => "applied",
            WaiverState::NotNeeded => "not_needed",
            WaiverState::Expired => "expired",
            WaiverState::NoTarget => "no_target",
        }
    }

    /// The state with this key.
    pub fn from_key(key: &str) -> Option<WaiverState> {
        Self::ALL.into_iter().find(|state| state.key() == key)
    }
}

/// Marks the findings that a waiver covers on `day`, and says what became of each waiver. Without a day none holds: a
/// risk is accepted up to a date, so whoever cannot say the date cannot claim it.
pub(crate) fn apply(waivers: &[Waiver], day: Option<Date>, findings: &mut [Finding]) -> Vec<WaiverUse> {
    let uses = waivers.iter().map(|waiver| {
        let target = findings.iter_mut().find(|finding| match &finding.subject {
            Subject::Target(condition) => condition.name() == waiver.target,
            Subject::NotMeasured(_) => false,
        });
        let state = match target {
            None => WaiverState::NoTarget,
            Some(_) if !day.is_some_and(|day| waiver.holds_on(day)) => WaiverState::Expired,
            Some(finding) => match finding.status {
                Status::Pass | Status::NotMeasured => WaiverState::NotNeeded,
                Status::Fail | Status::Inconclusive | Status::NoData => {
                    finding.waived = Some(waiver.clone());
                    WaiverState::Applied
                }
            },
        };
        WaiverUse {
            waiver: waiver.clone(),
            state,
        }
    });
    uses.collect()
}
