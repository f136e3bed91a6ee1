//! The sentences of a search, and its reports.

use insta::assert_snapshot;

use super::*;
use crate::report::model::{
    CAPACITY_KIND, CAPACITY_SCHEMA_VERSION, CapacityResultRecord, CapacitySearchRecord, RunRecord,
};
use crate::report::{ReportError, tests as reports};
use crate::sla::fixture::{self, Run};

fn step(number: u32, rate: f64, outcome: &str, why: &str, run: &RunRecord) -> CapacityStepRecord {
    CapacityStepRecord {
        number,
        rate_per_s: rate,
        purpose: "stepping up".to_owned(),
        outcome: outcome.to_owned(),
        verdict: run.verdict.clone(),
        reasons: run.reasons.clone(),
        why: why.to_owned(),
        sla: run.sla.clone(),
        rollback: Vec::new(),
        planned: 500,
        iterations: run.iterations,
        achieved_per_s: rate,
        completed_per_s: rate * 0.99,
        response_time: run
            .metrics
            .get("response_time")
            .map(|metric| metric.summary.clone()),
        vus_max: 300,
        vus_peak: 42,
        seed: 42,
        started_at: "2026-01-02T03:04:05Z".to_owned(),
        duration_s: 31.5,
        folder: format!("capacity-steps/{number:02}-{rate}-per-s"),
    }
}

pub(in crate::report) fn search(ended: &str, held: Option<f64>, not_held: Option<f64>) -> CapacityRecord {
    let of = |run: Run| reports::record(run);
    let (healthy, slow, late) = (
        of(fixture::healthy()),
        of(fixture::slow()),
        of(fixture::starved_generator()),
    );
    let why = "submit_recording response_time p99 212 ms, target <= 150ms";
    let facts = reports::facts();
    let mut record = CapacityRecord {
        schema_version: CAPACITY_SCHEMA_VERSION,
        kind: CAPACITY_KIND.to_owned(),
        scenario: facts.scenario,
        target: Some(facts.target),
        seed: 42,
        started_at: "2026-01-02T03:04:05Z".to_owned(),
        duration_s: 185.4,
        environment: facts.environment,
        search: CapacitySearchRecord {
            from_per_s: 20.0,
            to_per_s: 640.0,
            factor: 2.0,
            step_hold_s: 15.0,
            step_warm_up_s: 11.0,
            step_drain_s: 30.0,
            resolution: 0.1,
            time_box_s: 900.0,
            confirm: true,
            text: "20/s to 640/s, ×2 until a rate fails, then bisecting to 10%".to_owned(),
        },
        result: CapacityResultRecord {
            held_per_s: held,
            not_held_per_s: not_held,
            not_brought_per_s: None,
            resolution: held.zip(not_held).map(|(held, failed)| failed / held - 1.0),
            confirmed: ended == "found",
            ended: ended.to_owned(),
            problem: None,
            sentence: String::new(),
        },
        steps: vec![
            step(1, 20.0, "held", "", &healthy),
            step(2, 40.0, "invalid", "The generator was up to 80 ms late", &late),
            step(3, 40.0, "doubtful", "error_rate 1.2 %, target < 1%", &slow),
            step(4, 41.9, "not_held", why, &slow),
            step(5, 38.1, "held", "", &healthy),
        ],
    };
    record.result.sentence = capacity_sentence(&record);
    record
}

fn sentence(ended: &str, held: Option<f64>, not_held: Option<f64>, problem: &str) -> String {
    let mut record = search(ended, held, not_held);
    record.result.problem = (!problem.is_empty()).then(|| problem.to_owned());
    capacity_sentence(&record)
}

#[test]
fn the_answer_is_one_sentence() {
    assert_eq!(
        sentence("found", Some(38.1), Some(41.9), ""),
        "holds 38.1/s, fails at 41.9/s (submit_recording response_time p99 212 ms, target <= 150ms); resolution 10 %; \
         held twice"
    );
    assert_eq!(
        sentence("at_least", Some(640.0), None, ""),
        "holds 640/s, the highest rate that was tried: the capacity is that or more; held once only"
    );
    assert_eq!(
        sentence("not_even_lowest", None, Some(40.0), ""),
        "holds at no tested rate: fails at 40/s (error_rate 1.2 %, target < 1%) already"
    );
    let mut limited = search("generator_limit", Some(20.0), None);
    limited.result.not_brought_per_s = Some(40.0);
    assert_eq!(
        capacity_sentence(&limited),
        "holds 20/s; at 40/s the load generator was the limit (The generator was up to 80 ms late); held once only"
    );
    limited.result.not_brought_per_s = Some(80.0);
    limited.result.problem = Some("the plan may need 2000 open files".to_owned());
    assert_eq!(
        capacity_sentence(&limited),
        "holds 20/s; at 80/s the load generator was the limit (the plan may need 2000 open files); held once only"
    );
    assert_eq!(
        sentence(
            "time_box",
            Some(20.0),
            Some(40.0),
            "the time box of 3m has no room for a step at 28.3/s"
        ),
        "holds 20/s, fails at 40/s (error_rate 1.2 %, target < 1%); resolution 100 %; held once only; ended early: the \
         time box of 3m has no room for a step at 28.3/s"
    );
    assert_eq!(
        sentence("interrupted", None, None, ""),
        "nothing is known of any rate; stopped by its user"
    );
}

#[test]
fn steps_are_told_in_a_line_each() {
    let lines: Vec<String> = search("found", None, None)
        .steps
        .iter()
        .map(capacity_step_line)
        .collect();
    assert_snapshot!(lines.join("\n"), @r"
    step 1: 20/s held (response time p95 81.66 ms)
    step 2: 40/s proved nothing: The generator was up to 80 ms late
    step 3: 40/s did not hold, which may be chance: error_rate 1.2 %, target < 1%
    step 4: 41.9/s did not hold: submit_recording response_time p99 212 ms, target <= 150ms
    step 5: 38.1/s held (response time p95 81.66 ms)
    ");
}

#[test]
fn the_terminal_ends_in_the_answer() {
    assert_snapshot!(render_capacity(Format::Text, &search("found", Some(38.1), Some(41.9))).unwrap(), @r"
    peak: reference practice server, SQLite, direct architecture, version 4f2a9c1
    20/s to 640/s, ×2 until a rate fails, then bisecting to 10%
    5 steps in 3m5s, seed 42

     Step  Rate                 Outcome                          p95       Begun   Completed  Users      Why
     1     20/s    stepping up  held                             81.66 ms  20/s    19.8/s     42 of 300
     2     40/s    stepping up  invalid                          465.4 ms  40/s    39.6/s     42 of 300  The generator was up to 80 ms late
     3     40/s    stepping up  did not hold, perhaps by chance  221.7 ms  40/s    39.6/s     42 of 300  error_rate 1.2 %, target < 1%
     4     41.9/s  stepping up  did not hold                     221.7 ms  41.9/s  41.5/s     42 of 300  submit_recording response_time p99 212 ms, target <= 150ms
     5     38.1/s  stepping up  held                             81.66 ms  38.1/s  37.7/s     42 of 300

    This search tested the reference server that comes with the tool, on the generator's own host. Its capacity says nothing about your own deployment.
    holds 38.1/s, fails at 41.9/s (submit_recording response_time p99 212 ms, target <= 150ms); resolution 10 %; held twice
    ");
}

#[test]
fn markdown_begins_with_the_answer() {
    assert_snapshot!(render_capacity(Format::Markdown, &search("found", Some(38.1), Some(41.9))).unwrap(), @r"
    ### Capacity of peak

    **holds 38.1/s, fails at 41.9/s (submit\_recording response\_time p99 212 ms, target &lt;= 150ms); resolution 10 %; held twice**

    **Target:** reference practice server, SQLite, direct architecture, version 4f2a9c1  
    **Searched:** 20/s to 640/s, ×2 until a rate fails, then bisecting to 10%  
    **Extent:** 5 steps in 3m5s, seed 42, started 2026-01-02T03:04:05Z

    > This search tested the reference server that comes with the tool, on the generator's own host. Its capacity says nothing about your own deployment.

    Rates are new users per second. A rate holds when every target of the scenario is met, nothing that was accepted is lost, no rollback threshold trips, and at least 99 % of the planned users began.

    | Step | Rate | Purpose | Outcome | Response time p95 | Begun | Completed | Users at once | Why | Run |
    | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
    | 1 | 20/s | stepping up | held | 81.66 ms | 20/s | 19.8/s | 42 of 300 |  | capacity-steps/01-20-per-s |
    | 2 | 40/s | stepping up | invalid | 465.4 ms | 40/s | 39.6/s | 42 of 300 | The generator was up to 80 ms late | capacity-steps/02-40-per-s |
    | 3 | 40/s | stepping up | did not hold, perhaps by chance | 221.7 ms | 40/s | 39.6/s | 42 of 300 | error\_rate 1.2 %, target &lt; 1% | capacity-steps/03-40-per-s |
    | 4 | 41.9/s | stepping up | did not hold | 221.7 ms | 41.9/s | 41.5/s | 42 of 300 | submit\_recording response\_time p99 212 ms, target &lt;= 150ms | capacity-steps/04-41.9-per-s |
    | 5 | 38.1/s | stepping up | held | 81.66 ms | 38.1/s | 37.7/s | 42 of 300 |  | capacity-steps/05-38.1-per-s |
    ");
}

#[test]
fn the_page_has_the_answer_the_charts_and_every_step() {
    let page = render_capacity(Format::Html, &search("found", Some(38.1), Some(41.9))).unwrap();
    for expected in [
        "<h1>38.1/s",
        "chart-response",
        "chart-throughput",
        "target: 150 ms",
        "capacity-steps/04-41.9-per-s/report.html",
        "did not hold, perhaps by chance",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    assert!(
        !page.contains("http://") && !page.contains("https://"),
        "the page needs no network"
    );
    // Without a step there is nothing to draw, and the page says so.
    let mut nothing = search("interrupted", None, None);
    nothing.steps.clear();
    let page = render_capacity(Format::Html, &nothing).unwrap();
    assert!(page.contains("There was none.") && !page.contains("chart-response"));
}

#[test]
fn a_stored_search_is_read_back_and_nothing_else_is() {
    let record = search("time_box", Some(20.0), None);
    let text = render_capacity(Format::Json, &record).unwrap();
    assert_eq!(CapacityRecord::from_json(&text).unwrap(), record);
    let newer = text.replace("\"schema_version\": 1", "\"schema_version\": 2");
    assert!(matches!(
        CapacityRecord::from_json(&newer),
        Err(ReportError::Version { found: 2 })
    ));
    let run = reports::record(fixture::healthy());
    let run = crate::report::render(Format::Json, &run).unwrap();
    assert!(matches!(
        CapacityRecord::from_json(&run),
        Err(ReportError::NotACapacity)
    ));
}
