//! What is said about mistakes.

use insta::assert_snapshot;

use super::*;

#[test]
fn mistakes_of_syntax_of_form_and_of_sense_are_told_at_once() {
    let text = r#"nam = "s"
[target]
server = "reference"
[load]
executor = "constant-arival-rate"
drain = 30
[[journey]]
name = "j"
steps = [{ requst = "GET /" }, { request = "GET /{{session_id}}" }]
[sla]
response_time = { p95 = ">= 150ms" }
[alerts]
window = "1500ms"
error_rate = > 5
"#;
    assert_snapshot!(mistakes(text), @r#"
    s.toml:1:1: unknown key `nam`; did you mean `name`? (known keys: `actions`, `alerts`, `capacity`, `classconnect`, `compare`, `description`, `journey`, `judge`, `load`, `name`, `rollback`, `seed`, `sla`, `target`, `users`, `waiver`)
      1 | nam = "s"
        | ^^^
    s.toml:5:12: expected one of "constant-arrival-rate", "ramping-arrival-rate", "constant-vus", "ramping-vus", "per-vu-iterations", "shared-iterations"; found the text "constant-arival-rate"; did you mean "constant-arrival-rate"?
      5 | executor = "constant-arival-rate"
        |            ^^^^^^^^^^^^^^^^^^^^^^
    s.toml:6:9: expected a duration with its unit, such as "30s"; found the number 30
      6 | drain = 30
        |         ^^
    s.toml:9:10: a step needs one of the keys `request`, `subscribe`, `await`, `think`, `repeat`, `parallel`; it has `requst`: did you mean `request`?
      9 | steps = [{ requst = "GET /" }, { request = "GET /{{session_id}}" }]
        |          ^^^^^^^^^^^^^^^^^^^^
    s.toml:11:25: the comparison points the wrong way: a low `response_time` is good, so a target takes `<` or `<=`
      11 | response_time = { p95 = ">= 150ms" }
         |                         ^^^^^^^^^^
    s.toml:13:10: a window is made of whole seconds, because it moves once a second
      13 | window = "1500ms"
         |          ^^^^^^^^
    s.toml:14:14: this is not valid TOML: string values must be quoted, expected literal string
      14 | error_rate = > 5
         |              ^^^
    7 mistakes found
    "#);
}

#[test]
fn a_wrong_value_is_told_once_and_leaves_no_further_mistake_behind() {
    let text = format!(
        "{HEAD}[load]\nexecutor = \"constant-arrival-rate\"\nrate = 5\nduration = \"6 parsecs\"\n{JOURNEY}"
    );
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:6:8: expected a rate with its unit, such as "40/s"; found the number 5
      6 | rate = 5
        |        ^
    s.toml:7:12: "parsecs" is not a unit of time; write a number with its unit, such as "150ms", "2s" or "1m30s"
      7 | duration = "6 parsecs"
        |            ^^^^^^^^^^^
    2 mistakes found
    "#);
}

#[test]
fn nothing_is_concluded_from_a_value_that_was_refused() {
    // Each of these would be followed by a second mistake if its default took its place.
    let journey = r#"[[journey]]
name = "j"
[[journey.steps]]
request = "POST /rows"
sav = { id = "/id" }
[[journey.steps]]
subscribe = "rows"
chnages = [{ table = "rows" }]
[[journey.steps]]
await = { table = "rows", where = { id = "{{id}}" } }
timeout = 40
[classconnect]
retry_schedule = ["1s", 60]
extraction_delay = { distribution = "lognormal", median = "1s", p99 = "3s", max = 9 }
[sla]
availability = ">= 99%"
feedback_latency = { p95 = "< 1s" }
[rollback]
window = "10s"
error_rate = 5
"#;
    let text = format!("{HEAD}{LOAD}drain = 5\n{journey}");
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:8:9: expected a duration with its unit, such as "30s"; found the number 5
      8 | drain = 5
        |         ^
    s.toml:13:1: unknown key `sav` in `journey.steps`; did you mean `save`? (known keys: `body`, `expect`, `feedback`, `headers`, `idempotency_key`, `name`, `request`, `save`, `submission`, `timeout`)
      13 | sav = { id = "/id" }
         | ^^^
    s.toml:16:1: unknown key `chnages` in `journey.steps`; did you mean `changes`? (known keys: `changes`, `name`, `read`, `subscribe`, `timeout`)
      16 | chnages = [{ table = "rows" }]
         | ^^^^^^^
    s.toml:19:11: expected a duration with its unit, such as "30s"; found the number 40
      19 | timeout = 40
         |           ^^
    s.toml:21:25: expected a duration with its unit, such as "30s"; found the number 60
      21 | retry_schedule = ["1s", 60]
         |                         ^^
    s.toml:22:83: expected a duration with its unit, such as "30s"; found the number 9
      22 | extraction_delay = { distribution = "lognormal", median = "1s", p99 = "3s", max = 9 }
         |                                                                                   ^
    s.toml:28:14: expected a comparison with a percentage, such as "> 5%"; found the number 5
      28 | error_rate = 5
         |              ^
    7 mistakes found
    "#);
}

#[test]
fn a_step_is_of_one_kind() {
    let text = with_steps(
        r#"steps = [{ request = "GET /", think = "1s" }, { think = 5 }, { repeat = 0, steps = [] }, { name = "x" }]"#,
    );
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:10:31: unknown key `think` in `journey.steps` (known keys: `body`, `expect`, `feedback`, `headers`, `idempotency_key`, `name`, `request`, `save`, `submission`, `timeout`)
      10 | steps = [{ request = "GET /", think = "1s" }, { think = 5 }, { repeat = 0, steps = [] }, { name = "x" }]
         |                               ^^^^^
    s.toml:10:57: expected a duration with its unit, such as "30s", or a table with a `distribution`; found the number 5
      10 | steps = [{ request = "GET /", think = "1s" }, { think = 5 }, { repeat = 0, steps = [] }, { name = "x" }]
         |                                                         ^
    s.toml:10:73: expected a number of 1 or more; found the number 0
      10 | steps = [{ request = "GET /", think = "1s" }, { think = 5 }, { repeat = 0, steps = [] }, { name = "x" }]
         |                                                                         ^
    s.toml:10:84: the list is empty; it needs at least one item
      10 | steps = [{ request = "GET /", think = "1s" }, { think = 5 }, { repeat = 0, steps = [] }, { name = "x" }]
         |                                                                                    ^^
    s.toml:10:90: a step needs one of the keys `request`, `subscribe`, `await`, `think`, `repeat`, `parallel`
      10 | steps = [{ request = "GET /", think = "1s" }, { think = 5 }, { repeat = 0, steps = [] }, { name = "x" }]
         |                                                                                          ^^^^^^^^^^^^^^
    5 mistakes found
    "#);
}

#[test]
fn placeholders_must_be_saved_by_a_step_before() {
    let text = with_steps(
        r#"[[journey.steps]]
request = "POST /sessions"
body = { session = "{{session_id}}", n = "{{repetition}}" }
save = { session_id = "/id", ticket = "/t", other = "id" }
[[journey.steps]]
request = "GET /sessions/{{sesion_id}}/{{"
expect = { checks = { "status" = "ok" } }
"#,
    );
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:12:8: `{{repetition}}` counts only within a `repeat` or a `parallel`
      12 | body = { session = "{{session_id}}", n = "{{repetition}}" }
         |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    s.toml:12:8: no step before this one saves `session_id` (known here: `user_id`, `ticket`, `transcript`, `recording_url`)
      12 | body = { session = "{{session_id}}", n = "{{repetition}}" }
         |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    s.toml:13:30: `ticket` is a built-in variable and cannot be saved; choose another name
      13 | save = { session_id = "/id", ticket = "/t", other = "id" }
         |                              ^^^^^^
    s.toml:13:53: "id" is not a JSON pointer; write "/id"
      13 | save = { session_id = "/id", ticket = "/t", other = "id" }
         |                                                     ^^^^
    s.toml:15:11: `{{` has no closing `}}`
      15 | request = "GET /sessions/{{sesion_id}}/{{"
         |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    s.toml:16:23: "status" is not a JSON pointer; write "/status"
      16 | expect = { checks = { "status" = "ok" } }
         |                       ^^^^^^^^
    6 mistakes found
    "#);
}

#[test]
fn a_wait_needs_a_request_a_subscription_and_time() {
    let text = with_steps(
        r#"[[journey.steps]]
await = { table = "rows", where = { id = "1" } }
[[journey.steps]]
request = "POST /rows"
feedback = { table = "rows", where = { id = "1" } }
[[journey.steps]]
subscribe = "rows"
changes = [{ table = "rows", event = "UPDAT" }]
[[journey.steps]]
subscribe = "rows"
changes = [{ table = "rows" }]
[[journey.steps]]
await = { table = "row", where = { id = "1" } }
"#,
    );
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:11:1: no request comes before this step, so there is nothing to wait for
      11 | await = { table = "rows", where = { id = "1" } }
         | ^^^^^
    s.toml:11:19: no step before this one subscribes to anything, so changes of `rows` cannot be received
      11 | await = { table = "rows", where = { id = "1" } }
         |                   ^^^^^^
    s.toml:17:38: expected one of "*", "INSERT", "UPDATE", "DELETE"; found the text "UPDAT"; did you mean "UPDATE"?
      17 | changes = [{ table = "rows", event = "UPDAT" }]
         |                                      ^^^^^^^
    3 mistakes found
    "#);
    let text = with_steps(
        r#"[[journey.steps]]
request = "POST /rows"
[[journey.steps]]
subscribe = "rows"
changes = [{ table = "rows" }]
[[journey.steps]]
await = { table = "row", where = { id = "1" } }
timeout = "2s"
[[journey.steps]]
await = { table = "rows", where = { id = "1" } }
timeout = "40s"
fallback = { poll = "POST /rows", after = "50s", until = { "/id" = "1" } }
"#,
    );
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:4:2: the drain of 30s is shorter than the longest wait for a result, 40s: the last results would be counted as lost
      4 | [load]
        |  ^^^^
    s.toml:16:19: no step before this one subscribes to the table `row`; did you mean `rows`? (subscribed: `rows`)
      16 | await = { table = "row", where = { id = "1" } }
         |                   ^^^^^
    s.toml:17:11: the deadline of 2s is shorter than the mock may take by plan: its longest delay plus its retry schedule is 9s; raise `timeout`, or lower `max` or `retry_schedule` in `[classconnect]`
      17 | timeout = "2s"
         |           ^^^^
    s.toml:21:21: a row is read with GET
      21 | fallback = { poll = "POST /rows", after = "50s", until = { "/id" = "1" } }
         |                     ^^^^^^^^^^^^
    s.toml:21:43: polling would begin after 50s, when the wait of 40s is over
      21 | fallback = { poll = "POST /rows", after = "50s", until = { "/id" = "1" } }
         |                                           ^^^^^
    5 mistakes found
    "#);
}

#[test]
fn names_tell_journeys_and_steps_apart() {
    let text = format!(
        "{HEAD}{LOAD}{JOURNEY}{JOURNEY}[[journey]]\nname = \"a b\"\nweight = 0\nsteps = [{{ think = \"1s\" }}]\n[[journey]]\nname = \"empty\"\n"
    );
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:12:8: a journey before this one is named `j` already
      12 | name = "j"
         |        ^^^
    s.toml:13:38: a step of the journey `j` is named `home` already; names tell steps apart in reports
      13 | steps = [{ request = "GET /", name = "home" }]
         |                                      ^^^^^^
    s.toml:15:8: a name is made of letters, digits, `-` and `_`
      15 | name = "a b"
         |        ^^^^^
    s.toml:16:10: expected a number of 1 or more; found the number 0
      16 | weight = 0
         |          ^
    s.toml:17:1: the journey `a b` has no request, so it puts no load on the target
      17 | steps = [{ think = "1s" }]
         | ^^^^^
    s.toml:18:1: the journey has no steps: name their `file`, or write them as [[journey.steps]]
      18 | [[journey]]
         | ^^^^^^^^^^^
    6 mistakes found
    "#);
}

#[test]
fn distributions_have_their_parameters_in_order() {
    let text = format!(
        r#"{HEAD}{LOAD}{JOURNEY}[classconnect]
analysis_delay = {{ distribution = "lognormal", median = "3s", p99 = "1s" }}
improvement_delay = {{ distribution = "uniform", min = "3s", max = "1s" }}
extraction_delay = {{ distribution = "lognormal", median = "1s", p99 = "3s" }}
[classconnect.faults]
drop = "120%"
"#
    );
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:12:57: `median` is longer than `p99`
      12 | analysis_delay = { distribution = "lognormal", median = "3s", p99 = "1s" }
         |                                                         ^^^^
    s.toml:13:55: `min` is longer than `max`
      13 | improvement_delay = { distribution = "uniform", min = "3s", max = "1s" }
         |                                                       ^^^^
    s.toml:14:20: the delay has no end, so no deadline could tell a late result from a lost one; add `max`
      14 | extraction_delay = { distribution = "lognormal", median = "1s", p99 = "3s" }
         |                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    s.toml:16:8: a share of 120% is outside 0% to 100%
      16 | drop = "120%"
         |        ^^^^^^
    4 mistakes found
    "#);
}

#[test]
fn load_goes_only_where_it_is_allowed_to() {
    let target = |keys: &str| format!("name = \"s\"\n[target]\n{keys}\n{LOAD}{JOURNEY}");
    assert_snapshot!(mistakes(&target("base_url = \"http://staging.example.com\"")), @r#"
    s.toml:3:12: load is sent only to this machine unless the scenario allows it; if the owner of `staging.example.com` agrees, add allow_hosts = ["staging.example.com"] to `[target]`
      3 | base_url = "http://staging.example.com"
        |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    1 mistake found
    "#);
    assert_snapshot!(mistakes(&target("base_url = \"https://localhost\"\ndatabase = \"sqlite\"")), @r#"
    s.toml:4:1: `database` is a setting of the reference server; it cannot be chosen for a target with `base_url`
      4 | database = "sqlite"
        | ^^^^^^^^
    1 mistake found
    "#);
    assert_snapshot!(mistakes(&target("server = \"reference\"\nhealth = \"/\"")), @r#"
    s.toml:4:1: `health` is for a target with `base_url`; the run knows this of its own server
      4 | health = "/"
        | ^^^^^^
    1 mistake found
    "#);
    let allowed = "base_url = \"http://staging.example.com\"\nallow_hosts = [\"staging.example.com\"]";
    assert_eq!(mistakes(&target(allowed)), "none");
}

#[test]
fn a_mistake_in_a_named_file_is_shown_in_that_file() {
    let scenario = format!(
        "{HEAD}{LOAD}[[journey]]\nname = \"j\"\nfile = \"j.toml\"\n[[journey]]\nname = \"k\"\nfile = \"k.toml\"\n[sla]\nfile = \"sla.toml\"\nerror_rate = \"< 1%\"\n"
    );
    let journey = "[[steps]]\nrequest = \"FETCH /\"\n";
    let sla = "error_rate = \"< 5%\"\nthrougput = \"> 5/s\"\n";
    let loaded = load_files(
        &[("s.toml", &scenario), ("j.toml", journey), ("sla.toml", sla)],
        &[],
        &[],
    );
    assert_snapshot!(loaded.unwrap_err().to_string(), @r#"
    s.toml:13:8: `k.toml` could not be read: entity not found
      13 | file = "k.toml"
         |        ^^^^^^^^
    j.toml:2:11: a request begins with GET, POST, PUT, PATCH or DELETE, such as "GET /path"
      2 | request = "FETCH /"
        |           ^^^^^^^^^
    sla.toml:2:1: unknown key `througput`; did you mean `throughput`? (known keys: `abandonment_rate`, `apdex`, `availability`, `complaint_rate`, `completion_rate`, `db_query_time`, `error_rate`, `feedback_latency`, `file`, `not_measured`, `realtime_failures`, `realtime_latency`, `response_time`, `result_turnaround`, `server_time`, `step`, `throughput`, `webhook_failures`, `webhook_processing`, `webhook_success`)
      2 | througput = "> 5/s"
        | ^^^^^^^^^
    3 mistakes found
    "#);
}

#[test]
fn a_scenario_that_cannot_be_read_says_so() {
    assert_snapshot!(load_files(&[], &[], &[]).unwrap_err().to_string(), @r#"
    s.toml:1:1: the scenario could not be read: entity not found
    1 mistake found
    "#);
}
