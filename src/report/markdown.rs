//! `report.md`: GitHub-flavoured Markdown for pull requests and job summaries. The verdict comes first.

use std::fmt::Write;

use super::baseline;
use super::generator;
use super::incident::{IncidentView, MomentName, incidents};
use super::model::{FailureRecord, RunRecord, TracesRecord};
use super::{users, view};
use crate::plan::Unit;
use crate::sla::wording::{count, quantity};

/// Renders the report.
pub(super) fn render(record: &RunRecord) -> String {
    let mut text = String::new();
    head(&mut text, record);
    targets(&mut text, record);
    beside_baseline(&mut text, record);
    windows(&mut text, record);
    actions(&mut text, record);
    of_users(&mut text, record);
    audit(&mut text, record);
    hops(&mut text, record);
    steps(&mut text, record);
    failures(&mut text, record);
    validity(&mut text, record);
    health(&mut text, record);
    configuration(&mut text, record);
    text
}

/// Makes text of others harmless inside a table cell or a paragraph.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' | '\r' => escaped.push(' '),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '|' | '`' | '*' | '[' | ']' | '_' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            _ => escaped.push(letter),
        }
    }
    escaped
}

pub(super) fn line(text: &mut String, content: &str) {
    text.push_str(content);
    text.push('\n');
}

pub(super) fn table(text: &mut String, head: &[&str], rows: &[Vec<String>]) {
    line(text, &format!("| {} |", head.join(" | ")));
    line(text, &format!("|{}", " --- |".repeat(head.len())));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| escape(cell)).collect();
        line(text, &format!("| {} |", cells.join(" | ")));
    }
    text.push('\n');
}

/// A sign for each status: colour is not the only signal, and Markdown has none.
pub(super) fn sign(status: &str) -> &'static str {
    match status {
        "PASS" | "GO" => "✅",
        "FAIL" | "NO-GO" | "ROLLBACK" => "❌",
        "NOT_MEASURED" => "➖",
        _ => "⚠️",
    }
}

fn head(text: &mut String, record: &RunRecord) {
    line(
        text,
        &format!(
            "### {} {}: {}",
            sign(&record.verdict),
            view::banner(record),
            escape(&record.scenario.name)
        ),
    );
    text.push('\n');
    for reason in &record.reasons {
        line(text, &format!("- {}", escape(reason)));
    }
    text.push('\n');
    waivers(text, record);
    if !record.scenario.description.is_empty() {
        line(text, &escape(&record.scenario.description));
        text.push('\n');
    }
    line(text, &format!("**Tested:** {}  ", escape(&view::target(record))));
    line(text, &format!("**Extent:** {}  ", view::extent(record)));
    line(
        text,
        &format!(
            "**Started:** {}, seed {}, run {}",
            view::started(record),
            record.seed,
            escape(&record.run_id)
        ),
    );
    text.push('\n');
    for note in &record.target.notes {
        line(text, &format!("- {}", escape(note)));
    }
    if !record.target.notes.is_empty() {
        text.push('\n');
    }
    if let Some(note) = view::built_in_note(record) {
        line(text, &format!("> {note}"));
        text.push('\n');
    }
}

/// Who has accepted what, directly under the verdict.
fn waivers(text: &mut String, record: &RunRecord) {
    let rows: Vec<Vec<String>> = view::waivers(record)
        .into_iter()
        .map(|row| {
            vec![
                row.target,
                row.state.to_owned(),
                row.reason,
                row.owner,
                row.expires,
            ]
        })
        .collect();
    if !rows.is_empty() {
        table(text, &["Waiver of", "Effect", "Why", "Who", "Until"], &rows);
    }
}

fn targets(text: &mut String, record: &RunRecord) {
    line(text, "#### Targets\n");
    let rows: Vec<Vec<String>> = view::targets(record)
        .into_iter()
        .map(|row| {
            vec![
                format!("{} {}", sign(&row.status), row.status),
                row.name,
                if row.step.is_empty() {
                    "all".to_owned()
                } else {
                    row.step
                },
                row.target,
                row.value,
                row.interval,
                row.margin,
                row.samples,
            ]
        })
        .collect();
    let head = [
        "Status",
        "Target",
        "Step",
        "Limit",
        "Measured",
        "95 % interval",
        "Margin",
        "Samples",
    ];
    table(text, &head, &rows);
}

fn beside_baseline(text: &mut String, record: &RunRecord) {
    let Some(beside) = baseline::beside(record) else {
        return;
    };
    line(text, "#### Compared with the baseline run\n");
    line(text, &format!("{}\n", escape(&beside.conclusion)));
    let rows: Vec<Vec<String>> = beside
        .rows
        .into_iter()
        .map(|row| vec![row.target, row.before, row.now, row.limit, row.change])
        .collect();
    if !rows.is_empty() {
        table(text, &["Target", "Baseline", "Now", "Limit", "Change"], &rows);
    }
    for difference in beside.differences {
        line(text, &format!("- {}", escape(&difference)));
    }
    line(text, &format!("\n_{}_\n", beside.caution.join(" ")));
}

fn windows(text: &mut String, record: &RunRecord) {
    line(text, "#### Alerts and rollback\n");
    let incidents = incidents(record);
    let (alerts, rollback) = (
        record.criteria.alerts.is_some(),
        record.criteria.rollback.is_some(),
    );
    for (kind, label, none, watched) in [
        ("alert", "Alert", "No alert fired.", alerts),
        ("rollback", "Rollback", "No rollback threshold tripped.", rollback),
    ] {
        let found: Vec<&IncidentView> = incidents
            .iter()
            .filter(|incident| incident.kind == kind)
            .collect();
        if watched && found.is_empty() {
            line(text, &format!("- {none}"));
        }
        for incident in found {
            line(text, &format!("- **{label}** {}", escape(&incident.headline())));
        }
    }
    if let Some(times) = view::rollback_times(record) {
        line(text, &format!("- **The rollback in all**: {}", escape(&times)));
    }
    for condition in view::unwatched(record) {
        line(text, &format!("- **No data** for {}", escape(condition)));
    }
    if !alerts && !rollback {
        line(text, "- The scenario sets no alerts and no rollback thresholds.");
    }
    text.push('\n');
    timelines(text, &incidents);
}

/// When what happened in each incident; a column that no incident has anything for is left out.
fn timelines(text: &mut String, incidents: &[IncidentView]) {
    if incidents.is_empty() {
        return;
    }
    let moments: Vec<MomentName> = MomentName::ALL
        .into_iter()
        .filter(|name| incidents.iter().any(|incident| !incident.at(*name).is_empty()))
        .collect();
    let times: Vec<&str> = ["Time to detect", "Time to act", "Time to recover"]
        .into_iter()
        .filter(|name| incidents.iter().any(|incident| !incident.time(name).is_empty()))
        .collect();
    let head: Vec<&str> = ["Incident"]
        .into_iter()
        .chain(moments.iter().map(|name| name.heading()))
        .chain(times.iter().copied())
        .collect();
    let or_dash = |cell: &str| {
        let shown = if cell.is_empty() { "–" } else { cell };
        shown.to_owned()
    };
    let rows: Vec<Vec<String>> = incidents
        .iter()
        .map(|incident| {
            let mut row = vec![format!("{} {}", incident.kind, incident.breach)];
            row.extend(moments.iter().map(|name| or_dash(incident.at(*name))));
            row.extend(times.iter().map(|name| or_dash(incident.time(name))));
            row
        })
        .collect();
    table(text, &head, &rows);
}

fn actions(text: &mut String, record: &RunRecord) {
    if record.actions.is_empty() && record.rollback_action.is_none() {
        return;
    }
    line(text, "#### What was done to the target\n");
    for action in view::actions(record) {
        line(text, &format!("- {}", escape(&action)));
    }
    text.push('\n');
}

fn of_users(text: &mut String, record: &RunRecord) {
    let Some(found) = &record.users else { return };
    line(text, "#### Users\n");
    line(text, &format!("_{}_\n", users::SIMULATED));
    let rows: Vec<Vec<String>> = users::lines(found)
        .into_iter()
        .map(|(name, value)| vec![name.to_owned(), value])
        .collect();
    table(text, &["", "Finding"], &rows);
    let steps: Vec<Vec<String>> = users::steps(found).into_iter().map(Vec::from).collect();
    table(text, &users::STEP_COLUMNS, &steps);
}

fn audit(text: &mut String, record: &RunRecord) {
    line(text, "#### Audit\n");
    line(text, &view::audit(record));
    text.push('\n');
    let violations: Vec<Vec<String>> = record
        .audit
        .iter()
        .flat_map(|audit| &audit.violations)
        .map(|found| {
            vec![
                found.kind.clone(),
                found.reference.clone(),
                found.ticket.to_string(),
                found.detail.clone(),
            ]
        })
        .collect();
    if !violations.is_empty() {
        table(
            text,
            &["Violation", "Reference", "Ticket", "What is wrong"],
            &violations,
        );
    }
}

fn hops(text: &mut String, record: &RunRecord) {
    if record.hops.is_empty() {
        return;
    }
    line(text, "#### The way of a submission, hop by hop\n");
    let rows: Vec<Vec<String>> = record
        .hops
        .iter()
        .map(|hop| {
            let name = if hop.injected {
                format!("{} (injected by the mock)", hop.name)
            } else {
                hop.name.clone()
            };
            std::iter::once(name)
                .chain(view::hop(hop))
                .chain([count(hop.count)])
                .collect()
        })
        .collect();
    table(text, &["Hop", "p50", "p95", "p99", "max", "Samples"], &rows);
}

fn steps(text: &mut String, record: &RunRecord) {
    let Some(metric) = record.metrics.get("response_time") else {
        return;
    };
    line(text, "#### Response time by step\n");
    let time = |value: Option<f64>| quantity(value.unwrap_or(f64::INFINITY), Unit::Time);
    let rows: Vec<Vec<String>> = metric
        .by_step
        .iter()
        .map(|(name, step)| (name.as_str(), step))
        .chain([("all", &metric.summary)])
        .map(|(name, step)| {
            vec![
                name.to_owned(),
                count(step.count),
                count(step.failed),
                time(step.p50),
                time(step.p95),
                time(step.p99),
                time(step.max),
            ]
        })
        .collect();
    table(
        text,
        &["Step", "Requests", "Failed", "p50", "p95", "p99", "max"],
        &rows,
    );
}

fn failures(text: &mut String, record: &RunRecord) {
    if record.failures.is_empty() {
        return;
    }
    line(text, "#### Failures\n");
    let rows: Vec<Vec<String>> = record
        .failures
        .iter()
        .map(|failure| {
            vec![
                failure.step_name.clone(),
                failure.description.clone(),
                count(failure.count),
                examples(failure),
            ]
        })
        .collect();
    let heading = match record.traces {
        Some(_) => "Example tickets, with their traces",
        None => "Example tickets",
    };
    table(text, &["Step", "Failure", "Requests", heading], &rows);
    if let Some(note) = record.traces.as_ref().and_then(TracesRecord::note) {
        line(text, &format!("{note}\n"));
    }
}

fn examples(failure: &FailureRecord) -> String {
    let examples: Vec<String> = failure
        .examples()
        .map(|(ticket, trace)| match trace {
            Some(trace) => format!("{ticket}: {trace}"),
            None => ticket.to_string(),
        })
        .collect();
    examples.join(", ")
}

fn validity(text: &mut String, record: &RunRecord) {
    line(text, "#### Validity of the run\n");
    let rows: Vec<Vec<String>> = view::checks(record)
        .into_iter()
        .map(|check| {
            vec![
                check.severity.clone(),
                check.name.replace('_', " "),
                check.sentence.clone(),
            ]
        })
        .collect();
    table(text, &["", "Check", "Finding"], &rows);
}

fn health(text: &mut String, record: &RunRecord) {
    line(text, "#### Health of the generator\n");
    let rows: Vec<Vec<String>> = generator::health(record)
        .into_iter()
        .map(|(name, value)| vec![name.to_owned(), value])
        .collect();
    table(text, &["", "Finding"], &rows);
    let workers: Vec<Vec<String>> = generator::workers(record).into_iter().map(Vec::from).collect();
    table(text, &generator::WORKER_COLUMNS, &workers);
}

fn configuration(text: &mut String, record: &RunRecord) {
    let environment = &record.environment;
    let _ = writeln!(
        text,
        "<details><summary>Configuration</summary>\n\nloadtest {} on {} ({}), {} cores: `{}`\n",
        escape(&environment.tool_version),
        escape(&environment.os),
        escape(&environment.kernel),
        environment.host_cores,
        environment.command_line.join(" ").replace(['`', '\n'], " "),
    );
    fenced(text, &record.scenario.text);
    for file in &record.scenario.files {
        let _ = writeln!(text, "`{}`\n", file.path.replace(['`', '\n'], " "));
        fenced(text, &file.text);
    }
    line(text, "</details>");
}

/// A code block whose fence is longer than any run of backticks inside.
pub(super) fn fenced(text: &mut String, code: &str) {
    let longest = code
        .split(|letter| letter != '`')
        .map(str::len)
        .max()
        .unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let _ = writeln!(text, "{fence}toml\n{}\n{fence}\n", code.trim_end());
}
