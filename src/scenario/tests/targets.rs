//! Mistakes about what a run is judged by.

use insta::assert_snapshot;

use super::*;

#[test]
fn targets_that_nothing_measures_are_refused() {
    let text = format!(
        r#"{HEAD}{LOAD}{JOURNEY}[sla]
realtime_latency = {{ p95 = "< 50ms" }}
feedback_latency = {{ p95 = "< 50ms" }}
result_turnaround = {{ p95 = "< 5s" }}
availability = ">= 99.9%"
not_measured = ["server_tim"]
[sla.step.hom]
response_time = {{ p95 = "< 50ms" }}
[sla.step.home]
feedback_latency = {{ p95 = "< 50ms" }}
[alerts]
window = "10s"
error_rate = "< 5%"
"#
    );
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:12:28: nothing would measure `realtime_latency`: no journey has a `subscribe` step
      12 | realtime_latency = { p95 = "< 50ms" }
         |                            ^^^^^^^^
    s.toml:13:28: nothing would measure `feedback_latency`: no request says in `feedback` which change it causes
      13 | feedback_latency = { p95 = "< 50ms" }
         |                            ^^^^^^^^
    s.toml:14:29: nothing would measure `result_turnaround`: no journey has an `await` step
      14 | result_turnaround = { p95 = "< 5s" }
         |                             ^^^^^^
    s.toml:15:16: nothing would measure `availability`: it counts the seconds in which no `error_rate` or `response_time` condition of `[rollback]` holds, and there is none
      15 | availability = ">= 99.9%"
         |                ^^^^^^^^^^
    s.toml:16:17: `server_tim` is not a metric; did you mean `server_time`? (metrics: `response_time`, `error_rate`, `availability`, `feedback_latency`, `realtime_latency`, `realtime_failures`, `webhook_processing`, `webhook_success`, `webhook_failures`, `result_turnaround`, `server_time`, `db_query_time`, `throughput`, `completion_rate`, `abandonment_rate`, `complaint_rate`, `apdex`)
      16 | not_measured = ["server_tim"]
         |                 ^^^^^^^^^^^^
    s.toml:18:25: no step is named `hom`; did you mean `home`? (steps: `home`)
      18 | response_time = { p95 = "< 50ms" }
         |                         ^^^^^^^^
    s.toml:20:28: nothing would measure `feedback_latency`: no request says in `feedback` which change it causes
      20 | feedback_latency = { p95 = "< 50ms" }
         |                            ^^^^^^^^
    s.toml:23:14: the comparison points the wrong way: a low `error_rate` is good, and this describes the breach, so it takes `>` or `>=`
      23 | error_rate = "< 5%"
         |              ^^^^^^
    8 mistakes found
    "#);
}

#[test]
fn what_a_remote_target_cannot_show_must_be_declared() {
    let remote = |sla: &str| {
        format!("name = \"s\"\n[target]\nbase_url = \"http://127.0.0.1:8000\"\n{LOAD}{JOURNEY}[sla]\n{sla}")
    };
    let sla = "db_query_time = { p95 = \"< 50ms\" }\nwebhook_success = \">= 99%\"\n";
    assert_snapshot!(mistakes(&remote(sla)), @r#"
    s.toml:12:25: nothing would measure `db_query_time`: the database of a target with `base_url` cannot be observed; list it in `not_measured` of `[sla]`
      12 | db_query_time = { p95 = "< 50ms" }
         |                         ^^^^^^^^
    s.toml:13:19: nothing would measure `webhook_success`: webhooks are seen by the mock only; add `[classconnect]`
      13 | webhook_success = ">= 99%"
         |                   ^^^^^^^^
    2 mistakes found
    "#);
    let declared = format!("{sla}not_measured = [\"db_query_time\", \"webhook_success\"]\n");
    assert_eq!(mistakes(&remote(&declared)), "none");
}

#[test]
fn limits_are_asked_for_in_the_form_of_their_metric() {
    let text = format!(
        r#"{HEAD}{LOAD}{JOURNEY}[sla]
response_time = "<= 150ms"
error_rate = {{ p95 = "< 1%" }}
availability = 99
throughput = "5/s"
[rollback]
window = "10s"
response_time = {{ p95 = 500, p0 = "> 5ms", q = "> 1s" }}
error_rate = 5
"#
    );
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:12:17: expected a table of statistics, such as { p95 = "<= 150ms" }; found the text "<= 150ms"
      12 | response_time = "<= 150ms"
         |                 ^^^^^^^^^^
    s.toml:13:14: expected a comparison with a percentage, such as "< 1%"; found a table
      13 | error_rate = { p95 = "< 1%" }
         |              ^^^^^^^^^^^^^^^^
    s.toml:14:16: expected a comparison with a percentage, such as ">= 99.5%"; found the number 99
      14 | availability = 99
         |                ^^
    s.toml:15:14: "5/s" does not begin with a comparison (`<`, `<=`, `>` or `>=`); write for instance ">= 100/s"
      15 | throughput = "5/s"
         |              ^^^^^
    s.toml:18:25: expected a comparison with a duration, such as "> 500ms"; found the number 500
      18 | response_time = { p95 = 500, p0 = "> 5ms", q = "> 1s" }
         |                         ^^^
    s.toml:18:30: "p0" is not a percentile; write "p50", "p95" or "p99.9"
      18 | response_time = { p95 = 500, p0 = "> 5ms", q = "> 1s" }
         |                              ^^
    s.toml:18:44: unknown key `q` in `rollback.response_time` (known keys: `max`, `mean`, `p50`, `p95`, `p99`)
      18 | response_time = { p95 = 500, p0 = "> 5ms", q = "> 1s" }
         |                                            ^
    s.toml:19:14: expected a comparison with a percentage, such as "> 5%"; found the number 5
      19 | error_rate = 5
         |              ^
    8 mistakes found
    "#);
}
