//! The load generator about itself: each worker, its host, and why iterations never began.

use rustix::process::Signal;
use serde_json::json;

use crate::program::{Run, reasons, run, scenario};

/// Each worker, and the process and the host that they share, say how they did.
#[tokio::test]
async fn the_generator_is_watched_worker_by_worker() {
    let sets = ["--set", "load.workers=2", "--set", "load.calibrate=true"];
    let ended = run(&scenario("quick"), &sets).await;
    let record = ended.record(0, "GO");
    let generator = &record["generator"];
    let mut dispatched = 0;
    for worker in generator["workers"].as_array().unwrap() {
        let punctuality = &worker["punctuality"];
        dispatched += punctuality["dispatched"].as_u64().unwrap();
        assert!(punctuality["timely"].as_u64() <= punctuality["dispatched"].as_u64());
        assert!(punctuality["lag_p50_ms"].as_f64() <= punctuality["lag_max_ms"].as_f64());
        assert!(worker["cpu_ms"].as_f64().unwrap() > 0.0, "{worker}");
    }
    assert_eq!(dispatched, record["iterations"]["started"].as_u64().unwrap());
    assert!(
        generator["host_stalls"]["beats"].as_u64().unwrap() > 0,
        "{generator}"
    );
    let lateness = &generator["host_stalls"]["lateness"];
    assert!(
        lateness["p50_ms"].as_f64() <= lateness["p999_ms"].as_f64(),
        "{lateness}"
    );
    // Before the load, against a server of its own.
    let calibration = &generator["calibration"];
    assert!(calibration["samples"].as_u64().unwrap() > 0, "{calibration}");
    assert!(
        ended.said.stderr.contains("the generator by itself"),
        "{}",
        ended.said.stderr
    );
    // What Linux says of the machine: at least one whole second of it.
    let host = &generator["host_use"];
    assert!(host["seconds"].as_u64().unwrap() > 0, "{host}");
    let busy = host["busy"]["mean"].as_f64().unwrap();
    assert!(busy > 0.0 && busy <= 1.0, "{host}");
    assert!(host["memory"]["peak_bytes"].as_u64().unwrap() > 1 << 20, "{host}");
    let delivery = &generator["delivery"];
    assert_eq!(
        (&delivery["seconds"], &delivery["short"]),
        (&json!(3), &json!(0)),
        "{delivery}"
    );
    let process = generator["process"]["cpu_ms"].as_f64().unwrap();
    let worker = generator["workers"][0]["cpu_ms"].as_f64().unwrap();
    assert!(
        process > worker,
        "its threads are part of the process: {generator}"
    );
    let shown = ended.file("report.md");
    assert!(
        shown.contains("Timely sends") && shown.contains("a thread that only sleeps"),
        "{shown}"
    );
}

/// Ten journeys of each user, of at least a dozen round trips and 150 ms of analysis, do not begin within half a second.
#[tokio::test]
async fn what_max_duration_cuts_off_is_dropped_and_invalidates_a_plan_that_cannot_work() {
    let sets = ["--set", "load.iterations=40", "--set", "load.max_duration=500ms"];
    let ended = run(&scenario("iterations"), &sets).await;
    let record = ended.record(12, "INVALID");
    assert!(
        reasons(&record).contains("raise max_duration"),
        "{}",
        reasons(&record)
    );
    assert_eq!(record["iterations"]["due"], 40);
    let never_begun = &record["generator"]["never_begun"];
    let dropped = &record["iterations"]["dropped"];
    assert_eq!(
        never_begun,
        &json!({ "no_free_user": 0, "max_duration": dropped, "called_off": 0 })
    );
    assert!(dropped.as_u64().unwrap() > 0);
    assert_eq!(record["timeline"]["load_ended_s"], 0.5);
    let failures = record["failures"].as_array().unwrap();
    let bad = failures
        .iter()
        .find(|failure| failure["outcome"] == "dropped")
        .unwrap();
    assert_eq!(
        (&bad["step_name"], &bad["count"]),
        (&json!("create_session"), dropped),
        "each of them is one bad event of the first step"
    );
}

#[tokio::test]
async fn what_a_stopped_load_did_not_begin_is_called_off() {
    let run = Run::start(&scenario("iterations"), &["--set", "load.iterations=100000"]).await;
    run.accepts(5).await;
    run.process().signal_group(Signal::INT);
    let ended = run.end().await;
    let record = ended.record(130, "INTERRUPTED");
    let due = record["iterations"]["due"].as_u64().unwrap();
    assert_eq!(record["iterations"]["dropped"], 0);
    assert_eq!(record["generator"]["never_begun"]["called_off"], 100_000 - due);
    assert_eq!(record["requests"]["failed"], 0, "nobody was turned away");
    assert!(
        record["timeline"]["load_ended_s"].as_f64() < record["timeline"]["load_planned_s"].as_f64(),
        "{}",
        record["timeline"]
    );
}
