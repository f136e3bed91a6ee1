//! What comes from outside the files: variables, secrets among them, and `--set` options.

use insta::assert_snapshot;

use super::*;

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
    --set:1:1: unknown key `rat` in `load`; did you mean `rate`? (known keys: `arrivals`, `calibrate`, `connections`, `drain`, `duration`, `executor`, `iterations`, `max_duration`, `max_vus`, `rate`, `source_addresses`, `stages`, `start_rate`, `start_vus`, `vus`, `warm_up`, `workers`)
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
fn a_mock_beside_a_deployment_must_be_agreed_on() {
    let scenario = |classconnect: &str| {
        format!(
            r#"
name = "staging"
[target]
base_url = "http://127.0.0.1:8000"
[classconnect]
{classconnect}
[load]
executor = "constant-vus"
vus = 1
duration = "1s"
[[journey]]
name = "j"
[[journey.steps]]
request = "GET /"
[sla]
error_rate = "< 1%"
"#
        )
    };
    let told = mistakes(&scenario("pass_threshold = 70"));
    for key in ["listen", "api_key", "webhook_secret"] {
        assert!(told.contains(&format!("`{key}` is missing")), "{told}");
    }
    let literal = mistakes(&scenario(
        "listen = \"127.0.0.1:8090\"\napi_key = \"${KEY:-k}\"\nwebhook_secret = \"whsec_written_down\"",
    ));
    assert!(
        literal.contains("is a secret and must not be written into a file"),
        "{literal}"
    );
    assert!(!literal.contains("written_down"), "{literal}");
    let agreed = scenario(
        "listen = \"127.0.0.1:8090\"\napi_key = \"${KEY:-k}\"\nwebhook_secret = \"${SECRET:-whsec_x}\"",
    );
    assert_eq!(mistakes(&agreed), "none");
}
