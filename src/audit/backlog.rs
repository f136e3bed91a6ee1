//! The backlog of results, second by second: how many were still to come, and for how long the oldest was waited for.

use std::time::Duration;

use crate::clock::Moment;
use crate::metrics::Pending;

/// What was pending at the end of each of the first `seconds` seconds after `epoch`. Each job was accepted at a moment and closed
/// at another, if ever.
pub(super) fn backlog(
    jobs: impl Iterator<Item = (Moment, Option<Moment>)>,
    epoch: Moment,
    seconds: u32,
) -> Vec<Pending> {
    let mut jobs: Vec<(Moment, Option<Moment>)> = jobs.collect();
    jobs.sort_unstable_by_key(|(accepted, _)| *accepted);
    let mut closed: Vec<Moment> = jobs.iter().filter_map(|(_, closed)| *closed).collect();
    closed.sort_unstable();
    // What is closed stays closed, so the oldest open job can only become a younger one.
    let mut oldest = 0;
    (1..=seconds)
        .map(|second| {
            let now = epoch.plus(Duration::from_secs(u64::from(second)));
            let begun = jobs.partition_point(|(accepted, _)| *accepted <= now);
            let ended = closed.partition_point(|closed| *closed <= now);
            let is_closed = |closed: Option<Moment>| closed.is_some_and(|closed| closed <= now);
            while oldest < begun && is_closed(jobs[oldest].1) {
                oldest += 1;
            }
            let results = begun.saturating_sub(ended) as u64;
            match jobs[..begun].get(oldest).filter(|_| results > 0) {
                Some((accepted, _)) => Pending {
                    results,
                    oldest: now.since(*accepted),
                },
                None => Pending::default(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn what_is_open_is_counted_and_the_oldest_is_timed() {
        let jobs = [
            (at(1_500), Some(at(2_700))),
            (at(200), Some(at(1_400))),
            (at(600), Some(at(3_500))),
            (at(2_100), None),
        ];
        let pending = backlog(jobs.into_iter(), at(0), 5);
        let found: Vec<(u64, u128)> = pending
            .iter()
            .map(|pending| (pending.results, pending.oldest.as_millis()))
            .collect();
        assert_eq!(found, [(2, 800), (2, 1_400), (2, 2_400), (1, 1_900), (1, 2_900)]);
    }

    #[test]
    fn nothing_is_pending_without_jobs() {
        assert_eq!(backlog(std::iter::empty(), at(0), 2), [Pending::default(); 2]);
    }
}
