//! `[capacity]`: what is searched when a scenario says nothing, and what cannot be.

use std::time::Duration;

use insta::assert_snapshot;

use super::*;
use crate::plan::CapacityPlan;

fn capacity(text: &str, sets: &[(&str, &str)]) -> Option<CapacityPlan> {
    load_files(&[("s.toml", text)], sets, &[]).unwrap().plan.capacity
}

#[test]
fn a_search_follows_from_the_load_where_the_scenario_does_not_say() {
    let load = "[load]\nexecutor = \"ramping-arrival-rate\"\nstages = [{ target = \"40/s\", duration = \"5s\" }, \
                { target = \"0/s\", duration = \"5s\" }]\ndrain = \"12s\"\n";
    let steps = "steps = [{ request = \"GET /\" }, { think = \"6500ms\" }]\n";
    let plan = capacity(&format!("{HEAD}{load}[[journey]]\nname = \"j\"\n{steps}"), &[]).unwrap();
    let seconds = Duration::from_secs;
    assert_eq!(
        (plan.from.as_per_second(), plan.to.as_per_second()),
        (10.0, 640.0)
    );
    assert_eq!((plan.factor, plan.resolution.get()), (2.0, 0.1));
    // A user stays for 6.5 s: then as many are at work as there will be.
    assert_eq!(
        (plan.step_warm_up, plan.step_hold, plan.step_drain),
        (seconds(7), seconds(15), seconds(12))
    );
    assert_eq!(plan.time_box, seconds(900));
    assert!(plan.confirm && !plan.is_declared);
}

#[test]
fn every_part_of_a_search_can_be_set_also_by_option() {
    let section = "[capacity]\nrates = { from = \"2/s\", to = \"90/s\", factor = 3 }\nstep_hold = \"20s\"\n\
                   step_warm_up = \"0s\"\nresolution = \"5%\"\ntime_box = \"1h\"\nconfirm = false\n";
    let text = format!("{HEAD}{LOAD}{JOURNEY}{section}");
    let plan = capacity(&text, &[]).unwrap();
    assert_eq!(
        (plan.from.as_per_second(), plan.to.as_per_second(), plan.factor),
        (2.0, 90.0, 3.0)
    );
    assert_eq!(
        (plan.step_hold, plan.step_warm_up),
        (Duration::from_secs(20), Duration::ZERO)
    );
    assert_eq!(
        (plan.resolution.get(), plan.time_box),
        (0.05, Duration::from_secs(3600))
    );
    assert!(!plan.confirm && plan.is_declared);
    let set = capacity(
        &format!("{HEAD}{LOAD}{JOURNEY}"),
        &[("capacity.rates.from", "7/s")],
    )
    .unwrap();
    assert_eq!(set.from.as_per_second(), 7.0);
    assert!(set.is_declared);
}

#[test]
fn a_closed_model_has_no_rate_to_search() {
    let load = "[load]\nexecutor = \"constant-vus\"\nvus = 5\nduration = \"6s\"\n";
    assert_eq!(capacity(&format!("{HEAD}{load}{JOURNEY}"), &[]), None);
    assert_snapshot!(mistakes(&format!("{HEAD}{load}{JOURNEY}[capacity]\n")), @r"
    s.toml:11:2: `[capacity]` searches for an arrival rate, and the executor `constant-vus` has none; take `constant-arrival-rate` or `ramping-arrival-rate`
      11 | [capacity]
         |  ^^^^^^^^
    1 mistake found
    ");
}

#[test]
fn a_search_that_cannot_be_made_is_refused() {
    let with = |section: &str| mistakes(&format!("{HEAD}{LOAD}{JOURNEY}[capacity]\n{section}\n"));
    assert_snapshot!(with("rates = { from = \"9/s\", to = \"8/s\" }"), @r"
    s.toml:11:2: the capacity cannot be searched for: the lowest rate to try, 9/s, is above the highest, 8/s
      11 | [capacity]
         |  ^^^^^^^^
    1 mistake found
    ");
    assert_snapshot!(with("rates = { from = \"0.2/s\" }"), @r"
    s.toml:11:2: the capacity cannot be searched for: at the lowest rate, 0.2/s, a step of 15s judges 3.0 users on average; at least 5 are needed: start at a higher rate (`rates.from`), or hold each rate for longer (`step_hold`)
      11 | [capacity]
         |  ^^^^^^^^
    1 mistake found
    ");
    assert_snapshot!(with("time_box = \"20s\""), @r"
    s.toml:11:2: the capacity cannot be searched for: one step may take 57s (2s of warm-up, 15s held, at most 30s of drain, 10s to start and stop the target), which is more than the time box of 20s
      11 | [capacity]
         |  ^^^^^^^^
    1 mistake found
    ");
    assert_snapshot!(with("resolution = \"0.5%\"\nstep_hold = 15\nrates = { factor = 1 }"), @r#"
    s.toml:12:14: the resolution of 0.5% is outside 1% to 100%
      12 | resolution = "0.5%"
         |              ^^^^^^
    s.toml:13:13: expected a duration with its unit, such as "30s"; found the number 15
      13 | step_hold = 15
         |             ^^
    s.toml:14:20: expected a number of 1.1 or more; found the number 1
      14 | rates = { factor = 1 }
         |                    ^
    3 mistakes found
    "#);
}

#[test]
fn check_says_what_would_be_searched_when_the_scenario_speaks_of_it() {
    let said = |section: &str| {
        let text = format!("{HEAD}{LOAD}{JOURNEY}{section}");
        check(&load_files(&[("s.toml", &text)], &[], &[]).unwrap().plan).to_string()
    };
    let declared = said("[capacity]\nresolution = \"5%\"\n");
    assert!(
        declared.contains(
            "`loadtest capacity` would search 1.25/s to 80/s, ×2 until a rate fails, then bisecting to 5%; each rate \
             held for 15s after 2s of warm-up; what is found must hold twice."
        ),
        "{declared}"
    );
    assert!(!said("").contains("capacity"));
}

#[test]
fn who_does_not_ask_for_a_search_need_not_care_whether_it_could_be_made() {
    let load =
        "[load]\nexecutor = \"constant-arrival-rate\"\nrate = \"1/s\"\nduration = \"6s\"\ndrain = \"1h\"\n";
    let plan = capacity(&format!("{HEAD}{load}{JOURNEY}"), &[]).unwrap();
    assert!(plan.obstacle().is_some());
}
