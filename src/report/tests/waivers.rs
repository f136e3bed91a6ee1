//! Misses that somebody has accepted, in every format.

use super::*;

/// A slow run whose misses somebody has accepted.
pub(super) fn waived() -> Run {
    let mut run = fixture::slow();
    let names = run.criteria.targets.iter().map(crate::plan::Condition::name);
    let slow_ones = names.filter(|name| name.starts_with("response_time"));
    run.criteria.waivers = slow_ones
        .map(|target| crate::plan::Waiver {
            target,
            reason: "the index is built <next> week".to_owned(),
            owner: "M. Weber".to_owned(),
            expires: "2026-01-31".parse().unwrap(),
        })
        .collect();
    run.context.judged_on = Some("2026-01-02".parse().unwrap());
    run
}

#[test]
fn every_format_says_on_its_first_page_who_has_accepted_what_until_when() {
    let record = record(waived());
    assert_eq!((record.verdict.as_str(), record.exit_code), ("GO", 0));
    for (format, before) in [
        (Format::Text, "GO (observed, 2 waivers)\n"),
        (Format::Markdown, "#### Targets"),
        (Format::Html, "<section id=\"targets\">"),
    ] {
        let text = render(format, &record).unwrap();
        let (first_page, _) = text.split_once(before).unwrap();
        let reason = match format {
            Format::Text => "the index is built <next> week",
            _ => "the index is built &lt;next&gt; week",
        };
        for part in ["M. Weber", "2026-01-31", "not met, and not counted"] {
            assert!(first_page.contains(part), "{format:?} {part}");
        }
        assert!(
            first_page.contains(reason) || first_page.contains("&#60;next&#62;"),
            "{format:?}"
        );
        assert!(text.contains("(observed, 2 waivers)"), "{format:?}");
    }
}

#[test]
fn a_judgement_of_a_later_day_holds_no_waiver_that_has_expired() {
    let stored = record(waived());
    let criteria = stored.criteria().unwrap();
    let on = |day: &str| {
        stored
            .judged_again(&criteria, Some(day.parse().unwrap()))
            .unwrap()
    };
    assert_eq!(on("2026-01-31").verdict, "GO");
    let later = on("2026-02-01");
    assert_eq!(later.verdict, "NO-GO");
    assert_eq!(later.waivers[0].state, "expired");
    assert_eq!(later.judged_on.as_deref(), Some("2026-02-01"));
    assert!(!later.sla[0].waived);
}
