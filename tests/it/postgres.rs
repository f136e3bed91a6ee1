//! Runs on PostgreSQL, shortened: the wiring from the cluster to the report, and what is done to the target on the way.

use serde_json::{Value, json};

use crate::program::{Run, loadtest, output, reasons, run, scenario, shipped};

/// What a debug build on a busy machine may take.
const LENIENT: [&str; 10] = [
    "--set",
    "sla.response_time.p95=<= 9s",
    "--set",
    "sla.realtime_latency.p95=< 9s",
    "--set",
    "sla.webhook_processing.p95=< 9s",
    "--set",
    "sla.step.submit_recording.response_time.p99=<= 9s",
    "--set",
    "rollback.response_time.p95=> 9s",
];

/// The audit of a run in which nothing went missing.
#[track_caller]
fn assert_nothing_lost(record: &Value) {
    let audit = &record["audit"];
    assert!(audit["accepted"].as_u64().unwrap() > 0, "{audit}");
    assert_eq!(audit["accepted"], audit["completed"], "{audit}");
    for count in ["lost", "duplicated", "pending"] {
        assert_eq!(audit[count], 0, "{audit}");
    }
    // Without subscriptions nobody could have witnessed one.
    assert!(
        matches!(audit["misdelivered"].as_u64(), None | Some(0)),
        "{audit}"
    );
}

/// How many requests failed by this status.
fn failures(record: &Value, status: u16) -> u64 {
    let failures = record["failures"].as_array().unwrap();
    failures
        .iter()
        .filter(|failure| failure["status"] == status)
        .map(|failure| failure["count"].as_u64().unwrap())
        .sum()
}

#[tokio::test]
async fn the_whole_journey_on_a_throw_away_cluster_is_a_go() {
    let mut arguments = vec!["--set", "load.duration=2s", "--set", "target.database=postgres"];
    arguments.extend(LENIENT);
    let started = Run::start(&shipped("smoke"), &arguments).await;
    started.accepts(1).await;
    // Whoever may list processes must not learn the password.
    let server = started.child("practice-server");
    assert!(server.variable("PRACTICE_DATABASE_URL").is_some());
    let told = server.arguments().join(" ");
    assert!(!told.contains("postgres://"), "{told}");

    let ended = started.end().await;
    let record = ended.record(0, "GO");
    assert_eq!(record["iterations"]["succeeded"], 10);
    assert_nothing_lost(&record);
    let tested = record["target"]["description"].as_str().unwrap();
    assert!(
        tested.contains("direct service calls, PostgreSQL 1")
            && tested.contains("in a throw-away cluster, realtime from the write-ahead log"),
        "{tested}"
    );
    for name in ["run.json", "report.md", "report.html", "practice-server.log"] {
        assert!(!ended.file(name).contains("postgres://"), "{name}");
    }
}

#[tokio::test]
async fn without_postgresql_nothing_is_measured_and_a_sentence_says_why() {
    let empty = tempfile::tempdir().unwrap();
    let out = empty.path().join("out");
    let mut command = loadtest();
    command
        .arg("run")
        .arg(shipped("peak-postgres"))
        .arg("--out")
        .arg(&out)
        .env("LOADTEST_POSTGRES_BIN", empty.path());
    let said = output(&mut command).await;
    assert_eq!(said.code, Some(3), "{}", said.stderr);
    let sentence = said.stderr.lines().last().unwrap();
    assert!(
        sentence.starts_with("the target could not be started: cannot start PostgreSQL from")
            && sentence.contains(&empty.path().display().to_string())
            && sentence.contains("PostgreSQL 15 or newer"),
        "{sentence}"
    );
    assert!(!out.join("run.json").exists());
}

#[tokio::test]
async fn an_action_that_fails_makes_the_run_invalid() {
    let action = "actions=[{ at = \"500ms\", name = \"the next step\", request = \"PUT /no-such-path\", body = { percent = 10 } }]";
    let ended = run(&scenario("quick"), &["--set", action]).await;
    let record = ended.record(12, "INVALID");
    let reason = reasons(&record);
    assert!(
        reason.contains("\"the next step\" at 0 s was not carried out") && reason.contains("status 404"),
        "{reason}"
    );
    let action = &record["actions"][0];
    assert_eq!(
        (&action["status"], &action["deed"]),
        (&json!("failed"), &json!("PUT /no-such-path"))
    );
    assert!(action["begun_s"].as_f64().unwrap() >= 0.5, "{action}");
    assert!(
        ended.said.stderr.contains("action FAILED: the next step:"),
        "{}",
        ended.said.stderr
    );
}

#[tokio::test]
async fn a_crash_of_the_database_loses_nothing_and_everybody_finds_back() {
    let arguments = [
        "--set",
        "load.duration=10s",
        "--set",
        "actions.0.at=3s",
        "--set",
        "actions.0.stop_database.for=2s",
        // So that somebody waits for a result, on a live channel, when it happens.
        "--set",
        "journey.0.weight=6",
        "--set",
        "classconnect.analysis_delay=900ms",
        // So that webhooks come soon after the database is back.
        "--set",
        "classconnect.retry_schedule=[\"1s\", \"1s\", \"1s\", \"1s\", \"1s\", \"1s\", \"1s\", \"1s\", \"1s\", \"1s\", \"1s\", \"1s\"]",
        // How long PostgreSQL takes to come back says more about the machine than about the wiring.
        "--set",
        "sla.availability=>= 1%",
        "--set",
        "sla.step.ask_or_be_told.response_time.p99=<= 9s",
        "--set",
        "sla.step.ask_or_be_told.error_rate=< 50%",
        "--set",
        "rollback.error_rate=> 99%",
    ];
    let record = run(&shipped("database-outage"), &arguments).await.record(0, "GO");
    assert_nothing_lost(&record);
    let action = &record["actions"][0];
    assert_eq!(action["status"], "done", "{action}");
    let seconds = |key: &str| action[key].as_f64().unwrap();
    assert!(seconds("ended_s") - seconds("begun_s") >= 2.0, "{action}");
    assert!(failures(&record, 503) > 0, "{}", record["failures"]);
    // The server said that it had lost the channels, and users joined them again.
    assert!(
        record["generator"]["channels_rejoined"].as_u64().unwrap() > 0,
        "{}",
        record["generator"]
    );
}

#[tokio::test]
async fn a_pool_that_is_too_small_refuses_soon_loses_nothing_and_recovers() {
    let stages = "load.stages=[{ target = \"3/s\", duration = \"4s\" }, { target = \"60/s\", duration = \"0s\" }, \
                  { target = \"60/s\", duration = \"3s\" }, { target = \"3/s\", duration = \"0s\" }, \
                  { target = \"3/s\", duration = \"14s\" }]";
    let arguments = [
        "--set",
        stages,
        "--set",
        "sla.step.create_or_be_told.response_time.p99=<= 9s",
        "--expect",
        "NO-GO",
    ];
    // The drill is green because it ends as it must.
    let record = run(&shipped("pool-exhaustion"), &arguments)
        .await
        .record(0, "NO-GO");
    assert!(
        reasons(&record).contains("error_rate < 1%"),
        "{}",
        reasons(&record)
    );
    assert_nothing_lost(&record);
    assert!(failures(&record, 503) > 0, "{}", record["failures"]);
    let told = &record["sla"].as_array().unwrap()[1..];
    assert!(told.iter().all(|target| target["status"] == "PASS"), "{told:?}");
    let alert = &record["alerts"][0];
    assert!(alert["cleared_at_s"].is_number(), "{alert}");
}

#[tokio::test]
async fn writers_at_once_lose_nothing_to_each_other() {
    let arguments = ["--set", "load.duration=4s", "--set", "load.rate=4/s"];
    let record = run(&shipped("concurrent-sessions"), &arguments)
        .await
        .record(0, "GO");
    assert_nothing_lost(&record);
    assert_eq!(record["requests"]["failed"], 0);
}

/// What a drill takes when it is shortened; the trouble comes at 4 s, and its errors are many, so that it is noticed soon.
const SHORT_DRILL: [&str; 14] = [
    "--set",
    "load.duration=24s",
    "--set",
    "load.rate=4/s",
    "--set",
    "actions.1.at=4s",
    "--set",
    "actions.1.body.error_rate=60%",
    "--set",
    "rollback.over=4s",
    // What a debug build on a busy machine may take, on the triggers' way above all.
    "--set",
    "rollback.response_time.p95=> 20s",
    "--set",
    "rollback.realtime_failures=> 60%",
];

/// Everything that a drill must show: that it happened, that the rollback came through, that it healed, and what it cost.
#[track_caller]
fn assert_rolled_back(record: &Value, done: &[&str]) {
    let actions = record["actions"].as_array().unwrap();
    assert!(
        actions.iter().all(|action| action["status"] == "done"),
        "{actions:?}"
    );
    // Failed requests have no time, so the threshold on times may trip in the same second.
    let tripped = record["rollback"].as_array().unwrap();
    let on_errors = |incident: &Value| incident["condition"]["metric"] == "error_rate";
    assert!(tripped.iter().any(on_errors), "{tripped:?}");
    let action = &record["rollback_action"];
    assert_eq!(action["status"], "done", "{action}");
    let detail = action["detail"].as_str().unwrap();
    assert!(done.iter().all(|deed| detail.contains(deed)), "{detail}");
    // The load went on, and learners came through by triggers.
    assert!(record["timeline"]["load_ended_s"].as_f64().unwrap() >= 24.0);
    assert!(failures(record, 500) > 0, "{}", record["failures"]);
    assert_nothing_lost(record);
    let reasons = reasons(record);
    assert!(reasons.contains("was carried out in"), "{reasons}");
    assert!(!reasons.contains("FAILED"), "{reasons}");
}

#[tokio::test]
async fn a_rollback_to_the_triggers_is_carried_out_under_load_and_loses_nothing() {
    let record = run(&shipped("rollback-drill"), &SHORT_DRILL)
        .await
        .record(13, "ROLLBACK");
    assert_rolled_back(
        &record,
        &[
            "SELECT enable_practice_triggers(): done",
            "PUT /admin/v1/rollout: answered with status 200",
        ],
    );
}

#[tokio::test]
async fn triggers_that_were_dropped_are_restored_under_load_and_the_drill_is_green() {
    let mut arguments = SHORT_DRILL.to_vec();
    arguments.extend(["--expect", "ROLLBACK"]);
    let record = run(&shipped("rollback-full"), &arguments)
        .await
        .record(0, "ROLLBACK");
    assert_rolled_back(&record, &["restore_practice_triggers.sql: done"]);
}

#[tokio::test]
async fn traffic_goes_back_to_the_previous_version_and_the_broken_server_is_drained_and_stopped() {
    let arguments = [
        "--set",
        "load.duration=18s",
        "--set",
        "load.rate=4/s",
        "--set",
        "actions.0.at=3s",
        "--set",
        "actions.0.body.error_rate=60%",
        "--set",
        "rollback.over=4s",
        "--set",
        "rollback.response_time.p95=> 20s",
        "--set",
        "rollback.realtime_failures=> 60%",
    ];
    let ended = run(&shipped("blue-green"), &arguments).await;
    let record = ended.record(13, "ROLLBACK");
    let action = &record["rollback_action"];
    assert_eq!(action["status"], "done", "{action}");
    let detail = action["detail"].as_str().unwrap();
    assert!(
        detail.contains("users left at the first server, each second: ")
            && detail.contains(", 0; then the first server ended (exit status: 0)"),
        "{detail}"
    );
    assert!(failures(&record, 500) > 0, "{}", record["failures"]);
    assert_nothing_lost(&record);
    // Stopped on purpose is no crash.
    assert!(
        !ended.said.stderr.contains("ended during the run"),
        "{}",
        ended.said.stderr
    );
    let notes = record["target"]["notes"].to_string();
    assert!(notes.contains("A second server, version previous"), "{notes}");
}

#[tokio::test]
async fn a_rollback_that_fails_is_said_and_is_a_rollback_all_the_same() {
    let action = "rollback.action={ name = \"back\", steps = [{ command = [\"sh\", \"-c\", \"echo no way back; exit 4\"] }, \
                  { request = \"PUT /never\" }] }";
    let arguments = [
        "--set",
        "target.faults.error_rate=60%",
        "--set",
        "rollback={ over = \"2s\", samples_min = 5, error_rate = \"> 5%\" }",
        "--set",
        action,
    ];
    let ended = run(&scenario("quick"), &arguments).await;
    let record = ended.record(13, "ROLLBACK");
    let action = &record["rollback_action"];
    assert_eq!(action["status"], "failed", "{action}");
    let told = reasons(&record);
    assert!(
        told.contains("THE ROLLBACK FAILED: \"back\"")
            && told.contains("it ended with exit status: 4; it said: no way back"),
        "{told}"
    );
    assert!(
        !told.contains("/never:"),
        "nothing is done after a deed that failed: {told}"
    );
    assert!(
        ended.said.stderr.contains("THE ROLLBACK FAILED: back:"),
        "{}",
        ended.said.stderr
    );
}
