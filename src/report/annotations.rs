//! GitHub workflow commands: what is wrong with a run, beside the lines of the scenario that ask for it.
//!
//! A step shows at most ten annotations of a kind, so the weightiest come first and the rest is counted.

use super::model::RunRecord;
use super::origin::{self, Origin};
use super::view;

/// Annotations of one kind that a step shows.
const SHOWN_MAX: usize = 10;

/// Renders one workflow command per line; empty when there is nothing to say beyond a GO.
pub(super) fn render(record: &RunRecord) -> String {
    let mut errors = Vec::new();
    let mut warnings = Vec::new();
    let banner = format!("{}: {}", view::banner(record), record.reasons.join(" "));
    let scenario = origin::of_scenario(record);
    let title = format!("loadtest {}", record.scenario.name);
    match record.verdict.as_str() {
        "GO" => {}
        "INCONCLUSIVE" => warnings.push(command("warning", scenario.as_ref(), &title, &banner)),
        _ => errors.push(command("error", scenario.as_ref(), &title, &banner)),
    }
    // A run that proves nothing judges nothing.
    let judged = record.sla.iter().filter(|_| !view::proves_nothing(record));
    for sla in judged {
        let (list, kind) = match sla.status.as_str() {
            "FAIL" if !sla.waived => (&mut errors, "error"),
            "FAIL" => (&mut warnings, "warning"),
            "INCONCLUSIVE" | "NO_DATA" => (&mut warnings, "warning"),
            _ => continue,
        };
        let origin = origin::of_target(record, sla);
        list.push(command(kind, origin.as_ref(), &sla.text(), &sla.reason));
    }
    for check in &record.validity.checks {
        if check.severity == "warning" {
            warnings.push(command("warning", None, &check.name, &check.sentence));
        }
    }
    let mut text = String::new();
    for list in [errors, warnings] {
        let more = list.len().saturating_sub(SHOWN_MAX);
        for line in list.into_iter().take(SHOWN_MAX) {
            text.push_str(&line);
            text.push('\n');
        }
        if more > 0 {
            text.push_str(&command(
                "notice",
                None,
                &title,
                &format!("{more} more; see the report."),
            ));
            text.push('\n');
        }
    }
    text
}

fn command(kind: &str, origin: Option<&Origin>, title: &str, message: &str) -> String {
    let mut properties = vec![format!("title={}", escape_property(title))];
    if let Some(origin) = origin {
        properties.push(format!("file={}", escape_property(&origin.path)));
        properties.push(format!("line={}", origin.line));
    }
    format!("::{kind} {}::{}", properties.join(","), escape(message))
}

/// A line end would begin a command of its own: text of the target must not be able to give one.
fn escape(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn escape_property(text: &str) -> String {
    escape(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::record;
    use crate::sla::fixture;

    #[test]
    fn a_go_needs_no_annotation_and_a_miss_points_at_its_line() {
        assert_eq!(render(&record(fixture::healthy())), "");
        let mut slow = record(fixture::slow());
        slow.scenario.path = "scenarios/slow.toml".to_owned();
        slow.scenario.text = "name = \"slow\"\n[sla]\nresponse_time = { p95 = \"<= 150ms\" }\n".to_owned();
        let text = render(&slow);
        assert!(
            text.starts_with("::error title=loadtest ") && text.contains("file=scenarios/slow.toml,line=1"),
            "{text}"
        );
        assert!(
            text.contains("::error title=response_time p95 <= 150ms,file=scenarios/slow.toml,line=3::"),
            "{text}"
        );
    }

    #[test]
    fn nothing_that_the_target_says_becomes_a_command() {
        let mut slow = record(fixture::slow());
        slow.reasons = vec!["first\n::set-output name=x::y\r\n100%".to_owned()];
        let text = render(&slow);
        assert!(
            text.lines().all(|line| !line.starts_with("::set-output")),
            "{text}"
        );
        assert!(
            text.contains("first%0A::set-output name=x::y%0D%0A100%25"),
            "{text}"
        );
    }

    #[test]
    fn what_is_not_shown_is_counted() {
        let mut slow = record(fixture::slow());
        let failed = slow.sla.iter().find(|sla| sla.status == "FAIL").unwrap().clone();
        slow.sla = vec![failed; 14];
        let text = render(&slow);
        assert_eq!(
            text.lines().filter(|line| line.starts_with("::error")).count(),
            10
        );
        assert!(text.contains("::5 more; see the report."), "{text}");
    }
}
