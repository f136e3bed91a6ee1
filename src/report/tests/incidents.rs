//! Incidents with their moments, in every format.

use super::*;

/// A run that is broken on purpose at 10.4 s, for some seconds.
pub(super) fn drill() -> Run {
    let mut run = fixture::run(Trouble {
        lag: Duration::from_millis(900),
        lag_seconds: (11, 19),
        ..Trouble::default()
    });
    run.evidence.actions = vec![ActionRun {
        name: "the disk <fails>".to_owned(),
        deed: "PUT /admin/v1/faults".to_owned(),
        planned_s: 10.4,
        begun_s: Some(10.4),
        ended_s: Some(10.5),
        outcome: ActionOutcome::Done("answered with status 200".to_owned()),
        injects: true,
    }];
    run
}

#[test]
fn an_incident_is_shown_with_its_moments_in_every_format() {
    let record = record(drill());
    let [incident] = record.rollback.as_slice() else {
        panic!("one incident expected: {:?}", record.rollback);
    };
    let timeline = incident.timeline.as_ref().unwrap();
    assert_eq!(
        (timeline.injected_s, timeline.onset_s, timeline.recovered_s),
        (Some(10.4), Some(11.0), Some(19.0))
    );
    let text = render(Format::Text, &record).unwrap();
    let line = "fault injected 10.4 s, first bad second 11 s, detected 12 s, recovered 19 s, cleared 30 s; \
                time to detect 1.6 s, time to recover 7 s";
    assert!(text.contains(line), "{text}");
    let markdown = render(Format::Markdown, &record).unwrap();
    let row =
        "| rollback response\\_time p95 &gt; 500ms | 10.4 s | 11 s | 12 s | 19 s | 30 s | 1.6 s | 7 s |";
    assert!(markdown.contains(row), "{markdown}");
    let page = render(Format::Html, &record).unwrap();
    for part in [
        "<span class=\"at\">11 s</span> <span class=\"label\">first bad second</span>",
        "<dt>Time to detect</dt><dd>1.6 s</dd>",
        "By the formula, a full window finds shares like these",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let stored = RunRecord::from_json(&render(Format::Json, &record).unwrap()).unwrap();
    assert_eq!(stored, record);
    assert_eq!(
        stored.judged_again(&stored.criteria().unwrap(), None).unwrap(),
        record
    );
}

#[test]
fn what_was_not_over_is_said_to_have_taken_longer() {
    let text = render(Format::Text, &record(fixture::failing())).unwrap();
    assert!(text.contains("not recovered, not cleared"), "{text}");
    assert!(text.contains("time to recover > "), "{text}");
}

#[test]
fn an_incident_of_a_version_that_did_not_time_it_is_still_shown() {
    let mut json: serde_json::Value =
        serde_json::from_str(&render(Format::Json, &record(drill())).unwrap()).unwrap();
    for kind in ["alerts", "rollback"] {
        for incident in json[kind].as_array_mut().unwrap() {
            assert!(incident.as_object_mut().unwrap().remove("timeline").is_some());
        }
        let policy = json["criteria"][kind].as_object_mut().unwrap();
        for key in ["for_s", "within_s", "clear_at"] {
            assert!(policy.remove(key).is_some(), "{key}");
        }
    }
    let old = RunRecord::from_json(&json.to_string()).unwrap();
    let text = render(Format::Text, &old).unwrap();
    assert!(
        text.contains("first bad second 11 s, detected 12 s, cleared"),
        "{text}"
    );
    assert!(!text.contains("not recovered"), "{text}");
    // Judged again it is timed, by what the file holds.
    let again = old.judged_again(&old.criteria().unwrap(), None).unwrap();
    assert_eq!(
        again.rollback[0].timeline.as_ref().unwrap().recovered_s,
        Some(19.0)
    );
}
