//! `[compare]`: two arms of one scenario, and what cannot be compared.

use std::time::Duration;

use insta::assert_snapshot;

use super::*;
use crate::plan::{Claim, ClaimTest, Executor, Side, Sides, TargetKind};

const ARMS: &str = "[compare]\nbaseline = { name = \"late\", set = { \"target.faults.answer_delay\" = \"300ms\" } }\n\
                    candidate = { name = \"plain\" }\n";

fn with(section: &str) -> String {
    format!("{HEAD}{LOAD}{JOURNEY}{section}")
}

fn compared_with(
    text: &str,
    sets: &[(&str, &str)],
    environment: &[(&str, &str)],
    quick: bool,
) -> Result<LoadedComparison, Diagnostics> {
    let sets: Vec<(String, String)> = sets
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let look_up = |name: &str| {
        let known = environment.iter().find(|(known, _)| *known == name);
        known.map(|(_, value)| (*value).to_owned())
    };
    let options = LoadOptions {
        sets: &sets,
        seed: None,
        cores: 2,
        environment: &look_up,
        read: &|_| Ok(text.to_owned()),
    };
    load_comparison(Path::new("s.toml"), &options, quick)
}

fn compared(text: &str) -> LoadedComparison {
    match compared_with(text, &[], &[], false) {
        Ok(loaded) => loaded,
        Err(mistakes) => panic!("{mistakes}"),
    }
}

fn refused(text: &str) -> String {
    match compared_with(text, &[], &[], false) {
        Ok(_) => "none".to_owned(),
        Err(mistakes) => mistakes.to_string(),
    }
}

fn delay(loaded: &Loaded) -> Duration {
    match &loaded.plan.target.kind {
        TargetKind::Reference(server) => server.answer_delay,
        TargetKind::Remote(_) => panic!("not the reference server"),
    }
}

#[test]
fn each_arm_is_the_scenario_with_its_own_settings() {
    let loaded = compared(&with(ARMS));
    assert_eq!(delay(&loaded.arms.baseline), Duration::from_millis(300));
    assert_eq!(delay(&loaded.arms.candidate), Duration::ZERO);
    assert_eq!(delay(&loaded.scenario), Duration::ZERO);
    let comparison = &loaded.comparison;
    assert_eq!(
        (comparison.pairs, comparison.time_box),
        (5, Duration::from_secs(3600))
    );
    assert_eq!(
        comparison.arms.as_ref().map(|arm| arm.name.as_str()),
        Sides {
            baseline: "late",
            candidate: "plain",
        }
    );
    assert_eq!(comparison.claims, Claim::of_the_migration_plan(true, false));
    // A run of the scenario does not look at the section.
    let run = load_files(&[("s.toml", &with(ARMS))], &[], &[]).unwrap();
    assert_eq!(delay(&run), Duration::ZERO);
}

#[test]
fn settings_add_to_what_is_there_and_win_over_the_command_line() {
    let section = "[sla]\nresponse_time = { p95 = \"<= 150ms\", p99 = \"<= 900ms\" }\n[compare]\ncandidate = {}\n\
                   [compare.baseline.set]\nload.max_vus = 70\nsla.response_time.p95 = \"<= 800ms\"\n";
    let loaded = compared_with(&with(section), &[("load.max_vus", "50")], &[], false).unwrap();
    let vus = loaded.arms.as_ref().map(|arm| arm.plan.load.max_vus);
    assert_eq!((vus.baseline, vus.candidate), (70, 50));
    let targets = loaded.arms.as_ref().map(|arm| {
        let targets = arm.plan.criteria.targets.iter().map(ToString::to_string);
        targets.collect::<Vec<String>>()
    });
    assert_eq!(
        targets.baseline,
        ["response_time p95 <= 800ms", "response_time p99 <= 900ms"]
    );
    assert_eq!(
        targets.candidate,
        ["response_time p95 <= 150ms", "response_time p99 <= 900ms"]
    );
}

#[test]
fn variables_of_an_arm_are_expanded_in_the_arm_alone() {
    let section =
        "[compare]\nbaseline = { set = { \"target.faults.answer_delay\" = \"${DELAY}\" } }\ncandidate = {}\n";
    let loaded = compared_with(&with(section), &[], &[("DELAY", "70ms")], false).unwrap();
    assert_eq!(delay(&loaded.arms.baseline), Duration::from_millis(70));
    // What is kept of the settings is what was written.
    let kept = &loaded.comparison.arms.baseline.overrides;
    assert_eq!(
        kept,
        &[("target.faults.answer_delay".to_owned(), "${DELAY}".to_owned())]
    );
    let missing = compared_with(&with(section), &[], &[], false)
        .unwrap_err()
        .to_string();
    assert!(
        missing.contains("[compare] baseline set") && missing.contains("`DELAY` is not set"),
        "{missing}"
    );
}

#[test]
fn a_secret_written_into_an_arm_is_refused_and_not_shown() {
    let section =
        "[compare]\nbaseline = { set = { \"target.api_key\" = \"hunter2-hunter2\" } }\ncandidate = {}\n";
    let text = with(section);
    let said = refused(&text);
    assert!(
        said.contains("is a secret") && !said.contains("hunter2"),
        "{said}"
    );
}

#[test]
fn a_quick_comparison_is_short() {
    let long = with(ARMS).replace("duration = \"6s\"", "duration = \"200s\"\nwarm_up = \"100s\"");
    let loaded = compared_with(&long, &[], &[], true).unwrap();
    for side in Side::BOTH {
        let plan = &loaded.arms.get(side).plan;
        let Executor::ConstantArrivalRate { rate, duration, .. } = &plan.load.executor else {
            panic!("another executor");
        };
        assert_eq!((rate.as_per_second(), *duration), (5.0, Duration::from_secs(20)));
        assert_eq!(plan.load.warm_up, Duration::from_secs(5));
        assert!(!plan.capacity.as_ref().unwrap().confirm);
    }
    // What is short already stays as it is.
    let short = compared_with(&with(ARMS), &[], &[], true).unwrap();
    assert_eq!(
        short.arms.baseline.plan.load.executor.duration(),
        Duration::from_secs(6)
    );
    // The section may say itself what quick means.
    let own = with(&format!("{ARMS}quick = {{ \"load.duration\" = \"3s\" }}\n"));
    let own = compared_with(&own, &[], &[], true).unwrap();
    assert_eq!(
        own.arms.candidate.plan.load.executor.duration(),
        Duration::from_secs(3)
    );
}

#[test]
fn claims_say_what_they_are_about() {
    let claims = "[[compare.claims]]\nmetric = \"capacity\"\nratio = \">= 3.0\"\nsays = \"throughput +200 %\"\n\
                  [[compare.claims]]\nmetric = \"db_query_time\"\nratio = \"<= 0.40\"\n\
                  [[compare.claims]]\nbefore = \"200ms..800ms\"\nafter = \"50ms..150ms\"\n\
                  [[compare.claims]]\nmetric = \"realtime_latency\"\nstat = \"p99\"\nnot_worse_by = \"5%\"\nnegligible = \"2ms\"\n\
                  [[compare.claims]]\nmetric = \"error_rate\"\nnot_worse_by = \"10%\"\n\
                  [[compare.claims]]\nsays = \"tickets −50 %\"\nnot_measured = \"nobody writes tickets here.\"\n";
    let loaded = compared(&with(&format!("{ARMS}{claims}")));
    let claims: Vec<(String, String)> = loaded
        .comparison
        .claims
        .iter()
        .map(|claim| (claim.says.clone(), claim.test.required()))
        .collect();
    let text: Vec<String> = claims
        .iter()
        .map(|(says, required)| format!("{says} | {required}"))
        .collect();
    assert_snapshot!(text.join("\n"), @"
    throughput +200 % | ratio of capacities ≥ 3×
    Mean database query time ≤ 0.4× | db_query_time mean: ratio ≤ 0.4×
    Response time 200ms to 800ms → 50ms to 150ms | response time 200ms to 800ms before, 50ms to 150ms after
    Realtime latency p99 not worse | realtime_latency p99: at most 5% worse, or by less than 2ms
    Error rate not worse | error_rate: at most 10% worse, or by less than 0.1%
    tickets −50 % | –
    ");
    let last = &loaded.comparison.claims[5].test;
    assert_eq!(
        last,
        &ClaimTest::NotMeasured {
            reason: "nobody writes tickets here".to_owned()
        }
    );
}

#[test]
fn mistakes_in_a_comparison_are_told_at_once() {
    let section = "[compare]\npairs = 0\ntime_box = \"45\"\nrun_to_run = \"150%\"\n\
                   baseline = { name = \" a\", set = { \"load.rate\" = \"5/s\" } }\ncandidate = { sets = {} }\n\
                   [[compare.claims]]\nmetric = \"throughput\"\nratio = \">= 3\"\n\
                   [[compare.claims]]\nmetric = \"db_query_time\"\nratio = \"0.4\"\n\
                   [[compare.claims]]\nmetric = \"realtime_latenc\"\nnot_worse_by = \"10%\"\n\
                   [[compare.claims]]\nmetric = \"response_time\"\nbefore = \"800ms..200ms\"\n\
                   [[compare.claims]]\nmetric = \"error_rate\"\nstat = \"p95\"\nnot_worse_by = \"10%\"\n\
                   [[compare.claims]]\nmetric = \"error_rate\"\n\
                   [[compare.claims]]\nmetric = \"error_rate\"\nratio = \"<= 1\"\nnot_worse_by = \"10%\"\n\
                   [[compare.claims]]\nnot_measured = \"no\"\n";
    assert_snapshot!(refused(&with(section)), @r#"
    s.toml:12:9: expected a number of 1 or more; found the number 0
      12 | pairs = 0
         |         ^
    s.toml:13:12: "45" has no unit; write a number with its unit, such as "150ms", "2s" or "1m30s"
      13 | time_box = "45"
         |            ^^^^
    s.toml:14:14: a share of 150% is outside 0% to 100%
      14 | run_to_run = "150%"
         |              ^^^^^^
    s.toml:15:21: the name of an arm stands in tables and sentences: 1 to 40 characters on one line
      15 | baseline = { name = " a", set = { "load.rate" = "5/s" } }
         |                     ^^^^
    s.toml:16:15: unknown key `sets` in `compare.candidate`; did you mean `set`? (known keys: `name`, `set`)
      16 | candidate = { sets = {} }
         |               ^^^^
    s.toml:18:10: the throughput of a run is the load that it was sent; what an arm can bear is its `capacity`
      18 | metric = "throughput"
         |          ^^^^^^^^^^^^
    s.toml:22:9: "0.4" is not a comparison with a ratio above zero; write for instance "<= 0.40" or ">= 3.0"
      22 | ratio = "0.4"
         |         ^^^^^
    s.toml:24:10: `realtime_latenc` is nothing that two arms are compared by; did you mean `realtime_latency`? (possible: `response_time`, `error_rate`, `feedback_latency`, `realtime_latency`, `realtime_failures`, `webhook_processing`, `webhook_failures`, `result_turnaround`, `server_time`, `db_query_time`, `abandonment_rate`, `complaint_rate`, `capacity`)
      24 | metric = "realtime_latenc"
         |          ^^^^^^^^^^^^^^^^^
    s.toml:26:1: `after` is missing: both arms have a band, such as after = "50ms..150ms"
      26 | [[compare.claims]]
         | ^^^^^^^^^^^^^^^^^^
    s.toml:28:10: "800ms..200ms" ends before it begins
      28 | before = "800ms..200ms"
         |          ^^^^^^^^^^^^^^
    s.toml:31:1: `error_rate` is a share of events and has no statistics
      31 | stat = "p95"
         | ^^^^
    s.toml:33:1: the claim says nothing that could be judged; give it `ratio`, `not_worse_by`, `before` with `after`, or `not_measured`
      33 | [[compare.claims]]
         | ^^^^^^^^^^^^^^^^^^
    s.toml:35:1: the claim says several things; give it one of `ratio`, `not_worse_by`, `before` with `after`, or `not_measured`
      35 | [[compare.claims]]
         | ^^^^^^^^^^^^^^^^^^
    s.toml:39:1: a claim that is not measured needs its words: says = "support tickets −50 %"
      39 | [[compare.claims]]
         | ^^^^^^^^^^^^^^^^^^
    14 mistakes found
    "#);
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let same = "[compare]\nbaseline = { name = \"a\" }\ncandidate = { name = \"a\" }\n";
    let said = refused(&with(same));
    assert!(
        said.contains("both arms are named `a`") && said.contains("both arms set the same"),
        "{said}"
    );

    let none = refused(&with(""));
    assert!(
        none.contains("no section `[compare]`") && none.contains("loadtest compare BASELINE"),
        "{none}"
    );

    let rollback = format!("{ARMS}[rollback]\nwindow = \"5s\"\nerror_rate = \"> 5%\"\n");
    let said = refused(&with(&rollback));
    assert!(said.contains("stop_load = false"), "{said}");
    assert_eq!(refused(&with(&format!("{rollback}stop_load = false\n"))), "none");

    let closed = with(ARMS).replace(
        "constant-arrival-rate\"\nrate = \"5/s\"",
        "constant-vus\"\nvus = 5",
    );
    assert!(
        compared(&closed).comparison.claims.len() > 5,
        "without a capacity there is still much to compare"
    );
    let claim = "[[compare.claims]]\nmetric = \"capacity\"\nratio = \">= 3\"\n";
    let said = refused(&format!("{closed}{claim}"));
    assert!(said.contains("`constant-vus` has none"), "{said}");

    let wrong = ARMS.replace("300ms", "300");
    let said = refused(&with(&wrong));
    assert!(
        said.contains("s.toml: [compare] baseline set") && said.contains("unit"),
        "{said}"
    );
}

#[test]
fn two_scenarios_are_two_arms() {
    let slow = with("[target.faults]\nanswer_delay = \"300ms\"\n").replace("name = \"s\"", "name = \"slow\"");
    let plain = with("");
    let read = |path: &Path| {
        Ok(if path == Path::new("slow.toml") {
            slow.clone()
        } else {
            plain.clone()
        })
    };
    let options = LoadOptions {
        sets: &[],
        seed: Some(9),
        cores: 2,
        environment: &|_| None,
        read: &read,
    };
    let two = |baseline, candidate| {
        let paths = Sides { baseline, candidate }.map(Path::new);
        load_two(&paths, &options, false).unwrap()
    };
    let loaded = two("slow.toml", "s.toml");
    let names = loaded.comparison.arms.as_ref().map(|arm| arm.name.as_str());
    assert_eq!((names.baseline, names.candidate), ("slow", "s"));
    assert_eq!(delay(&loaded.arms.baseline), Duration::from_millis(300));
    assert_eq!((loaded.arms.candidate.plan.seed, loaded.comparison.pairs), (9, 5));
    let same = two("s.toml", "s.toml");
    assert_eq!(same.comparison.arms.candidate.name, "s-candidate");
}
