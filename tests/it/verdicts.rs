//! The shipped scenarios, shortened: each ends with its verdict, its exit code and the right reason.

use serde_json::{Value, json};

use crate::program::{reasons, run, say, scenario, shipped};

/// What a debug build on a busy machine may take: the wiring is tested here, not the speed.
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

#[tokio::test]
async fn smoke_says_go_and_leaves_everything() {
    let mut arguments = vec!["--set", "load.duration=2s"];
    arguments.extend(LENIENT);
    let ended = run(&shipped("smoke"), &arguments).await;
    let record = ended.record(0, "GO");
    for name in [
        "run.json",
        "report.md",
        "report.html",
        "history.jsonl",
        "ledger.jsonl",
    ] {
        assert!(!ended.file(name).is_empty(), "{name} is empty");
    }
    let last = ended.said.stdout.lines().last().unwrap();
    assert_eq!(
        std::fs::canonicalize(last).unwrap(),
        std::fs::canonicalize(ended.out()).unwrap()
    );
    assert_eq!(record["exit_code"], 0);
    // Ten learners with five submissions each.
    assert_eq!(
        record["iterations"],
        json!({
            "due": 10, "started": 10, "dropped": 0, "succeeded": 10, "failed": 0, "abandoned": 0, "unfinished": 0,
        })
    );
    let clean = json!({
        "accepted": 50, "completed": 50, "failed": 0, "lost": 0, "duplicated": 0, "misdelivered": 0, "pending": 0,
        "violations": [],
    });
    assert_eq!(record["audit"], clean);
    assert_eq!(record["requests"]["total"], 50);
    assert!(record["validity"]["valid"].as_bool().unwrap());
    assert!(ended.file("report.md").contains("GO") && ended.file("report.html").contains("GO"));
}

#[tokio::test]
async fn impatient_users_leave_a_slow_server_and_what_they_handed_in_is_not_lost() {
    let mut arguments = vec![
        "--set",
        "load.duration=3s",
        "--set",
        "target.faults.answer_delay=500ms",
        "--set",
        "users.patience={ anchors = [{ after = \"400ms\", leave = \"30%\" }, { after = \"4s\", leave = \"90%\" }] }",
    ];
    arguments.extend(LENIENT);
    let ended = run(&shipped("smoke"), &arguments).await;
    let record = ended.record(0, "GO");
    let iterations = &record["iterations"];
    let number = |key: &str| iterations[key].as_u64().unwrap();
    assert!(number("abandoned") > 0, "{iterations}");
    assert_eq!(number("started"), number("succeeded") + number("abandoned"));
    let users = &record["users"];
    assert_eq!(users["sessions"]["left_waiting"], iterations["abandoned"]);
    assert_eq!(users["completion"]["completed"], iterations["succeeded"]);
    assert_eq!(users["patience"]["profile"], "own");
    // The target has finished what they handed in, and nobody says that it was late with what nobody waited for.
    assert_eq!(record["audit"]["lost"], 0);
    assert_eq!(record["audit"]["accepted"], record["audit"]["completed"]);
    assert_eq!(record["metrics"]["server_time"]["failed"], 0);
    assert_eq!(record["metrics"]["result_turnaround"]["failed"], 0);
    assert!(ended.file("history.jsonl").contains("\"left_waiting\""));
    assert!(
        ended.said.stdout.contains("simulated patience: own"),
        "{}",
        ended.said.stdout
    );
}

#[tokio::test]
async fn a_slow_server_is_a_no_go_by_its_response_time() {
    let arguments = [
        "--set",
        "load.duration=2s",
        "--set",
        "rollback.response_time.p95=> 9s",
    ];
    let record = run(&shipped("slow-server"), &arguments).await.record(10, "NO-GO");
    let response_time = &record["sla"][0];
    assert_eq!(response_time["metric"], "response_time");
    assert_eq!(response_time["status"], "FAIL");
    assert!(
        response_time["value"].as_f64().unwrap() >= 300.0,
        "{response_time}"
    );
    assert!(reasons(&record).contains("response_time"), "{record}");
    assert_eq!(record["rollback"], json!([]));
    assert_eq!(record["audit"]["lost"], 0);
}

#[tokio::test]
async fn a_failing_server_is_rolled_back_and_its_load_stopped_early() {
    let arguments = [
        "--set",
        "load.drain=10s",
        "--set",
        "rollback.response_time.p95=> 9s",
        "--expect",
        "ROLLBACK",
    ];
    let ended = run(&shipped("failing-server"), &arguments).await;
    // The drill is green because it tripped.
    let record = ended.record(0, "ROLLBACK");
    assert_eq!(record["exit_code"], 13);
    assert!(
        reasons(&record).contains("error_rate > 5%"),
        "{}",
        reasons(&record)
    );
    let tripped = record["rollback"].as_array().unwrap();
    assert!(
        tripped
            .iter()
            .any(|incident| incident["condition"]["metric"] == "error_rate"),
        "{tripped:?}"
    );
    // The scenario's fault is there from the start and has no moment; the load was stopped, so nobody saw a recovery.
    let moments = &tripped[0]["timeline"];
    assert_eq!(moments["injected_s"], Value::Null, "{moments}");
    let seconds = |value: &Value| value.as_f64().unwrap();
    assert_eq!(
        seconds(&moments["time_to_detect"]["seconds"]),
        seconds(&moments["detected_s"]) - seconds(&moments["onset_s"]),
        "{moments}"
    );
    assert!(ended.file("report.html").contains("This was a drill"));
    assert_eq!(moments["time_to_recover"]["censored"], true, "{moments}");
    let timeline = &record["timeline"];
    let ended_at = timeline["load_ended_s"].as_f64().unwrap();
    assert!(
        ended_at < timeline["load_planned_s"].as_f64().unwrap() / 2.0,
        "{timeline}"
    );
    assert!(record["requests"]["failed"].as_u64().unwrap() > 0);
    let stderr = &ended.said.stderr;
    assert!(
        stderr.contains("rollback threshold breached: error_rate > 5%"),
        "{stderr}"
    );

    let stored = ended.out().join("run.json").display().to_string();
    assert_eq!(say(&["judge", &stored]).await.code, Some(13));
    let disappointed = say(&["judge", &stored, "--expect", "go"]).await;
    assert_eq!(disappointed.code, Some(10));
    assert!(
        disappointed.stderr.contains("expected was GO"),
        "{}",
        disappointed.stderr
    );
}

#[tokio::test]
async fn a_run_that_cannot_pass_any_more_is_ended_and_judged() {
    let arguments = [
        "--set",
        "load.duration=120s",
        "--set",
        "target.faults.error_rate=100%",
        "--set",
        "judge.early_stop=true",
    ];
    let ended = run(&scenario("quick"), &arguments).await;
    let record = ended.record(10, "NO-GO");
    let stop = &record["early_stop"];
    let sentence = stop["sentence"].as_str().unwrap();
    assert!(sentence.contains("cannot pass any more"), "{sentence}");
    // 720 users are planned; a share of 1 % of what they send is reached within seconds, on a busy machine too.
    assert!(stop["at_s"].as_f64().unwrap() < 60.0, "{stop}");
    assert!(
        record["timeline"]["load_ended_s"].as_f64().unwrap() < 60.0,
        "{}",
        record["timeline"]
    );
    assert!(reasons(&record).contains(sentence), "{}", reasons(&record));
    assert!(
        record["validity"]["valid"].as_bool().unwrap(),
        "{}",
        record["validity"]
    );
    assert!(ended.said.stderr.contains(sentence), "{}", ended.said.stderr);

    let stored = ended.out().join("run.json").display().to_string();
    assert_eq!(say(&["judge", &stored]).await.code, Some(10));
}

#[tokio::test]
async fn lost_webhooks_are_a_no_go_by_the_audit() {
    let mut arguments = vec![
        "--set",
        "load.duration=2s",
        "--set",
        "load.drain=10s",
        "--set",
        "classconnect.faults.drop=20%",
    ];
    arguments.extend(&LENIENT[..6]);
    let record = run(&shipped("lost-webhooks"), &arguments)
        .await
        .record(10, "NO-GO");
    let audit = &record["audit"];
    let lost = audit["lost"].as_u64().unwrap();
    assert!(lost > 0, "{audit}");
    let count = |name: &str| audit[name].as_u64().unwrap();
    assert_eq!(count("accepted"), count("completed") + lost, "{audit}");
    // What the mock dropped on purpose is what was lost: no more and no less.
    assert_eq!(record["mock"]["dropped_on_purpose"].as_u64(), Some(lost));
    let violations = audit["violations"].as_array().unwrap();
    let is_witness = |violation: &&Value| violation["kind"] == "lost" && violation["reference"].is_string();
    assert_eq!(
        violations.iter().filter(is_witness).count() as u64,
        lost.min(20),
        "{audit}"
    );
    assert!(
        reasons(&record).contains(&format!("{lost} submission")),
        "{}",
        reasons(&record)
    );
    assert_eq!(record["rollback"], json!([]));
    assert!(
        record["sla"]
            .as_array()
            .unwrap()
            .iter()
            .all(|target| target["status"] == "PASS"),
        "the targets alone would say GO: {}",
        record["sla"]
    );
}
