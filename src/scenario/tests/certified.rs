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
    assert_snapshot!(refused.map(|_| ()).unwrap_err().to_string(), @r#"
    s.toml:15:14: `error_rate < 1%` cannot be certified by this run: that takes about 5980 samples without a bad one (failures come in bursts, so 20 samples count as one), and the plan brings 30; measure for 20m or more instead of 6s, raise the rate, allow more, or judge by mode = "observed"
      15 | error_rate = "< 1%"
         |              ^^^^^^
    s.toml:16:25: `response_time p95 <= 150ms` cannot be certified by this run: that takes about 1180 samples without a bad one (failures come in bursts, so 20 samples count as one), and the plan brings 30; measure for 4m or more instead of 6s, raise the rate, allow more, or judge by mode = "observed"
      16 | response_time = { p95 = "<= 150ms", max = "< 1s" }
         |                         ^^^^^^^^^^
    s.toml:16:43: `response_time max < 1s` cannot be certified: no number of samples proves that not one is beyond it; allow a share of them, or judge by mode = "observed"
      16 | response_time = { p95 = "<= 150ms", max = "< 1s" }
         |                                           ^^^^^^
    sla.toml:3:25: `response_time{home} p50 <= 50ms` cannot be certified by this run: that takes about 100 samples without a bad one (failures come in bursts, so 20 samples count as one), and the plan brings 30; measure for 1m or more instead of 6s, raise the rate, allow more, or judge by mode = "observed"
      3 | response_time = { p50 = "<= 50ms", p99 = "<= 150ms" }
        |                         ^^^^^^^^^
    sla.toml:3:42: `response_time{home} p99 <= 150ms` cannot be certified by this run: that takes about 5980 samples without a bad one (failures come in bursts, so 20 samples count as one), and the plan brings 30; measure for 20m or more instead of 6s, raise the rate, allow more, or judge by mode = "observed"
      3 | response_time = { p50 = "<= 50ms", p99 = "<= 150ms" }
        |                                          ^^^^^^^^^^
    5 mistakes found
    "#);
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
    assert_snapshot!(mistakes(&judged("mode = \"certain\"\nearly_stop = \"yes\"\nearly = true", "error_rate = \"< 1%\"")), @r#"
    s.toml:12:8: expected one of "observed", "certified"; found the text "certain"; did you mean "certified"?
      12 | mode = "certain"
         |        ^^^^^^^^^
    s.toml:13:14: expected `true` or `false`; found the text "yes"
      13 | early_stop = "yes"
         |              ^^^^^
    s.toml:14:1: unknown key `early` in `judge`; did you mean `early_stop`? (known keys: `early_stop`, `mode`)
      14 | early = true
         | ^^^^^
    3 mistakes found
    "#);
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
