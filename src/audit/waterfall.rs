//! The way of a submission, hop by hop, over all submissions: where the time goes, and how much of it was injected.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::ledger::Job;
use crate::clock::Moment;
use crate::metrics::{Hop, Slice, SubmissionRecord};

/// The hops, in order. The delay that the mock injects stands apart: it is not the target's doing.
const HOPS: [(&str, bool); 7] = [
    ("intended → sent", false),
    (Hop::ACCEPTED, false),
    (Hop::CALLED, false),
    ("ClassConnect called → webhook sent", true),
    (Hop::ACKNOWLEDGED, false),
    (Hop::RECEIVED, false),
    ("intended → result received, less the injected delay", false),
];

/// Stretches of time that a hop has percentiles for; of a longer run they are several seconds long.
const STRETCHES_MAX: u32 = 360;

/// Collects hops.
#[derive(Debug)]
pub struct Waterfall {
    /// The run's start.
    epoch: Moment,
    hops: Vec<HopTimes>,
}

/// The times of one hop.
#[derive(Debug)]
struct HopTimes {
    all: Histogram<u64>,
    /// By the second in which the submission was due.
    by_second: BTreeMap<u32, Slice>,
}

impl Waterfall {
    /// No submission has been taken in yet, of a run that started at `epoch`.
    #[expect(
        clippy::expect_used,
        reason = "the bounds are constants that HdrHistogram accepts"
    )]
    pub fn new(epoch: Moment) -> Self {
        let empty = || HopTimes {
            all: Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("valid constant bounds"),
            by_second: BTreeMap::new(),
        };
        Self {
            epoch,
            hops: HOPS.iter().map(|_| empty()).collect(),
        }
    }

    /// Takes in one submission with its job and the moment its result was received. Gives the time that the target
    /// itself needed, from the intended submission to the result: all but the injected delay.
    pub fn take(
        &mut self,
        record: &SubmissionRecord,
        job: Option<&Job>,
        received: Option<Moment>,
    ) -> Option<Duration> {
        let moment = Moment::from_nanos;
        let (intended, sent, answered) = (
            moment(record.intended_ns),
            moment(record.sent_ns),
            moment(record.answered_ns),
        );
        let second = u32::try_from(intended.since(self.epoch).as_secs()).unwrap_or(u32::MAX);
        let mut add = |hop: usize, from: Option<Moment>, to: Option<Moment>| {
            if let (Some(from), Some(to)) = (from, to) {
                self.hops[hop].add(second, to.since(from));
            }
        };
        add(0, Some(intended), Some(sent));
        add(1, Some(sent), Some(answered));
        let job = job?;
        add(2, Some(sent), job.accepted);
        add(3, job.accepted, job.first_sent);
        add(4, job.first_sent, job.acknowledged);
        add(5, job.first_sent, received);
        let injected = job.first_sent?.since(job.accepted?);
        let own = received?.since(intended).saturating_sub(injected);
        add(6, Some(intended), Some(intended.plus(own)));
        Some(own)
    }

    /// The hops that were seen.
    pub fn finish(self) -> Vec<Hop> {
        let millis = |micros: u64| micros as f64 / 1e3;
        self.hops
            .iter()
            .zip(HOPS)
            .filter(|(hop, _)| !hop.all.is_empty())
            .map(|(hop, (name, injected))| Hop {
                name: name.to_owned(),
                injected,
                count: hop.all.len(),
                p50_ms: millis(hop.all.value_at_quantile(0.50)),
                p95_ms: millis(hop.all.value_at_quantile(0.95)),
                p99_ms: millis(hop.all.value_at_quantile(0.99)),
                max_ms: millis(hop.all.max()),
                p95_over_time: hop.p95_over_time(),
            })
            .collect()
    }
}

impl HopTimes {
    fn add(&mut self, second: u32, taken: Duration) {
        let taken_us = u32::try_from(taken.as_micros()).unwrap_or(u32::MAX).max(1);
        self.all.saturating_record(u64::from(taken_us));
        let bucket_us = self.all.lowest_equivalent(u64::from(taken_us)) as u32;
        let slice = self.by_second.entry(second).or_default();
        slice.add_value(taken_us, bucket_us, 1, &[]);
    }

    fn p95_over_time(&self) -> Vec<(u32, f64)> {
        let seconds = self
            .by_second
            .keys()
            .next_back()
            .map_or(0, |last| last.saturating_add(1));
        let stretch = seconds.div_ceil(STRETCHES_MAX).max(1);
        let mut stretches: BTreeMap<u32, Slice> = BTreeMap::new();
        for (second, slice) in &self.by_second {
            stretches
                .entry(second / stretch * stretch)
                .or_default()
                .merge(slice);
        }
        stretches
            .iter()
            .filter_map(|(second, slice)| Some((*second, slice.quantile_ms(0.95)?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Acceptance;

    #[test]
    fn the_injected_delay_is_taken_out() {
        let at = |millis: u64| Moment::from_nanos(millis * 1_000_000);
        let record = SubmissionRecord {
            ticket: 0,
            warm_up: false,
            step: "submit".into(),
            kind: "recording-analyses".into(),
            reference: Some("a1".into()),
            read_back: None,
            acceptance: Acceptance::Accepted,
            intended_ns: 0,
            sent_ns: 1_000_000,
            answered_ns: 11_000_000,
        };
        let job = Job {
            accepted: Some(at(20)),
            first_sent: Some(at(1_220)),
            acknowledged: Some(at(1_230)),
            ..Job::default()
        };
        let mut waterfall = Waterfall::new(at(0));
        let own = waterfall.take(&record, Some(&job), Some(at(1_240)));
        assert_eq!(
            own,
            Some(Duration::from_millis(40)),
            "1240 ms less 1200 ms injected"
        );
        let hops = waterfall.finish();
        let injected: Vec<_> = hops
            .iter()
            .filter(|hop| hop.injected)
            .map(|hop| hop.p50_ms.round())
            .collect();
        assert_eq!(injected, [1_200.0]);
        let acknowledged = &hops[4].p95_over_time;
        assert_eq!(acknowledged.len(), 1, "{acknowledged:?}");
        assert!(
            acknowledged[0].0 == 0 && (acknowledged[0].1 - 10.0).abs() < 0.1,
            "{acknowledged:?}"
        );
    }
}
