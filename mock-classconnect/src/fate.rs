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

#[cfg(test)]
mod tests {
    use classconnect_api::{AttemptType, RecordingAnalysisRequest, SubmissionKind};

    use super::*;

    fn decide(plan: &Plan, n: u32) -> (Draws, Fate) {
        let input = JobInput::Recording(RecordingAnalysisRequest {
            client_reference_id: "ref".to_owned(),
            webhook_url: String::new(),
            attempt_type: AttemptType::Sentence,
            expected_text: "Hi.".to_owned(),
            sentence_index: None,
            word_context: None,
            audio_url: format!("https://audio/{n}"),
            language: "en-US".to_owned(),
        });
        let draws = Draws::new(5, SubmissionKind::RecordingAnalyses, input.submission_key());
        (draws, Fate::decide(plan, draws, &input))
    }

    #[test]
    fn each_fault_befalls_the_share_that_was_asked_for() {
        let faults = r#"{"faults":{"drop":0.1,"duplicate":0.2,"reject_submit":0.3,"wrong_signature":0.15,
                         "fail_analysis":0.05,"soft_error":0.25}}"#;
        let plan = Plan::parse(faults.as_bytes()).unwrap();
        let fates: Vec<_> = (0..20_000).map(|n| decide(&plan, n)).collect();
        let share = |holds: &dyn Fn(&(Draws, Fate)) -> bool| {
            fates.iter().filter(|decided| holds(decided)).count() as f64 / 20_000.0
        };
        let table = [
            ("drop", share(&|(_, fate)| fate.is_dropped), 0.1),
            // A webhook that is dropped has no duplicate, and an analysis that failed has no soft error.
            (
                "duplicate",
                share(&|(_, fate)| fate.duplicate_after.is_some()),
                0.9 * 0.2,
            ),
            (
                "fail_analysis",
                share(&|(_, fate)| matches!(fate.outcome, Outcome::Failed(_))),
                0.05,
            ),
            (
                "soft_error",
                share(&|(_, fate)| fate.outcome == Outcome::SoftError),
                0.95 * 0.25,
            ),
            (
                "reject_submit",
                share(&|(draws, _)| rejects_submit(&plan, *draws, 0)),
                0.3,
            ),
            (
                "second try",
                share(&|(draws, _)| rejects_submit(&plan, *draws, 1)),
                0.3,
            ),
            (
                "wrong_signature",
                share(&|(draws, _)| signs_wrongly(&plan, *draws, 1)),
                0.15,
            ),
            (
                "twice in a row",
                share(&|(draws, _)| signs_wrongly(&plan, *draws, 1) && signs_wrongly(&plan, *draws, 2)),
                0.15 * 0.15,
            ),
        ];
        for (fault, observed, expected) in table {
            // Four standard deviations of a share of 20000.
            let tolerance = 4.0 * (expected * (1.0 - expected) / 20_000.0_f64).sqrt();
            assert!(
                (observed - expected).abs() < tolerance,
                "{fault}: {observed} instead of {expected}"
            );
        }
    }

    #[test]
    fn no_plan_no_faults() {
        let plan = Plan::default();
        for n in 0..1_000 {
            let (draws, fate) = decide(&plan, n);
            assert_eq!(fate.fault_names(), Vec::<&str>::new());
            assert!(!rejects_submit(&plan, draws, 0) && !signs_wrongly(&plan, draws, 1));
        }
    }
}
