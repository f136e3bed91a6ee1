//! `[alerts]` and `[rollback]`: what is looked at, and when it counts.

use std::time::Duration;

use insta::assert_snapshot;

use super::*;
use crate::plan::WindowPolicy;

/// Targets that budgets can be of.
const SLA: &str = "[sla]\nerror_rate = \"< 1%\"\nthroughput = \">= 1/s\"\nresponse_time = { p95 = \"<= 150ms\", p99 = \"<= 1s\" }\n\
                   [sla.step.home]\nerror_rate = \"< 2%\"\n";

fn alerts(table: &str) -> WindowPolicy {
    let text = format!("{HEAD}{LOAD}{JOURNEY}{SLA}{table}");
    let loaded = load_files(&[("s.toml", &text)], &[], &[]);
    let plan = loaded.unwrap_or_else(|mistakes| panic!("{mistakes}")).plan;
    plan.criteria.alerts.unwrap()
}

#[test]
fn over_is_the_window_and_window_its_older_name() {
    let seconds = Duration::from_secs;
    let new = alerts("[alerts]\nover = \"10s\"\nerror_rate = \"> 5%\"\n");
    assert_eq!(new, alerts("[alerts]\nwindow = \"10s\"\nerror_rate = \"> 5%\"\n"));
    assert_eq!(
        (new.window, new.sustained, new.within),
        (seconds(10), Duration::ZERO, None)
    );
    assert_eq!((new.clear_at, new.samples_min), (0.8, 20));
}

#[test]
fn how_long_a_breach_must_last_and_how_it_ends() {
    let policy = alerts(
        "[alerts]\nover = \"2s\"\nfor = \"5s\"\nwithin = \"20s\"\nclear_at = \"50%\"\nsamples_min = 7\n\
         error_rate = \"> 5%\"\n[alerts.step.home]\nerror_rate = \"> 10%\"\n",
    );
    assert_eq!(policy.sustained, Duration::from_secs(5));
    assert_eq!(policy.within, Some(Duration::from_secs(20)));
    assert_eq!((policy.clear_at, policy.samples_min), (0.5, 7));
    let texts: Vec<String> = policy.conditions.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["error_rate > 5%", "error_rate{home} > 10%"]);
}

#[test]
fn budgets_are_those_of_targets() {
    let policy = alerts(
        "[[alerts.budget]]\ntarget = \"error_rate\"\nburn_rate = \"> 6\"\nlong = \"1m\"\nshort = \"4s\"\n\
         [[alerts.budget]]\ntarget = \"response_time\"\nstat = \"p99\"\nconsumed = \"50%\"\nlong = \"2m\"\n\
         [[alerts.budget]]\ntarget = \"error_rate\"\nstep = \"home\"\nburn_rate = \"> 1.5\"\nlong = \"6s\"\n",
    );
    let texts: Vec<String> = policy.burn_rates.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "burn rate of error_rate < 1% > 6, over 1m and 4s",
            // Half the budget of a run of 6 s in two minutes: it is spent there at a fortieth of the rate.
            "burn rate of response_time p99 <= 1s > 0.03, over 2m and 10s",
            "burn rate of error_rate{home} < 2% > 1.5, over 6s and 5s",
        ]
    );
    // A table of budgets alone needs no window of its own.
    assert_eq!(policy.window, Duration::from_secs(4));
}

#[test]
fn a_rollback_has_the_same_keys() {
    let text = format!(
        "{HEAD}{LOAD}{JOURNEY}{SLA}[rollback]\nover = \"3s\"\nfor = \"2s\"\nstop_load = false\nerror_rate = \"> 5%\"\n\
         [[rollback.budget]]\ntarget = \"error_rate\"\nburn_rate = \"> 6\"\nlong = \"1m\"\n"
    );
    let loaded = load_files(&[("s.toml", &text)], &[], &[]);
    let rollback = loaded
        .unwrap_or_else(|mistakes| panic!("{mistakes}"))
        .plan
        .criteria
        .rollback
        .unwrap();
    assert!(!rollback.stop_load);
    assert_eq!(rollback.policy.sustained, Duration::from_secs(2));
    assert_eq!(rollback.policy.burn_rates.len(), 1);
}

#[test]
fn mistakes_in_windows_are_told_where_they_are() {
    let text = format!(
        r#"{HEAD}{LOAD}{JOURNEY}{SLA}
[alerts]
over = "10s"
window = "10s"
within = "20s"
clear_at = "0%"
error_rate = "> 5%"
[rollback]
over = "1500ms"
for = "5s"
within = "3s"
error_rate = "> 5%"
"#
    );
    assert_snapshot!(mistakes(&text), @"");
    let text = format!(
        "{HEAD}{LOAD}{JOURNEY}[alerts]\nerror_rate = \"> 5%\"\n[rollback]\nover = \"5s\"\nfor = \"7s\"\nerror_rate = \"> 5%\"\n"
    );
    assert_snapshot!(mistakes(&text), @"");
}

#[test]
fn mistakes_in_budgets_are_told_where_they_are() {
    let text = format!(
        r#"{HEAD}{LOAD}{JOURNEY}{SLA}
[[alerts.budget]]
target = "errors"
long = "1m"
[[alerts.budget]]
target = "response_time"
burn_rate = "> 2"
long = "1m"
[[alerts.budget]]
target = "webhook_success"
burn_rate = "> 2"
long = "1m"
[[alerts.budget]]
target = "throughput"
burn_rate = "> 2"
long = "1m"
[[alerts.budget]]
target = "response_time"
stat = "p95"
burn_rate = "> 20"
long = "1m"
[[alerts.budget]]
target = "error_rate"
burn_rate = "< 2"
consumed = "1%"
long = "5s"
[[alerts.budget]]
target = "error_rate"
burn_rate = "< 2"
long = "10s"
short = "1500ms"
[[alerts.budget]]
target = "error_rate"
stat = "p9x"
consumed = "0%"
long = "10s"
short = "10s"
"#
    );
    assert_snapshot!(mistakes(&text), @"");
}
