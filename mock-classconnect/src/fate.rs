//! What will happen to a submission, decided completely when it is accepted.

use std::time::Duration;

use classconnect_api::JobErrorCode;

use crate::decision::{Draws, Purpose};
use crate::job::JobInput;
use crate::plan::{Delay, Plan};

/// The longest pause between a webhook and its planned duplicate.
const DUPLICATE_GAP_MAX: Duration = Duration::from_millis(500);

/// Everything that was decided about one submission.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fate {
    pub(crate) outcome: Outcome,
    /// From acceptance to the first delivery attempt.
    pub(crate) delay: Duration,
    /// The delay was cut at the distribution's maximum.
    pub(crate) was_clamped: bool,
    pub(crate) is_dropped: bool,
    /// The pause before the webhook is sent a second time, if it is.
    pub(crate) duplicate_after: Option<Duration>,
    pub(crate) pass_threshold: f64,
}

/// How the work on a job ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success,
    SoftError,
    Failed(JobErrorCode),
}

impl Fate {
    pub(crate) fn decide(plan: &Plan, draws: Draws, input: &JobInput) -> Self {
        let faults = plan.faults();
        let sampled = delay_for(plan, input).sample(draws);
        let is_dropped = draws.happens(Purpose::Drop, 0, faults.drop.get());
        let is_duplicated = !is_dropped && draws.happens(Purpose::Duplicate, 0, faults.duplicate.get());
        Self {
            outcome: outcome(plan, draws, input),
            delay: sampled.delay,
            was_clamped: sampled.was_clamped,
            is_dropped,
            duplicate_after: is_duplicated
                .then(|| DUPLICATE_GAP_MAX.mul_f64(draws.uniform(Purpose::DuplicateGap, 0))),
            pass_threshold: plan.pass_threshold(),
        }
    }

    /// The planned deviations from a plain success, as the ledger names them.
    pub(crate) fn fault_names(&self) -> Vec<&'static str> {
        let outcome = match self.outcome {
            Outcome::Success => None,
            Outcome::SoftError => Some("soft_error"),
            Outcome::Failed(_) => Some("fail_analysis"),
        };
        let dropped = self.is_dropped.then_some("drop");
        let duplicated = self.duplicate_after.map(|_| "duplicate");
        outcome.into_iter().chain(dropped).chain(duplicated).collect()
    }
}

pub(crate) fn delay_for<'a>(plan: &'a Plan, input: &JobInput) -> &'a Delay {
    match input {
        JobInput::Recording(_) => plan.analysis_delay(),
        JobInput::Improvement(_) => plan.improvement_delay(),
        JobInput::Extraction(_) => plan.extraction_delay(),
    }
}

/// Only recordings can fail: the other two calls work on text that was already checked.
fn outcome(plan: &Plan, draws: Draws, input: &JobInput) -> Outcome {
    const CODES: [JobErrorCode; 3] = [
        JobErrorCode::NoSpeech,
        JobErrorCode::Unintelligible,
        JobErrorCode::AudioUnreachable,
    ];
    if !matches!(input, JobInput::Recording(_)) {
        return Outcome::Success;
    }
    if draws.happens(Purpose::FailAnalysis, 0, plan.faults().fail_analysis.get()) {
        let code = draws
            .pick(Purpose::FailureCode, 0, &CODES)
            .unwrap_or(JobErrorCode::InternalError);
        return Outcome::Failed(code);
    }
    if draws.happens(Purpose::SoftError, 0, plan.faults().soft_error.get()) {
        return Outcome::SoftError;
    }
    Outcome::Success
}

/// Whether this try of a submission is answered 503; each further try is decided anew.
pub(crate) fn rejects_submit(plan: &Plan, draws: Draws, earlier_rejections: u32) -> bool {
    draws.happens(
        Purpose::RejectSubmit,
        earlier_rejections.into(),
        plan.faults().reject_submit.get(),
    )
}

/// Whether this delivery attempt, counted from 1, is signed with a foreign key.
pub(crate) fn signs_wrongly(plan: &Plan, draws: Draws, attempt: u32) -> bool {
    draws.happens(
        Purpose::WrongSignature,
        attempt.into(),
        plan.faults().wrong_signature.get(),
    )
}
