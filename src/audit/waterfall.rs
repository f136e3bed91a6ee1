//! The way of a submission, hop by hop, over all submissions: where the time goes, and how much of it was injected.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::ledger::Job;
use crate::clock::Moment;
use crate::metrics::{Hop, SubmissionRecord};

/// The hops, in order. The delay that the mock injects stands apart: it is not the target's doing.
const HOPS: [(&str, bool); 7] = [
    ("intended → sent", false),
    ("sent → accepted (202)", false),
    ("sent → ClassConnect called", false),
    ("ClassConnect called → webhook sent", true),
    ("webhook sent → webhook acknowledged", false),
    ("webhook sent → result received", false),
    ("intended → result received, less the injected delay", false),
];

/// Collects hops.
#[derive(Debug)]
pub struct Waterfall {
    hops: Vec<Histogram<u64>>,
}

impl Default for Waterfall {
    #[expect(
        clippy::expect_used,
        reason = "the bounds are constants that HdrHistogram accepts"
    )]
    fn default() -> Self {
        let empty = || Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("valid constant bounds");
        Self {
            hops: HOPS.iter().map(|_| empty()).collect(),
        }
    }
}

impl Waterfall {
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
        self.add(0, Some(intended), Some(sent));
        self.add(1, Some(sent), Some(answered));
        let job = job?;
        self.add(2, Some(sent), job.accepted);
        self.add(3, job.accepted, job.first_sent);
        self.add(4, job.first_sent, job.acknowledged);
        self.add(5, job.first_sent, received);
        let injected = job.first_sent?.since(job.accepted?);
        let own = received?.since(intended).saturating_sub(injected);
        self.add(6, Some(intended), Some(intended.plus(own)));
        Some(own)
    }

    fn add(&mut self, hop: usize, from: Option<Moment>, to: Option<Moment>) {
        if let (Some(from), Some(to)) = (from, to) {
            self.hops[hop].saturating_record((to.since(from).as_micros() as u64).max(1));
        }
    }

    /// The hops that were seen.
    pub fn finish(self) -> Vec<Hop> {
        let millis = |micros: u64| micros as f64 / 1e3;
        self.hops
            .iter()
            .zip(HOPS)
            .filter(|(hop, _)| !hop.is_empty())
            .map(|(hop, (name, injected))| Hop {
                name: name.to_owned(),
                injected,
                count: hop.len(),
                p50_ms: millis(hop.value_at_quantile(0.50)),
                p95_ms: millis(hop.value_at_quantile(0.95)),
                p99_ms: millis(hop.value_at_quantile(0.99)),
                max_ms: millis(hop.max()),
            })
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
        let mut waterfall = Waterfall::default();
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
    }
}
