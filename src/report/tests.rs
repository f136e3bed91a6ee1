//! The formats, on made-up runs.

use std::time::Duration;

use proptest::prelude::*;

use super::model::{EnvironmentRecord, ScenarioFileRecord, ScenarioRecord, TargetRecord};
use super::*;
use crate::metrics::{ActionOutcome, ActionRun, IncidentKind, NeverBegun, WorkerHealth};
use crate::plan::{Comparator, JudgeMode, Metric};
use crate::sla::fixture::{self, Run, Trouble};
use crate::sla::{FixedIterations, replay};
use crate::traces::Traces;

mod baseline;
mod incidents;
mod instrument;
mod schema;
mod users;
mod waivers;

pub(crate) fn facts() -> RunFacts {
    RunFacts {
        run_id: "peak-20260102T030405Z".to_owned(),
        started_at: "2026-01-02T03:04:05Z".parse().unwrap(),
        seed: 42,
        scenario: ScenarioRecord {
            name: "peak".to_owned(),
            description: "Weekday-evening peak: 20 new learners per second".to_owned(),
            path: "scenarios/peak.toml".to_owned(),
            text: "name = \"peak\"\n\n[target]\nserver = \"reference\"\nversion = \"${GIT_SHA:-unknown}\"\n"
                .to_owned(),
            files: vec![ScenarioFileRecord {
                path: "journeys/practice.toml".to_owned(),
                text: "[[steps]]\nrequest = \"POST /api/v1/practice/sessions\"\n".to_owned(),
            }],
        },
        target: TargetRecord {
            description: "reference practice server, SQLite, direct architecture".to_owned(),
            version: "4f2a9c1".to_owned(),
            notes: Vec::new(),
            built_in: true,
        },
        traces: Some(Traces::new(0x0af7_6519_16cd_43dd, false)),
        environment: EnvironmentRecord {
            host_cores: 2,
            os: "Debian GNU/Linux 12".to_owned(),
            kernel: "6.1.0".to_owned(),
            tool_version: "0.1.0".to_owned(),
            command_line: ["loadtest", "run", "scenarios/peak.toml"]
                .map(str::to_owned)
                .to_vec(),
        },
        baseline: None,
    }
}

/// The run with what its window policies find, as a record.
pub(crate) fn record(mut run: Run) -> RunRecord {
    let policies = [
        (IncidentKind::Alert, run.criteria.alerts.clone()),
        (
            IncidentKind::Rollback,
            run.criteria.rollback.clone().map(|rollback| rollback.policy),
        ),
    ];
    for (kind, policy) in policies {
        let found = replay(kind, &policy.unwrap(), &run.evidence, &run.context);
        run.evidence.incidents.extend(found);
    }
    RunRecord::new(facts(), &run.criteria, &run.context, &run.evidence, &run.judge()).unwrap()
}

fn all_runs() -> [(&'static str, Run); 6] {
    let mut fixed = fixture::healthy();
    fixed.context.arrivals_planned = None;
    fixed.context.fixed_iterations = Some(FixedIterations {
        iterations: fixed.evidence.iterations.due,
        vus: 70,
        max_duration: Duration::from_secs(600),
    });
    [
        ("fixed_iterations", fixed),
        ("healthy", fixture::healthy()),
        ("slow", fixture::slow()),
        ("failing", fixture::failing()),
        ("lossy", fixture::lossy()),
        ("starved_generator", fixture::starved_generator()),
    ]
}

#[test]
fn a_stored_run_is_judged_the_same() {
    for (name, run) in all_runs() {
        let original = record(run);
        let stored = RunRecord::from_json(&render(Format::Json, &original).unwrap()).unwrap();
        assert_eq!(stored, original, "{name}");
        let again = stored
            .judged_again(&stored.criteria().unwrap(), stored.judged_on().unwrap())
            .unwrap();
        assert_eq!(again, original, "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever happened in a run, its file holds enough to come to the same judgement.
    #[test]
    fn any_stored_run_is_judged_the_same(
        slower_ms in 0_u64..500,
        fails_every in 0_u64..40,
        loses_every in 0_u64..300,
        lag_ms in 0_u64..300,
        certified in any::<bool>(),
    ) {
        let mut run = fixture::run(Trouble {
            slower: Duration::from_millis(slower_ms),
            fails_every,
            loses_every,
            lag: Duration::from_millis(lag_ms),
            lag_seconds: (12, 18),
        });
        if certified {
            run.criteria.mode = JudgeMode::Certified;
        }
        let original = record(run);
        let stored = RunRecord::from_json(&render(Format::Json, &original).unwrap()).unwrap();
        let again = stored.judged_again(&stored.criteria().unwrap(), stored.judged_on().unwrap()).unwrap();
        prop_assert_eq!(again.verdict, original.verdict);
        prop_assert_eq!(again.reasons, original.reasons);
        prop_assert_eq!(again.sla, original.sla);
        prop_assert_eq!(again.validity, original.validity);
    }
}

#[test]
fn a_stored_run_can_be_judged_by_other_criteria() {
    let stored = record(fixture::slow());
    assert_eq!(stored.verdict, "NO-GO");
    let mut criteria = stored.criteria().unwrap();
    criteria
        .targets
        .retain(|target| target.metric != Metric::ResponseTime);
    assert_eq!(stored.judged_again(&criteria, None).unwrap().verdict, "GO");
    // A stricter rollback threshold trips on the stored series.
    let policy = &mut criteria.rollback.as_mut().unwrap().policy;
    policy.conditions = vec![fixture::time(
        Metric::ResponseTime,
        0.95,
        Comparator::Greater,
        100,
    )];
    let again = stored.judged_again(&criteria, None).unwrap();
    assert_eq!((again.verdict.as_str(), again.exit_code), ("ROLLBACK", 13));
    assert_eq!(again.rollback.len(), 1);
}

#[test]
fn the_file_has_the_public_keys() {
    let json: serde_json::Value =
        serde_json::from_str(&render(Format::Json, &record(fixture::failing())).unwrap()).unwrap();
    for key in [
        "schema_version",
        "verdict",
        "exit_code",
        "evidence",
        "scenario",
        "target",
        "seed",
        "started_at",
        "duration_s",
        "environment",
        "sla",
        "alerts",
        "rollback",
        "validity",
        "audit",
        "metrics",
        "series",
        "requests",
        "iterations",
    ] {
        assert!(!json[key].is_null(), "{key} is missing");
    }
    assert_eq!(json["schema_version"], 1);
    assert_eq!(json["verdict"], "ROLLBACK");
    assert_eq!(json["exit_code"], 13);
    let target = &json["sla"][0];
    assert_eq!(target["metric"], "response_time");
    assert_eq!(target["stat"], "p95");
    assert_eq!(target["target"], "<= 150ms");
    assert_eq!(target["unit"], "ms");
    assert!(target["value"].is_null(), "the quantile fell on a failed request");
    assert_eq!(target["status"], "FAIL");
    assert_eq!(
        json["rollback"][0]["condition"]["text"],
        "response_time p95 > 500ms"
    );
    assert!(json["rollback"][0]["tripped_at_s"].is_number());
    assert_eq!(json["iterations"]["due"], 700);
    assert!(json["metrics"]["response_time"]["by_step"]["submit_recording"]["p95"].is_null());
}

#[test]
fn the_whole_run_histogram_is_readable_by_other_tools() {
    use base64::Engine;
    let record = record(fixture::healthy());
    let metric = &record.metrics["response_time"];
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(&metric.histogram)
        .unwrap();
    let histogram: hdrhistogram::Histogram<u64> = hdrhistogram::serialization::Deserializer::new()
        .deserialize(&mut bytes.as_slice())
        .unwrap();
    assert_eq!(histogram.len(), metric.summary.count);
    let p95_ms = histogram.value_at_quantile(0.95) as f64 / 1e3;
    assert!(
        (p95_ms / metric.summary.p95.unwrap() - 1.0).abs() < 0.002,
        "{p95_ms}"
    );
}

#[test]
fn what_is_not_a_run_is_refused_with_a_reason() {
    let message = |text: &str| RunRecord::from_json(text).unwrap_err().to_string();
    assert!(message("{").contains("not a readable run"));
    assert!(message("{\"verdict\": \"GO\"}").contains("schema_version"));
    assert!(message("{\"schema_version\": 99}").contains("layout 99"));
    assert!(message("{\"schema_version\": 1}").contains("missing field"));
}

#[test]
fn terminal_summaries() {
    for (name, run) in all_runs() {
        insta::assert_snapshot!(
            format!("terminal_{name}"),
            render(Format::Text, &record(run)).unwrap()
        );
    }
}

#[test]
fn markdown_reports() {
    for (name, run) in [("healthy", fixture::healthy()), ("failing", fixture::failing())] {
        insta::assert_snapshot!(
            format!("markdown_{name}"),
            render(Format::Markdown, &record(run)).unwrap()
        );
    }
}

#[test]
fn markdown_of_hostile_text_stays_text() {
    let mut record = record(fixture::lossy());
    record.audit.as_mut().unwrap().violations[0].detail = "a | b\n<script>`x`".to_owned();
    record.scenario.text = "x = '''\n```\n</details>\n'''".to_owned();
    let text = render(Format::Markdown, &record).unwrap();
    assert!(text.contains("a \\| b &lt;script&gt;\\`x\\`"));
    assert!(text.contains("````toml"));
}

#[test]
fn html_reports_need_nothing_from_outside() {
    for (name, run) in all_runs() {
        let record = record(run);
        let page = render(Format::Html, &record).unwrap();
        // How sure a run is that proves nothing goes without saying.
        let evidence = match record.verdict.as_str() {
            "INVALID" => "",
            _ => " <small>(observed)</small>",
        };
        assert!(
            page.contains(&format!("<h1>{}{evidence}</h1>", record.verdict)),
            "{name}"
        );
        assert!(page.contains("says nothing about your own deployment"));
        for outside in ["http://", "https://", "src=", "@import", "<link", "url("] {
            assert!(!page.contains(outside), "{name} holds {outside}");
        }
        // Every picture has words, every table a caption.
        assert_eq!(
            page.matches("role=\"img\" aria-label=\"").count(),
            page.matches("preserveAspectRatio").count()
        );
        assert_eq!(page.matches("<table").count(), page.matches("<caption").count());
    }
}

#[test]
fn hostile_text_cannot_break_out_of_the_html() {
    let mut record = record(fixture::failing());
    let hostile = "</script><script>alert(1)</script><img src=x onerror=alert(1)>";
    record.scenario.name = hostile.to_owned();
    record.scenario.text = hostile.to_owned();
    record.target.version = hostile.to_owned();
    record.reasons.push(hostile.to_owned());
    record.environment.command_line.push(hostile.to_owned());
    record.failures[0].step_name = hostile.to_owned();
    record.plan.steps[0].name = hostile.to_owned();
    let page = render(Format::Html, &record).unwrap();
    assert!(!page.contains("alert(1)</script>") && !page.contains("<img"));
    // The page's own two script elements, and no more.
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script").count(), 2);
}

#[test]
fn a_window_condition_without_data_is_said_to_be_unwatched() {
    let mut run = fixture::healthy();
    run.criteria
        .alerts
        .as_mut()
        .unwrap()
        .conditions
        .push(fixture::time(Metric::DbQueryTime, 0.95, Comparator::Greater, 100));
    let record = record(run);
    let shown = |format| render(format, &record).unwrap();
    assert!(shown(Format::Text).contains("NO DATA   db_query_time p95 > 100ms"));
    assert!(shown(Format::Markdown).contains("**No data** for db\\_query\\_time p95 &gt; 100ms"));
    assert_eq!(shown(Format::Html).matches("no data: not watched").count(), 1);
}

#[test]
fn an_empty_run_renders_in_every_format() {
    let mut run = fixture::healthy();
    run.evidence.measurements.series.clear();
    run.evidence.audit = None;
    run.evidence.hops.clear();
    run.evidence.mock = None;
    run.criteria.alerts = None;
    let policy = run.criteria.rollback.clone();
    run.criteria.rollback = None;
    assert!(policy.is_some());
    let record = RunRecord::new(facts(), &run.criteria, &run.context, &run.evidence, &run.judge()).unwrap();
    assert_eq!(record.verdict, "INVALID");
    for format in Format::ALL {
        if format == Format::IntervalLog {
            continue; // It holds measurements, not a judgement.
        }
        assert!(render(format, &record).unwrap().contains("INVALID"), "{format}");
    }
}

/// Keys that this version added: a file of an earlier one has none of them.
#[test]
fn a_file_without_the_newer_keys_is_read_and_says_what_is_unknown() {
    let mut json = serde_json::to_value(record(fixture::healthy())).unwrap();
    let mut take = |path: &str, key: &str| {
        let object = json.pointer_mut(path).unwrap().as_object_mut().unwrap();
        assert!(object.remove(key).is_some(), "{path}/{key}");
    };
    for key in ["process", "host_stalls", "never_begun", "timely_share"] {
        take("/generator", key);
    }
    for key in ["started", "dropped", "punctuality", "queue_waits"] {
        take("/generator/workers/0", key);
    }
    take("/plan", "target_on_this_host");
    let old = RunRecord::from_json(&json.to_string()).unwrap();
    let again = old.judged_again(&old.criteria().unwrap(), None).unwrap();
    assert_eq!(again.verdict, "GO");
    assert!(again.generator.host_stalls.is_none() && again.generator.timely_share.is_none());
    assert!(again.plan.target_on_this_host);
    let unknown = ["host_stalls", "timely_sends"];
    let checks = &again.validity.checks;
    assert!(checks.iter().all(|check| !unknown.contains(&check.name.as_str())));
    let text = render(Format::Text, &again).unwrap();
    assert!(
        !text.contains("Timely sends") && !text.contains("whole process"),
        "{text}"
    );
}

#[test]
fn several_workers_are_shown_one_by_one_and_drops_by_cause() {
    let mut run = fixture::healthy();
    let generator = &mut run.evidence.generator;
    generator.workers.push(WorkerHealth {
        index: 1,
        started: 300,
        dropped: 50,
        ..generator.workers[0].clone()
    });
    generator.never_begun = NeverBegun {
        no_free_user: 50,
        max_duration: 0,
        called_off: 1_200,
    };
    let record = record(run);
    insta::assert_snapshot!("terminal_two_workers", render(Format::Text, &record).unwrap());
    for format in [Format::Html, Format::Markdown] {
        let page = render(format, &record).unwrap();
        assert!(page.contains("50 found no free virtual user, 1\u{202f}200 called off"));
    }
}

#[test]
fn what_was_done_to_the_target_is_shown_with_its_times_and_stored() {
    let mut run = fixture::healthy();
    let action = |name: &str, begun_s, ended_s, outcome| ActionRun {
        name: name.to_owned(),
        deed: "PUT /admin/v1/rollout".to_owned(),
        planned_s: 10.0,
        begun_s,
        ended_s,
        outcome,
        injects: false,
    };
    run.evidence.actions = vec![
        action(
            "the database goes away",
            Some(10.0),
            Some(20.3),
            ActionOutcome::Done("it was away for 10.0 s".to_owned()),
        ),
        action(
            "roll out <to> 10 %",
            Some(12.0),
            Some(12.01),
            ActionOutcome::Done("answered with status 200".to_owned()),
        ),
        action(
            "all",
            Some(13.0),
            Some(13.2),
            ActionOutcome::Failed("answered with status 409".to_owned()),
        ),
        action("too late", None, None, ActionOutcome::NotBegun),
    ];
    run.evidence.rollback_action = Some(action(
        "back",
        Some(21.0),
        Some(22.5),
        ActionOutcome::Done("SELECT 1: done (1.50 s)".to_owned()),
    ));
    let mut record = record(run);
    record.target.notes = vec!["The trigger architecture is a <model>.".to_owned()];
    let lines = [
        "the database goes away: from 10.0 s to 20.3 s; it was away for 10.0 s",
        "roll out <to> 10 %: at 12.0 s; answered with status 200",
        "all: FAILED at 13.0 s; answered with status 409",
        "too late: planned at 10 s, not begun",
        "rollback: back: from 21.0 s to 22.5 s; SELECT 1: done (1.50 s)",
    ];
    let text = render(Format::Text, &record).unwrap();
    for line in lines
        .into_iter()
        .chain(["The trigger architecture is a <model>."])
    {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    let markdown = render(Format::Markdown, &record).unwrap();
    assert!(markdown.contains("- roll out &lt;to&gt; 10 %: at 12.0 s; answered with status 200"));
    assert!(markdown.contains("- The trigger architecture is a &lt;model&gt;."));
    let page = render(Format::Html, &record).unwrap();
    assert!(page.contains("The trigger architecture is a &#60;model&#62;."));
    assert!(page.contains("<span class=\"quiet\">not begun</span>"));
    // A mark in each chart over time, for each action that was begun.
    let charts = page.matches("class=\"chart\"").count() - page.matches("id=\"chart-spectrum\"").count();
    assert_eq!(page.matches("<div class=\"phase action\"").count(), 4 * charts);
    assert!(page.contains("<span class=\"tag\">rollback</span> back"));

    let stored = RunRecord::from_json(&render(Format::Json, &record).unwrap()).unwrap();
    assert_eq!(stored, record);
    let again = stored
        .judged_again(&stored.criteria().unwrap(), stored.judged_on().unwrap())
        .unwrap();
    assert_eq!((again.verdict.as_str(), again.actions.len()), ("INVALID", 4));
}
