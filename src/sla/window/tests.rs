//! Windows: what trips, what does not, what clears.

use std::time::Duration;

use super::*;
use crate::clock::Moment;
use crate::metrics::Thresholds;
use crate::plan::{Comparator, Metric, StepId};
use crate::sla::fixture::{criteria, share, step, throughput, time};

/// What one second holds: good requests at 10 ms, slow ones at 900 ms, failed ones; and the arrivals due in it.
#[derive(Clone, Copy, Default)]
struct Traffic {
    good: u64,
    slow: u64,
    failed: u64,
    due: u64,
}

const QUIET: Traffic = Traffic {
    good: 0,
    slow: 0,
    failed: 0,
    due: 0,
};
const GOOD: Traffic = Traffic {
    good: 20,
    slow: 0,
    failed: 0,
    due: 20,
};
const SLOW: Traffic = Traffic {
    good: 15,
    slow: 5,
    failed: 0,
    due: 20,
};
const FAILING: Traffic = Traffic {
    good: 10,
    slow: 0,
    failed: 10,
    due: 20,
};
const HUNG: Traffic = Traffic {
    good: 0,
    slow: 0,
    failed: 0,
    due: 20,
};

fn policy(conditions: Vec<Condition>) -> WindowPolicy {
    WindowPolicy {
        window: Duration::from_secs(5),
        samples_min: 20,
        conditions,
    }
}

/// Plays seconds 0, 1, … and returns what changed, as (second that had ended, opened?).
fn play(conditions: Vec<Condition>, traffic: &[Traffic]) -> (Vec<(u32, bool)>, Vec<Incident>) {
    let steps = [step("request", crate::plan::StepKind::Request, true)];
    let mut measurements = Measurements::new(Moment::from_nanos(0), Thresholds::of(&criteria()));
    let mut watch = WindowWatch::new(IncidentKind::Rollback, &policy(conditions), &steps, 0.0);
    let mut changes = Vec::new();
    for (second, now) in (0_u32..).zip(traffic) {
        for (count, value_ns) in [
            (now.good, Some(10_000_000)),
            (now.slow, Some(900_000_000)),
            (now.failed, None),
        ] {
            if count > 0 {
                measurements.add_many(
                    SeriesKind::Response,
                    Some(StepId(0)),
                    false,
                    second,
                    value_ns,
                    count,
                );
            }
        }
        let first = (second as usize + 1).saturating_sub(5);
        let due = traffic[first..=second as usize]
            .iter()
            .map(|traffic| traffic.due)
            .sum();
        for change in watch.tick(&measurements, second, due) {
            changes.push((second, matches!(change, Change::Opened(_))));
        }
    }
    (changes, watch.incidents().to_vec())
}

fn p95_above(limit_ms: u64) -> Vec<Condition> {
    vec![time(Metric::ResponseTime, 0.95, Comparator::Greater, limit_ms)]
}

fn errors_above(percent: f64) -> Vec<Condition> {
    vec![share(Metric::ErrorRate, Comparator::Greater, percent)]
}

#[test]
fn the_table_of_windows() {
    let of = |parts: &[(usize, Traffic)]| -> Vec<Traffic> {
        parts
            .iter()
            .flat_map(|(seconds, traffic)| vec![*traffic; *seconds])
            .collect()
    };
    let cases = [
        ("healthy", p95_above(500), of(&[(20, GOOD)]), vec![]),
        // One second of 25 % slow answers is 5 of 100: exactly 5 % of a full window, which is no breach.
        (
            "at the limit",
            p95_above(500),
            of(&[(5, GOOD), (1, SLOW), (9, GOOD)]),
            vec![],
        ),
        (
            "slow",
            p95_above(500),
            of(&[(5, GOOD), (2, SLOW), (1, GOOD)]),
            vec![(6, true)],
        ),
        (
            "failed counts as slow",
            p95_above(500),
            of(&[(5, GOOD), (1, FAILING)]),
            vec![(5, true)],
        ),
        (
            "errors",
            errors_above(5.0),
            of(&[(5, GOOD), (1, FAILING)]),
            vec![(5, true)],
        ),
        (
            "few samples",
            errors_above(5.0),
            of(&[(1, Traffic { failed: 19, ..QUIET }), (4, QUIET)]),
            vec![],
        ),
        // The breach leaves the settled window after second 5 + 5; 5 clean seconds confirm it.
        (
            "clears once",
            errors_above(5.0),
            of(&[(5, GOOD), (1, FAILING), (14, GOOD)]),
            vec![(5, true), (15, false)],
        ),
        (
            "hovering is one incident",
            errors_above(5.0),
            of(&[(5, GOOD), (1, FAILING), (6, GOOD), (1, FAILING), (2, GOOD)]),
            vec![(5, true)],
        ),
        (
            "silence while users come",
            p95_above(500),
            of(&[(5, GOOD), (8, HUNG)]),
            vec![(10, true)],
        ),
        (
            "silence when nobody was due",
            p95_above(500),
            of(&[(5, GOOD), (8, QUIET)]),
            vec![],
        ),
    ];
    for (name, conditions, traffic, expected) in cases {
        assert_eq!(play(conditions, &traffic).0, expected, "{name}");
    }
}

#[test]
fn a_second_that_is_still_filling_is_no_low_rate() {
    let low = || {
        vec![Condition {
            comparator: Comparator::Less,
            ..throughput(15.0)
        }]
    };
    let filling = [vec![GOOD; 8], vec![HUNG], vec![GOOD]].concat();
    assert_eq!(play(low(), &filling).0, []);
    let low_indeed = [vec![GOOD; 8], vec![HUNG; 3]].concat();
    assert_eq!(play(low(), &low_indeed).0, [(10, true)]);
}

#[test]
fn an_incident_tells_window_value_and_samples() {
    let (_, incidents) = play(
        errors_above(5.0),
        &[vec![GOOD; 5], vec![FAILING], vec![GOOD; 14]].concat(),
    );
    let [incident] = incidents.as_slice() else {
        panic!("one incident expected, got {incidents:?}");
    };
    assert_eq!(
        (incident.window_from_s, incident.detected_at_s, incident.samples),
        (1.0, 6.0, 100)
    );
    assert_eq!(incident.value, 0.1);
    // The window [6, 10] is the first clean one; it is settled when second 11 has ended.
    assert_eq!(incident.cleared_at_s, Some(12.0));
}

#[test]
fn silence_has_no_value_and_no_samples() {
    let (_, incidents) = play(p95_above(500), &[vec![GOOD; 5], vec![HUNG; 8]].concat());
    assert_eq!((incidents[0].value, incidents[0].samples), (f64::INFINITY, 0));
}

#[test]
fn warm_up_is_not_watched() {
    let steps = [step("request", crate::plan::StepKind::Request, true)];
    let mut measurements = Measurements::new(Moment::from_nanos(0), Thresholds::default());
    for second in 0..10 {
        measurements.add_many(SeriesKind::Response, Some(StepId(0)), true, second, None, 50);
    }
    let mut watch = WindowWatch::new(IncidentKind::Alert, &policy(errors_above(5.0)), &steps, 10.0);
    for second in 0..12 {
        assert_eq!(watch.tick(&measurements, second, 0), []);
    }
}

#[test]
fn onset_is_the_first_bad_second() {
    let steps = [step("request", crate::plan::StepKind::Request, true)];
    let mut measurements = Measurements::new(Moment::from_nanos(0), Thresholds::of(&criteria()));
    measurements.add_many(SeriesKind::Response, Some(StepId(0)), false, 2, Some(1_000), 40);
    measurements.add_many(SeriesKind::Response, Some(StepId(0)), false, 4, None, 40);
    let incident = Incident {
        kind: IncidentKind::Alert,
        condition: errors_above(5.0).remove(0),
        window_from_s: 1.0,
        detected_at_s: 6.0,
        cleared_at_s: None,
        value: 0.5,
        samples: 80,
    };
    assert_eq!(onset_s(&incident, &measurements, &steps), Some(4));
}
