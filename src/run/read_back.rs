//! The audit's reads: every accepted submission is looked up again, as its own user.
//!
//! The history is streamed from disk and rows are read some at a time, so that a long run is audited in little memory.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;

use crate::audit::{JobKey, Ledger, Reconciler, RowVerdict, Sessions, Waterfall, completion, judge_row};
use crate::clock::{Moment, RunClock};
use crate::metrics::{
    Acceptance, Audit, EventSample, HistoryRecord, Hop, Measurements, ResultChannel, Sample, SeriesKind,
    SubmissionRecord, Users,
};
use crate::plan::{Plan, Step, StepId, Submission};
use crate::target::TargetProbe;

/// Rows read at once.
const READS_AT_ONCE: usize = 16;
/// Submissions looked at together, before the next are read from the history.
const CHUNK: usize = 2_000;
/// How often rows that are not finished yet are read again.
const READ_AGAIN: Duration = Duration::from_millis(250);

/// What the audit looks at.
pub(super) struct ReadBack<'a> {
    /// The requests whose results users wait for, one by one.
    pub(super) awaited: BTreeSet<StepId>,
    pub(super) plan: &'a Plan,
    pub(super) clock: RunClock,
    pub(super) probe: &'a TargetProbe,
    /// `None` when no mock was part of the run.
    pub(super) ledger: Option<&'a Ledger>,
    /// Whether commits are dated by a clock that says nothing to us: then the way of a result is an upper bound of the
    /// realtime latency.
    pub(super) commits_are_unknown: bool,
    /// Until when unfinished rows are read again; what is open then is lost.
    pub(super) deadline: Moment,
}

impl ReadBack<'_> {
    /// Audits the whole history, and fills in what only the join of history and ledger can tell.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub(super) async fn run(
        &self,
        history: &Path,
        measurements: &mut Measurements,
        users: Option<&mut Users>,
    ) -> std::io::Result<(Audit, Vec<Hop>)> {
        let submissions = submissions_of(self.plan);
        let mut reconciler = Reconciler::default();
        let mut waterfall = Waterfall::new(measurements.epoch());
        let mut results: HashMap<JobKey, (ResultChannel, Moment)> = HashMap::new();
        let mut sessions = Sessions::default();
        for record in read_history(history)? {
            match record? {
                HistoryRecord::Result(result) => {
                    let key = JobKey {
                        kind: result.kind,
                        reference: result.reference,
                    };
                    results.insert(key, (result.channel, Moment::from_nanos(result.received_ns)));
                }
                HistoryRecord::Sighting(sighting) => {
                    sessions.violated(sighting.ticket);
                    reconciler.take_sighting(&sighting);
                }
                HistoryRecord::Session(session) => sessions.take(session),
                HistoryRecord::Submission(_) => {}
            }
        }
        let twice: HashSet<JobKey> = self
            .ledger
            .into_iter()
            .flat_map(Ledger::submitted_twice)
            .map(|(key, _)| key.clone())
            .collect();
        let mut chunk = Vec::with_capacity(CHUNK);
        for record in read_history(history)? {
            if let HistoryRecord::Submission(record) = record?
                && record.acceptance == Acceptance::Accepted
            {
                if is_among(&twice, &record) {
                    sessions.violated(record.ticket);
                }
                self.join(&record, &results, &sessions, &mut waterfall, measurements);
                chunk.push(record);
            }
            if chunk.len() >= CHUNK {
                let full = std::mem::take(&mut chunk);
                self.read_chunk(&submissions, full, &mut reconciler, &mut sessions)
                    .await;
            }
        }
        self.read_chunk(&submissions, chunk, &mut reconciler, &mut sessions)
            .await;
        if let Some(users) = users {
            conclude_sessions(sessions, measurements, users);
        }
        let watched = self
            .plan
            .steps
            .iter()
            .any(|step| step.kind == crate::plan::StepKind::Subscribe);
        Ok((reconciler.finish(self.ledger, watched), waterfall.finish()))
    }

    /// One submission's way, and the time that the target itself needed for it.
    fn join(
        &self,
        record: &SubmissionRecord,
        results: &HashMap<JobKey, (ResultChannel, Moment)>,
        sessions: &Sessions,
        waterfall: &mut Waterfall,
        measurements: &mut Measurements,
    ) {
        let Some(reference) = &record.reference else {
            return;
        };
        let key = JobKey {
            kind: record.kind.clone(),
            reference: reference.clone(),
        };
        let job = self.ledger.and_then(|ledger| ledger.jobs_of(&key).next());
        let result = results.get(&key).copied();
        let received = result.map(|(_, received)| received);
        if let (true, Some(sent), Some((ResultChannel::Event, received))) = (
            self.commits_are_unknown,
            job.and_then(|job| job.first_sent),
            result,
        ) {
            measurements.record(&Sample::Event(EventSample {
                kind: SeriesKind::Realtime,
                step: None,
                warm_up: record.warm_up,
                at: sent,
                value_ns: Some(received.signed_nanos_since(sent)),
            }));
        }
        let own = waterfall.take(record, job, received);
        let step = self.plan.steps.iter().position(|step| step.name == record.step);
        let step = step.and_then(|index| u16::try_from(index).ok()).map(StepId);
        // Without the webhook ever sent there is no delay to take out: the result's absence is counted elsewhere. And
        // nobody notices a result that no user waits for.
        let is_awaited = step.is_some_and(|step| self.awaited.contains(&step))
            // Who has left does not wait: that nobody received the result is not the target's doing.
            && (received.is_some() || !sessions.has_left(record.ticket));
        if is_awaited && job.is_some_and(|job| job.first_sent.is_some()) {
            measurements.record(&Sample::Event(EventSample {
                kind: SeriesKind::ServerTime,
                step,
                warm_up: record.warm_up,
                at: Moment::from_nanos(record.intended_ns),
                value_ns: own.map(|own| own.as_nanos() as i64),
            }));
        }
    }

    async fn read_chunk(
        &self,
        submissions: &HashMap<String, &Submission>,
        mut open: Vec<SubmissionRecord>,
        reconciler: &mut Reconciler,
        sessions: &mut Sessions,
    ) {
        loop {
            let last_read = self.clock.now() >= self.deadline;
            let mut verdicts = stream::iter(open)
                .map(async |record: SubmissionRecord| {
                    let verdict = self.read(submissions, &record).await;
                    (record, verdict)
                })
                .buffer_unordered(READS_AT_ONCE);
            let mut still_open = Vec::new();
            while let Some((record, verdict)) = verdicts.next().await {
                let may_change = matches!(verdict, RowVerdict::Open(_) | RowVerdict::Unknown(_));
                if may_change && !last_read {
                    still_open.push(record);
                } else {
                    note(sessions, record.ticket, &verdict);
                    reconciler.take(&record, &verdict);
                }
            }
            drop(verdicts);
            if still_open.is_empty() {
                return;
            }
            open = still_open;
            self.clock.sleep_until(self.clock.now().plus(READ_AGAIN)).await;
        }
    }

    async fn read(
        &self,
        submissions: &HashMap<String, &Submission>,
        record: &SubmissionRecord,
    ) -> RowVerdict {
        let (Some(submission), Some(path), Some(reference)) = (
            submissions.get(&record.step),
            &record.read_back,
            &record.reference,
        ) else {
            return RowVerdict::Unknown("the history does not say where to look".to_owned());
        };
        let state = self.probe.read_row(path, record.ticket).await;
        let key = JobKey {
            kind: record.kind.clone(),
            reference: reference.clone(),
        };
        match self.ledger {
            Some(ledger) => judge_row(submission, &state, ledger.jobs_of(&key)),
            None => judge_row(submission, &state, std::iter::empty()),
        }
    }
}

/// Whether ClassConnect was asked more than once for what was handed in here.
fn is_among(twice: &HashSet<JobKey>, record: &SubmissionRecord) -> bool {
    record.reference.as_ref().is_some_and(|reference| {
        let key = JobKey {
            kind: record.kind.clone(),
            reference: reference.clone(),
        };
        twice.contains(&key)
    })
}

/// What a row says about the session of whoever handed it in.
fn note(sessions: &mut Sessions, ticket: u64, verdict: &RowVerdict) {
    match verdict {
        RowVerdict::Completed => {}
        RowVerdict::Failed | RowVerdict::Unknown(_) => sessions.not_confirmed(ticket),
        RowVerdict::Open(_) | RowVerdict::Missing(_) | RowVerdict::Wrong(_) => sessions.violated(ticket),
    }
}

/// Which sessions were completed, now that all is known; and who has reason to complain about their work.
fn conclude_sessions(sessions: Sessions, measurements: &mut Measurements, users: &mut Users) {
    let sessions = sessions.audited();
    for session in &sessions {
        let record = &session.record;
        let at = Moment::from_nanos(record.ended_ns);
        measurements.record(&Sample::Event(EventSample {
            kind: SeriesKind::Completion,
            step: None,
            warm_up: record.warm_up,
            at,
            value_ns: session.completed.then_some(0),
        }));
        if !session.violated {
            continue;
        }
        if !record.complained {
            let second = measurements.second_of(at);
            measurements.turn_bad(SeriesKind::Complaint, record.warm_up, second);
        }
        if !record.warm_up {
            users.tally.complaints.work += 1;
            users.tally.complaints.sessions += u64::from(!record.complained);
        }
    }
    users.completion = Some(completion(&sessions));
}

/// The requests whose results users wait for. Of several that are sent at once no single one is waited for.
pub(super) fn awaited(plan: &Plan) -> BTreeSet<StepId> {
    fn collect(
        steps: &[Step],
        at_once: bool,
        awaited: &mut BTreeSet<StepId>,
        several: &mut BTreeSet<StepId>,
    ) {
        for step in steps {
            match step {
                Step::Await(wait) => drop(awaited.insert(wait.trigger)),
                Step::Request(request) if at_once => drop(several.insert(request.id)),
                Step::Repeat { steps, .. } => collect(steps, at_once, awaited, several),
                Step::Parallel { steps, .. } => collect(steps, true, awaited, several),
                Step::Request(_) | Step::Subscribe(_) | Step::Think(_) => {}
            }
        }
    }
    let (mut awaited, mut several) = (BTreeSet::new(), BTreeSet::new());
    for journey in &plan.journeys {
        collect(&journey.steps, false, &mut awaited, &mut several);
    }
    &awaited - &several
}

fn read_history(path: &Path) -> std::io::Result<impl Iterator<Item = std::io::Result<HistoryRecord>>> {
    let lines = BufReader::new(std::fs::File::open(path)?).lines();
    Ok(lines.map(|line| serde_json::from_str(&line?).map_err(std::io::Error::from)))
}

/// What each request step hands in, by the step's name.
fn submissions_of(plan: &Plan) -> HashMap<String, &Submission> {
    let mut found = HashMap::new();
    for journey in &plan.journeys {
        collect(plan, &journey.steps, &mut found);
    }
    found
}

fn collect<'a>(plan: &Plan, steps: &'a [Step], found: &mut HashMap<String, &'a Submission>) {
    for step in steps {
        match step {
            Step::Request(request) => {
                if let Some(submission) = &request.submission {
                    found.insert(plan.step_name(request.id).to_owned(), submission);
                }
            }
            Step::Repeat { steps, .. } | Step::Parallel { steps, .. } => collect(plan, steps, found),
            Step::Subscribe(_) | Step::Await(_) | Step::Think(_) => {}
        }
    }
}
