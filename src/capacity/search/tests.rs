//! The search against made-up truths: monotone, noisy, contradictory.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::units::Ratio;

fn plan(from: f64, to: f64) -> CapacityPlan {
    CapacityPlan {
        from: Rate::per_second(from).unwrap(),
        to: Rate::per_second(to).unwrap(),
        factor: 2.0,
        step_hold: Duration::from_secs(15),
        step_warm_up: Duration::from_secs(5),
        step_drain: Duration::from_secs(30),
        resolution: Ratio::new(0.1).unwrap(),
        time_box: Duration::from_secs(900),
        confirm: false,
        is_declared: true,
    }
}

/// Searches to the end; the rates that were tried with their answers, and how it ended.
fn search(
    plan: &CapacityPlan,
    mut answer: impl FnMut(f64) -> Answer,
) -> (Vec<(f64, Purpose, Answer)>, Bracket, SearchEnd) {
    let mut search = Search::new(plan);
    let mut steps = Vec::new();
    loop {
        match search.next() {
            Ok(aim) => {
                let found = answer(aim.rate.as_per_second());
                steps.push((aim.rate.as_per_second(), aim.purpose, found));
                search.feed(found);
            }
            Err(end) => return (steps, search.bracket(), end),
        }
        assert!(steps.len() < 200, "it goes in circles: {steps:?}");
    }
}

fn up_to(capacity: f64) -> impl Fn(f64) -> Answer {
    move |rate| {
        if rate <= capacity {
            Answer::Held
        } else {
            Answer::NotHeld
        }
    }
}

fn rates(steps: &[(f64, Purpose, Answer)]) -> Vec<f64> {
    steps.iter().map(|(rate, _, _)| *rate).collect()
}

fn per_second(rate: Option<Rate>) -> Option<f64> {
    rate.map(Rate::as_per_second)
}

#[test]
fn it_doubles_and_then_bisects() {
    let (steps, bracket, end) = search(&plan(5.0, 500.0), up_to(27.0));
    assert_eq!(rates(&steps), [5.0, 10.0, 20.0, 40.0, 28.3, 23.8, 26.0]);
    assert_eq!(end, SearchEnd::Found);
    assert_eq!(
        (per_second(bracket.held), per_second(bracket.not_held)),
        (Some(26.0), Some(28.3))
    );
    assert!(bracket.resolution().unwrap() <= 0.1);
    assert!(!bracket.is_confirmed);
}

#[test]
fn a_rate_that_was_found_must_hold_again_when_that_is_asked_for() {
    let confirming = CapacityPlan {
        confirm: true,
        ..plan(5.0, 500.0)
    };
    let (steps, bracket, _) = search(&confirming, up_to(27.0));
    let last = steps.last().unwrap();
    assert_eq!((last.0, last.1), (26.0, Purpose::Confirming));
    assert!(bracket.is_confirmed);
    // It held by chance only: the answer is below it, and has held twice.
    let mut times = 0;
    let (steps, bracket, end) = search(&confirming, |rate| {
        times += u32::from(rate == 26.0);
        match rate {
            26.0 if times == 2 => Answer::NotHeld,
            rate => up_to(27.0)(rate),
        }
    });
    assert_eq!(end, SearchEnd::Found);
    assert_eq!(
        (per_second(bracket.held), per_second(bracket.not_held)),
        (Some(23.8), Some(26.0)),
        "{steps:?}"
    );
    assert!(bracket.is_confirmed);
}

#[test]
fn a_lowest_rate_that_fails_and_a_highest_that_holds_are_answers() {
    let (steps, bracket, end) = search(&plan(5.0, 500.0), up_to(4.0));
    assert_eq!((rates(&steps), end), (vec![5.0], SearchEnd::NotEvenLowest));
    assert_eq!((bracket.held, per_second(bracket.not_held)), (None, Some(5.0)));
    let (steps, bracket, end) = search(&plan(5.0, 30.0), up_to(1_000.0));
    assert_eq!(
        (rates(&steps), end),
        (vec![5.0, 10.0, 20.0, 30.0], SearchEnd::AtLeast)
    );
    assert_eq!((per_second(bracket.held), bracket.not_held), (Some(30.0), None));
    assert_eq!(bracket.resolution(), None);
    let (steps, _, end) = search(&plan(5.0, 5.0), up_to(1_000.0));
    assert_eq!((rates(&steps), end), (vec![5.0], SearchEnd::AtLeast));
}

#[test]
fn the_last_step_up_is_the_highest_rate_also_when_it_is_near() {
    assert_eq!(
        Search::new(&plan(5.0, 21.0)).steps_most(),
        6,
        "10, 21 failing, and three between"
    );
    let (steps, ..) = search(&plan(5.0, 21.0), up_to(1_000.0));
    assert_eq!(rates(&steps), [5.0, 10.0, 21.0], "20 would only be tried twice");
}

#[test]
fn what_proves_nothing_is_repeated_once() {
    let mut tries = 0;
    let (steps, bracket, end) = search(&plan(5.0, 500.0), |rate| {
        if rate == 20.0 {
            tries += 1;
        }
        match rate {
            20.0 if tries == 1 => Answer::Invalid,
            rate => up_to(27.0)(rate),
        }
    });
    assert_eq!(&rates(&steps)[..4], [5.0, 10.0, 20.0, 20.0]);
    assert_eq!(steps[3].1, Purpose::Repeating);
    assert_eq!((end, per_second(bracket.held)), (SearchEnd::Found, Some(26.0)));
}

#[test]
fn what_the_generator_cannot_bring_bounds_the_search_and_says_nothing_about_the_target() {
    let generator_up_to = |limit: f64, capacity: f64| {
        search(&plan(5.0, 500.0), move |rate| match rate {
            rate if rate > limit => Answer::Invalid,
            rate => up_to(capacity)(rate),
        })
    };
    let (steps, bracket, end) = generator_up_to(27.0, 1_000.0);
    assert_eq!(
        rates(&steps),
        [5.0, 10.0, 20.0, 40.0, 40.0, 28.3, 28.3, 23.8, 26.0]
    );
    assert_eq!(end, SearchEnd::GeneratorLimit);
    assert_eq!((per_second(bracket.held), bracket.not_held), (Some(26.0), None));
    assert_eq!(per_second(bracket.not_brought), Some(28.3));
    // Below what it cannot bring, a rate fails: that is the target's.
    let (_, bracket, end) = generator_up_to(39.0, 21.0);
    assert_eq!(end, SearchEnd::Found);
    assert_eq!(
        (
            per_second(bracket.held),
            per_second(bracket.not_held),
            bracket.not_brought
        ),
        (Some(20.0), Some(21.8), None)
    );
    // What is known not to be possible is not tried twice.
    let mut known = Search::new(&plan(5.0, 500.0));
    known.cannot_bring();
    assert_eq!(known.next(), Err(SearchEnd::GeneratorLimit));
    let (steps, bracket, end) = generator_up_to(1.0, 1_000.0);
    assert_eq!((rates(&steps), end), (vec![5.0, 5.0], SearchEnd::GeneratorLimit));
    assert_eq!((bracket.held, bracket.not_held), (None, None));
}

#[test]
fn a_confirmation_that_proves_nothing_takes_nothing_away() {
    let confirming = CapacityPlan {
        confirm: true,
        ..plan(5.0, 10.0)
    };
    let mut tries = 0;
    let (steps, bracket, end) = search(&confirming, |rate| {
        tries += u32::from(rate == 10.0);
        if rate == 10.0 && tries > 1 {
            Answer::Invalid
        } else {
            Answer::Held
        }
    });
    assert_eq!(rates(&steps), [5.0, 10.0, 10.0, 10.0]);
    assert_eq!((end, per_second(bracket.held)), (SearchEnd::AtLeast, Some(10.0)));
    assert!(!bracket.is_confirmed);
}

#[test]
fn a_failure_that_may_be_chance_is_tried_once_more() {
    let doubts_at_20 = |second: Answer| {
        let mut tries = 0;
        search(&plan(5.0, 500.0), move |rate| {
            tries += u32::from(rate == 20.0);
            match (rate, tries) {
                (20.0, 1) => Answer::Doubtful,
                (20.0, _) => second,
                (rate, _) => up_to(27.0)(rate),
            }
        })
    };
    let (steps, bracket, _) = doubts_at_20(Answer::Held);
    assert_eq!(&rates(&steps)[..5], [5.0, 10.0, 20.0, 20.0, 40.0]);
    assert_eq!(steps[3].1, Purpose::Repeating);
    assert_eq!(per_second(bracket.held), Some(26.0));
    for second in [Answer::Doubtful, Answer::NotHeld] {
        let (steps, bracket, _) = doubts_at_20(second);
        assert_eq!(&rates(&steps)[..5], [5.0, 10.0, 20.0, 20.0, 14.1], "{second:?}");
        assert_eq!(per_second(bracket.not_held), Some(20.0));
    }
}

#[test]
fn a_confirmation_has_one_try_only() {
    let confirming = CapacityPlan {
        confirm: true,
        ..plan(5.0, 10.0)
    };
    let mut tries = 0;
    let (steps, bracket, end) = search(&confirming, |rate| {
        tries += u32::from(rate == 10.0);
        if rate == 10.0 && tries == 2 {
            Answer::Doubtful
        } else {
            Answer::Held
        }
    });
    assert_eq!(&rates(&steps)[..4], [5.0, 10.0, 10.0, 7.07]);
    assert_eq!(
        (end, per_second(bracket.not_held)),
        (SearchEnd::Found, Some(10.0))
    );
}

#[test]
fn nothing_changes_once_it_has_ended() {
    let mut search = Search::new(&plan(5.0, 5.0));
    search.feed(Answer::Held);
    for answer in [Answer::NotHeld, Answer::Invalid, Answer::Held] {
        search.feed(answer);
        assert_eq!(search.next(), Err(SearchEnd::AtLeast));
    }
}

prop_compose! {
    fn any_plan()(
        from in 0.1_f64..50.0,
        span in 1.0_f64..300.0,
        factor in 1.2_f64..6.0,
        resolution in 0.01_f64..0.5,
        confirm in any::<bool>(),
    ) -> CapacityPlan {
        CapacityPlan {
            factor,
            resolution: Ratio::new(resolution).unwrap(),
            confirm,
            ..plan(from, from * span)
        }
    }
}

proptest! {
    #[test]
    fn any_monotone_truth_is_bracketed_within_the_resolution(
        plan in any_plan(),
        position in -0.2_f64..1.2,
    ) {
        let (from, to) = (plan.from.as_per_second(), plan.to.as_per_second());
        let capacity = from * (to / from).powf(position);
        let (steps, bracket, end) = search(&plan, up_to(capacity));
        let (held, failed) = (per_second(bracket.held), per_second(bracket.not_held));
        match end {
            SearchEnd::Found => {
                let (held, failed) = (held.unwrap(), failed.unwrap());
                prop_assert!(held <= capacity && capacity < failed);
                prop_assert!(failed <= held * (1.0 + plan.resolution.get() + 1e-6));
                prop_assert_eq!(bracket.is_confirmed, plan.confirm);
            }
            SearchEnd::AtLeast => prop_assert!(held == Some(to) && to <= capacity),
            SearchEnd::NotEvenLowest => prop_assert!(failed == Some(from) && capacity < from),
            SearchEnd::GeneratorLimit => prop_assert!(false, "nothing was invalid"),
        }
        prop_assert!(steps.len() <= Search::new(&plan).steps_most() as usize, "{} steps", steps.len());
        prop_assert!(steps.iter().all(|(rate, ..)| (from..=to).contains(rate)));
    }

    /// However the answers contradict each other, the search ends, and what it says is what it saw.
    #[test]
    fn any_answers_come_to_an_end(
        plan in any_plan(),
        answers in proptest::collection::vec(0_u8..12, 200),
    ) {
        let mut next = answers.iter();
        let (steps, bracket, end) = search(&plan, |_| match next.next() {
            Some(0) | None => Answer::Invalid,
            Some(1..=3) => Answer::Doubtful,
            Some(4..=6) => Answer::NotHeld,
            Some(_) => Answer::Held,
        });
        let of = |rate: Option<Rate>, answers: &[Answer]| rate.is_none_or(|rate| {
            steps.iter().any(|(tried, _, found)| *tried == rate.as_per_second() && answers.contains(found))
        });
        prop_assert!(of(bracket.held, &[Answer::Held]));
        prop_assert!(of(bracket.not_held, &[Answer::NotHeld, Answer::Doubtful]));
        prop_assert!(of(bracket.not_brought, &[Answer::Invalid]));
        if let Some((held, failed)) = bracket.held.zip(bracket.not_held) {
            prop_assert!(held < failed);
        }
        if end == SearchEnd::Found {
            prop_assert!(bracket.resolution().unwrap() <= plan.resolution.get() + 1e-6);
        }
        let last = bracket.held.and_then(|held| {
            steps.iter().rev().find(|(tried, _, found)| {
                *tried == held.as_per_second() && !matches!(found, Answer::Invalid | Answer::Doubtful)
            })
        });
        prop_assert!(last.is_none_or(|(_, _, found)| *found == Answer::Held), "what failed last does not count");
    }
}
