//! All series of a run, per second. Pure data: samples go in, slices come out.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::observation::Observation;
use super::sample::{Outcome, RequestSample, Sample};
use super::slice::Slice;
use crate::clock::Moment;
use crate::plan::{Condition, Criteria, Limit, Metric, StepId};

/// Longest value kept: an hour. Longer ones are cut to it and counted.
const VALUE_US_MAX: u32 = 3_600_000_000;
/// Failures kept as examples per step and outcome.
const EXAMPLES_MAX: usize = 5;

/// What a series holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SeriesKind {
    /// Done − intended of requests; a bad event is a failed, dropped or unfinished request.
    Response,
    /// Done − sent of requests that were sent.
    Service,
    /// Dispatched − intended: the generator's own lateness.
    SchedulingLag,
    /// Time to subscribe: join sent → subscription live. Bad = it failed.
    Subscribe,
    /// Request sent → event with the new status received. Bad = not within 5 s.
    Feedback,
    /// Change committed → event received.
    Realtime,
    /// The commit's record written, before its flush to the database's disk → event received.
    RealtimeWithFlush,
    /// Expected events; bad = not received within 5 s of their cause being committed.
    RealtimeDelivery,
    /// First delivery attempt sent → 2xx; bad = never acknowledged.
    WebhookProcessing,
    /// Delivery attempts; bad = without 2xx.
    WebhookAttempt,
    /// Submission intended → result in the user's hands; bad = not within the deadline.
    Turnaround,
    /// Turnaround less the injected delay.
    ServerTime,
    /// Database query time from the target's own metrics, at its buckets' upper edges; the sum is exact.
    DbQuery,
    /// Sessions of users with patience, by the second in which they ended; bad = not completed, or not confirmed by the
    /// audit, which alone can tell.
    Completion,
    /// The same sessions; bad = the user left.
    Abandonment,
    /// The same sessions; bad = their user would have left had every step taken its T of Apdex: the floor.
    AbandonmentAtTarget,
    /// The same sessions; bad = their user had reason to complain.
    Complaint,
    /// Rated steps. A value of 0 = satisfied, of 1 µs = tolerating, bad = frustrated, so that the sum of the values counts
    /// those who tolerate.
    Apdex,
    /// What users wait for, from the moment they act to what they wait for being there; bad = they left.
    StepWait,
}

impl SeriesKind {
    /// All kinds.
    pub const ALL: [SeriesKind; 19] = [
        SeriesKind::Response,
        SeriesKind::Service,
        SeriesKind::SchedulingLag,
        SeriesKind::Subscribe,
        SeriesKind::Feedback,
        SeriesKind::Realtime,
        SeriesKind::RealtimeWithFlush,
        SeriesKind::RealtimeDelivery,
        SeriesKind::WebhookProcessing,
        SeriesKind::WebhookAttempt,
        SeriesKind::Turnaround,
        SeriesKind::ServerTime,
        SeriesKind::DbQuery,
        SeriesKind::Completion,
        SeriesKind::Abandonment,
        SeriesKind::AbandonmentAtTarget,
        SeriesKind::Complaint,
        SeriesKind::Apdex,
        SeriesKind::StepWait,
    ];

    /// The key in `run.json`.
    pub fn key(self) -> &'static str {
        match self {
            SeriesKind::Response => "response_time",
            SeriesKind::Service => "service_time",
            SeriesKind::SchedulingLag => "scheduling_lag",
            SeriesKind::Subscribe => "subscribe_time",
            SeriesKind::Feedback => "feedback_latency",
            SeriesKind::Realtime => "realtime_latency",
            SeriesKind::RealtimeWithFlush => "realtime_latency_with_flush",
            SeriesKind::RealtimeDelivery => "realtime_delivery",
            SeriesKind::WebhookProcessing => "webhook_processing",
            SeriesKind::WebhookAttempt => "webhook_attempt",
            SeriesKind::Turnaround => "result_turnaround",
            SeriesKind::ServerTime => "server_time",
            SeriesKind::DbQuery => "db_query_time",
            SeriesKind::Completion => "completion",
            SeriesKind::Abandonment => "abandonment",
            SeriesKind::AbandonmentAtTarget => "abandonment_at_target",
            SeriesKind::Complaint => "complaint",
            SeriesKind::Apdex => "apdex",
            SeriesKind::StepWait => "step_wait",
        }
    }

    /// The kind with this key.
    pub fn from_key(key: &str) -> Option<SeriesKind> {
        Self::ALL.into_iter().find(|kind| kind.key() == key)
    }

    /// The series that a metric is computed from; `None` for metrics derived from several.
    pub fn of_metric(metric: Metric) -> Option<SeriesKind> {
        match metric {
            Metric::ResponseTime | Metric::ErrorRate | Metric::Throughput => Some(SeriesKind::Response),
            Metric::Availability => None,
            Metric::FeedbackLatency => Some(SeriesKind::Feedback),
            Metric::RealtimeLatency => Some(SeriesKind::Realtime),
            Metric::RealtimeFailures => Some(SeriesKind::RealtimeDelivery),
            Metric::WebhookProcessing | Metric::WebhookSuccess => Some(SeriesKind::WebhookProcessing),
            Metric::WebhookFailures => Some(SeriesKind::WebhookAttempt),
            Metric::ResultTurnaround => Some(SeriesKind::Turnaround),
            Metric::ServerTime => Some(SeriesKind::ServerTime),
            Metric::DbQueryTime => Some(SeriesKind::DbQuery),
            Metric::CompletionRate => Some(SeriesKind::Completion),
            Metric::AbandonmentRate => Some(SeriesKind::Abandonment),
            Metric::ComplaintRate => Some(SeriesKind::Complaint),
            Metric::Apdex => Some(SeriesKind::Apdex),
        }
    }

    /// Whether its values are times, and not mere counts of good events.
    pub fn is_time(self) -> bool {
        !matches!(
            self,
            SeriesKind::Completion
                | SeriesKind::Abandonment
                | SeriesKind::AbandonmentAtTarget
                | SeriesKind::Complaint
                | SeriesKind::Apdex
        )
    }
}

/// Names one series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesKey {
    pub kind: SeriesKind,
    pub step: Option<StepId>,
}

/// The slices of one series by second of the run; warm-up apart, because it is shown and not judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Series {
    pub warm_up: BTreeMap<u32, Slice>,
    pub measured: BTreeMap<u32, Slice>,
}

/// The values (µs) at which each kind of series counts exactly: every limit of the criteria, and the plan's bands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Thresholds(BTreeMap<SeriesKind, Vec<u32>>);

impl Thresholds {
    /// The bounds of the response-time bands of the report: ≤ 50, 50–150, 150–200, 200–500, > 500 ms.
    pub const BANDS_US: [u32; 4] = [50_000, 150_000, 200_000, 500_000];

    /// Collects the limits that `criteria` names.
    pub fn of(criteria: &Criteria) -> Self {
        let mut thresholds = BTreeMap::from([(SeriesKind::Response, Self::BANDS_US.to_vec())]);
        let windows = criteria
            .alerts
            .iter()
            .chain(criteria.rollback.as_ref().map(|rollback| &rollback.policy));
        let conditions = criteria
            .targets
            .iter()
            // The limit of a burn rate is that of its target.
            .chain(windows.flat_map(|policy| &policy.conditions));
        for Condition { metric, limit, .. } in conditions {
            if let (Some(kind), Limit::Time(duration)) = (SeriesKind::of_metric(*metric), limit) {
                let limit_us = u32::try_from(duration.as_micros()).unwrap_or(VALUE_US_MAX);
                let list: &mut Vec<u32> = thresholds.entry(kind).or_default();
                if !list.contains(&limit_us) {
                    list.push(limit_us);
                }
            }
        }
        Self(thresholds)
    }

    /// Thresholds as they were stored with a run.
    pub fn from_stored(thresholds: BTreeMap<SeriesKind, Vec<u32>>) -> Self {
        Self(thresholds)
    }

    /// The thresholds of one kind, in the order of [`Slice::above`].
    pub fn of_kind(&self, kind: SeriesKind) -> &[u32] {
        self.0.get(&kind).map_or(&[], Vec::as_slice)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (SeriesKind, &[u32])> {
        self.0.iter().map(|(kind, list)| (*kind, list.as_slice()))
    }
}

/// How often a step ended in one way, with some tickets to look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorTally {
    pub count: u64,
    /// The first tickets that ended so.
    pub example_tickets: Vec<u64>,
}

/// Everything that was measured.
#[derive(Debug, Clone)]
pub struct Measurements {
    /// The run's start: seconds are counted from here.
    epoch: Moment,
    pub thresholds: Thresholds,
    pub series: BTreeMap<SeriesKey, Series>,
    /// Failed requests by step and outcome, whole run.
    pub errors: BTreeMap<(StepId, Outcome), ErrorTally>,
    /// Values beyond an hour, cut to it.
    pub clamped: u64,
    /// Values below zero (clocks that crossed), taken as zero.
    pub negative: u64,
    /// Knows the buckets; holds no samples itself.
    buckets: Histogram<u64>,
}

impl Measurements {
    /// Empty measurements of a run that starts at `epoch`.
    #[expect(
        clippy::expect_used,
        reason = "the bounds are constants that HdrHistogram accepts"
    )]
    pub fn new(epoch: Moment, thresholds: Thresholds) -> Self {
        Self {
            epoch,
            thresholds,
            series: BTreeMap::new(),
            errors: BTreeMap::new(),
            clamped: 0,
            negative: 0,
            buckets: Histogram::new_with_bounds(1, u64::from(VALUE_US_MAX), 3)
                .expect("valid constant bounds"),
        }
    }

    /// The run's start.
    pub fn epoch(&self) -> Moment {
        self.epoch
    }

    /// The second of the run that a moment belongs to; moments before the start belong to second 0.
    pub fn second_of(&self, moment: Moment) -> u32 {
        u32::try_from(moment.since(self.epoch).as_secs()).unwrap_or(u32::MAX)
    }

    /// Takes in one sample.
    pub fn record(&mut self, sample: &Sample) {
        self.record_all(std::slice::from_ref(sample));
    }

    /// Takes in a batch. Sorted first, a batch visits each second of each series once, and each bucket once.
    pub fn record_all(&mut self, samples: &[Sample]) {
        let mut observations = Vec::with_capacity(samples.len() * 2);
        for sample in samples {
            match sample {
                Sample::Request(request) => self.observe_request(request, &mut observations),
                Sample::Event(event) => {
                    let key = SeriesKey {
                        kind: event.kind,
                        step: event.step,
                    };
                    let second = self.second_of(event.at);
                    let value_us = event.value_ns.map(|value_ns| self.in_range(value_ns, 1));
                    observations.push(Observation::new(key, event.warm_up, second, value_us));
                }
            }
        }
        observations.sort_unstable();
        for group in observations.chunk_by(|left, right| left.place() == right.place()) {
            let (key, warm_up, second) = group[0].parts();
            let slice = slice_at(&mut self.series, key, warm_up, second);
            let good = group.partition_point(|observation| observation.value_us().is_some());
            slice.add_bad((group.len() - good) as u64);
            let values = group[..good]
                .iter()
                .filter_map(|observation| observation.value_us());
            slice.add_ascending(values, &self.buckets, self.thresholds.of_kind(key.kind));
        }
    }

    fn observe_request(&mut self, request: &RequestSample, observations: &mut Vec<Observation>) {
        let second = self.second_of(request.intended);
        let is_ok = request.outcome.is_ok();
        let mut observe = |kind, from: Moment| {
            let key = SeriesKey {
                kind,
                step: Some(request.step),
            };
            let value_us = is_ok.then(|| self.in_range(request.done.signed_nanos_since(from), 1));
            observations.push(Observation::new(key, request.warm_up, second, value_us));
        };
        observe(SeriesKind::Response, request.intended);
        // What was never sent has no service time.
        if !matches!(
            request.outcome,
            Outcome::Dropped | Outcome::Connect | Outcome::Generator
        ) {
            observe(SeriesKind::Service, request.sent);
        }
        if !is_ok {
            self.tally_error(request);
        }
    }

    fn tally_error(&mut self, request: &RequestSample) {
        let tally = self.errors.entry((request.step, request.outcome)).or_default();
        tally.count += 1;
        if tally.example_tickets.len() < EXAMPLES_MAX {
            tally.example_tickets.push(request.ticket);
        }
    }

    /// Adds `count` equal events, as the target's own histograms deliver them.
    pub fn add_many(
        &mut self,
        kind: SeriesKind,
        step: Option<StepId>,
        warm_up: bool,
        second: u32,
        value_ns: Option<i64>,
        count: u64,
    ) {
        let value_us = value_ns.map(|value_ns| self.in_range(value_ns, count));
        let slice = slice_at(&mut self.series, SeriesKey { kind, step }, warm_up, second);
        match value_us {
            None => slice.add_bad(count),
            Some(value_us) => {
                let bucket_us = self.buckets.lowest_equivalent(u64::from(value_us)) as u32;
                slice.add_value(value_us, bucket_us, count, self.thresholds.of_kind(kind));
            }
        }
    }

    /// Turns one good event of value zero into a bad one, when that came out only later. Nothing happens when there is
    /// none.
    pub fn turn_bad(&mut self, kind: SeriesKind, warm_up: bool, second: u32) {
        let key = SeriesKey { kind, step: None };
        slice_at(&mut self.series, key, warm_up, second).turn_bad(0);
    }

    /// Adds events of which a foreign histogram tells between which edges they lie, and the sum of all their values:
    /// quantiles are then those of the upper edges, in microseconds, but the mean is exact. Events of the open bucket
    /// (`None`) are bad ones. A sum of zero is too small to be counted; without a sum there is no mean.
    pub fn add_bucketed(
        &mut self,
        kind: SeriesKind,
        warm_up: bool,
        second: u32,
        buckets: &[(Option<u64>, u64)],
        sum_us: Option<u64>,
    ) {
        let key = SeriesKey { kind, step: None };
        let before = slice_at(&mut self.series, key, warm_up, second).sum_us;
        for (edge_us, count) in buckets {
            let value_ns = edge_us.map(|edge| i64::try_from(edge.saturating_mul(1_000)).unwrap_or(i64::MAX));
            self.add_many(kind, None, warm_up, second, value_ns, *count);
        }
        // Where the sum is too small to be counted, the edges are the better estimate.
        if sum_us != Some(0) {
            let sum_us = sum_us.unwrap_or(Slice::SUM_UNKNOWN);
            slice_at(&mut self.series, key, warm_up, second).sum_us = before.saturating_add(sum_us);
        }
    }

    /// A value in microseconds, cut to what is kept; what is cut is counted.
    fn in_range(&mut self, value_ns: i64, count: u64) -> u32 {
        if value_ns < 0 {
            self.negative += count;
        }
        u32::try_from(value_ns.max(0) / 1_000)
            .ok()
            .filter(|value| *value <= VALUE_US_MAX)
            .unwrap_or_else(|| {
                self.clamped += count;
                VALUE_US_MAX
            })
    }

    /// The measured part of one series (`step`) or of all steps of a kind (`None`), seconds `from..to`.
    pub fn sum(&self, kind: SeriesKind, step: Option<StepId>, seconds: std::ops::Range<u32>) -> Slice {
        let mut sum = Slice::default();
        for (key, series) in &self.series {
            if key.kind == kind && (step.is_none() || key.step == step) {
                for slice in series.measured.range(seconds.clone()).map(|(_, slice)| slice) {
                    sum.merge(slice);
                }
            }
        }
        sum
    }

    /// The warm-up part of all steps of a kind, seconds `from..to`: shown while the run goes on, never judged.
    pub fn sum_warm_up(&self, kind: SeriesKind, seconds: std::ops::Range<u32>) -> Slice {
        let mut sum = Slice::default();
        for series in self
            .series
            .iter()
            .filter(|(key, _)| key.kind == kind)
            .map(|(_, series)| series)
        {
            for slice in series.warm_up.range(seconds.clone()).map(|(_, slice)| slice) {
                sum.merge(slice);
            }
        }
        sum
    }

    /// The whole measured part of a kind, over all steps or for one.
    pub fn total(&self, kind: SeriesKind, step: Option<StepId>) -> Slice {
        self.sum(kind, step, 0..u32::MAX)
    }

    /// The steps for which a kind has samples, measured or warm-up.
    pub fn steps_of(&self, kind: SeriesKind) -> impl Iterator<Item = StepId> + '_ {
        self.series
            .keys()
            .filter(move |key| key.kind == kind)
            .filter_map(|key| key.step)
    }
}

/// The slice of one second of one series, made when it is the first of its kind.
fn slice_at(
    series: &mut BTreeMap<SeriesKey, Series>,
    key: SeriesKey,
    warm_up: bool,
    second: u32,
) -> &mut Slice {
    let series = series.entry(key).or_default();
    let slices = if warm_up {
        &mut series.warm_up
    } else {
        &mut series.measured
    };
    slices.entry(second).or_default()
}

#[cfg(test)]
mod tests;
