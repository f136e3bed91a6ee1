//! The exit codes of a search: people script against them.

use super::*;
use crate::units::Ratio;

fn rate(per_second: f64) -> Rate {
    Rate::per_second(per_second).unwrap()
}

fn result(ended: Ended, held: Option<f64>, not_held: Option<f64>) -> CapacityResult {
    CapacityResult {
        plan: CapacityPlan {
            from: rate(5.0),
            to: rate(100.0),
            factor: 2.0,
            step_hold: Duration::from_secs(15),
            step_warm_up: Duration::from_secs(5),
            step_drain: Duration::from_secs(30),
            resolution: Ratio::new(0.1).unwrap(),
            time_box: Duration::from_secs(900),
            confirm: true,
            is_declared: true,
        },
        bracket: Bracket {
            held: held.map(rate),
            not_held: not_held.map(rate),
            not_brought: None,
            is_confirmed: false,
        },
        ended,
        problem: None,
        steps: Vec::new(),
        target: None,
        started_at: Timestamp::UNIX_EPOCH,
        took: Duration::ZERO,
    }
}

#[test]
fn the_exit_code_says_whether_a_capacity_was_found() {
    use ExitCode::{CouldNotStart, Go, Inconclusive, Interrupted, Invalid, NoGo};
    use SearchEnd::{AtLeast, Found, GeneratorLimit, NotEvenLowest};
    let searched = Ended::Searched;
    for (ended, held, not_held, code, at_least_40) in [
        (searched(Found), Some(38.0), Some(41.0), Go, NoGo),
        (searched(Found), Some(40.0), Some(44.0), Go, Go),
        (searched(AtLeast), Some(100.0), None, Go, Go),
        (searched(AtLeast), Some(30.0), None, Go, NoGo),
        (searched(NotEvenLowest), None, Some(5.0), NoGo, NoGo),
        (searched(GeneratorLimit), Some(20.0), None, Invalid, Invalid),
        (searched(GeneratorLimit), Some(20.0), Some(40.0), Go, NoGo),
        (searched(GeneratorLimit), Some(50.0), None, Invalid, Go),
        (searched(GeneratorLimit), None, None, Invalid, Invalid),
        (Ended::TimeBox, Some(20.0), Some(40.0), Go, NoGo),
        (Ended::TimeBox, Some(20.0), Some(80.0), Go, Inconclusive),
        (Ended::TimeBox, Some(20.0), None, Inconclusive, Inconclusive),
        (Ended::TimeBox, Some(80.0), None, Inconclusive, Go),
        (Ended::TimeBox, None, None, Inconclusive, Inconclusive),
        (
            Ended::Interrupted,
            Some(80.0),
            Some(90.0),
            Interrupted,
            Interrupted,
        ),
        (
            Ended::Broken,
            Some(80.0),
            Some(90.0),
            CouldNotStart,
            CouldNotStart,
        ),
        (Ended::UnderWay, None, None, Interrupted, Interrupted),
    ] {
        let result = result(ended, held, not_held);
        let case = format!("{ended:?} {held:?} {not_held:?}");
        assert_eq!(result.exit_code(None), code, "{case}");
        assert_eq!(
            result.exit_code(Some(rate(40.0))),
            at_least_40,
            "{case}, 40/s expected"
        );
    }
}
