//! Every accepted submission against what can be read back and what ClassConnect sent.

use std::collections::HashMap;

use serde_json::Value;

use super::ledger::{Job, JobKey, Ledger};
use super::result::JobResult;
use crate::metrics::{Audit, Sighting, SightingRecord, SubmissionRecord, Violation, ViolationKind};
use crate::plan::Submission;

/// Violations kept with their witnesses, per kind; the counts go on.
const WITNESSES_MAX: usize = 20;

/// What a read of the row showed.
#[derive(Debug, Clone, PartialEq)]
pub enum RowState {
    /// The row, as JSON.
    Row(Value),
    /// The target says that there is no such row.
    Absent,
    /// The read itself failed.
    Unreadable(String),
}

/// What one row says about its submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowVerdict {
    Completed,
    Failed,
    /// No terminal state yet.
    Open(String),
    /// A terminal state with a result that ClassConnect did not send for it.
    Wrong(String),
    /// There is no row to look at.
    Missing(String),
    /// Nobody can say: the row could not be read.
    Unknown(String),
}

/// Compares a row with the result that the ledger holds for its submission.
pub fn judge_row<'a>(
    submission: &Submission,
    state: &RowState,
    jobs: impl Iterator<Item = &'a Job>,
) -> RowVerdict {
    let row = match state {
        RowState::Row(row) => row,
        RowState::Absent => return RowVerdict::Missing("the target has no such row".to_owned()),
        RowState::Unreadable(reason) => return RowVerdict::Unknown(reason.clone()),
    };
    let (pointer, completed) = &submission.completed;
    let status = row.pointer(pointer.as_str()).cloned().unwrap_or(Value::Null);
    let results: Vec<&JobResult> = jobs.filter_map(|job| job.result.as_ref()).collect();
    let differences = |result: &JobResult| {
        submission.compare.iter().find_map(|(in_row, in_result)| {
            let (have, sent) = (row.pointer(in_row.as_str()), result.pointer(in_result));
            (!same(have, sent)).then(|| {
                format!(
                    "{} is {}, ClassConnect sent {}",
                    in_row.as_str(),
                    show(have),
                    show(sent)
                )
            })
        })
    };
    let agrees = results.iter().any(|result| differences(result).is_none());
    if completed.contains(&status) {
        return match results.first() {
            // Without a mock there is nothing to compare with.
            None => RowVerdict::Completed,
            Some(_) if submission.compare.is_empty() || agrees => RowVerdict::Completed,
            Some(result) => RowVerdict::Wrong(differences(result).unwrap_or_default()),
        };
    }
    if submission.failed.contains(&status) {
        return RowVerdict::Failed;
    }
    // A row that has moved on to a later state still shows the result.
    if !submission.compare.is_empty() && agrees {
        return RowVerdict::Completed;
    }
    RowVerdict::Open(format!("{} is {}", pointer.as_str(), show(Some(&status))))
}

/// Equal as values: 78 and 78.0 are the same score.
fn same(left: Option<&Value>, right: Option<&Value>) -> bool {
    match (left, right) {
        (Some(Value::Number(left)), Some(Value::Number(right))) => left.as_f64() == right.as_f64(),
        (left, right) => left == right,
    }
}

/// A value for a sentence: cut where it is long.
fn show(value: Option<&Value>) -> String {
    let text = value.map_or("absent".to_owned(), Value::to_string);
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Collects the findings of an audit.
#[derive(Debug, Default)]
pub struct Reconciler {
    audit: Audit,
    lost: u64,
    duplicated: u64,
    misdelivered: u64,
    unreadable: u64,
    witnesses: HashMap<ViolationKind, usize>,
}

impl Reconciler {
    /// Takes in an accepted submission and what its row said when it was read for the last time.
    pub fn take(&mut self, record: &SubmissionRecord, verdict: &RowVerdict) {
        self.audit.accepted += 1;
        let reference = record.reference.as_deref().unwrap_or_default();
        match verdict {
            RowVerdict::Completed => self.audit.completed += 1,
            RowVerdict::Failed => self.audit.failed += 1,
            RowVerdict::Open(detail) => {
                let detail = format!("{} was accepted and never finished: {detail}", record.step);
                self.violate(ViolationKind::Lost, reference, record.ticket, detail);
            }
            RowVerdict::Missing(detail) => {
                let detail = format!("{} was accepted, but {detail}", record.step);
                self.violate(ViolationKind::Lost, reference, record.ticket, detail);
            }
            RowVerdict::Wrong(detail) => {
                let detail = format!("{} shows a result that is not its own: {detail}", record.step);
                self.violate(ViolationKind::Lost, reference, record.ticket, detail);
            }
            RowVerdict::Unknown(_) => {
                self.unreadable += 1;
                self.audit.pending += 1;
            }
        }
    }

    /// Takes in an event that a user should not have seen.
    pub fn take_sighting(&mut self, record: &SightingRecord) {
        let kind = match record.sighting {
            Sighting::Duplicated => ViolationKind::Duplicated,
            Sighting::Misdelivered => ViolationKind::Misdelivered,
        };
        self.violate(kind, "", record.ticket, record.detail.clone());
    }

    fn violate(&mut self, kind: ViolationKind, reference: &str, ticket: u64, detail: String) {
        match kind {
            ViolationKind::Lost => self.lost += 1,
            ViolationKind::Duplicated => self.duplicated += 1,
            ViolationKind::Misdelivered => self.misdelivered += 1,
        }
        let kept = self.witnesses.entry(kind).or_default();
        if *kept < WITNESSES_MAX {
            *kept += 1;
            self.audit.violations.push(Violation {
                kind,
                reference: reference.to_owned(),
                ticket,
                detail,
            });
        }
    }

    /// The audit's result. `ledger` is the witness of double jobs; `watched` says whether users held subscriptions,
    /// the witness of doubled and misdelivered events.
    pub fn finish(mut self, ledger: Option<&Ledger>, watched: bool) -> Audit {
        if let Some(ledger) = ledger {
            let twice: Vec<(JobKey, usize)> = ledger
                .submitted_twice()
                .map(|(key, jobs)| (key.clone(), jobs))
                .collect();
            for (key, jobs) in twice {
                let detail = format!("ClassConnect was asked {jobs} times for the same {}", key.kind);
                self.violate(ViolationKind::Duplicated, &key.reference, 0, detail);
            }
        }
        // A loss that nobody could look for is not a loss of zero.
        self.audit.lost = (self.unreadable == 0 || self.lost > 0).then_some(self.lost);
        self.audit.duplicated = (watched || ledger.is_some()).then_some(self.duplicated);
        self.audit.misdelivered = watched.then_some(self.misdelivered);
        self.audit
    }
}

#[cfg(test)]
mod tests {
    use super::super::result::Compared;
    use super::*;
    use crate::metrics::Acceptance;
    use crate::plan::{JsonPointer, Template};
    use serde_json::json;

    fn submission() -> Submission {
        let pointer = |text: &str| JsonPointer::parse(text).unwrap();
        Submission {
            kind: "recording-analyses".into(),
            reference: Template::literal("a1"),
            read_back: Template::literal("/attempts/a1"),
            completed: (pointer("/status"), vec![json!("completed")]),
            failed: vec![json!("failed")],
            compare: vec![(pointer("/score"), pointer("/pronunciation_score"))],
        }
    }

    fn job(score: f64) -> Job {
        let compared = submission().compare.into_iter().map(|(_, in_result)| in_result);
        let result = json!({ "pronunciation_score": score, "words": ["never", "kept"] });
        Job {
            result: Some(Compared::at(compared).take_from(&result)),
            ..Job::default()
        }
    }

    fn verdict(row: Value, jobs: &[Job]) -> RowVerdict {
        judge_row(&submission(), &RowState::Row(row), jobs.iter())
    }

    fn record() -> SubmissionRecord {
        SubmissionRecord {
            ticket: 3,
            warm_up: false,
            step: "submit_recording".into(),
            kind: "recording-analyses".into(),
            reference: Some("a1".into()),
            read_back: Some("/attempts/a1".into()),
            acceptance: Acceptance::Accepted,
            intended_ns: 0,
            sent_ns: 0,
            answered_ns: 0,
        }
    }

    #[test]
    fn a_row_must_show_the_result_that_was_sent_for_it() {
        assert_eq!(
            verdict(json!({ "status": "completed", "score": 78 }), &[job(78.0)]),
            RowVerdict::Completed
        );
        assert!(matches!(
            verdict(json!({ "status": "completed", "score": 12 }), &[job(78.0)]),
            RowVerdict::Wrong(_)
        ));
        assert!(matches!(
            verdict(json!({ "status": "completed" }), &[job(78.0)]),
            RowVerdict::Wrong(_)
        ));
        assert_eq!(
            verdict(json!({ "status": "failed" }), &[job(78.0)]),
            RowVerdict::Failed
        );
        assert!(matches!(
            verdict(json!({ "status": "analyzing", "score": null }), &[job(78.0)]),
            RowVerdict::Open(_)
        ));
        assert_eq!(
            verdict(json!({ "status": "completed", "score": 1 }), &[]),
            RowVerdict::Completed,
            "no mock"
        );
    }

    #[test]
    fn a_row_that_moved_on_still_shows_its_result() {
        assert_eq!(
            verdict(json!({ "status": "processing", "score": 78.0 }), &[job(78.0)]),
            RowVerdict::Completed
        );
    }

    #[test]
    fn what_is_missing_or_open_after_the_drain_is_lost() {
        let mut reconciler = Reconciler::default();
        reconciler.take(&record(), &RowVerdict::Completed);
        reconciler.take(&record(), &RowVerdict::Open("/status is \"analyzing\"".into()));
        reconciler.take(
            &record(),
            &RowVerdict::Missing("the target has no such row".into()),
        );
        let audit = reconciler.finish(None, true);
        assert_eq!((audit.accepted, audit.completed, audit.lost), (3, 1, Some(2)));
        assert_eq!(audit.violations[0].ticket, 3);
        assert!(audit.violations[0].detail.contains("never finished"));
    }

    #[test]
    fn a_count_without_a_witness_is_not_zero() {
        let mut reconciler = Reconciler::default();
        reconciler.take(&record(), &RowVerdict::Unknown("timed out".into()));
        let audit = reconciler.finish(None, false);
        assert_eq!(
            (audit.lost, audit.duplicated, audit.misdelivered),
            (None, None, None)
        );
    }
}
