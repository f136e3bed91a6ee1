//! Everything that comes in during a run, put together: samples, history, ledger, counters.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::figures::Figures;
use super::host_watch::HostWatch;
use super::limits::SocketLimits;
use super::observe::Observation;
use super::tally::WorkerTally;
use super::workers::{WorkerEnd, WorkerMessage};
use crate::audit::{Compared, Ledger, LedgerNews};
use crate::clock::{Moment, RunClock};
use crate::metrics::{
    Batch, Calibration, ClockOffset, EventSample, GeneratorHealth, Iterations, Measurements, MockHealth,
    Sample, SeriesKind, Thresholds, UnderWay, Users,
};
use crate::plan::Plan;
use crate::target::MockControl;

/// Collects what the run learns. It lives on the main thread; nothing here waits.
#[derive(Debug)]
pub(super) struct Collector {
    pub(super) measurements: Measurements,
    pub(super) iterations: Iterations,
    pub(super) ledger: Ledger,
    /// Users with patience; `None` when the plan has none.
    pub(super) users: Option<Users>,
    /// First sends that the mock has planned, by second of the run.
    webhooks_due: BTreeMap<u32, u64>,
    /// Users at their journey at the end of each second.
    users_by_second: Vec<u64>,
    health: GeneratorHealth,
    workers: Vec<WorkerTally>,
    pub(super) host: HostWatch,
    /// Workers that could not drive any load, and why.
    pub(super) failures: Vec<String>,
    has_mock: bool,
    /// Who is shown the figures while the run goes on.
    pub(super) figures: Arc<Figures>,
    clock: RunClock,
    warm_up_ends: Moment,
    history: BufWriter<std::fs::File>,
    pub(super) history_path: PathBuf,
    /// The first error of writing the history.
    history_error: Option<std::io::Error>,
}

impl Collector {
    /// A collector that writes the history to `history_path`.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub(super) fn new(
        plan: &Plan,
        clock: RunClock,
        epoch: Moment,
        has_mock: bool,
        host: HostWatch,
        history_path: PathBuf,
    ) -> std::io::Result<Self> {
        let history = BufWriter::new(std::fs::File::create(&history_path)?);
        Ok(Self {
            measurements: Measurements::new(epoch, Thresholds::of(&plan.criteria)),
            iterations: Iterations::default(),
            ledger: Ledger::new(Compared::of(plan)),
            users: plan.users.clone().map(Users::new),
            webhooks_due: BTreeMap::new(),
            users_by_second: Vec::new(),
            health: GeneratorHealth {
                vus_max: plan.load.partition.share(plan.load.max_vus),
                ..GeneratorHealth::default()
            },
            workers: (0..plan.load.workers).map(WorkerTally::new).collect(),
            host,
            failures: Vec::new(),
            has_mock,
            figures: Arc::default(),
            clock,
            warm_up_ends: epoch.plus(plan.load.warm_up),
            history,
            history_path,
            history_error: None,
        })
    }

    /// How many descriptors and local ports the generator may use.
    pub(super) fn take_limits(&mut self, limits: SocketLimits) {
        self.health.descriptors_max = Some(limits.descriptors);
        self.health.ports_max = limits.ports;
    }

    /// How fast the generator is by itself.
    pub(super) fn take_calibration(&mut self, calibration: Option<Calibration>) {
        self.health.calibration = calibration;
    }

    /// How well the target's clock was known.
    pub(super) fn take_clock_offset(&mut self, offset: Option<ClockOffset>) {
        self.health.clock_offset = offset;
    }

    /// How many descriptors are in use now.
    pub(super) fn take_descriptors(&mut self, open: Option<u64>) {
        self.health.descriptors_peak = self.health.descriptors_peak.max(open);
    }

    pub(super) fn take_message(&mut self, message: WorkerMessage) {
        match message {
            WorkerMessage::Batch { worker, batch } => {
                if let Some(tally) = self.workers.get_mut(usize::from(worker)) {
                    tally.take_batch(&batch);
                }
                self.take_batch(&batch);
            }
            WorkerMessage::Ended(end) => self.take_end(end),
        }
    }

    fn take_batch(&mut self, batch: &Batch) {
        self.measurements.record_all(&batch.samples);
        self.iterations.add(&batch.iterations);
        self.figures.take_batch(batch);
        if let Some(users) = &mut self.users {
            users.tally.add(&batch.users);
        }
        self.health.polls += batch.counters.polls;
        self.health.initial_reads += batch.counters.initial_reads;
        self.health.events_discarded += batch.counters.events_discarded;
        self.health.sockets_lost += batch.counters.sockets_lost;
        self.health.channels_rejoined += batch.counters.channels_rejoined;
        self.health.events_without_commit += batch.counters.events_without_commit;
        self.health.frames_malformed += batch.counters.frames_malformed;
        for record in &batch.history {
            let written = serde_json::to_writer(&mut self.history, record)
                .map_err(std::io::Error::from)
                .and_then(|()| self.history.write_all(b"\n"));
            if let Err(error) = written {
                self.history_error.get_or_insert(error);
            }
        }
    }

    fn take_end(&mut self, end: WorkerEnd) {
        self.health.vus_peak += end.vus_peak;
        self.health.queue_waits += end.health.queue_waits;
        if let Some(tally) = self.workers.get_mut(usize::from(end.health.index)) {
            tally.end(end.health);
        }
        self.failures.extend(end.failure);
    }

    /// How the generator did so far, besides what never began.
    pub(super) fn generator(&self) -> GeneratorHealth {
        GeneratorHealth {
            workers: self.workers.iter().map(WorkerTally::health).collect(),
            process: Some(self.host.process()),
            host_stalls: Some(self.host.stalls()),
            host_use: Some(self.host.host()),
            ..self.health.clone()
        }
    }

    /// Makes the history complete on disk.
    ///
    /// # Errors
    /// When any of it could not be written, now or before: the audit would lack evidence.
    pub(super) fn finish_history(&mut self) -> std::io::Result<()> {
        let flushed = self.history.flush();
        self.history_error.take().map_or(flushed, Err)
    }

    pub(super) fn take_observation(&mut self, observation: Observation) {
        match observation {
            Observation::Ledger(records) => self.take_ledger(&records),
            Observation::Queries(queries) => {
                let now = self.clock.now();
                let (second, warm_up) = (self.measurements.second_of(now), now < self.warm_up_ends);
                self.measurements.add_bucketed(
                    SeriesKind::DbQuery,
                    warm_up,
                    second,
                    &queries.buckets,
                    queries.sum_us,
                );
            }
            Observation::LedgerUnreadable(reason) => {
                tracing::warn!(reason, "the mock's ledger could not be read")
            }
        }
    }

    pub(super) fn take_ledger(&mut self, records: &[Value]) {
        for record in records {
            for news in self.ledger.absorb(record) {
                self.take_news(news);
            }
        }
    }

    /// Fetches what the ledger still holds when the mock has made its last delivery.
    pub(super) async fn take_rest_of_ledger(&mut self, mock: &MockControl) {
        loop {
            match mock.ledger_after(self.ledger.last_seq()).await {
                Ok(page) => {
                    self.take_ledger(&page.records);
                    if !page.has_more {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the end of the mock's ledger could not be read");
                    self.ledger.note_missing(1);
                    return;
                }
            }
        }
    }

    fn take_news(&mut self, news: LedgerNews) {
        match news {
            LedgerNews::Due { at } => {
                *self
                    .webhooks_due
                    .entry(self.measurements.second_of(at))
                    .or_default() += 1;
            }
            LedgerNews::Attempt { at, acknowledged } => {
                self.webhook(SeriesKind::WebhookAttempt, at, acknowledged.then_some(0));
            }
            LedgerNews::Acknowledged { at, first_sent } => {
                let taken_ns = at.signed_nanos_since(first_sent);
                self.webhook(SeriesKind::WebhookProcessing, first_sent, Some(taken_ns));
            }
            LedgerNews::Exhausted { at } => {
                self.webhook(SeriesKind::WebhookProcessing, at, None);
            }
        }
    }

    fn webhook(&mut self, kind: SeriesKind, at: Moment, value_ns: Option<i64>) {
        let warm_up = at < self.warm_up_ends;
        let event = EventSample {
            kind,
            step: None,
            warm_up,
            at,
            value_ns,
        };
        self.figures.take_event(&event);
        self.measurements.record(&Sample::Event(event));
    }

    /// One more second has passed.
    pub(super) fn take_second(&mut self) {
        self.users_by_second.push(self.iterations.under_way());
    }

    /// What was under way at the end of each second, of a run that has been drained after so many seconds.
    /// Checkpoints have it as well: they are what is shown while the run goes on, and what is left of one that was killed.
    pub(super) fn under_way(&self, seconds: u32) -> UnderWay {
        let epoch = self.measurements.epoch();
        UnderWay {
            users: self.users_by_second.clone(),
            pending: match self.has_mock {
                true => self.ledger.pending(epoch, seconds),
                false => Vec::new(),
            },
        }
    }

    /// Webhooks that the mock meant to send for the first time in these seconds.
    pub(super) fn webhooks_due(&self, seconds: Range<u32>) -> u64 {
        self.webhooks_due.range(seconds).map(|(_, count)| count).sum()
    }

    /// After the drain: webhooks whose retries are not finished were due and did not make it.
    pub(super) fn close_ledger(&mut self) {
        let open: Vec<Moment> = self
            .ledger
            .unacknowledged()
            .filter_map(|job| job.first_sent.or(job.accepted))
            .collect();
        for at in open {
            self.webhook(SeriesKind::WebhookProcessing, at, None);
        }
    }

    /// Jobs whose webhook was not acknowledged yet; `None` without a mock.
    pub(super) fn results_pending(&self) -> Option<u64> {
        self.has_mock.then(|| self.ledger.open())
    }

    pub(super) fn mock_health(&self) -> Option<MockHealth> {
        self.has_mock.then(|| MockHealth {
            lateness_p50_ms: self.ledger.lateness_ms(0.50),
            lateness_p99_ms: self.ledger.lateness_ms(0.99),
            accepted: self.ledger.accepted(),
            dropped_on_purpose: self.ledger.dropped(),
            ledger_records_missing: self.ledger.missing(),
        })
    }
}
