//! Runs that do not reach their end: Ctrl-C, Ctrl-C twice, and `kill -9`.

use rustix::process::Signal;
use serde_json::json;

use crate::host::until;
use crate::program::{Run, reasons, say, scenario, shipped};

#[tokio::test]
async fn ctrl_c_drains_and_reports() {
    let mut run = Run::start(&scenario("quick"), &["--set", "load.duration=5m"]).await;
    run.accepts(5).await;
    // As a terminal does: the whole process group gets it.
    run.process().signal_group(Signal::INT);
    run.says("stopping: no new users").await;
    let ended = run.end().await;
    let record = ended.record(130, "INTERRUPTED");
    assert_eq!(record["exit_code"], 130);
    assert!(reasons(&record).contains("stopped"), "{}", reasons(&record));
    let timeline = &record["timeline"];
    assert!(
        timeline["load_ended_s"].as_f64() < timeline["load_planned_s"].as_f64(),
        "{timeline}"
    );
    // Nobody was turned away: the rest of five minutes at 6/s was called off.
    let never_begun = &record["generator"]["never_begun"];
    assert_eq!(never_begun["no_free_user"], 0, "{never_begun}");
    let planned = record["plan"]["arrivals_planned"].as_u64().unwrap();
    let called_off = never_begun["called_off"].as_u64().unwrap();
    assert!((1_500..2_100).contains(&(planned + called_off)), "{never_begun}");
    // Those under way came to their end, and what they handed in was audited.
    assert_eq!(record["iterations"]["unfinished"], 0);
    let audit = &record["audit"];
    assert_eq!(audit["accepted"], audit["completed"], "{audit}");
    assert_eq!(
        (&audit["lost"], &audit["pending"]),
        (&json!(0), &json!(0)),
        "{audit}"
    );
    assert!(ended.file("report.html").contains("INTERRUPTED"));
    assert!(ended.file("report.md").contains("INTERRUPTED"));
}

#[tokio::test]
async fn ctrl_c_twice_cuts_off_and_still_reports() {
    // Results come after the time that this test would ever wait.
    let arguments = [
        "--set",
        "classconnect.analysis_delay=10m",
        "--set",
        "load.drain=30m",
        "--set",
        "load.duration=5m",
        "--set",
        "journey.0.file=patient-journey.toml",
    ];
    let mut run = Run::start(&scenario("quick"), &arguments).await;
    run.accepts(5).await;
    run.process().signal_group(Signal::INT);
    run.says("press Ctrl-C again").await;
    run.process().signal_group(Signal::INT);
    run.says("cutting off").await;
    let ended = run.end().await;
    let record = ended.record(130, "INTERRUPTED");
    assert!(record["iterations"]["unfinished"].as_u64().unwrap() > 0);
    assert!(ended.file("report.html").contains("INTERRUPTED"));
    // Nobody looked, so nobody says that nothing was lost.
    assert!(record["audit"]["lost"].is_null(), "{}", record["audit"]);
}

#[tokio::test]
async fn a_server_that_hangs_does_not_keep_the_report_back() {
    let mut run = Run::start(&scenario("stall"), &["--set", "load.duration=5m"]).await;
    run.accepts(5).await;
    let server = run.child("practice-server");
    server.signal(Signal::STOP);
    run.process().signal_group(Signal::INT);
    run.says("press Ctrl-C again").await;
    run.process().signal_group(Signal::INT);
    run.end().await.record(130, "INTERRUPTED");
    until("the hanging server is killed", || {
        (!server.is_running()).then_some(())
    })
    .await;
}

/// A run whose audit looks for what was dropped until the end of a long drain, as it has begun to do so.
async fn run_in_audit() -> Run {
    let arguments = [
        "--set",
        "load.duration=1s",
        "--set",
        "load.drain=20m",
        "--set",
        "target.faults.poll_classconnect=false",
        "--set",
        "classconnect.faults.drop=100%",
        "--set",
        "journey.0.steps.2.timeout=2s",
    ];
    let mut run = Run::start(&scenario("stall"), &arguments).await;
    run.says("auditing").await;
    run
}

#[tokio::test]
async fn ctrl_c_twice_during_the_audit_goes_without_it() {
    let mut run = run_in_audit().await;
    run.process().signal_group(Signal::INT);
    run.says("stopping after the audit").await;
    run.process().signal_group(Signal::INT);
    let record = run.end().await.record(130, "INTERRUPTED");
    assert!(record["audit"]["lost"].is_null(), "{}", record["audit"]);
    assert_eq!(record["iterations"]["unfinished"], 0);
}

#[tokio::test]
async fn ctrl_c_while_draining_and_while_auditing_is_twice() {
    let arguments = [
        "--set",
        "load.duration=5m",
        "--set",
        "load.drain=20m",
        "--set",
        "target.faults.poll_classconnect=false",
        "--set",
        "classconnect.faults.drop=100%",
        "--set",
        "journey.0.steps.2.timeout=2s",
    ];
    let mut run = Run::start(&scenario("stall"), &arguments).await;
    run.accepts(5).await;
    run.process().signal_group(Signal::INT);
    run.says("auditing").await;
    run.process().signal_group(Signal::TERM);
    run.end().await.record(130, "INTERRUPTED");
}

#[tokio::test]
async fn ctrl_c_before_the_load_says_that_nothing_was_measured() {
    let mut run = Run::start(&shipped("smoke"), &[]).await;
    run.says("starting the target").await;
    run.process().signal_group(Signal::INT);
    let ended = run.end().await;
    assert_eq!(ended.said.code, Some(130), "{}", ended.said.stderr);
    assert!(
        ended.said.stderr.contains("nothing was measured"),
        "{}",
        ended.said.stderr
    );
    assert_eq!(ended.said.stdout, "");
}

#[tokio::test]
async fn kill_9_leaves_no_child_behind_and_what_was_measured_on_the_disk() {
    let run = Run::start(&scenario("quick"), &["--set", "load.duration=5m"]).await;
    let stored = run.out().join("run.json");
    until("the run is checkpointed", || stored.exists().then_some(())).await;
    let children = [run.child("practice-server"), run.child("mock-classconnect")];
    assert!(children.iter().all(|child| child.is_running()));
    run.process().signal(Signal::KILL);
    let ended = run.end().await;
    assert_eq!(ended.said.code, None, "it had no chance to end by itself");
    until("the children end", || {
        children.iter().all(|child| !child.is_running()).then_some(())
    })
    .await;
    assert!(!ended.file("ledger.jsonl").is_empty());
    let said = say(&["report", &stored.display().to_string()]).await;
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(said.stdout.contains("INTERRUPTED"), "{}", said.stdout);
}
