//! `[judge]`, and targets that a certified run could not prove.

use insta::assert_snapshot;

use super::*;
use crate::plan::JudgeMode;

/// 5 users a second for 6 s with one request each: 30 samples.
fn judged(judge: &str, sla: &str) -> String {
    format!("{HEAD}{LOAD}{JOURNEY}[judge]\n{judge}\n[sla]\n{sla}\n")
}

#[test]
fn the_mode_decides_whether_the_load_ends_early_unless_the_scenario_does() {
    for (judge, sla, mode, early_stop) in [
        ("", "error_rate = \"< 1%\"", JudgeMode::Observed, false),
        (
            "mode = \"observed\"\nearly_stop = true",
            "error_rate = \"< 1%\"",
            JudgeMode::Observed,
            true,
        ),
        (
            "mode = \"certified\"",
            "error_rate = \"< 99%\"",
            JudgeMode::Certified,
            true,
        ),
        (
            "mode = \"certified\"\nearly_stop = false",
            "error_rate = \"< 99%\"",
            JudgeMode::Certified,
            false,
        ),
    ] {
        let text = judged(judge, sla).replace("\"6s\"", "\"10m\"");
        let loaded = load_files(&[("s.toml", &text)], &[], &[]);
        let criteria = loaded
            .unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
            .plan
            .criteria;
        assert_eq!(
            (criteria.mode, criteria.early_stop),
            (mode, early_stop),
            "{judge}"
        );
    }
}

#[test]
fn what_cannot_be_certified_is_refused_where_it_is_written() {
    let text = judged(
        "mode = \"certified\"",
        "file = \"sla.toml\"\nerror_rate = \"< 1%\"\nresponse_time = { p95 = \"<= 150ms\", max = \"< 1s\" }\nthroughput = \">= 1/s\"",
    );
    let sla =
        "error_rate = \"< 9%\"\n[step.home]\nresponse_time = { p50 = \"<= 50ms\", p99 = \"<= 150ms\" }\n";
    let refused = load_files(&[("s.toml", &text), ("sla.toml", sla)], &[], &[]);
    assert_snapshot!(refused.map(|_| ()).unwrap_err().to_string(), @"");
    // As observed, the same targets are judged.
    let observed = text.replace("certified", "observed");
    assert!(load_files(&[("s.toml", &observed), ("sla.toml", sla)], &[], &[]).is_ok());
    // `--require certified` is the same as the setting of this key.
    let required = load_files(
        &[("s.toml", &observed), ("sla.toml", sla)],
        &[("judge.mode", "certified")],
        &[],
    );
    assert!(required.is_err());
}

#[test]
fn mistakes_in_the_section_are_explained() {
    assert_snapshot!(mistakes(&judged("mode = \"certain\"\nearly_stop = \"yes\"\nearly = true", "error_rate = \"< 1%\"")), @"");
}

#[test]
fn an_arm_of_a_comparison_is_loaded_to_its_end_and_certifies_nothing() {
    let text = judged("mode = \"certified\"", "error_rate = \"< 1%\"");
    let loader = Loader::new(&LoadOptions {
        sets: &[],
        seed: None,
        cores: 2,
        environment: &|_| None,
        read: &|_| Ok(text.clone()),
    })
    .load_whole(Path::new("s.toml"), Role::Arm);
    let plan = loader.unwrap_or_else(|diagnostics| panic!("{diagnostics}")).plan;
    assert!(!plan.criteria.early_stop);
}
