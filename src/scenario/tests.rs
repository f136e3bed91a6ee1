//! Scenarios from text to plan or to mistakes.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

/// Loads `s.toml` out of files that exist only here.
fn load_files(
    files: &[(&str, &str)],
    sets: &[(&str, &str)],
    environment: &[(&str, &str)],
) -> Result<Loaded, Diagnostics> {
    let files: BTreeMap<String, String> = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
        .collect();
    let sets: Vec<(String, String)> = sets
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let look_up = |name: &str| {
        environment
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    };
    let read = |path: &Path| {
        files
            .get(&path.display().to_string())
            .cloned()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    };
    load(
        Path::new("s.toml"),
        &LoadOptions {
            sets: &sets,
            seed: None,
            cores: 2,
            environment: &look_up,
            read: &read,
        },
    )
}

/// The parts of a scenario without a mistake, which a test replaces where it makes one.
const HEAD: &str = "name = \"s\"\n[target]\nserver = \"reference\"\n";
const LOAD: &str = "[load]\nexecutor = \"constant-arrival-rate\"\nrate = \"5/s\"\nduration = \"6s\"\n";
const JOURNEY: &str = "[[journey]]\nname = \"j\"\nsteps = [{ request = \"GET /\", name = \"home\" }]\n";

/// A scenario whose only journey has these steps.
fn with_steps(steps: &str) -> String {
    format!("{HEAD}{LOAD}[[journey]]\nname = \"j\"\n{steps}\n")
}

fn mistakes(text: &str) -> String {
    match load_files(&[("s.toml", text)], &[], &[]) {
        Ok(_) => "none".to_owned(),
        Err(diagnostics) => diagnostics.to_string(),
    }
}

#[test]
fn a_plain_scenario_becomes_a_plan() {
    assert_eq!(mistakes(&format!("{HEAD}{LOAD}{JOURNEY}")), "none");
}

/// Every scenario of the repository.
const SCENARIOS: [&str; 7] = [
    "smoke",
    "peak",
    "spike",
    "soak",
    "slow-server",
    "failing-server",
    "lost-webhooks",
];

fn load_shipped(name: &str) -> Result<Loaded, Diagnostics> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("scenarios")
        .join(format!("{name}.toml"));
    load(
        &path,
        &LoadOptions {
            sets: &[],
            seed: None,
            cores: 2,
            environment: &|_| None,
            read: &read_file,
        },
    )
}

#[test]
fn every_shipped_scenario_loads() {
    for name in SCENARIOS {
        match load_shipped(name) {
            Ok(loaded) => assert_eq!(loaded.plan.name, name),
            Err(diagnostics) => panic!("{diagnostics}"),
        }
    }
}

#[test]
fn the_list_of_shipped_scenarios_is_complete() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let is_scenario = path.is_file() && stem != "sla";
        assert!(
            !is_scenario || SCENARIOS.contains(&stem.as_str()),
            "{stem} is not loaded by any test"
        );
    }
}

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
    s.toml:1:1: unknown key `nam`; did you mean `name`? (known keys: `alerts`, `classconnect`, `description`, `journey`, `judge`, `load`, `name`, `rollback`, `seed`, `sla`, `target`)
      1 | nam = "s"
        | ^^^
    s.toml:5:12: expected one of "constant-arrival-rate", "ramping-arrival-rate", "constant-vus", "ramping-vus", "per-vu-iterations", "shared-iterations"; found the text "constant-arival-rate"; did you mean "constant-arrival-rate"?
      5 | executor = "constant-arival-rate"
        |            ^^^^^^^^^^^^^^^^^^^^^^
    s.toml:6:9: expected a duration with its unit, such as "30s"; found the number 30
      6 | drain = 30
        |         ^^
    s.toml:9:10: a step needs one of the keys `request`, `subscribe`, `await`, `think`, `repeat`; it has `requst`: did you mean `request`?
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
    s.toml:28:14: expected a comparison with a percentage, such as "< 1%"; found the number 5
      28 | error_rate = 5
         |              ^
    7 mistakes found
    "#);
}

#[test]
fn an_executor_tells_its_own_keys() {
    let text = format!("{HEAD}[load]\nexecutor = \"ramping-vus\"\nrate = \"5/s\"\n{JOURNEY}");
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:4:2: `stages` is missing: the executor `ramping-vus` needs it
      4 | [load]
        |  ^^^^
    s.toml:6:1: `rate` means nothing to the executor `ramping-vus`, which takes `stages`, `start_vus`
      6 | rate = "5/s"
        | ^^^^
    2 mistakes found
    "#);
    let text = format!(
        "{HEAD}[load]\nexecutor = \"ramping-arrival-rate\"\nstages = [{{ target = 5, duration = \"1s\" }}]\nmax_vus = 0\n{JOURNEY}"
    );
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:6:22: a stage of `ramping-arrival-rate` needs a rate with its unit: "5/s"
      6 | stages = [{ target = 5, duration = "1s" }]
        |                      ^
    s.toml:7:11: expected a number of 1 or more; found the number 0
      7 | max_vus = 0
        |           ^
    2 mistakes found
    "#);
    let text = format!(
        "{HEAD}[load]\nexecutor = \"ramping-vus\"\nstages = [{{ target = 0, duration = \"1s\" }}]\n{JOURNEY}"
    );
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:6:1: every stage has zero virtual users: nobody would come
      6 | stages = [{ target = 0, duration = "1s" }]
        | ^^^^^^
    1 mistake found
    "#);
    let text = format!("{HEAD}[load]\nexecutor = \"ramping-vus\"\nstages = []\n{JOURNEY}");
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:6:10: the list is empty; it needs at least one item
      6 | stages = []
        |          ^^
    1 mistake found
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
    s.toml:10:90: a step needs one of the keys `request`, `subscribe`, `await`, `think`, `repeat`
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
    s.toml:12:8: `{{repetition}}` counts only within a `repeat`
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
    s.toml:16:17: `server_tim` is not a metric; did you mean `server_time`? (metrics: `response_time`, `error_rate`, `availability`, `feedback_latency`, `realtime_latency`, `realtime_failures`, `webhook_processing`, `webhook_success`, `webhook_failures`, `result_turnaround`, `server_time`, `db_query_time`, `throughput`)
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
fn load_goes_only_where_it_is_allowed_to() {
    let target = |keys: &str| format!("name = \"s\"\n[target]\n{keys}\n{LOAD}{JOURNEY}");
    assert_snapshot!(mistakes(&target("base_url = \"http://staging.example.com\"")), @r#"
    s.toml:3:12: load is sent only to this machine unless the scenario allows it; if the owner of `staging.example.com` agrees, add allow_hosts = ["staging.example.com"] to `[target]`
      3 | base_url = "http://staging.example.com"
        |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    1 mistake found
    "#);
    assert_snapshot!(mistakes(&target("base_url = \"https://localhost\"\ndatabase = \"sqlite\"")), @r#"
    s.toml:3:12: TLS to the target is not supported yet; use http:// and, where needed, a local proxy that adds TLS
      3 | base_url = "https://localhost"
        |            ^^^^^^^^^^^^^^^^^^^
    s.toml:4:1: `database` is a setting of the reference server; it cannot be chosen for a target with `base_url`
      4 | database = "sqlite"
        | ^^^^^^^^
    2 mistakes found
    "#);
    assert_snapshot!(mistakes(&target("server = \"reference\"\narchitecture = \"trigger\"\ndatabase = \"postgres\"\nhealth = \"/\"")), @r#"
    s.toml:4:16: the trigger architecture needs PostgreSQL, which is not available yet; write "direct"
      4 | architecture = "trigger"
        |                ^^^^^^^^^
    s.toml:5:12: PostgreSQL is not available yet as a database of the reference server; write "sqlite"
      5 | database = "postgres"
        |            ^^^^^^^^^^
    s.toml:6:1: `health` is for a target with `base_url`; the run knows this of its own server
      6 | health = "/"
        | ^^^^^^
    3 mistakes found
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
    sla.toml:2:1: unknown key `througput`; did you mean `throughput`? (known keys: `availability`, `db_query_time`, `error_rate`, `feedback_latency`, `file`, `not_measured`, `realtime_failures`, `realtime_latency`, `response_time`, `result_turnaround`, `server_time`, `step`, `throughput`, `webhook_failures`, `webhook_processing`, `webhook_success`)
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

#[test]
fn targets_of_the_scenario_replace_those_of_the_named_file() {
    let scenario = format!("{HEAD}{LOAD}{JOURNEY}[sla]\nfile = \"sla.toml\"\nerror_rate = \"< 1%\"\n");
    let sla = "error_rate = \"< 5%\"\nresponse_time = { p95 = \"<= 150ms\", mean = \"< 80ms\" }\n";
    let loaded = load_files(&[("s.toml", &scenario), ("sla.toml", sla)], &[], &[]).unwrap();
    let targets: Vec<String> = loaded
        .plan
        .criteria
        .targets
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        targets,
        [
            "response_time mean < 80ms",
            "response_time p95 <= 150ms",
            "error_rate < 1%"
        ]
    );
    let paths: Vec<&str> = loaded.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["s.toml", "sla.toml"]);
}

#[test]
fn set_options_replace_values_of_the_file() {
    let text = format!("{HEAD}{LOAD}{JOURNEY}");
    let sets = [
        ("load.rate", "80/s"),
        ("load.max_vus", "7"),
        ("journey.0.weight", "3"),
        ("description", "x"),
    ];
    let plan = load_files(&[("s.toml", &text)], &sets, &[]).unwrap().plan;
    assert_eq!((plan.load.max_vus, plan.journeys[0].weight), (7, 3));
    assert_eq!(plan.description, "x");

    let sets = [
        ("load.rat", "80/s"),
        ("load.duration", "80"),
        ("journey.4.weight", "3"),
        ("target.api_key", "hunter2"),
        ("name.first", "x"),
        ("load..rate", "x"),
    ];
    let mistakes = load_files(&[("s.toml", &text)], &sets, &[])
        .unwrap_err()
        .to_string();
    assert!(!mistakes.contains("hunter2"), "{mistakes}");
    assert_snapshot!(mistakes, @r#"
    --set:1:1: unknown key `rat` in `load`; did you mean `rate`? (known keys: `arrivals`, `connections`, `drain`, `duration`, `executor`, `max_vus`, `rate`, `stages`, `start_rate`, `start_vus`, `vus`, `warm_up`, `workers`)
      1 | load.rat=80/s
        | ^^^^^^^^
    --set:1:15: expected a duration with its unit, such as "30s"; found the number 80
      1 | load.duration=80
        |               ^^
    --set:1:1: `4` is not the index of an item; there are 1, counted from 0
      1 | journey.4.weight=3
        | ^^^^^^^^^^^^^^^^
    --set:1:1: `api_key` is a secret, and command lines are visible to others; set it in the environment instead
      1 | target.api_key=…
        | ^^^^^^^^^^^^^^
    --set:1:1: `name` is not a table, so nothing can be set within it
      1 | name.first=x
        | ^^^^^^^^^^
    --set:1:1: `load..rate` is not a key; write it with its tables, such as `load.rate`
      1 | load..rate=x
        | ^^^^^^^^^^
    6 mistakes found
    "#);
}

const REMOTE_WITH_SECRETS: &str = r#"name = "s"
[target]
base_url = "http://127.0.0.1:8000"
api_key = "${STAGING_API_KEY}"
jwt_secret = "${JWT}"
version = "${GIT_SHA:-unknown}"
"#;

#[test]
fn secrets_come_from_the_environment_and_stay_out_of_everything_shown() {
    let environment = [("STAGING_API_KEY", "s3cret-key"), ("JWT", "s3cret-jwt")];
    let text = format!("{REMOTE_WITH_SECRETS}{LOAD}{JOURNEY}");
    let loaded = load_files(&[("s.toml", &text)], &[], &environment).unwrap();
    assert_eq!(loaded.text_unexpanded, text);
    assert_eq!(loaded.plan.target.version, "unknown");
    let crate::plan::TargetKind::Remote(remote) = &loaded.plan.target.kind else {
        panic!("a remote target");
    };
    assert_eq!(remote.api_key.as_deref(), Some("s3cret-key"));
    assert_eq!(remote.realtime_url, "ws://127.0.0.1:8000/realtime/v1/websocket");
    assert!(!format!("{loaded:?}").contains("s3cret"));

    // A secret that landed in the wrong place is not shown either.
    let text = format!(
        "{REMOTE_WITH_SECRETS}health = \"${{STAGING_API_KEY}}\"\n[load]\nexecutor = \"${{JWT}}\"\n{JOURNEY}"
    );
    let mistakes = load_files(&[("s.toml", &text)], &[], &environment)
        .unwrap_err()
        .to_string();
    assert!(!mistakes.contains("s3cret"), "{mistakes}");
    assert_snapshot!(mistakes, @r#"
    s.toml:7:10: the health path must begin with `/`, such as "/healthz"
      7 | health = "${STAGING_API_KEY}"
        |          ^^^^^^^^^^^^^^^^^^^^
    s.toml:9:12: expected one of "constant-arrival-rate", "ramping-arrival-rate", "constant-vus", "ramping-vus", "per-vu-iterations", "shared-iterations"; found the text "${JWT}"
      9 | executor = "${JWT}"
        |            ^^^^^^^^
    2 mistakes found
    "#);
}

#[test]
fn a_secret_in_the_file_is_refused_and_not_shown() {
    let text = format!(
        "name = \"s\"\n[target]\nbase_url = \"http://me:hunter2@127.0.0.1\"\napi_key = \"hunter2\"\n{LOAD}{JOURNEY}"
    );
    let mistakes = load_files(&[("s.toml", &text)], &[], &[])
        .unwrap_err()
        .to_string();
    assert!(!mistakes.contains("hunter2"), "{mistakes}");
    assert_snapshot!(mistakes, @r#"
    s.toml:3:12: an address must not hold a user name or password; use `api_key` or `jwt_secret`
      3 | base_url = *****************************
        |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    s.toml:4:11: `api_key` is a secret and must not be written into a file; name an environment variable: api_key = "${API_KEY}"
      4 | api_key = *********
        |           ^^^^^^^^^
    2 mistakes found
    "#);
}

#[test]
fn variables_that_are_not_set_are_told() {
    let text = format!("{HEAD}description = \"${{WHAT}} ${{1X}} ${{open\"\n");
    assert_snapshot!(mistakes("name = \"${NAME}\"\ndescription = \"${1X}\"\nseed = -1\n"), @r#"
    s.toml:1:1: `journey` is missing
      1 | name = "${NAME}"
        | ^
    s.toml:1:1: `load` is missing
      1 | name = "${NAME}"
        | ^
    s.toml:1:1: `target` is missing
      1 | name = "${NAME}"
        | ^
    s.toml:1:8: the environment variable `NAME` is not set; set it, or give a default: ${NAME:-value}
      1 | name = "${NAME}"
        |        ^^^^^^^^^
    s.toml:2:15: "1X" is not the name of an environment variable; write letters, digits and underscores: ${NAME}
      2 | description = "${1X}"
        |               ^^^^^^^
    s.toml:3:8: expected a number of 0 or more; found the number -1
      3 | seed = -1
        |        ^^
    6 mistakes found
    "#);
    assert!(mistakes(&text).contains("no closing"));
}

#[test]
fn the_warm_up_is_the_ramp_before_the_first_plateau() {
    let loaded = |name: &str| match load_shipped(name) {
        Ok(loaded) => loaded.plan.load,
        Err(diagnostics) => panic!("{diagnostics}"),
    };
    assert_eq!(loaded("peak").warm_up.as_secs(), 15);
    assert_eq!(loaded("smoke").warm_up.as_secs(), 0);
    assert_eq!(loaded("spike").warm_up.as_secs(), 5);
    assert_eq!(loaded("peak").workers, 1);
}

#[test]
fn the_mock_gets_its_plan_in_its_own_form() {
    let plan = load_shipped("lost-webhooks")
        .unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
        .plan;
    let mock = plan.classconnect.unwrap();
    assert_eq!(mock.longest_delivery, Some(std::time::Duration::from_secs(1)));
    assert_snapshot!(format!("{:#}", mock.plan), @r#"
    {
      "analysis_delay": {
        "distribution": "lognormal",
        "max": "1000ms",
        "median": "250ms",
        "p99": "600ms"
      },
      "delivery_timeout": "10000ms",
      "extraction_delay": {
        "distribution": "lognormal",
        "max": "1000ms",
        "median": "250ms",
        "p99": "600ms"
      },
      "faults": {
        "drop": 0.05,
        "duplicate": 0.0,
        "fail_analysis": 0.0,
        "reject_submit": 0.0,
        "soft_error": 0.0,
        "wrong_signature": 0.0
      },
      "improvement_delay": {
        "distribution": "lognormal",
        "max": "1000ms",
        "median": "250ms",
        "p99": "600ms"
      },
      "pass_threshold": 80,
      "retry_schedule": []
    }
    "#);
}

#[test]
fn the_schema_describes_every_key() {
    let schema: serde_json::Value = serde_json::from_str(&schema_json()).unwrap();
    let mut undescribed = Vec::new();
    for definition in schema["$defs"].as_object().unwrap().values().chain([&schema]) {
        for (key, property) in definition["properties"].as_object().into_iter().flatten() {
            let is_limit = crate::plan::Metric::from_key(key).is_some();
            // The parameters of distributions speak for themselves; limits share the description of their table.
            let is_parameter = definition["title"].is_null() && property["$ref"] == "#/$defs/DurationText";
            if property["description"].is_null() && !is_limit && !is_parameter {
                undescribed.push(key.clone());
            }
        }
    }
    assert!(undescribed.is_empty(), "{undescribed:?}");
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn the_schema_and_the_parsers_agree_on_what_a_quantity_looks_like() {
    let schema: serde_json::Value = serde_json::from_str(&schema_json()).unwrap();
    let admits = |name: &str, text: &str| {
        let pattern = &schema["$defs"][name];
        jsonschema::is_valid(pattern, &serde_json::Value::from(text))
    };
    for text in [
        "30s", "1m30s", "0.5ms", ".5s", "250us", "5µs", "1h", "2d", "30", "s", "-1s", "", "1 parsec", "1s2",
    ] {
        let parses = crate::units::parse_duration(text).is_ok();
        assert_eq!(admits("DurationText", text), parses, "{text:?}");
    }
    for text in ["40/s", "1.5/m", " 2 / h", "40", "/s", "-1/s", "4/d"] {
        let parses = text.parse::<crate::units::Rate>().is_ok();
        assert_eq!(admits("RateText", text), parses, "{text:?}");
    }
    for text in ["5%", "0.5 %", "%", "5", "-1%"] {
        let parses = text.parse::<crate::units::Ratio>().is_ok();
        assert_eq!(admits("PercentText", text), parses, "{text:?}");
    }
}

/// The tables of a scenario, each with a place to put a key.
const TABLES: [&str; 10] = [
    "",
    "target",
    "target.faults",
    "classconnect",
    "classconnect.faults",
    "load",
    "judge",
    "sla",
    "alerts",
    "rollback",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn unknown_keys_are_always_refused(table in prop::sample::select(TABLES.to_vec()), key in "x_[a-z]{1,12}") {
        let text = format!("{HEAD}{LOAD}{JOURNEY}");
        let path = if table.is_empty() { key.clone() } else { format!("{table}.{key}") };
        let refused = load_files(&[("s.toml", &text)], &[(&path, "1")], &[]).unwrap_err().to_string();
        let sentence = format!("unknown key `{key}`");
        prop_assert!(refused.contains(&sentence), "{}", refused);
    }

    #[test]
    fn any_text_is_answered_without_a_panic(text in "[ -~\\n]{0,300}") {
        prop_assert_ne!(mistakes(&text), "none");
    }

    #[test]
    fn any_change_of_a_character_is_answered_without_a_panic(at in 0_usize..200, character in "[ -~]") {
        let mut text = format!("{HEAD}{LOAD}{JOURNEY}");
        let at = at % text.len();
        text.replace_range(at..=at, &character);
        let answer = mistakes(&text);
        prop_assert!(answer == "none" || answer.ends_with("found"), "{}", answer);
    }
}
