//! From the stored runs of a scenario to the trend of each target.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::plan::{Metric, Unit};
use crate::report::model::{RunDigest, SlaRecord};
use crate::report::view;

/// A value that moved by less than this part of the value before is not called better or worse.
const NOTICEABLE: f64 = 0.10;

/// All stored runs of one scenario, the oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    pub scenario: String,
    pub runs: Vec<RunDigest>,
    pub trends: Vec<Trend>,
    /// Place in `runs` of the run that the newest one is compared with; `None` when no earlier one ended in GO.
    pub compared_with: Option<usize>,
}

/// How one target went.
#[derive(Debug, Clone, PartialEq)]
pub struct Trend {
    /// `Response time p99 of submit_recording`.
    pub title: String,
    pub unit: Unit,
    pub higher_is_better: bool,
    /// One per run, in the order of the runs; `None` where the run had no such target, or nothing was measured.
    pub points: Vec<Option<Point>>,
    /// The newest run against the last passing one.
    pub change: Change,
}

/// A target in one run. Values are milliseconds, ratios or per second; infinite when a quantile fell on a failure.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub value: f64,
    pub low: f64,
    pub high: f64,
    /// The limit of that run.
    pub limit: Option<f64>,
    /// `PASS`, `FAIL`, …
    pub status: String,
}

/// What became of a target between two runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// Worse by this factor of the earlier value.
    Worse(f64),
    Better(f64),
    /// Within what two runs of one version differ by.
    Same,
    /// One of the two runs has no value, or there is no run to compare with.
    Unknown,
}

impl History {
    /// The histories of all scenarios among the runs, in the order of their names.
    pub fn of(runs: Vec<RunDigest>) -> Vec<History> {
        let mut by_scenario: BTreeMap<String, Vec<(Option<Timestamp>, RunDigest)>> = BTreeMap::new();
        for run in runs {
            let started = run.started().ok();
            by_scenario
                .entry(run.scenario.name.clone())
                .or_default()
                .push((started, run));
        }
        by_scenario
            .into_iter()
            .map(|(scenario, mut runs)| {
                runs.sort_by(|left, right| left.0.cmp(&right.0).then(left.1.run_id.cmp(&right.1.run_id)));
                Self::of_one(scenario, runs.into_iter().map(|(_, run)| run).collect())
            })
            .collect()
    }

    /// A run beside the one that it is to be compared with, whatever that ended in.
    pub fn of_pair(baseline: RunDigest, run: RunDigest) -> Self {
        let is_sound = !run.proves_nothing();
        let scenario = run.scenario.name.clone();
        Self::compared(scenario, vec![baseline, run], is_sound.then_some(0))
    }

    fn of_one(scenario: String, runs: Vec<RunDigest>) -> Self {
        let newest = runs.len().saturating_sub(1);
        // What an invalid run measured says nothing of its target.
        let compared_with = (0..newest)
            .rev()
            .find(|index| runs[*index].verdict == "GO")
            .filter(|_| !runs[newest].proves_nothing());
        Self::compared(scenario, runs, compared_with)
    }

    /// The trends of `runs`, the last of which is compared with the one at `compared_with`.
    fn compared(scenario: String, runs: Vec<RunDigest>, compared_with: Option<usize>) -> Self {
        let newest = runs.len().saturating_sub(1);
        // Targets in the order in which the newest run has them; those that it has no more come last.
        let mut keys: Vec<Key<'_>> = Vec::new();
        for run in runs.iter().rev() {
            for key in run.sla.iter().filter_map(Key::of) {
                if !keys.contains(&key) {
                    keys.push(key);
                }
            }
        }
        let trends = keys
            .iter()
            .map(|key| Trend::of(key, &runs, compared_with, newest))
            .collect();
        Self {
            scenario,
            trends,
            compared_with,
            runs,
        }
    }

    /// The targets that the newest run made worse.
    pub fn regressions(&self) -> impl Iterator<Item = &Trend> {
        self.trends
            .iter()
            .filter(|trend| matches!(trend.change, Change::Worse(_)))
    }

    /// The newest run.
    pub fn newest(&self) -> Option<&RunDigest> {
        self.runs.last()
    }
}

/// What tells targets apart, whatever their limits were.
#[derive(Debug, PartialEq, Eq)]
struct Key<'a> {
    metric: &'a str,
    step: Option<&'a str>,
    statistic: &'a str,
}

impl<'a> Key<'a> {
    /// `None` for a metric that is only declared as not measured.
    fn of(sla: &'a SlaRecord) -> Option<Self> {
        Some(Self {
            metric: &sla.metric,
            step: sla.step.as_deref(),
            statistic: sla.stat.as_deref()?,
        })
    }
}

impl Trend {
    fn of(key: &Key<'_>, runs: &[RunDigest], compared_with: Option<usize>, newest: usize) -> Self {
        let record = |run: &RunDigest| -> Option<SlaRecord> {
            run.sla
                .iter()
                .find(|sla| Key::of(sla).as_ref() == Some(key))
                .cloned()
        };
        let records: Vec<Option<SlaRecord>> = runs.iter().map(record).collect();
        let unit = records
            .iter()
            .flatten()
            .next()
            .map_or(Unit::Time, |sla| view::unit(&sla.unit));
        let higher_is_better = Metric::from_key(key.metric).is_some_and(Metric::higher_is_better);
        let points: Vec<Option<Point>> = records
            .iter()
            .map(|record| record.as_ref().and_then(Point::of))
            .collect();
        let pair = compared_with
            .and_then(|index| points[index].as_ref())
            .zip(points.get(newest).and_then(Option::as_ref));
        let change = pair.map_or(Change::Unknown, |(before, now)| {
            Change::between(before, now, higher_is_better, unit)
        });
        Self {
            title: records
                .iter()
                .flatten()
                .next()
                .map(SlaRecord::title_with_step)
                .unwrap_or_default(),
            unit,
            higher_is_better,
            points,
            change,
        }
    }
}

impl Point {
    /// `None` when nothing was measured.
    fn of(sla: &SlaRecord) -> Option<Self> {
        if sla.samples == 0 {
            return None;
        }
        let value = sla.value.unwrap_or(f64::INFINITY);
        Some(Self {
            value,
            low: sla.ci_low.unwrap_or(value),
            high: sla.ci_high.unwrap_or(if sla.ci_low.is_some() {
                f64::INFINITY
            } else {
                value
            }),
            limit: sla.limit,
            status: sla.status.clone(),
        })
    }
}

impl Change {
    fn between(before: &Point, now: &Point, higher_is_better: bool, unit: Unit) -> Self {
        if before.value.is_infinite() && now.value.is_infinite() {
            return Change::Same;
        }
        let (rose, fell) = (now.low > before.high, now.high < before.low);
        // From nothing to something is a difference of any size; infinite is worse than any number.
        // Of a share of good events the bad ones are compared: from 99.9 % to 99 % is ten times as many of them.
        let size = |point: &Point| match unit {
            Unit::Ratio if higher_is_better => 1.0 - point.value,
            Unit::Ratio | Unit::Time | Unit::PerSecond => point.value,
        };
        let factor = match size(before) {
            0.0 => f64::INFINITY,
            value => size(now) / value,
        };
        if !(rose || fell) || (factor - 1.0).abs() <= NOTICEABLE {
            return Change::Same;
        }
        match rose == higher_is_better {
            true => Change::Better(factor),
            false => Change::Worse(factor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::record;
    use crate::report::{Format, render};
    use crate::sla::fixture;

    /// A stored run of the fixture, as a reader of its file sees it.
    fn digest(run: fixture::Run, started_at: &str) -> RunDigest {
        let mut record = record(run);
        record.started_at = started_at.to_owned();
        RunDigest::from_json(&render(Format::Json, &record).unwrap()).unwrap()
    }

    #[test]
    fn a_slower_run_is_a_regression_against_the_last_one_that_passed() {
        let histories = History::of(vec![
            digest(fixture::slow(), "2026-01-04T00:00:00Z"),
            digest(fixture::healthy(), "2026-01-02T00:00:00Z"),
            digest(fixture::failing(), "2026-01-03T00:00:00Z"),
        ]);
        let [history] = histories.as_slice() else {
            panic!("{histories:?}")
        };
        let days: Vec<&str> = history.runs.iter().map(|run| &run.started_at[..10]).collect();
        assert_eq!(days, ["2026-01-02", "2026-01-03", "2026-01-04"]);
        // The run between them failed, and is no measure of what is normal.
        assert_eq!(history.compared_with, Some(0));
        let worse: Vec<&str> = history.regressions().map(|trend| trend.title.as_str()).collect();
        assert!(
            worse.iter().any(|title| title.starts_with("Response time p95")),
            "{worse:?}"
        );
    }

    #[test]
    fn the_same_run_again_is_no_change_and_the_first_run_has_nothing_to_be_compared_with() {
        let again = History::of(vec![
            digest(fixture::healthy(), "2026-01-02T00:00:00Z"),
            digest(fixture::healthy(), "2026-01-03T00:00:00Z"),
        ]);
        assert_eq!(again[0].regressions().count(), 0);
        assert!(again[0].trends.iter().all(|trend| trend.change == Change::Same));
        let first = History::of(vec![digest(fixture::slow(), "2026-01-02T00:00:00Z")]);
        assert_eq!(first[0].compared_with, None);
        assert!(
            first[0]
                .trends
                .iter()
                .all(|trend| trend.change == Change::Unknown)
        );
    }

    fn point(value: f64, low: f64, high: f64) -> Point {
        Point {
            value,
            low,
            high,
            limit: None,
            status: "PASS".to_owned(),
        }
    }

    #[test]
    fn a_change_must_be_beyond_chance_and_worth_a_word() {
        let before = point(100.0, 95.0, 105.0);
        let change = |now: Point, higher| Change::between(&before, &now, higher, Unit::Time);
        assert_eq!(change(point(150.0, 140.0, 160.0), false), Change::Worse(1.5));
        assert_eq!(change(point(150.0, 140.0, 160.0), true), Change::Better(1.5));
        assert_eq!(change(point(50.0, 45.0, 55.0), false), Change::Better(0.5));
        // Within the intervals, or too small to matter.
        assert_eq!(change(point(130.0, 100.0, 160.0), false), Change::Same);
        assert_eq!(change(point(108.0, 107.0, 109.0), false), Change::Same);
        let infinite = point(f64::INFINITY, 110.0, f64::INFINITY);
        assert_eq!(change(infinite, false), Change::Worse(f64::INFINITY));
        let good = point(0.999, 0.998, 0.999_5);
        let fewer = Change::between(&good, &point(0.95, 0.94, 0.96), true, Unit::Ratio);
        assert!(
            matches!(fewer, Change::Worse(factor) if (49.0..51.0).contains(&factor)),
            "{fewer:?}"
        );
        let none = point(0.0, 0.0, 0.001);
        assert_eq!(
            Change::between(&none, &point(0.02, 0.01, 0.03), false, Unit::Ratio),
            Change::Worse(f64::INFINITY)
        );
    }
}
