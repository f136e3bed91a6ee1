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
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:20:1: `window` is an older name of `over`; write one of them
      20 | window = "10s"
         | ^^^^^^
    s.toml:21:1: `within` belongs to `for`, which says how many of its seconds must show the breach
      21 | within = "20s"
         | ^^^^^^
    s.toml:22:12: at 0% of the level no breach would ever be over; write for instance "80%"
      22 | clear_at = "0%"
         |            ^^^^
    s.toml:25:8: a window is made of whole seconds, because it moves once a second
      25 | over = "1500ms"
         |        ^^^^^^^^
    s.toml:27:10: there are no 5s of breach within 3s: `within` is at least as long as `for`
      27 | within = "3s"
         |          ^^^^
    5 mistakes found
    "#);
    let text = format!(
        "{HEAD}{LOAD}{JOURNEY}[alerts]\nerror_rate = \"> 5%\"\n[rollback]\nover = \"5s\"\nfor = \"7s\"\nerror_rate = \"> 5%\"\n"
    );
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:11:2: `over` is missing in `alerts`
      11 | [alerts]
         |  ^^^^^^
    s.toml:15:7: the load lasts 6s, so no breach could last long enough to be raised
      15 | for = "7s"
         |       ^^^^
    2 mistakes found
    "#);
}

/// Budgets with a mistake each, or two.
const WRONG_BUDGETS: &str = r#"
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
"#;

#[test]
fn mistakes_in_budgets_are_told_where_they_are() {
    let text = format!("{HEAD}{LOAD}{JOURNEY}{SLA}{WRONG_BUDGETS}");
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:18:1: the budget says no rate: write `burn_rate` = "> 6", or `consumed` = "10%"
      18 | [[alerts.budget]]
         | ^^^^^^^^^^^^^^^^^
    s.toml:19:10: `errors` is not a metric; did you mean `error_rate`? (metrics: `response_time`, `error_rate`, `availability`, `feedback_latency`, `realtime_latency`, `realtime_failures`, `webhook_processing`, `webhook_success`, `webhook_failures`, `result_turnaround`, `server_time`, `db_query_time`, `throughput`, `completion_rate`, `abandonment_rate`, `complaint_rate`, `apdex`)
      19 | target = "errors"
         |          ^^^^^^^^
    s.toml:22:10: `[sla]` has several targets on `response_time`; say with `stat` which: "p95", "p99"
      22 | target = "response_time"
         |          ^^^^^^^^^^^^^^^
    s.toml:26:10: `[sla]` has no such target on `webhook_success`, and so no budget of it
      26 | target = "webhook_success"
         |          ^^^^^^^^^^^^^^^^^
    s.toml:30:10: the target throughput >= 1/s allows no share of bad events, so it has no budget
      30 | target = "throughput"
         |          ^^^^^^^^^^^^
    s.toml:36:13: 5% may be bad for the target response_time p95 <= 150ms, so nothing burns 20.0 times as fast: that would be more than everything
      36 | burn_rate = "> 20"
         |             ^^^^^^
    s.toml:41:1: a budget takes `burn_rate` or `consumed`, not both
      41 | consumed = "1%"
         | ^^^^^^^^
    s.toml:42:8: the short window of 5s must be shorter than the long one of 5s
      42 | long = "5s"
         |        ^^^^
    s.toml:45:13: "< 2" is not a rate that is too high; write for instance "> 6"
      45 | burn_rate = "< 2"
         |             ^^^^^
    s.toml:47:9: a window is made of whole seconds, because it moves once a second
      47 | short = "1500ms"
         |         ^^^^^^^^
    s.toml:50:8: "p9x" is not a percentile; write "p50", "p95" or "p99.9"
      50 | stat = "p9x"
         |        ^^^^^
    s.toml:51:12: the share must be more than 0%
      51 | consumed = "0%"
         |            ^^^^
    s.toml:53:9: the short window of 10s must be shorter than the long one of 10s
      53 | short = "10s"
         |         ^^^^^
    13 mistakes found
    "#);
}
