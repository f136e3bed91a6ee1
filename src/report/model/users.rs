//! Users with patience, as `run.json` holds them: what they were like, and what became of them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::ReportError;
use super::generator::{duration, milliseconds};
use crate::metrics::{Complaints, Completion, Measurements, SeriesKind, StepTally, UserTally, Users};
use crate::plan::{self, Anchor, Patience, Satisfaction, StepId, StepInfo};
use crate::sla::{Second, by_second, share_range};
use crate::units::Ratio;

/// Users with patience. Everything about them is simulated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UsersRecord {
    /// How long users wait.
    pub patience: PatienceRecord,
    /// How likely a user tries again after an error.
    pub retry: f64,
    /// The share of the sessions with reason to complain that are taken to become tickets.
    pub complain: f64,
    /// How long a step may take for a user to be satisfied.
    pub apdex: ApdexRecord,
    /// How the judged sessions ended.
    pub sessions: SessionsRecord,
    /// The share of the sessions that were completed; `null` when the audit did not take place, or no session was
    /// begun.
    pub completion_rate: Option<RateRecord>,
    /// The share of the sessions whose user left; `null` when no session was begun.
    pub abandonment_rate: Option<RateRecord>,
    /// The share of the same users who would have left had every step taken its T.
    pub abandonment_at_target: Option<f64>,
    /// The share of the sessions with reason to complain; `null` when no session was begun.
    pub complaint_rate: Option<RateRecord>,
    /// The score of Apdex over all rated steps; `null` when no step was rated.
    pub apdex_score: Option<RateRecord>,
    /// `complain` × sessions with reason to complain.
    pub expected_tickets: f64,
    /// Which sessions came to their end with everything that they had handed in; `null` when the audit did not take
    /// place.
    pub completion: Option<CompletionRecord>,
    /// The steps at which users wait, in the order of the journeys.
    pub steps: Vec<UserStepRecord>,
}

/// The distribution of patience.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PatienceRecord {
    /// Name of the profile.
    pub profile: String,
    /// The two points that the distribution goes through.
    pub anchors: Vec<AnchorRecord>,
    /// The parameter k of the Weibull distribution.
    pub shape: f64,
    /// The parameter λ of the Weibull distribution, in seconds.
    pub scale_s: f64,
    /// All of this as a person reads it.
    pub text: String,
}

/// After so long, so many have left.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnchorRecord {
    /// How long they have waited, in milliseconds.
    pub after_ms: f64,
    /// The share of users who have left by then, 0 to 1.
    pub leave: f64,
}

/// The T of Apdex.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ApdexRecord {
    /// T of requests, in milliseconds.
    pub request_ms: f64,
    /// T of results that are waited for, in milliseconds.
    pub result_ms: f64,
    /// By the step's number in `plan.steps`.
    pub by_step_ms: BTreeMap<u16, f64>,
}

/// How the sessions that are judged ended. `begun` = `reached_end` + `left_waiting` + `left_after_error` + `failed` +
/// `unfinished`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionsRecord {
    /// Sessions that began.
    pub begun: u64,
    /// Sessions that came to the end of their journey.
    pub reached_end: u64,
    /// Sessions whose user left because a step took too long.
    pub left_waiting: u64,
    /// Sessions whose user left after an error.
    pub left_after_error: u64,
    /// Sessions that ended with a failed step.
    pub failed: u64,
    /// Sessions that were cut off at the end of the run.
    pub unfinished: u64,
    /// Requests that were sent once more after an error.
    pub retries: u64,
    /// Those of them that succeeded.
    pub retries_healed: u64,
    /// Sessions with reason to complain.
    pub complaints: ComplaintsRecord,
}

/// Sessions with reason to complain, and the reasons; a session may have several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ComplaintsRecord {
    /// Sessions with any reason.
    pub sessions: u64,
    /// Because of at least two steps that took more than four times their T.
    pub frustrated: u64,
    /// Because of an error that a second attempt did not heal, or a result that did not come.
    pub errors: u64,
    /// Because of an event that came later than 5 s after its cause, or never.
    pub stale: u64,
    /// Because of work that was lost, done twice or given to somebody else.
    pub work: u64,
}

/// A share with its one-sided 95 % bounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RateRecord {
    /// The share, 0 to 1.
    pub value: f64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
    /// Sessions, or rated steps.
    pub samples: u64,
}

/// Which sessions came to their end with everything that they had handed in.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CompletionRecord {
    /// Sessions that were judged.
    pub sessions: u64,
    /// Sessions that came to their end, and whose results were read back as they had been sent.
    pub completed: u64,
    /// Sessions that came to their end, but of which a result was not there.
    pub unconfirmed: u64,
    /// Cut off while they were still under way.
    pub running: u64,
    /// The share had nobody been cut off (Kaplan–Meier).
    pub estimate: Option<f64>,
    /// Median time of a completed session, in milliseconds.
    pub time_p50_ms: Option<f64>,
    /// 95th percentile of the time of a completed session, in milliseconds.
    pub time_p95_ms: Option<f64>,
}

/// One user-visible step, named after the step that it begins with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UserStepRecord {
    /// Number in `plan.steps`.
    pub step: u16,
    /// Name of the step that it begins with.
    pub name: String,
    /// How often a user waited here.
    pub taken: u64,
    /// Sessions whose user left here because it took too long.
    pub left_waiting: u64,
    /// Sessions whose user left here after an error.
    pub left_after_error: u64,
    /// Sessions with reason to complain that ended here.
    pub complained: u64,
    /// Median wait of those who stayed, in milliseconds.
    pub wait_p50_ms: Option<f64>,
    /// 95th percentile of the wait of those who stayed, in milliseconds.
    pub wait_p95_ms: Option<f64>,
    /// The score of Apdex of the step itself; of an await, that of the result.
    pub apdex: Option<f64>,
}

/// Six digits: the parameters follow from the anchors, and are here to be read.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

impl UsersRecord {
    pub(super) fn of(users: &Users, measurements: &Measurements, steps: &[StepInfo]) -> Self {
        let parameters = &users.parameters;
        let tally = &users.tally;
        let at_target = measurements.total(SeriesKind::AbandonmentAtTarget, None);
        let share = |kind: SeriesKind| RateRecord::of(measurements, kind);
        Self {
            patience: PatienceRecord::of(&parameters.patience),
            retry: parameters.retry.get(),
            complain: parameters.complain.get(),
            apdex: ApdexRecord::of(&parameters.satisfaction),
            sessions: SessionsRecord::of(tally),
            completion_rate: share(SeriesKind::Completion).map(RateRecord::turned),
            abandonment_rate: share(SeriesKind::Abandonment),
            abandonment_at_target: at_target.bad_share(),
            complaint_rate: share(SeriesKind::Complaint),
            apdex_score: share(SeriesKind::Apdex).map(RateRecord::turned),
            expected_tickets: parameters.complain.get() * tally.complaints.sessions as f64,
            completion: users.completion.as_ref().map(CompletionRecord::of),
            steps: (0_u16..)
                .zip(steps)
                .filter_map(|(index, info)| UserStepRecord::of(StepId(index), info, tally, measurements))
                .collect(),
        }
    }

    pub(super) fn read(&self) -> Result<Users, ReportError> {
        let ratio = |value: f64| {
            Ratio::new(value).map_err(|error| ReportError::invalid(format!("of the users: {error}")))
        };
        let tally = self.tally();
        Ok(Users {
            parameters: plan::Users {
                patience: self.patience.read()?,
                retry: ratio(self.retry)?,
                complain: ratio(self.complain)?,
                satisfaction: self.apdex.read(),
            },
            tally,
            completion: self.completion.as_ref().map(CompletionRecord::read),
        })
    }

    fn tally(&self) -> UserTally {
        let sessions = &self.sessions;
        let by_step = self.steps.iter().map(|step| {
            let tally = StepTally {
                left_waiting: step.left_waiting,
                left_after_error: step.left_after_error,
                complained: step.complained,
            };
            (StepId(step.step), tally)
        });
        UserTally {
            sessions: sessions.begun,
            reached_end: sessions.reached_end,
            left_waiting: sessions.left_waiting,
            left_after_error: sessions.left_after_error,
            failed: sessions.failed,
            unfinished: sessions.unfinished,
            retries: sessions.retries,
            retries_healed: sessions.retries_healed,
            complaints: Complaints {
                sessions: sessions.complaints.sessions,
                frustrated: sessions.complaints.frustrated,
                errors: sessions.complaints.errors,
                stale: sessions.complaints.stale,
                work: sessions.complaints.work,
            },
            by_step: by_step
                .filter(|(_, tally)| *tally != StepTally::default())
                .collect(),
        }
    }
}

impl PatienceRecord {
    fn of(patience: &Patience) -> Self {
        Self {
            profile: patience.profile.clone(),
            anchors: patience
                .anchors
                .iter()
                .map(|anchor| AnchorRecord {
                    after_ms: milliseconds(anchor.after),
                    leave: anchor.leave.get(),
                })
                .collect(),
            shape: rounded(patience.shape),
            scale_s: rounded(patience.scale_s),
            text: patience.to_string(),
        }
    }

    fn read(&self) -> Result<Patience, ReportError> {
        let broken = |what: &str| ReportError::invalid(format!("of the users' patience: {what}"));
        let anchor = |record: &AnchorRecord| -> Result<Anchor, ReportError> {
            Ok(Anchor {
                after: duration(record.after_ms),
                leave: Ratio::new(record.leave).map_err(|error| broken(&error.to_string()))?,
            })
        };
        let [first, second] = self.anchors.as_slice() else {
            return Err(broken("it has two anchors"));
        };
        // The parameters follow from the anchors.
        let patience = Patience::from_anchors([anchor(first)?, anchor(second)?]).map_err(broken)?;
        Ok(Patience {
            profile: self.profile.clone(),
            ..patience
        })
    }
}

impl ApdexRecord {
    fn of(satisfaction: &Satisfaction) -> Self {
        Self {
            request_ms: milliseconds(satisfaction.request),
            result_ms: milliseconds(satisfaction.result),
            by_step_ms: satisfaction
                .by_step
                .iter()
                .map(|(step, satisfied)| (step.0, milliseconds(*satisfied)))
                .collect(),
        }
    }

    fn read(&self) -> Satisfaction {
        Satisfaction {
            request: duration(self.request_ms),
            result: duration(self.result_ms),
            by_step: self
                .by_step_ms
                .iter()
                .map(|(step, satisfied)| (StepId(*step), duration(*satisfied)))
                .collect(),
        }
    }
}

impl SessionsRecord {
    fn of(tally: &UserTally) -> Self {
        let complaints = &tally.complaints;
        Self {
            begun: tally.sessions,
            reached_end: tally.reached_end,
            left_waiting: tally.left_waiting,
            left_after_error: tally.left_after_error,
            failed: tally.failed,
            unfinished: tally.unfinished,
            retries: tally.retries,
            retries_healed: tally.retries_healed,
            complaints: ComplaintsRecord {
                sessions: complaints.sessions,
                frustrated: complaints.frustrated,
                errors: complaints.errors,
                stale: complaints.stale,
                work: complaints.work,
            },
        }
    }
}

impl RateRecord {
    /// The share of bad events of a kind, or of lost points of rated steps; `None` without events.
    fn of(measurements: &Measurements, kind: SeriesKind) -> Option<Self> {
        let seconds: Vec<Second> = by_second(measurements, kind)
            .into_values()
            .map(|slice| Second {
                events: slice.total as f64,
                bad: match kind {
                    SeriesKind::Apdex => slice.points_lost(),
                    _ => slice.bad as f64,
                },
            })
            .collect();
        let (low, high) = share_range(&seconds)?;
        let events: f64 = seconds.iter().map(|second| second.events).sum();
        let bad: f64 = seconds.iter().map(|second| second.bad).sum();
        Some(Self {
            value: bad / events,
            low,
            high,
            samples: events as u64,
        })
    }

    /// The share of the others.
    fn turned(self) -> Self {
        Self {
            value: 1.0 - self.value,
            low: 1.0 - self.high,
            high: 1.0 - self.low,
            samples: self.samples,
        }
    }
}

impl CompletionRecord {
    fn of(completion: &Completion) -> Self {
        Self {
            sessions: completion.sessions,
            completed: completion.completed,
            unconfirmed: completion.unconfirmed,
            running: completion.running,
            estimate: completion.estimate,
            time_p50_ms: completion.time_p50_ms,
            time_p95_ms: completion.time_p95_ms,
        }
    }

    fn read(&self) -> Completion {
        Completion {
            sessions: self.sessions,
            completed: self.completed,
            unconfirmed: self.unconfirmed,
            running: self.running,
            estimate: self.estimate,
            time_p50_ms: self.time_p50_ms,
            time_p95_ms: self.time_p95_ms,
        }
    }
}

impl UserStepRecord {
    /// `None` for a step at which nobody waited.
    fn of(id: StepId, info: &StepInfo, tally: &UserTally, measurements: &Measurements) -> Option<Self> {
        let waits = measurements.total(SeriesKind::StepWait, Some(id));
        let rated = measurements.total(SeriesKind::Apdex, Some(id));
        if waits.total == 0 && rated.total == 0 {
            return None;
        }
        let StepTally {
            left_waiting,
            left_after_error,
            complained,
        } = tally.by_step.get(&id).copied().unwrap_or_default();
        let stayed = waits.good();
        let quantile = |quantile: f64| {
            let rank = quantile * stayed as f64 / waits.total.max(1) as f64;
            waits.quantile_ms(rank).filter(|ms| ms.is_finite() && stayed > 0)
        };
        Some(Self {
            step: id.0,
            name: info.name.clone(),
            taken: waits.total,
            left_waiting,
            left_after_error,
            complained,
            wait_p50_ms: quantile(0.5),
            wait_p95_ms: quantile(0.95),
            apdex: rated.apdex(),
        })
    }
}
