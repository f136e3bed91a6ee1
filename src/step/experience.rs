//! What a user with patience goes through in one session: how long they wait at each step, how content that leaves
//! them, whether they try again after an error, and when they leave.
//!
//! A *user-visible step* begins with a request, or with an `await` when the user turns to a result only later, and ends
//! with the result, or at the next pause, repetition, or the end; what is done at once (`parallel`) is one step. For
//! each, the user has a patience of their own, drawn from (seed, ticket, number of the step): with the same seed the
//! same users come to whichever target is tested.
//!
//! A user who leaves takes nothing back. The call that is under way is followed to its end as if they had stayed, so that
//! the figures remain those of the target and not of those who endured it; but nothing further is sent, and the load
//! drops by what the rest of the journey would have been.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::StepFailure;
use super::context::Context;
use crate::chance::Purpose;
use crate::clock::Moment;
use crate::metrics::{
    EventSample, HistoryRecord, Outcome, Sample, SeriesKind, SessionEnd, SessionRecord, StepTally, UserTally,
};
use crate::plan::{Rating, StepId, Users};

/// Frustrated steps of one session that give reason to complain.
const FRUSTRATED_STEPS_MAX: u32 = 2;

/// The experience of one session. Courses at once (`parallel`) share it; it is never borrowed across an await.
pub(crate) type SharedExperience = Rc<RefCell<Experience>>;

/// What one user has been through.
#[derive(Debug)]
pub(crate) struct Experience {
    context: Rc<Context>,
    ticket: u64,
    warm_up: bool,
    /// Position of the journey in the plan.
    journey: usize,
    began: Moment,
    /// When the steps were over.
    ended: Option<Moment>,
    open: Option<VisibleStep>,
    /// Steps begun so far: the n of their draws.
    begun: u64,
    /// The step begun last.
    latest: Option<StepId>,
    /// How many `parallel`s are around the step.
    at_once: u32,
    frustrated: u32,
    /// Errors that were shown and not healed.
    errors: u32,
    /// Events that came later than they may, or never.
    stale: u32,
    departure: Option<SessionEnd>,
}

/// A user-visible step that is under way.
#[derive(Debug, Clone, Copy)]
struct VisibleStep {
    /// The step that it began with.
    step: StepId,
    begun: Moment,
    /// When the user's patience ends.
    leaves_at: Moment,
    /// The end of the last call of it that is over.
    waited_until: Moment,
}

impl Experience {
    /// A user arrives, to take a journey by its place in the plan.
    pub(crate) fn begin(
        context: &Rc<Context>,
        ticket: u64,
        journey: usize,
        began: Moment,
    ) -> SharedExperience {
        Rc::new(RefCell::new(Self {
            ticket,
            warm_up: context.is_warm_up(began),
            journey,
            began,
            ended: None,
            open: None,
            begun: 0,
            latest: None,
            at_once: 0,
            frustrated: 0,
            errors: 0,
            stale: 0,
            departure: None,
            context: Rc::clone(context),
        }))
    }

    /// The user acts, or turns to a result; within a step that is under way already, they go on waiting.
    pub(super) fn turn_to(&mut self, step: StepId, at: Moment) {
        if self.open.is_some() {
            return;
        }
        let patience = self.patience(self.begun);
        self.begun += 1;
        self.latest = Some(step);
        self.open = Some(VisibleStep {
            step,
            begun: at,
            leaves_at: at.plus(patience),
            waited_until: at,
        });
    }

    /// How long the user waits at the n-th step.
    fn patience(&self, n: u64) -> Duration {
        self.context.plan.users.as_ref().map_or(Duration::MAX, |users| {
            users
                .patience
                .draw(self.context.chance.uniform(self.ticket, Purpose::Patience, n))
        })
    }

    /// Whether the user tries once more after a request that ended so. `course` tells draws of courses at once apart.
    pub(super) fn tries_again(&self, step: StepId, outcome: Outcome, course: u32) -> bool {
        let Some(users) = &self.context.plan.users else {
            return false;
        };
        // Of its own trouble the generator tells nobody.
        if outcome.is_ok() || outcome == Outcome::Generator || self.has_left(self.context.clock.now()) {
            return false;
        }
        let n = self.begun << 32 | u64::from(course) << 16 | u64::from(step.0);
        let again = self.context.chance.uniform(self.ticket, Purpose::Retry, n) <= users.retry.get();
        if again {
            self.tally(|tally| tally.retries += 1);
        }
        again
    }

    /// A request has ended for good: the user goes on, or leaves.
    ///
    /// # Errors
    /// When the session is over.
    pub(super) fn request_is_over(
        &mut self,
        step: StepId,
        since: Moment,
        outcome: Outcome,
        tried_again: bool,
    ) -> Result<(), StepFailure> {
        if outcome == Outcome::Generator {
            // The user never got to wait for the target.
            self.open = None;
            return Err(StepFailure::Failed);
        }
        let now = self.context.clock.now();
        let satisfied = self.users().map(|users| users.satisfaction.of_request(step));
        if outcome.is_ok() {
            if tried_again {
                self.tally(|tally| tally.retries_healed += 1);
            }
            // Whoever has seen an error is not content because it went away.
            let waited = (!tried_again).then(|| now.since(since));
            return self.go_on(step, since, now, waited, satisfied);
        }
        self.rate(step, since, Rating::Frustrated);
        if !self.has_left(now) && tried_again {
            self.errors += 1;
        }
        self.leave(now, SessionEnd::LeftAfterError)
    }

    /// A result was there at a moment, or did not come within its deadline.
    ///
    /// # Errors
    /// When the session is over.
    pub(super) fn result_is_over(
        &mut self,
        step: StepId,
        received: Option<Moment>,
    ) -> Result<(), StepFailure> {
        let now = self.context.clock.now();
        let since = self.open.map_or(now, |open| open.begun);
        let outcome = match received {
            Some(at) => {
                let satisfied = self.users().map(|users| users.satisfaction.of_result(step));
                self.go_on(step, since, at, Some(at.since(since)), satisfied)
            }
            None => {
                self.rate(step, since, Rating::Frustrated);
                // There is nothing that the user could try again.
                if !self.has_left(now) {
                    self.errors += 1;
                }
                self.leave(now, SessionEnd::LeftAfterError)
            }
        };
        self.pause();
        outcome
    }

    /// What was waited for is there: the user goes on, if they are still there. `waited` is `None` when they have seen an
    /// error meanwhile.
    fn go_on(
        &mut self,
        step: StepId,
        since: Moment,
        at: Moment,
        waited: Option<Duration>,
        satisfied: Option<Duration>,
    ) -> Result<(), StepFailure> {
        if self.has_left(at) {
            self.rate(step, since, Rating::Frustrated);
            return self.leave(at, SessionEnd::LeftWaiting);
        }
        if let Some(open) = &mut self.open {
            open.waited_until = open.waited_until.max(at);
        }
        let rating = match waited.zip(satisfied) {
            Some((waited, satisfied)) => Rating::of(waited, satisfied),
            None => Rating::Frustrated,
        };
        self.rate(step, since, rating);
        Ok(())
    }

    /// The user is gone: before the error was there, when their patience had ended.
    fn leave(&mut self, at: Moment, reason: SessionEnd) -> Result<(), StepFailure> {
        let reason = if self.has_left(at) {
            SessionEnd::LeftWaiting
        } else {
            reason
        };
        self.departure.get_or_insert(reason);
        Err(StepFailure::Left)
    }

    /// Whether the patience with the step under way had ended by a moment.
    fn has_left(&self, at: Moment) -> bool {
        self.open.is_some_and(|open| at > open.leaves_at)
    }

    /// The user pauses, or begins anew: what they waited for is there.
    pub(super) fn pause(&mut self) {
        if self.at_once > 0 {
            return;
        }
        if let Some(open) = self.open.take() {
            let stayed = self.departure.is_none();
            let waited = stayed.then(|| open.waited_until.signed_nanos_since(open.begun));
            self.event(SeriesKind::StepWait, Some(open.step), open.begun, waited);
        }
    }

    /// Several things are done at once from here on: one step of the user's.
    pub(super) fn begin_at_once(&mut self) {
        self.at_once += 1;
    }

    /// All that was done at once has ended.
    pub(super) fn end_at_once(&mut self) {
        self.at_once = self.at_once.saturating_sub(1);
    }

    /// The steps are over, whether the journey is or not.
    pub(crate) fn steps_are_over(&mut self) {
        self.at_once = 0;
        self.pause();
        self.ended = Some(self.context.clock.now());
    }

    /// So many events came too late, or never.
    pub(super) fn add_stale(&mut self, events: u32) {
        self.stale += events;
    }

    /// The session is over, in the way that the iteration was; a user who had left before is gone. Says how it ended.
    pub(crate) fn conclude(&mut self, end: SessionEnd) -> SessionEnd {
        let now = self.context.clock.now();
        if end == SessionEnd::Unfinished && self.has_left(now) {
            self.departure.get_or_insert(SessionEnd::LeftWaiting);
        }
        let end = self.departure.unwrap_or(end);
        let at_step = self.open.map(|open| open.step).or(self.latest);
        if self.open.is_some() && end.is_left() {
            self.at_once = 0;
            self.pause();
        }
        let ended = self.ended.unwrap_or(now);
        let complained = self.complains();
        let session = |is_bad: bool| (!is_bad).then_some(0);
        self.event(SeriesKind::Abandonment, None, ended, session(end.is_left()));
        let at_target = session(self.would_leave_at_target());
        self.event(SeriesKind::AbandonmentAtTarget, None, ended, at_target);
        self.event(SeriesKind::Complaint, None, ended, session(complained));
        self.tally(|tally| self.count(tally, end, at_step));
        let left_at = at_step.filter(|_| end.is_left());
        let record = SessionRecord {
            ticket: self.ticket,
            warm_up: self.warm_up,
            began_ns: self.began.as_nanos(),
            ended_ns: ended.as_nanos(),
            end,
            left_at: left_at.map(|step| self.context.plan.step_name(step).to_owned()),
            complained,
        };
        self.context.recorder.history(HistoryRecord::Session(record));
        end
    }

    fn count(&self, tally: &mut UserTally, end: SessionEnd, at_step: Option<StepId>) {
        tally.sessions += 1;
        let counter = match end {
            SessionEnd::Reached => &mut tally.reached_end,
            SessionEnd::LeftWaiting => &mut tally.left_waiting,
            SessionEnd::LeftAfterError => &mut tally.left_after_error,
            SessionEnd::Failed => &mut tally.failed,
            SessionEnd::Unfinished => &mut tally.unfinished,
        };
        *counter += 1;
        let is_frustrated = self.frustrated >= FRUSTRATED_STEPS_MAX;
        let complaints = &mut tally.complaints;
        complaints.sessions += u64::from(self.complains());
        complaints.frustrated += u64::from(is_frustrated);
        complaints.errors += u64::from(self.errors > 0);
        complaints.stale += u64::from(self.stale > 0);
        if let Some(step) = at_step {
            let StepTally {
                left_waiting,
                left_after_error,
                complained,
            } = tally.by_step.entry(step).or_default();
            *left_waiting += u64::from(end == SessionEnd::LeftWaiting);
            *left_after_error += u64::from(end == SessionEnd::LeftAfterError);
            *complained += u64::from(self.complains());
        }
    }

    /// Whether the user has reason to complain, as far as they can see.
    fn complains(&self) -> bool {
        self.frustrated >= FRUSTRATED_STEPS_MAX || self.errors > 0 || self.stale > 0
    }

    /// Whether the same user would have left had every step of their journey taken its T, and nothing failed.
    fn would_leave_at_target(&self) -> bool {
        let waits = self.context.waits_at_target.get(self.journey);
        (0..)
            .zip(waits.into_iter().flatten())
            .any(|(n, wait)| *wait > self.patience(n))
    }

    fn rate(&mut self, step: StepId, since: Moment, rating: Rating) {
        let points_lost = match rating {
            Rating::Satisfied => Some(0),
            // One microsecond: see `SeriesKind::Apdex`.
            Rating::Tolerating => Some(1_000),
            Rating::Frustrated => None,
        };
        self.frustrated += u32::from(rating == Rating::Frustrated);
        self.event(SeriesKind::Apdex, Some(step), since, points_lost);
    }

    fn users(&self) -> Option<&Users> {
        self.context.plan.users.as_ref()
    }

    fn event(&self, kind: SeriesKind, step: Option<StepId>, at: Moment, value_ns: Option<i64>) {
        self.context.recorder.sample(Sample::Event(EventSample {
            kind,
            step,
            warm_up: self.warm_up,
            at,
            value_ns,
        }));
    }

    /// Counts, unless the session belongs to the warm-up.
    fn tally(&self, change: impl FnOnce(&mut UserTally)) {
        if !self.warm_up {
            self.context.recorder.users(change);
        }
    }
}
