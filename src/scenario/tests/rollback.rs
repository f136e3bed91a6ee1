//! `[rollback.action]`, its limits, and the deeds that it has in common with `[[actions]]`.

use std::time::Duration;

use insta::assert_snapshot;

use super::*;
use crate::plan::{Deed, RollbackLimits};

const POLICY: &str = "[rollback]\nover = \"5s\"\nerror_rate = \"> 5%\"\n";

fn with(database: &str, section: &str) -> String {
    format!(
        "name = \"s\"\n[target]\nserver = \"reference\"\ndatabase = \"{database}\"\n{LOAD}{JOURNEY}{POLICY}{section}"
    )
}

fn loaded(text: &str, files: &[(&str, &str)], environment: &[(&str, &str)]) -> Loaded {
    let mut all = vec![("s.toml", text)];
    all.extend(files);
    load_files(&all, &[], environment).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

#[test]
fn a_rollback_is_one_deed_or_several_in_their_order() {
    let one = loaded(
        &with(
            "postgres",
            "[rollback.action]\nsql = \"SELECT enable_practice_triggers()\"\n",
        ),
        &[],
        &[],
    );
    let action = one.plan.rollback_action.unwrap();
    assert_eq!(
        (action.name.as_str(), action.to_string()),
        ("rollback", "SELECT enable_practice_triggers()".to_owned())
    );
    let text = with(
        "postgres",
        r#"limits = { detect = "60s", act = "5m" }
[rollback.action]
name = "back"
[[rollback.action.steps]]
sql_file = "back.sql"
timeout = "5m"
[[rollback.action.steps]]
request = "PUT /admin/v1/rollout"
body = { direct_percent = 0 }
[[rollback.action.steps]]
command = ["deploy", "--version", "previous"]
environment = ["DEPLOY_TOKEN"]
"#,
    );
    let several = loaded(&text, &[("back.sql", "SELECT 1;\nSELECT 2;\n")], &[]);
    let action = several.plan.rollback_action.unwrap();
    assert_eq!(
        action.to_string(),
        "the statements of back.sql; then PUT /admin/v1/rollout; then deploy --version previous"
    );
    let [Deed::Sql(sql), Deed::Request(request), Deed::Command(command)] = action.deeds.as_slice() else {
        panic!("{action:?}");
    };
    assert_eq!(
        (sql.statements.as_str(), sql.timeout),
        ("SELECT 1;\nSELECT 2;\n", Duration::from_secs(300))
    );
    assert_eq!(request.body, Some(serde_json::json!({ "direct_percent": 0 })));
    assert_eq!(
        (command.environment.as_slice(), command.timeout),
        (["DEPLOY_TOKEN".to_owned()].as_slice(), Duration::from_secs(60))
    );
    let policy = several.plan.criteria.rollback.unwrap();
    let limits = RollbackLimits {
        detect: Some(Duration::from_secs(60)),
        act: Some(Duration::from_secs(300)),
        recover: None,
    };
    assert_eq!(policy.limits, limits);
    // The statements are kept with the scenario, as the other files that it names.
    let paths: Vec<&str> = several.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["s.toml", "back.sql"]);
}

#[test]
fn the_load_goes_on_after_an_action_unless_the_scenario_says_otherwise() {
    for (section, stops) in [
        ("", true),
        ("stop_load = false\n", false),
        ("action = { request = \"PUT /x\" }\n", false),
        ("stop_load = true\naction = { request = \"PUT /x\" }\n", true),
    ] {
        let policy = loaded(&with("sqlite", section), &[], &[]).plan.criteria.rollback;
        assert_eq!(policy.unwrap().stop_load, stops, "{section}");
    }
}

#[test]
fn what_the_environment_keeps_secret_is_done_but_not_shown() {
    let text = with(
        "postgres",
        r#"[[rollback.action.steps]]
sql = "ALTER ROLE me PASSWORD '${DB_PASSWORD}'"
[[rollback.action.steps]]
command = ["deploy", "${DEPLOY_TOKEN}", "${PLACE}"]
"#,
    );
    let environment = [
        ("DB_PASSWORD", "hunter2"),
        ("DEPLOY_TOKEN", "s3cret-token"),
        ("PLACE", "staging"),
    ];
    let action = loaded(&text, &[], &environment).plan.rollback_action.unwrap();
    assert_eq!(
        action.to_string(),
        "ALTER ROLE me PASSWORD '${DB_PASSWORD}'; then deploy ${DEPLOY_TOKEN} staging"
    );
    let [Deed::Sql(sql), Deed::Command(command)] = action.deeds.as_slice() else {
        panic!("two deeds");
    };
    assert!(sql.statements.contains("hunter2"));
    assert_eq!(command.arguments, ["deploy", "s3cret-token", "staging"]);
    assert!(!format!("{action:?}").contains("s3cret"), "{action:?}");
}

#[test]
fn every_mistake_has_its_place() {
    let text = with(
        "postgres",
        r#"limits = { detect = "0s", act = "5", recovery = "1m" }
[rollback.action]
name = "\t"
[[rollback.action.steps]]
sql = "SELECT 1"
request = "PUT /x"
[[rollback.action.steps]]
[[rollback.action.steps]]
command = []
[[rollback.action.steps]]
command = [" "]
[[rollback.action.steps]]
command = ["deploy"]
environment = ["TOKEN=5"]
timeout = "31m"
"#,
    );
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:15:21: the duration must be longer than zero
      15 | limits = { detect = "0s", act = "5", recovery = "1m" }
         |                     ^^^^
    s.toml:15:33: "5" has no unit; write a number with its unit, such as "150ms", "2s" or "1m30s"
      15 | limits = { detect = "0s", act = "5", recovery = "1m" }
         |                                 ^^^
    s.toml:15:38: unknown key `recovery` in `rollback.limits`; did you mean `recover`? (known keys: `act`, `detect`, `recover`)
      15 | limits = { detect = "0s", act = "5", recovery = "1m" }
         |                                      ^^^^^^^^
    s.toml:17:8: the name of an action is a line of 1 to 80 characters
      17 | name = "\t"
         |        ^^^^
    s.toml:19:1: an action does one thing: `request` or `sql`, not both
      19 | sql = "SELECT 1"
         | ^^^
    s.toml:21:1: the action does nothing: write `request` = "METHOD /path", `sql` = "…", `sql_file` = "…", `command` = ["…"] or `switch_to_standby` = "30s"
      21 | [[rollback.action.steps]]
         | ^^^^^^^^^^^^^^^^^^^^^^^^^
    s.toml:23:11: the list is empty; it needs at least one item
      23 | command = []
         |           ^^
    s.toml:25:11: the first item of a command is its program
      25 | command = [" "]
         |           ^^^^^
    s.toml:28:16: this is not the name of an environment variable; write the name alone, such as "DEPLOY_TOKEN"
      28 | environment = ["TOKEN=5"]
         |                ^^^^^^^^^
    s.toml:29:11: the run waits for this: at most 30m
      29 | timeout = "31m"
         |           ^^^^^
    10 mistakes found
    "#);
}

#[test]
fn a_key_belongs_to_its_deed_and_a_file_must_be_there() {
    let text = with(
        "postgres",
        r#"[rollback.action]
[[rollback.action.steps]]
sql = " "
body = 5
[[rollback.action.steps]]
request = "PUT /x"
timeout = "5s"
environment = ["HOME"]
[[rollback.action.steps]]
sql_file = "absent.sql"
[[rollback.action.steps]]
stop_database = "5s"
"#,
    );
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:17:7: there are no statements in it
      17 | sql = " "
         |       ^^^
    s.toml:18:1: `body` belongs to a `request`
      18 | body = 5
         | ^^^^
    s.toml:21:1: `timeout` belongs to a `sql`, a `sql_file`, a `command`
      21 | timeout = "5s"
         | ^^^^^^^
    s.toml:22:1: `environment` belongs to a `command`
      22 | environment = ["HOME"]
         | ^^^^^^^^^^^
    s.toml:24:12: `absent.sql` could not be read: entity not found
      24 | sql_file = "absent.sql"
         |            ^^^^^^^^^^^^
    s.toml:26:1: unknown key `stop_database` in `rollback.action.steps` (known keys: `body`, `command`, `environment`, `request`, `sql`, `sql_file`, `switch_to_standby`, `timeout`)
      26 | stop_database = "5s"
         | ^^^^^^^^^^^^^
    6 mistakes found
    "#);
}

#[test]
fn a_deed_stands_alone_or_among_steps() {
    let both = with(
        "postgres",
        "[rollback.action]\nsql = \"SELECT 1\"\nsteps = [{ request = \"PUT /x\" }]\n",
    );
    assert_snapshot!(mistakes(&both), @r#"
    s.toml:17:1: an action does one thing, or what its `steps` say: a `request`, `sql`, … beside them belongs among them
      17 | steps = [{ request = "PUT /x" }]
         | ^^^^^
    1 mistake found
    "#);
    let nothing = with("postgres", "[rollback.action]\nname = \"back\"\n");
    let said = mistakes(&nothing);
    assert!(
        said.contains("the action does nothing: write `request`")
            && said.contains("or several of them in `steps`"),
        "{said}"
    );
}

#[test]
fn statements_need_a_database_that_the_run_knows() {
    let sqlite = with("sqlite", "action = { sql = \"SELECT 1\" }\n");
    assert_snapshot!(mistakes(&sqlite), @r#"
    s.toml:15:12: the run knows no database to run statements on: write database = "postgres", or the address of your own, in `[target]`
      15 | action = { sql = "SELECT 1" }
         |            ^^^
    1 mistake found
    "#);
    let timed = with("sqlite", "[[actions]]\nat = \"1s\"\nsql = \"SELECT 1\"\n");
    assert!(
        mistakes(&timed).contains("the run knows no database"),
        "{}",
        mistakes(&timed)
    );
    let own = with("postgres://me@localhost/app", "action = { sql = \"SELECT 1\" }\n");
    assert_eq!(mistakes(&own), "none");
}

#[test]
fn an_arm_of_a_comparison_stays_as_it_is() {
    let arms =
        "[compare]\nbaseline = { name = \"a\", set = { seed = \"5\" } }\ncandidate = { name = \"b\" }\n";
    let text = with("sqlite", &format!("action = {{ request = \"PUT /x\" }}\n{arms}"));
    let options = LoadOptions {
        sets: &[],
        seed: None,
        cores: 2,
        environment: &|_| None,
        read: &|_| Ok(text.clone()),
    };
    let said = match load_comparison(Path::new("s.toml"), &options, false) {
        Ok(_) => "none".to_owned(),
        Err(mistakes) => mistakes.to_string(),
    };
    assert!(
        said.contains("a rollback action would make another arm"),
        "{said}"
    );
}

#[test]
fn traffic_is_switched_only_where_there_is_a_second_server_that_users_can_go_to() {
    let switch = "action = { switch_to_standby = \"30s\" }\n";
    let said = mistakes(&with("postgres", switch));
    assert!(said.contains("write a section [target.standby]"), "{said}");
    let standby = "[target.standby]\nversion = \"previous\"\n";
    let loaded = loaded(&with("postgres", &format!("{switch}{standby}")), &[], &[]);
    let deeds = loaded.plan.rollback_action.unwrap().deeds;
    let patience = Duration::from_secs(30);
    assert_eq!(deeds, [Deed::SwitchToStandby { patience }]);

    let said = mistakes(&with("sqlite", standby));
    assert!(
        said.contains("a second server needs a database that two can share"),
        "{said}"
    );
    let kept = with("postgres", standby).replace("[load]\n", "[load]\nconnections = \"per-vu\"\n");
    let said = mistakes(&kept);
    assert!(said.contains("never move to a second server"), "{said}");
    let remote =
        format!("name = \"s\"\n[target]\nbase_url = \"http://127.0.0.1:1\"\n{LOAD}{JOURNEY}{standby}");
    assert!(mistakes(&remote).contains("`standby` is a setting of the reference server"));
}
