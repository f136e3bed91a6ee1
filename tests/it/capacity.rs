//! `loadtest capacity`: what it finds against a server with a known limit, and how it ends.

use std::path::PathBuf;

use axum::extract::Path;
use axum::http::StatusCode;
use rustix::process::Signal;
use serde_json::Value;

use crate::program::{Ended, Run, loadtest, say, scenario};
use crate::schemas;

/// Tickets that the limited server serves in each run; it refuses all others. A step of 2 s at 40/s has 80 of them, one
/// at 56.6/s has 113: which rates hold does not depend on how fast anything is.
const TICKETS_SERVED: u64 = 85;

/// A server that refuses what is beyond its limit, until the test ends; its address.
async fn limited_server() -> String {
    let serve = async |Path(ticket): Path<u64>| {
        if ticket < TICKETS_SERVED {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    let router = axum::Router::new().route("/tickets/{ticket}", axum::routing::get(serve));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// A whole search against the limited server.
async fn search(arguments: &[&str]) -> Ended {
    let mut command = loadtest();
    command.env("LIMITED_URL", limited_server().await);
    let run = Run::start_as(command, "capacity", &scenario("limited"), arguments).await;
    run.end().await
}

fn record(ended: &Ended) -> Value {
    let record = serde_json::from_str(&ended.file("capacity.json")).unwrap();
    schemas::assert_known("capacity", &record);
    record
}

/// The last line of standard output: the answer.
fn answer(ended: &Ended) -> &str {
    ended.said.stdout.trim_end().lines().last().unwrap_or_default()
}

#[tokio::test]
async fn the_limit_of_a_server_is_found_between_two_rates() {
    let ended = search(&[]).await;
    assert_eq!(
        ended.said.code,
        Some(0),
        "{}\n{}",
        ended.said.stderr,
        ended.said.stdout
    );
    assert!(
        answer(&ended).starts_with("holds 40/s, fails at 56.6/s (error_rate ")
            && answer(&ended).ends_with("; resolution 42 %; held twice"),
        "{}",
        answer(&ended)
    );
    let record = record(&ended);
    let result = &record["result"];
    assert_eq!(
        (&result["held_per_s"], &result["not_held_per_s"]),
        (&40.0.into(), &56.6.into())
    );
    assert_eq!(
        (&result["confirmed"], &result["ended"]),
        (&true.into(), &"found".into())
    );
    let steps = record["steps"].as_array().unwrap();
    let outcomes = |rate: f64| -> Vec<&str> {
        let of_rate = steps.iter().filter(|step| step["rate_per_s"] == rate);
        of_rate.map(|step| step["outcome"].as_str().unwrap()).collect()
    };
    assert_eq!(
        (outcomes(20.0), outcomes(40.0)),
        (vec!["held"], vec!["held", "held"])
    );
    // So short a step cannot be sure that it was not chance, and is repeated.
    for failed in [80.0, 56.6] {
        assert!(
            !outcomes(failed).is_empty() && !outcomes(failed).contains(&"held"),
            "{:?}",
            outcomes(failed)
        );
    }
    // Every step is a run with a record of its own, and a seed of its own.
    let mut seeds = Vec::new();
    for step in steps {
        let folder = PathBuf::from(step["folder"].as_str().unwrap());
        let run: Value =
            serde_json::from_str(&ended.file(&folder.join("run.json").display().to_string())).unwrap();
        assert_eq!(run["verdict"], step["verdict"]);
        assert_eq!(run["iterations"]["due"], step["planned"]);
        seeds.push(run["seed"].as_u64().unwrap());
    }
    assert_eq!(seeds, (1..=steps.len() as u64).collect::<Vec<_>>());
    // It was said beforehand how long it would take, and it was not longer.
    assert!(
        ended.said.stderr.contains("this takes 1 to "),
        "{}",
        ended.said.stderr
    );
    assert!(ended.file("capacity.md").contains("holds 40/s"));
    assert!(ended.file("capacity.html").contains("holds 40/s"));
}

#[tokio::test]
async fn a_rate_can_be_demanded() {
    let one_rate = [
        "--from",
        "20/s",
        "--to",
        "20/s",
        "--set",
        "capacity.confirm=false",
        "--expect-at-least",
    ];
    let met = search(&[&one_rate[..], &["20/s"]].concat()).await;
    assert_eq!(met.said.code, Some(0), "{}", met.said.stderr);
    assert!(
        answer(&met).starts_with("holds 20/s, the highest rate that was tried"),
        "{}",
        answer(&met)
    );
    let missed = search(&[&one_rate[..], &["30/s"]].concat()).await;
    assert_eq!(missed.said.code, Some(10), "{}", missed.said.stderr);
    assert!(
        missed
            .said
            .stderr
            .contains("expected was at least 30/s; the highest rate that held: 20/s"),
        "{}",
        missed.said.stderr
    );
}

#[tokio::test]
async fn a_lowest_rate_that_fails_is_no_capacity() {
    let ended = search(&["--from", "120/s"]).await;
    assert_eq!(ended.said.code, Some(10), "{}", ended.said.stderr);
    assert!(
        answer(&ended).starts_with("holds at no tested rate: fails at 120/s (error_rate "),
        "{}",
        answer(&ended)
    );
    assert_eq!(record(&ended)["result"]["held_per_s"], Value::Null);
}

#[tokio::test]
async fn the_time_box_is_kept_and_what_was_found_is_the_answer() {
    // A step may take 13 s and takes 2 s at least, so that there is room for the first and no other.
    let ended = search(&["--time-box", "14s"]).await;
    assert_eq!(ended.said.code, Some(11), "{}", ended.said.stderr);
    assert!(
        answer(&ended).starts_with("holds 20/s; of higher rates nothing is known")
            && answer(&ended).contains("the time box of 14s has no room for a step at 40/s"),
        "{}",
        answer(&ended)
    );
    let record = record(&ended);
    assert_eq!(
        (
            &record["result"]["ended"],
            record["steps"].as_array().unwrap().len()
        ),
        (&"time_box".into(), 1)
    );
}

#[tokio::test]
async fn a_search_that_cannot_be_made_is_a_usage_error() {
    let limited = scenario("limited").display().to_string();
    let closed = scenario("closed").display().to_string();
    for (arguments, sentence) in [
        (
            vec!["capacity", &closed],
            "the executor `constant-vus` has no rate that could be searched",
        ),
        (
            vec!["capacity", &limited, "--time-box", "11s"],
            "which is more than the time box of 11s",
        ),
        (
            vec!["capacity", &limited, "--from", "200/s"],
            "is above the highest, 160/s",
        ),
        (
            vec!["capacity", &limited, "--resolution", "0.1%"],
            "outside 1% to 100%",
        ),
        (
            vec!["capacity", &limited, "--hold", "soon"],
            "\"soon\" is not a duration",
        ),
        (
            vec!["capacity", &limited, "--expect-at-least", "40"],
            "is not a rate",
        ),
    ] {
        let mut command = loadtest();
        command.env("LIMITED_URL", "http://127.0.0.1:9").args(&arguments);
        let said = crate::program::output(&mut command).await;
        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.stderr);
        assert!(said.stderr.contains(sentence), "{arguments:?}: {}", said.stderr);
        assert_eq!(said.stdout, "");
    }
}

#[tokio::test]
async fn a_target_that_is_not_there_leaves_nothing_to_be_told() {
    let mut command = loadtest();
    command.env("LIMITED_URL", "http://127.0.0.1:1");
    let ended = Run::start_as(command, "capacity", &scenario("limited"), &[])
        .await
        .end()
        .await;
    assert_eq!(ended.said.code, Some(3), "{}", ended.said.stderr);
    assert_eq!(ended.said.stdout, "");
    assert!(!ended.out().join("capacity.json").exists());
}

#[tokio::test]
async fn the_reference_server_is_new_for_each_step_and_its_faults_are_its_limit() {
    let one_rate = [
        "--from",
        "6/s",
        "--to",
        "6/s",
        "--hold",
        "2s",
        "--set",
        "capacity.step_warm_up=0s",
    ];
    let healthy = Run::start_as(loadtest(), "capacity", &scenario("quick"), &one_rate)
        .await
        .end()
        .await;
    assert_eq!(healthy.said.code, Some(0), "{}", healthy.said.stderr);
    let steps = record(&healthy)["steps"].as_array().unwrap().clone();
    assert_eq!(steps.len(), 2, "once, and once more to confirm it");
    for step in &steps {
        let folder = healthy.out().join(step["folder"].as_str().unwrap());
        let run: Value =
            serde_json::from_str(&std::fs::read_to_string(folder.join("run.json")).unwrap()).unwrap();
        // The server of a step has seen that step's users only: all that its mock was asked for was handed in there.
        assert_eq!(
            run["mock"]["accepted"], run["audit"]["accepted"],
            "{}",
            run["mock"]
        );
    }
    let slow = [
        &one_rate[..],
        &[
            "--set",
            "target.faults.answer_delay=400ms",
            "--set",
            "sla.response_time={ p95 = \"<= 300ms\" }",
        ],
    ]
    .concat();
    let slow = Run::start_as(loadtest(), "capacity", &scenario("quick"), &slow)
        .await
        .end()
        .await;
    assert_eq!(slow.said.code, Some(10), "{}", slow.said.stderr);
    assert!(
        answer(&slow).starts_with("holds at no tested rate: fails at 6/s (response_time p95 "),
        "{}",
        answer(&slow)
    );
}

#[tokio::test]
async fn ctrl_c_leaves_what_was_found() {
    let arguments = ["--from", "6/s", "--hold", "5m", "--time-box", "1h"];
    let mut search = Run::start_as(loadtest(), "capacity", &scenario("quick"), &arguments).await;
    search.says("step 1: 6/s").await;
    search.accepts_in("capacity-steps/01-6-per-s", 5).await;
    search.process().signal_group(Signal::INT);
    let ended = search.end().await;
    assert_eq!(ended.said.code, Some(130), "{}", ended.said.stderr);
    assert_eq!(
        answer(&ended),
        "nothing is known of any rate; stopped by its user"
    );
    let record = record(&ended);
    assert_eq!(record["result"]["ended"], "interrupted");
    // The step that was stopped is there, and says nothing about its rate.
    assert_eq!(record["steps"][0]["outcome"], "interrupted");
    assert_eq!(record["result"]["held_per_s"], Value::Null);
}

#[tokio::test]
async fn the_help_lists_the_exit_codes() {
    let said = say(&["capacity", "--help"]).await;
    assert_eq!(said.code, Some(0));
    for line in [
        "10  it holds at no tested rate",
        "11  the time box ended",
        "12  the load generator was the limit",
    ] {
        assert!(said.stdout.contains(line), "{}", said.stdout);
    }
}
