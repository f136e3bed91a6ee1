//! Missing data: a breach where samples were due, and only there.

use super::*;

/// What is raised when there are samples of one kind only, and these are due.
fn raised_by(condition: Condition, kind: SeriesKind, bad: bool, due: Due) -> bool {
    let mut measurements = Measurements::new(Moment::from_nanos(0), Thresholds::of(&criteria()));
    let policy = policy(vec![condition]);
    let mut watch = WindowWatch::new(IncidentKind::Alert, &policy, &steps(), 0.0);
    for second in 0..15 {
        measurements.add_many(kind, None, false, second, (!bad).then_some(1_000), 50);
        watch.tick(&measurements, second, &|_| due);
    }
    !watch.incidents().is_empty()
}

#[test]
fn what_was_not_due_is_not_missing() {
    let latency = || time(Metric::RealtimeLatency, 0.95, Comparator::Greater, 50);
    let webhooks = || share(Metric::WebhookFailures, Comparator::Greater, 5.0);
    let later = || Condition {
        step: Some("later".to_owned()),
        ..errors_above(5.0).remove(0)
    };
    let first = || Condition {
        step: Some("first".to_owned()),
        ..errors_above(5.0).remove(0)
    };
    let (delivery, lag) = (SeriesKind::RealtimeDelivery, SeriesKind::SchedulingLag);
    let due = |arrivals, webhooks| Due { arrivals, webhooks };
    let cases = [
        (
            "no event comes although events are expected",
            latency(),
            delivery,
            true,
            due(0, 0),
            true,
        ),
        (
            "events come, none was timed",
            latency(),
            delivery,
            false,
            due(0, 0),
            false,
        ),
        ("no event was expected", latency(), lag, false, due(50, 50), false),
        ("webhooks were due", webhooks(), lag, false, due(0, 50), true),
        (
            "too few webhooks were due",
            webhooks(),
            lag,
            false,
            due(0, 19),
            false,
        ),
        (
            "no webhook was due, users were",
            webhooks(),
            lag,
            false,
            due(50, 0),
            false,
        ),
        (
            "a later step, whose users may be on their way",
            later(),
            lag,
            false,
            due(50, 0),
            false,
        ),
        (
            "the first step, which every arrival takes",
            first(),
            lag,
            false,
            due(50, 0),
            true,
        ),
    ];
    for (name, condition, kind, bad, due, expected) in cases {
        assert_eq!(raised_by(condition, kind, bad, due), expected, "{name}");
    }
}
