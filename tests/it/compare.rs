//! `compare`: two arms in interleaved pairs, and runs that were done before.

use rustix::process::Signal;
use serde_json::Value;

use crate::host::until;
use crate::program::{Ended, Run, Said, loadtest, run, say, scenario, shipped};
use crate::schemas;

/// Starts `loadtest compare` with a scenario of these tests.
async fn compare(arguments: &[&str]) -> Run {
    Run::start_as(loadtest(), "compare", &scenario("late-or-not"), arguments).await
}

fn record(ended: &Ended) -> Value {
    let record = serde_json::from_str(&ended.file("compare.json")).unwrap();
    schemas::assert_known("compare", &record);
    record
}

fn claim<'a>(record: &'a Value, says: &str) -> &'a Value {
    let claims = record["claims"].as_array().unwrap();
    claims
        .iter()
        .find(|claim| claim["says"].as_str().unwrap().contains(says))
        .unwrap_or_else(|| panic!("no claim about {says}: {claims:?}"))
}

#[tokio::test]
async fn pairs_are_run_in_turn_and_judged() {
    let mut under_way = compare(&["--set", "load.duration=3s"]).await;
    for run in [
        "late (pair-1-a)",
        "plain (pair-1-b)",
        "plain (pair-2-b)",
        "late (pair-2-a)",
    ] {
        under_way.says(run).await;
    }
    let ended = under_way.end().await;
    let said = &ended.said;
    assert!(
        said.stderr.contains("2 pairs: about"),
        "it says how long it takes: {}",
        said.stderr
    );
    let record = record(&ended);
    // How much two pairs can decide depends on how busy the machine is; what they show does not.
    assert_eq!(
        Some(record["exit_code"].as_i64().unwrap() as i32),
        said.code,
        "{}",
        said.stdout
    );
    let sooner = claim(&record, "answers come sooner");
    assert!(sooner["measured"]["value"].as_f64().unwrap() < 0.9, "{sooner}");
    assert_eq!(sooner["basis"], "2 run pairs", "{sooner}");
    assert_ne!(sooner["status"], "FAIL", "{sooner}");
    assert_eq!(claim(&record, "happier")["status"], "NOT_MEASURED");
    assert_eq!(claim(&record, "lost")["status"], "PASS");
    assert!(record["cliffs_delta"].as_f64().unwrap() < -0.5, "plain is faster");

    let pairs = record["pairs"].as_array().unwrap();
    let first: Vec<&str> = pairs.iter().map(|pair| pair["first"].as_str().unwrap()).collect();
    assert_eq!(first, ["late", "plain"]);
    for pair in pairs {
        assert!(pair["left_out"].is_null(), "{pair}");
        // Both runs of a pair were sent the same users.
        let runs = ["baseline", "candidate"].map(|side| {
            let folder = pair[side]["folder"].as_str().unwrap();
            serde_json::from_str::<Value>(&ended.file(&format!("{folder}/run.json"))).unwrap()
        });
        assert_eq!(runs[0]["seed"], runs[1]["seed"]);
        assert_eq!(runs[0]["iterations"]["due"], runs[1]["iterations"]["due"]);
        assert_ne!(runs[0]["target"]["description"], "", "{pair}");
    }
    let arms = &record["arms"];
    assert_eq!(
        arms["baseline"]["settings"][0]["key"],
        "target.faults.answer_delay"
    );
    assert!(ended.file("compare.html").contains("chart-histogram"));
    assert!(ended.file("compare.md").contains("#### Claims"));
    let last = said.stdout.lines().last().unwrap();
    assert_eq!(
        std::fs::canonicalize(last).unwrap(),
        std::fs::canonicalize(ended.out()).unwrap()
    );

    // What was stored is rendered again as it was.
    let stored = ended.out().join("compare.json").display().to_string();
    let again = say(&["report", &stored]).await;
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(said.stdout.starts_with(&again.stdout));
    let html = say(&["report", &stored, "--format", "html"]).await;
    assert_eq!(html.stdout.trim_end(), ended.file("compare.html").trim_end());
}

#[tokio::test]
async fn a_quick_comparison_claims_nothing() {
    let arguments = ["--quick", "--set", "load.duration=3s", "--expect", "inconclusive"];
    let ended = compare(&arguments).await.end().await;
    // Expected, so green.
    assert_eq!(
        ended.said.code,
        Some(0),
        "{}\n{}",
        ended.said.stderr,
        ended.said.stdout
    );
    let record = record(&ended);
    assert_eq!(
        (&record["verdict"], &record["exit_code"]),
        (&"INCONCLUSIVE".into(), &11.into())
    );
    assert_eq!(record["pairs"].as_array().unwrap().len(), 1);
    let sooner = claim(&record, "answers come sooner");
    assert_eq!(
        (&sooner["status"], &sooner["basis"]),
        (&"INCONCLUSIVE".into(), &"observed, one pair".into())
    );
    assert!(
        ended.said.stdout.contains("INCONCLUSIVE (observed, one pair)"),
        "{}",
        ended.said.stdout
    );
}

#[tokio::test]
async fn ctrl_c_leaves_a_report_of_what_is_there() {
    let mut under_way = compare(&["--set", "load.duration=5m", "--set", "load.warm_up=0s"]).await;
    under_way.says("late (pair-1-a)").await;
    let ledger = under_way.out().join("pair-1-a/ledger.jsonl");
    until("submissions reach the mock", || {
        let text = std::fs::read_to_string(&ledger).ok()?;
        text.contains(r#""kind":"accepted""#).then_some(())
    })
    .await;
    under_way.process().signal_group(Signal::INT);
    let ended = under_way.end().await;
    assert_eq!(
        ended.said.code,
        Some(130),
        "{}\n{}",
        ended.said.stderr,
        ended.said.stdout
    );
    let record = record(&ended);
    assert_eq!(record["verdict"], "INTERRUPTED");
    let pair = &record["pairs"][0];
    assert_eq!(pair["baseline"]["verdict"], "INTERRUPTED", "{pair}");
    assert!(pair["candidate"].is_null(), "nothing was begun after it: {pair}");
    assert!(ended.file("compare.html").contains("INTERRUPTED"));
}

/// Two stored runs, the second with a seeded defect: its answers are late.
async fn two_runs() -> [Ended; 2] {
    // Shorter runs have no interval of their own.
    let plain = ["--set", "load.duration=8s"];
    let late = [
        "--set",
        "load.duration=8s",
        "--set",
        "target.faults.answer_delay=1500ms",
    ];
    [
        run(&scenario("quick"), &plain).await,
        run(&scenario("quick"), &late).await,
    ]
}

async fn compare_stored(baseline: &Ended, candidate: &Ended, out: &std::path::Path) -> Said {
    let paths = [baseline, candidate].map(|ended| ended.out().join("run.json").display().to_string());
    say(&[
        "compare",
        &paths[0],
        &paths[1],
        "--out",
        &out.display().to_string(),
    ])
    .await
}

#[tokio::test]
async fn a_seeded_defect_turns_the_claims_of_stored_runs() {
    let [plain, late] = two_runs().await;
    let scratch = tempfile::tempdir().unwrap();
    let read = |name: &str| -> Value {
        let text = std::fs::read_to_string(scratch.path().join(name).join("compare.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    };

    let defect = compare_stored(&plain, &late, &scratch.path().join("defect")).await;
    assert_eq!(defect.code, Some(10), "{}\n{}", defect.stderr, defect.stdout);
    let record = read("defect");
    let slower = claim(&record, "Response time p95 not worse");
    assert_eq!(slower["status"], "FAIL", "{slower}");
    assert!(slower["measured"]["low"].as_f64().unwrap() > 1.1, "{slower}");
    assert!(
        record["reasons"][0].as_str().unwrap().contains("Response time"),
        "{}",
        record["reasons"]
    );

    // The other way round the candidate is better, and one pair cannot show it.
    let cure = compare_stored(&late, &plain, &scratch.path().join("cure")).await;
    let record = read("cure");
    // Whether the other claims hold as well depends on how busy the machine was at either run.
    let code = record["exit_code"].as_i64().unwrap() as i32;
    assert_eq!(Some(code), cure.code, "{}\n{}", cure.stderr, cure.stdout);
    assert_ne!(code, 0, "one pair decides nothing");
    let faster = claim(&record, "Response time p95 not worse");
    assert_eq!(faster["status"], "INCONCLUSIVE", "{faster}");
    assert!(
        faster["sentence"].as_str().unwrap().contains("run several pairs"),
        "{faster}"
    );

    // A folder with several runs is a sample of its own.
    let several = scratch.path().join("several");
    for (name, ended) in [("1", &plain), ("2", &plain)] {
        std::fs::create_dir_all(several.join(name)).unwrap();
        std::fs::copy(ended.out().join("run.json"), several.join(name).join("run.json")).unwrap();
    }
    let several = several.display().to_string();
    let out = scratch.path().join("same").display().to_string();
    let same = say(&["compare", &several, &several, "--out", &out]).await;
    assert_eq!(same.code, Some(0), "{}\n{}", same.stderr, same.stdout);
    assert_eq!(
        claim(&read("same"), "Response time p95 not worse")["basis"],
        "2 and 2 runs"
    );
}

#[tokio::test]
async fn what_cannot_be_compared_is_a_usage_error() {
    let scratch = tempfile::tempdir().unwrap();
    let empty = scratch.path().display().to_string();
    let smoke = shipped("smoke").display().to_string();
    let own = scenario("late-or-not").display().to_string();
    for (arguments, reason) in [
        (vec!["compare", &smoke], "no section `[compare]`"),
        (vec!["compare", &empty], "is no scenario"),
        (vec!["compare", &empty, &empty], "holds no run"),
        (
            vec!["compare", &smoke, &empty],
            "cannot be compared with a stored run",
        ),
        (
            vec!["compare", &own, "--quick", "--pairs", "3"],
            "cannot be used with",
        ),
        (vec!["compare", &own, "--time-box", "45"], "has no unit"),
        (vec!["compare", &empty, &empty, "--quick"], "not for stored"),
        (
            vec!["compare", &own, "--claims", &smoke],
            "no section [compare] with claims",
        ),
    ] {
        let said = say(&arguments).await;
        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.stderr);
        assert!(said.stderr.contains(reason), "{arguments:?}: {}", said.stderr);
        assert_eq!(said.stdout, "");
    }
}

#[tokio::test]
async fn check_prints_the_plan_of_a_comparison() {
    let said = say(&["check", &scenario("late-or-not").display().to_string()]).await;
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    for part in [
        "baseline             late (a): target.faults.answer_delay = 400ms",
        "candidate            plain (b): the scenario as it is",
        "ab ba",
        "2 pairs: about",
        "response_time p50: ratio ≤ 0.9×",
        "Learners are happier",
    ] {
        assert!(said.stdout.contains(part), "{part}: {}", said.stdout);
    }
}
