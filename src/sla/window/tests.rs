//! Windows: what trips, what does not, what clears.

mod missing;
mod properties;

use std::time::Duration;

use super::*;
use crate::clock::Moment;
use crate::metrics::{SeriesKind, Thresholds};
use crate::plan::{BurnRate, Comparator, Condition, Metric, StepId, StepKind};
use crate::sla::fixture::{criteria, share, step, throughput, time};
use crate::sla::measure::Measure;

/// What one second holds: good requests at 10 ms, middling ones at 450 ms, slow ones at 900 ms, failed ones; and the
/// arrivals due in it.
#[derive(Clone, Copy, Default)]
struct Traffic {
    good: u64,
    middling: u64,
    slow: u64,
    failed: u64,
    due: u64,
}

const QUIET: Traffic = Traffic {
    good: 0,
    middling: 0,
    slow: 0,
    failed: 0,
    due: 0,
};
const GOOD: Traffic = Traffic {
    good: 200,
    due: 200,
    ..QUIET
};
const MIDDLING: Traffic = Traffic {
    good: 180,
    middling: 20,
    due: 200,
    ..QUIET
};
const SLOW: Traffic = Traffic {
    good: 150,
    slow: 50,
    due: 200,
    ..QUIET
};
const FAILING: Traffic = Traffic {
    good: 100,
    failed: 100,
    due: 200,
    ..QUIET
};
const HUNG: Traffic = Traffic { due: 200, ..QUIET };

/// A second of 200 requests of which so many fail.
fn with_failed(failed: u64) -> Traffic {
    Traffic {
        good: 200 - failed,
        failed,
        ..GOOD
    }
}

fn policy(conditions: Vec<Condition>) -> WindowPolicy {
    WindowPolicy::new(Duration::from_secs(5), 20, conditions)
}

fn steps() -> [StepInfo; 2] {
    [
        step("first", StepKind::Request, true),
        step("later", StepKind::Request, false),
    ]
}

fn of(parts: &[(usize, Traffic)]) -> Vec<Traffic> {
    parts
        .iter()
        .flat_map(|(seconds, traffic)| vec![*traffic; *seconds])
        .collect()
}

fn add(measurements: &mut Measurements, step: u16, second: u32, traffic: Traffic) {
    for (count, value_ns) in [
        (traffic.good, Some(10_000_000)),
        (traffic.middling, Some(450_000_000)),
        (traffic.slow, Some(900_000_000)),
        (traffic.failed, None),
    ] {
        if count > 0 {
            let id = Some(StepId(step));
            measurements.add_many(SeriesKind::Response, id, false, second, value_ns, count);
        }
    }
}

/// Plays seconds 0, 1, … and returns what changed, as (second that had ended, opened?).
fn play_policy(policy: &WindowPolicy, traffic: &[Traffic]) -> (Vec<(u32, bool)>, Vec<Incident>) {
    let mut measurements = Measurements::new(Moment::from_nanos(0), Thresholds::of(&criteria()));
    let mut watch = WindowWatch::new(IncidentKind::Rollback, policy, &steps(), 0.0);
    let mut changes = Vec::new();
    for (second, now) in (0_u32..).zip(traffic) {
        add(&mut measurements, 0, second, *now);
        let due = |seconds: Range<u32>| Due {
            arrivals: traffic[seconds.start as usize..seconds.end as usize]
                .iter()
                .map(|traffic| traffic.due)
                .sum(),
            webhooks: 0,
        };
        for change in watch.tick(&measurements, second, &due) {
            changes.push((second, matches!(change, Change::Opened(_))));
        }
    }
    (changes, watch.incidents().to_vec())
}

fn play(conditions: Vec<Condition>, traffic: &[Traffic]) -> (Vec<(u32, bool)>, Vec<Incident>) {
    play_policy(&policy(conditions), traffic)
}

fn p95_above(limit_ms: u64) -> Vec<Condition> {
    vec![time(Metric::ResponseTime, 0.95, Comparator::Greater, limit_ms)]
}

fn errors_above(percent: f64) -> Vec<Condition> {
    vec![share(Metric::ErrorRate, Comparator::Greater, percent)]
}

#[test]
fn the_table_of_windows() {
    let cases = [
        ("healthy", p95_above(500), of(&[(20, GOOD)]), vec![]),
        // One second of 25 % slow answers is 50 of 1 000: exactly 5 % of a full window, which is no breach.
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
            ..throughput(150.0)
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
        (1.0, 6.0, 1_000)
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
    let mut measurements = Measurements::new(Moment::from_nanos(0), Thresholds::default());
    for second in 0..10 {
        measurements.add_many(SeriesKind::Response, Some(StepId(0)), true, second, None, 50);
    }
    let policy = policy(errors_above(5.0));
    let mut watch = WindowWatch::new(IncidentKind::Alert, &policy, &steps(), 10.0);
    for second in 0..12 {
        assert_eq!(watch.tick(&measurements, second, &|_| Due::default()), []);
    }
}

#[test]
fn a_breach_that_chance_explains_is_not_raised() {
    let window = |failed| {
        play(
            errors_above(5.0),
            &[Traffic {
                good: 100 - failed,
                failed,
                ..QUIET
            }],
        )
        .0
    };
    // 14 of 100 are the fewest that a true share of 5 % gives in less than one case of a thousand.
    assert_eq!(window(13), []);
    assert_eq!(window(14), [(0, true)]);
}

#[test]
fn for_raises_what_was_seen_in_every_second_of_that_time() {
    let policy = WindowPolicy {
        window: Duration::from_secs(1),
        sustained: Duration::from_secs(3),
        ..policy(errors_above(5.0))
    };
    let (changes, incidents) = play_policy(&policy, &of(&[(4, GOOD), (3, FAILING), (3, GOOD)]));
    assert_eq!(changes, [(6, true), (8, false)]);
    assert_eq!(
        (incidents[0].window_from_s, incidents[0].detected_at_s),
        (4.0, 7.0)
    );
    let gap = of(&[(4, GOOD), (2, FAILING), (2, GOOD), (2, FAILING), (4, GOOD)]);
    assert_eq!(play_policy(&policy, &gap).0, []);
}

#[test]
fn within_counts_the_seconds_of_breach_of_a_longer_stretch() {
    let policy = WindowPolicy {
        window: Duration::from_secs(1),
        sustained: Duration::from_secs(4),
        within: Some(Duration::from_secs(12)),
        ..policy(errors_above(5.0))
    };
    let bursts = |apart| of(&[(4, GOOD), (2, FAILING), (apart, GOOD), (2, FAILING)]);
    assert_eq!(play_policy(&policy, &bursts(3)).0, [(10, true)]);
    assert_eq!(play_policy(&policy, &bursts(8)).0, [(15, true)]);
    assert_eq!(play_policy(&policy, &bursts(9)).0, []);
}

#[test]
fn it_is_over_only_when_it_stays_clear_of_the_level_for_a_whole_window() {
    // 4.5 % is below the level of 5 %, and above 80 % of it.
    let near_the_level = of(&[(5, GOOD), (2, FAILING), (30, with_failed(9))]);
    assert_eq!(play(errors_above(5.0), &near_the_level).0, [(5, true)]);
    let clear = of(&[(5, GOOD), (2, FAILING), (30, with_failed(7))]);
    assert_eq!(play(errors_above(5.0), &clear).0, [(5, true), (16, false)]);
    // Without the margin 4.5 % would do.
    let at_the_level = WindowPolicy {
        clear_at: 1.0,
        ..policy(errors_above(5.0))
    };
    assert_eq!(
        play_policy(&at_the_level, &near_the_level).0,
        [(5, true), (16, false)]
    );
    // Of a percentile the level is its time: 450 ms are more than 80 % of 500 ms.
    let slow = of(&[(5, GOOD), (3, SLOW), (30, MIDDLING)]);
    assert_eq!(play(p95_above(500), &slow).0, [(6, true)]);
}

#[test]
fn of_good_events_the_margin_is_in_the_bad_ones() {
    let calm = |condition: &Condition| calm_condition(condition, 0.8).to_string();
    let success = share(Metric::WebhookSuccess, Comparator::Less, 95.0);
    assert_eq!(calm(&success), "webhook_success < 96%");
    assert_eq!(calm(&p95_above(500)[0]), "response_time p95 > 400ms");
    let low = Condition {
        comparator: Comparator::Less,
        ..throughput(100.0)
    };
    assert_eq!(calm(&low), "throughput < 125/s");
}

fn burning(target: Condition, above: f64) -> WindowPolicy {
    WindowPolicy {
        burn_rates: vec![BurnRate {
            target,
            above,
            long: Duration::from_secs(60),
            short: Duration::from_secs(5),
        }],
        ..policy(Vec::new())
    }
}

#[test]
fn a_burn_rate_needs_enough_of_the_budget_gone_and_still_being_spent() {
    let errors = || share(Metric::ErrorRate, Comparator::Less, 1.0);
    // Six times 1 %, over a minute: more than 720 of 12 000, beyond chance after nine seconds of failing halves.
    let (changes, incidents) = play_policy(
        &burning(errors(), 6.0),
        &of(&[(60, GOOD), (10, FAILING), (30, GOOD)]),
    );
    assert_eq!(changes[0], (68, true));
    // The short window ends it, long before the long one is clean.
    assert_eq!(changes[1], (79, false));
    assert_eq!(
        incidents[0].breach(),
        "burn rate of error_rate < 1% > 6, over 1m and 5s"
    );
    assert_eq!(incidents[0].condition.to_string(), "error_rate > 6%");
    // A burst of four seconds spends too little of the budget.
    let burst = of(&[(60, GOOD), (4, FAILING), (30, GOOD)]);
    assert_eq!(play_policy(&burning(errors(), 6.0), &burst).0, []);
    // What is over is not raised any more, although the minute still shows it.
    let over = of(&[(60, GOOD), (7, FAILING), (5, GOOD), (20, with_failed(8))]);
    assert_eq!(play_policy(&burning(errors(), 6.0), &over).0, []);
}

#[test]
fn a_condition_of_a_step_looks_at_that_step() {
    let later = Condition {
        step: Some("later".to_owned()),
        ..errors_above(5.0).remove(0)
    };
    let mut measurements = Measurements::new(Moment::from_nanos(0), Thresholds::of(&criteria()));
    for second in 0..10 {
        add(&mut measurements, 0, second, GOOD);
        add(
            &mut measurements,
            1,
            second,
            with_failed(if second < 5 { 0 } else { 20 }),
        );
    }
    let detected = |conditions| {
        let policy = policy(conditions);
        let mut watch = WindowWatch::new(IncidentKind::Alert, &policy, &steps(), 0.0);
        for second in 0..10 {
            watch.tick(&measurements, second, &|_| Due::default());
        }
        watch
            .incidents()
            .iter()
            .map(|incident| incident.detected_at_s)
            .collect::<Vec<_>>()
    };
    // Over both steps together it is exactly 5 %.
    assert_eq!(detected(errors_above(5.0)), Vec::<f64>::new());
    assert_eq!(detected(vec![later]), vec![9.0]);
}

/// The whole run is fine, ten seconds of it are not.
#[test]
fn ten_bad_seconds_in_ten_minutes_are_caught_although_the_whole_run_passes() {
    let traffic = of(&[(300, GOOD), (10, with_failed(20)), (290, GOOD)]);
    let (_, incidents) = play(errors_above(5.0), &traffic);
    let [incident] = incidents.as_slice() else {
        panic!("one incident expected, got {incidents:?}");
    };
    assert!((303.0..=306.0).contains(&incident.detected_at_s), "{incident:?}");
    assert!(incident.cleared_at_s.is_some_and(|cleared| cleared < 320.0));
    let mut measurements = Measurements::new(Moment::from_nanos(0), Thresholds::of(&criteria()));
    for (second, now) in (0_u32..).zip(&traffic) {
        add(&mut measurements, 0, second, *now);
    }
    let target = share(Metric::ErrorRate, Comparator::Less, 1.0);
    let whole = Measure::of(&target, &steps())
        .unwrap()
        .read(&measurements, 0..600)
        .unwrap();
    assert!(whole.satisfies(&target) && whole.bad == 200, "{whole:?}");
}
