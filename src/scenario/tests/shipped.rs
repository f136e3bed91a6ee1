//! The scenarios of this repository.

use insta::assert_snapshot;

use super::*;
use crate::plan::{JsonPointer, Step, Variables};

/// Every scenario of the repository.
const SCENARIOS: [&str; 18] = [
    "smoke",
    "peak",
    "release",
    "spike",
    "soak",
    "slow-server",
    "failing-server",
    "lost-webhooks",
    "peak-postgres",
    "legacy-vs-direct",
    "legacy-vs-direct-users",
    "rollout",
    "rollback-drill",
    "rollback-full",
    "blue-green",
    "concurrent-sessions",
    "pool-exhaustion",
    "database-outage",
];

fn load_shipped(name: &str) -> Result<Loaded, Diagnostics> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("scenarios")
        .join(format!("{name}.toml"));
    load(
        &path,
        &LoadOptions {
            sets: &[],
            seed: None,
            cores: 2,
            environment: &|_| None,
            read: &read_file,
        },
    )
}

#[test]
fn every_shipped_scenario_loads() {
    for name in SCENARIOS {
        match load_shipped(name) {
            Ok(loaded) => assert_eq!(loaded.plan.name, name),
            Err(diagnostics) => panic!("{diagnostics}"),
        }
    }
}

#[test]
fn the_list_of_shipped_scenarios_is_complete() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let is_scenario = path.is_file() && stem != "sla";
        assert!(
            !is_scenario || SCENARIOS.contains(&stem.as_str()),
            "{stem} is not loaded by any test"
        );
    }
}

#[test]
fn the_warm_up_is_the_ramp_before_the_first_plateau() {
    let loaded = |name: &str| match load_shipped(name) {
        Ok(loaded) => loaded.plan.load,
        Err(diagnostics) => panic!("{diagnostics}"),
    };
    assert_eq!(loaded("peak").warm_up.as_secs(), 15);
    assert_eq!(loaded("smoke").warm_up.as_secs(), 0);
    assert_eq!(loaded("spike").warm_up.as_secs(), 5);
    assert_eq!(loaded("peak").workers, 1);
}

#[test]
fn the_mock_gets_its_plan_in_its_own_form() {
    let plan = load_shipped("lost-webhooks")
        .unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
        .plan;
    let mock = plan.classconnect.unwrap();
    assert_eq!(mock.longest_delivery, Some(std::time::Duration::from_secs(1)));
    assert_snapshot!(format!("{:#}", mock.plan), @r#"
    {
      "analysis_delay": {
        "distribution": "lognormal",
        "max": "1000ms",
        "median": "250ms",
        "p99": "600ms"
      },
      "delivery_timeout": "10000ms",
      "extraction_delay": {
        "distribution": "lognormal",
        "max": "1000ms",
        "median": "250ms",
        "p99": "600ms"
      },
      "faults": {
        "drop": 0.05,
        "duplicate": 0.0,
        "fail_analysis": 0.0,
        "reject_submit": 0.0,
        "soft_error": 0.0,
        "wrong_signature": 0.0
      },
      "improvement_delay": {
        "distribution": "lognormal",
        "max": "1000ms",
        "median": "250ms",
        "p99": "600ms"
      },
      "pass_threshold": 80,
      "retry_schedule": []
    }
    "#);
}

#[test]
fn the_practice_journey_is_lowered_as_it_is_written() {
    let plan = load_shipped("peak")
        .unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
        .plan;
    let names: Vec<(&str, bool)> = plan
        .steps
        .iter()
        .map(|step| (step.name.as_str(), step.first_request))
        .collect();
    assert_eq!(
        names,
        [
            ("create_session", true),
            ("subscribe", false),
            ("await_ready", false),
            ("start_practice", false),
            ("await_practicing", false),
            ("submit_recording", false),
            ("await_result", false),
        ]
    );
    let steps = &plan.journeys[0].steps;
    let Some(Step::Repeat {
        times: 3,
        steps: inner,
    }) = steps.last()
    else {
        panic!("the journey ends with three repetitions");
    };
    let [Step::Think(_), Step::Request(submit), Step::Await(wait)] = inner.as_slice() else {
        panic!("a repetition thinks, submits and waits");
    };
    assert_eq!(wait.trigger, submit.id);
    assert!(submit.idempotency_key);
    assert_eq!(submit.expect.status, [202]);
    let body = submit.body.as_ref().unwrap();
    let attempt = plan.variables.get("attempt_id").unwrap();
    assert_eq!(
        body.variables().collect::<Vec<_>>(),
        [Variables::RECORDING_URL, Variables::REPETITION],
        "{body:?}"
    );
    assert_eq!(
        submit.save,
        [(attempt, JsonPointer::parse("/attempt_id").unwrap())]
    );
    let submission = submit.submission.as_ref().unwrap();
    assert_eq!(submission.kind, "recording-analyses");
    assert_eq!(submission.reference.variables().collect::<Vec<_>>(), [attempt]);
    assert_eq!(submission.compare.len(), 2);
    let feedback = submit.feedback.as_ref().unwrap();
    assert_eq!(
        (feedback.table.as_str(), feedback.columns.len()),
        ("practice_sessions", 2)
    );
    assert_eq!(wait.fallback.as_ref().unwrap().after.as_secs(), 5);
    assert_eq!(
        plan.criteria
            .rollback
            .as_ref()
            .map(|rollback| rollback.policy.conditions.len()),
        Some(3)
    );
}
