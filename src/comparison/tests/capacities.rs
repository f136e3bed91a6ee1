//! Capacities and their ratio.

use super::*;

fn three_times() -> Claim {
    claim(ClaimTest::Capacity(RatioLimit {
        comparator: Comparator::GreaterOrEqual,
        ratio: 3.0,
    }))
}

fn with_capacities(rates: &[(Option<f64>, Option<f64>)]) -> Vec<Pair> {
    // Steps of ten percent.
    let capacity = |held: Option<f64>| Capacity {
        held,
        not_held: held.map(|held| held * 1.1),
        open_end: OpenEnd::HighestHeld,
        lowest_tried: 0.5,
    };
    let mut all = pairs(&vec![(10, 10); rates.len()]);
    for (pair, (before, after)) in all.iter_mut().zip(rates) {
        pair.capacities = Sides {
            baseline: Some(capacity(*before)),
            candidate: Some(capacity(*after)),
        };
    }
    all
}

#[test]
fn three_times_the_throughput_must_hold_at_the_resolution_of_the_searches() {
    for (rates, status) in [
        (
            [20.0, 21.0, 20.0, 19.5, 20.5].map(|rate| (Some(rate), Some(rate * 4.0))),
            Status::Pass,
        ),
        // 3.2 times the highest rates that held is less than 3.0 times what the baseline may bear.
        (
            [20.0, 21.0, 20.0, 19.5, 20.5].map(|rate| (Some(rate), Some(rate * 3.2))),
            Status::Inconclusive,
        ),
        (
            [20.0, 21.0, 20.0, 19.5, 20.5].map(|rate| (Some(rate), Some(rate * 2.0))),
            Status::Fail,
        ),
    ] {
        let (_, finding) = judged(with_capacities(&rates), three_times());
        assert_eq!(finding.status, status, "{}", finding.sentence);
        assert_eq!(finding.beside.len(), 2);
    }
    let (_, one) = judged(with_capacities(&[(Some(20.0), Some(200.0))]), three_times());
    assert_eq!(
        (one.status, one.basis),
        (Status::Inconclusive, Some(Basis::WithinRuns))
    );
    let ratio = one.measured.unwrap();
    assert!(
        (ratio.low - 10.0 / 1.1).abs() < 1e-9 && (ratio.high - 11.0).abs() < 1e-9,
        "{ratio:?}"
    );
    let (_, none) = judged(pairs(&[(10, 10)]), three_times());
    assert_eq!(none.status, Status::NoData);
}

#[test]
fn a_capacity_without_an_upper_end_says_why_it_has_none() {
    for (open_end, why) in [
        (OpenEnd::HighestHeld, "the highest rate that was to be tried held"),
        (OpenEnd::Generator, "the generator could not bring a higher rate"),
        (OpenEnd::TimeBox, "the time was up"),
        (OpenEnd::CutShort, "the search ended before"),
    ] {
        let mut open = with_capacities(&[(Some(20.0), Some(80.0))]);
        let capacity = open[0].capacities.candidate.as_mut().unwrap();
        (capacity.not_held, capacity.open_end) = (None, open_end);
        let (_, finding) = judged(open, three_times());
        let told = finding.beside.join(" ");
        assert!(told.contains(&format!("80 /s or more: {why}")), "{told}");
    }
}

#[test]
fn an_arm_without_a_capacity_has_no_ratio_but_a_bound() {
    let (_, before) = judged(
        with_capacities(&[(None, Some(64.0)), (Some(0.6), Some(60.0)), (None, Some(70.0))]),
        three_times(),
    );
    assert_eq!((before.status, before.measured), (Status::Inconclusive, None));
    assert!(
        before.sentence.contains(
            "trigger kept its targets at no rate that was tried, the lowest 0.5 /s, in 2 of 3 pairs"
        ) && before.sentence.contains("above 120×"),
        "{}",
        before.sentence
    );
    let (_, after) = judged(
        with_capacities(&[(Some(20.0), None), (Some(25.0), None)]),
        three_times(),
    );
    assert_eq!(after.status, Status::Fail, "{}", after.sentence);
    assert!(after.sentence.contains("below 0.025×"), "{}", after.sentence);
    let (_, both) = judged(with_capacities(&[(None, None)]), three_times());
    assert_eq!(both.status, Status::Inconclusive);
}
