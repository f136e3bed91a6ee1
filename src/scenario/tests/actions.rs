//! `[[actions]]`: what is done to the target, and when.

use std::time::Duration;

use insta::assert_snapshot;

use super::*;
use crate::plan::{Deed, Outage, StopMode};

fn with_actions(database: &str, actions: &str) -> String {
    format!(
        "name = \"s\"\n[target]\nserver = \"reference\"\ndatabase = \"{database}\"\n{LOAD}{JOURNEY}{actions}"
    )
}

#[test]
fn actions_are_lowered_in_the_order_of_time() {
    let text = with_actions(
        "postgres",
        r#"[[actions]]
at = "4s"
request = "PUT /admin/v1/rollout"
body = { direct_percent = 100 }
[[actions]]
at = "1s"
name = "the disk fails"
stop_database = { for = "2s", mode = "immediate" }
injects = true
[[actions]]
at = "3500ms"
stop_database = "1s"
"#,
    );
    let loaded = load_files(&[("s.toml", &text)], &[], &[]);
    let plan = loaded.unwrap_or_else(|mistakes| panic!("{mistakes}")).plan;
    let read: Vec<(u128, &str, String)> = plan
        .actions
        .iter()
        .map(|action| {
            (
                action.at.as_millis(),
                action.name.as_str(),
                action.deed.to_string(),
            )
        })
        .collect();
    let deed = |text: &str| text.to_owned();
    assert_eq!(
        read,
        [
            (
                1_000,
                "the disk fails",
                deed("stop the database for 2s, as in a crash")
            ),
            (
                3_500,
                "stop the database for 1s",
                deed("stop the database for 1s")
            ),
            (4_000, "PUT /admin/v1/rollout", deed("PUT /admin/v1/rollout")),
        ]
    );
    let Deed::Request(request) = &plan.actions[2].deed else {
        panic!("a request");
    };
    assert_eq!(request.body, Some(serde_json::json!({ "direct_percent": 100 })));
    let outage = Outage {
        downtime: Duration::from_secs(2),
        mode: StopMode::Immediate,
    };
    assert_eq!(plan.actions[0].deed, Deed::StopDatabase(outage));
    let injects: Vec<bool> = plan.actions.iter().map(|action| action.injects).collect();
    assert_eq!(injects, [true, false, false]);
}

#[test]
fn an_action_is_one_that_somebody_can_notice() {
    let text = with_actions(
        "postgres",
        r#"[[actions]]
at = "6s"
request = "PUT /x"
[[actions]]
at = "5s"
stop_database = "1s"
[[actions]]
at = "4s"
stop_database = { for = "500ms" }
[[actions]]
at = "4500ms"
stop_database = "100ms"
"#,
    );
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:13:6: the load is over after 6s, so nobody would be there to notice this action
      13 | at = "6s"
         |      ^^^^
    s.toml:17:17: the database would be back after 6s, when the load of 6s is over: nothing would show that the target recovers
      17 | stop_database = "1s"
         |                 ^^^^
    s.toml:22:6: the database is stopped already by the action at 4s, and would be stopped again before it is back
      22 | at = "4500ms"
         |      ^^^^^^^^
    3 mistakes found
    "#);
}

#[test]
fn an_action_does_one_thing() {
    let text = with_actions(
        "postgres",
        r#"[[actions]]
at = "1s"
name = "\t"
request = "FETCH x"
stop_database = "1s"
[[actions]]
at = "1s"
[[actions]]
request = "FETCH x"
[[actions]]
at = "1s"
request = "GET /{{user_id}}"
body = 5
[[actions]]
at = "1s"
request = "GET /rollout"
body = 5
[[actions]]
at = "1s"
stop_database = { mode = "slow" }
[[actions]]
at = "1s"
stop_database = 5
body = 5
"#,
    );
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:14:8: the name of an action is a line of 1 to 80 characters
      14 | name = "\t"
         |        ^^^^
    s.toml:16:1: an action does one thing: `request` or `stop_database`, not both
      16 | stop_database = "1s"
         | ^^^^^^^^^^^^^
    s.toml:17:1: the action does nothing: write `request` = "METHOD /path", `sql` = "…", `sql_file` = "…", `command` = ["…"], `switch_to_standby` = "30s", or `stop_database` = "10s"
      17 | [[actions]]
         | ^^^^^^^^^^^
    s.toml:19:1: `at` is missing in `actions`
      19 | [[actions]]
         | ^^^^^^^^^^^
    s.toml:20:11: a request begins with GET, POST, PUT, PATCH or DELETE, such as "GET /path"
      20 | request = "FETCH x"
         |           ^^^^^^^^^
    s.toml:20:11: the path after the method must begin with `/`, such as "GET /path"
      20 | request = "FETCH x"
         |           ^^^^^^^^^
    s.toml:23:11: an action belongs to no user, so it knows no placeholders such as `{{user_id}}`
      23 | request = "GET /{{user_id}}"
         |           ^^^^^^^^^^^^^^^^^^
    s.toml:28:8: a GET request has no body
      28 | body = 5
         |        ^
    s.toml:31:1: `for` is missing in `actions.stop_database`
      31 | stop_database = { mode = "slow" }
         | ^^^^^^^^^^^^^
    s.toml:31:26: expected one of "fast", "immediate"; found the text "slow"
      31 | stop_database = { mode = "slow" }
         |                          ^^^^^^
    s.toml:34:17: expected a duration with its unit, such as "30s", or a table with `for` and `mode`; found the number 5
      34 | stop_database = 5
         |                 ^
    11 mistakes found
    "#);
}

#[test]
fn only_the_runs_own_database_can_be_stopped() {
    let outage = "[[actions]]\nat = \"1s\"\nstop_database = \"1s\"\n";
    let sentence = mistakes(&with_actions("sqlite", outage));
    assert_snapshot!(sentence, @r#"
    s.toml:14:1: only the run's own database can be stopped: write database = "postgres" in `[target]`
      14 | stop_database = "1s"
         | ^^^^^^^^^^^^^
    1 mistake found
    "#);
    let own = mistakes(&with_actions("postgres://me@localhost/app", outage));
    assert!(
        own.contains("only the run's own database can be stopped"),
        "{own}"
    );
    let remote = format!(
        "name = \"s\"\n[target]\nbase_url = \"http://127.0.0.1:1\"\n{LOAD}{JOURNEY}{outage}[[actions]]\nat = \"2s\"\nrequest = \"DELETE /cache\"\n"
    );
    let told = mistakes(&remote);
    assert!(told.ends_with("1 mistake found"), "{told}");
}
