//! `--baseline`: a run beside a stored one, in every report, and a baseline that cannot be used refused before the load.

use std::path::Path;

use serde_json::{Value, json};

use crate::program::{run, say, scenario};

fn store(folder: &Path, name: &str, run: &Value) -> String {
    let path = folder.join(name);
    std::fs::write(&path, run.to_string()).unwrap();
    path.display().to_string()
}

#[tokio::test]
async fn a_run_is_shown_beside_its_baseline_and_a_useless_one_is_refused_before_the_load() {
    let first = run(&scenario("quick"), &[]).await;
    let mut stored = first.record(0, "GO");
    stored["run_id"] = json!("quick-before");
    stored["target"]["version"] = json!("before");
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let good = store(scratch.path(), "good.json", &stored);

    let ended = run(&scenario("quick"), &["--baseline", &good, "--seed", "77"]).await;
    let record = ended.record(0, "GO");
    assert_eq!(record["baseline"]["run_id"], "quick-before");
    assert!(
        record["baseline"]["series"].is_null(),
        "the head of the run is enough"
    );
    for name in ["report.md", "report.html"] {
        let report = ended.file(name);
        assert!(
            report.contains("Compared with the baseline run"),
            "{name}: {report}"
        );
        assert!(report.contains("77 now"), "{name}: the seeds differ");
    }
    assert!(
        ended.said.stdout.contains("the baseline run ("),
        "{}",
        ended.said.stdout
    );

    // A stored run takes another baseline when it is rendered again, and keeps its own otherwise.
    let run_file = ended.out().join("run.json").display().to_string();
    stored["run_id"] = json!("quick-long-ago");
    let other = store(scratch.path(), "other.json", &stored);
    let said = say(&["report", &run_file, "--baseline", &other, "--format", "json"]).await;
    let again: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(again["baseline"]["run_id"], "quick-long-ago");
    let said = say(&["report", &run_file]).await;
    assert!(
        said.stdout.contains("Compared with the baseline run"),
        "{}",
        said.stdout
    );

    let (mut cut, mut invalid, mut other_targets) = (stored.clone(), stored.clone(), stored.clone());
    cut["interruption"] = json!("killed");
    invalid["verdict"] = json!("INVALID");
    other_targets["sla"] = json!([]);
    let quick = scenario("quick").display().to_string();
    let out = scratch.path().join("out").display().to_string();
    for (name, content, why) in [
        ("cut.json", &cut, "was interrupted"),
        ("invalid.json", &invalid, "is INVALID"),
        (
            "no-targets.json",
            &other_targets,
            "none of this scenario's targets",
        ),
        ("comparison.json", &json!({ "kind": "comparison" }), "is no run"),
        ("empty.json", &json!({}), "cannot be used"),
    ] {
        let baseline = store(scratch.path(), name, content);
        let said = say(&["run", &quick, "--out", &out, "--baseline", &baseline]).await;
        assert_eq!(said.code, Some(2), "{name}: {}", said.stderr);
        assert!(said.stderr.contains(why), "{name}: {}", said.stderr);
    }
    let said = say(&["run", &quick, "--out", &out, "--baseline", "no-such.json"]).await;
    assert_eq!(said.code, Some(2));
    assert!(
        said.stderr.contains("cannot read the baseline no-such.json"),
        "{}",
        said.stderr
    );
    assert!(!Path::new(&out).exists(), "nothing was started");
}
