//! Waivers from the scenario to the exit code: a miss that was accepted does not decide, until it has expired.

use serde_json::json;

use crate::program::{run, say, scenario};

/// No request is answered in a microsecond.
const MISSED: [&str; 2] = ["--set", "sla.response_time.p95=<= 1us"];

fn waiver(expires: &str) -> String {
    format!(
        "waiver=[{{ target = \"response_time p95\", reason = \"the cache comes next week\", owner = \"M. Weber\", \
         expires = \"{expires}\" }}]"
    )
}

#[tokio::test]
async fn an_accepted_miss_is_a_go_that_says_who_has_accepted_it_until_it_expires() {
    let waiver = waiver("2199-12-31");
    let mut sets = MISSED.to_vec();
    sets.extend(["--set", &waiver]);
    let ended = run(&scenario("quick"), &sets).await;
    let record = ended.record(0, "GO");
    assert_eq!(record["exit_code"], 0);
    assert_eq!(record["sla"][0]["status"], "FAIL");
    assert_eq!(record["sla"][0]["waived"], true);
    assert_eq!(
        record["waivers"],
        json!([{
            "target": "response_time p95", "reason": "the cache comes next week", "owner": "M. Weber",
            "expires": "2199-12-31", "state": "applied",
        }])
    );
    for name in ["report.md", "report.html"] {
        let report = ended.file(name);
        for part in ["M. Weber", "2199-12-31", "the cache comes next week", "1 waiver)"] {
            assert!(report.contains(part), "{name} lacks {part}");
        }
    }
    assert!(
        ended.said.stdout.contains("GO (observed, 1 waiver)"),
        "{}",
        ended.said.stdout
    );

    let stored = ended.out().join("run.json").display().to_string();
    assert_eq!(say(&["judge", &stored]).await.code, Some(0), "today it holds");
    let later = say(&["judge", &stored, "--day", "2200-01-01"]).await;
    assert_eq!(later.code, Some(10), "{}", later.stdout);
    assert!(
        later.stdout.contains("is void: it held until 2199-12-31"),
        "{}",
        later.stdout
    );
}

#[tokio::test]
async fn an_expired_waiver_is_warned_of_before_anything_is_run() {
    let quick = scenario("quick").display().to_string();
    let expired = waiver("2020-02-29");
    let said = say(&["check", &quick, "--set", &expired]).await;
    assert_eq!(said.code, Some(0), "it is no mistake: {}", said.stderr);
    assert!(
        said.stdout.contains(
            "WARNING: the waiver of response_time p95 by M. Weber is void: it held until 2020-02-29"
        ),
        "{}",
        said.stdout
    );
    let impossible = waiver("2021-02-29");
    let said = say(&["check", &quick, "--set", &impossible]).await;
    assert_eq!(said.code, Some(2));
    assert!(
        said.stderr.contains("`2021-02-29` is not a date"),
        "{}",
        said.stderr
    );
}
