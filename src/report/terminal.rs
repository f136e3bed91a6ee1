//! The summary at the end of a run, as plain text. The verdict stands last, where the eye is.

mod fit;

use std::fmt::Write;
use std::path::Path;

use comfy_table::{ContentArrangement, Table, presets};

use super::baseline::{self, ChangeRow};
use super::generator;
use super::incident::{IncidentView, incidents};
use super::model::RunRecord;
use super::{users, view};

/// A terminal on which a summary is read.
#[derive(Debug, Clone, Copy)]
pub struct Screen<'a> {
    pub columns: usize,
    /// Where the reports are; said before the verdict, which is the last thing on the screen.
    pub folder: Option<&'a Path>,
}

/// Renders the summary, for a screen; `None` where nothing limits a line, as in a file.
pub(super) fn render(record: &RunRecord, screen: Option<Screen<'_>>) -> String {
    let mut text = String::new();
    head(&mut text, record);
    targets(
        &mut text,
        record,
        screen.map_or(usize::MAX, |screen| screen.columns),
    );
    section(&mut text, "Waivers", &waivers(record));
    section(&mut text, "Compared with the baseline run", &baseline(record));
    section(&mut text, "Alerts and rollback", &windows(record));
    section(&mut text, "Actions", &actions(record));
    section(
        &mut text,
        "Users",
        &users::line(record).into_iter().collect::<Vec<_>>(),
    );
    section(&mut text, "Audit", &audit(record));
    section(&mut text, "Failures", &failures(record));
    section(&mut text, "Health of the generator", &health(record));
    section(&mut text, "Validity", &validity(record));
    if let Some(folder) = screen.and_then(|screen| screen.folder) {
        line(
            &mut text,
            &format!("Report: {}", folder.join("report.html").display()),
        );
    }
    verdict(&mut text, record);
    match screen {
        Some(screen) => fit::fit(&text, screen.columns),
        None => text,
    }
}

fn line(text: &mut String, content: &str) {
    text.push_str(content.trim_end());
    text.push('\n');
}

fn head(text: &mut String, record: &RunRecord) {
    line(
        text,
        &format!("{}: {}", record.scenario.name, view::target(record)),
    );
    for note in &record.target.notes {
        line(text, note);
    }
    line(text, &format!("{}, seed {}", view::started(record), record.seed));
    line(text, &view::extent(record));
    text.push('\n');
}

/// The columns of the table of targets. On a narrow terminal the last ones are left out: a broken row is no row.
const TARGET_COLUMNS: [&str; 7] = ["", "Target", "", "Measured", "95 % interval", "Margin", "Samples"];
/// Status, target, limit and value are always there.
const TARGET_COLUMNS_MIN: usize = 4;

fn targets(text: &mut String, record: &RunRecord, columns: usize) {
    let rows: Vec<[String; TARGET_COLUMNS.len()]> = view::targets(record)
        .into_iter()
        .map(|row| {
            let name = if row.step.is_empty() {
                row.name
            } else {
                format!("{} of {}", row.name, row.step)
            };
            [
                row.status,
                name,
                row.target,
                row.value,
                row.interval,
                row.margin,
                row.samples,
            ]
        })
        .collect();
    let mut shown = TARGET_COLUMNS.len();
    let mut table = targets_table(&rows, shown);
    while shown > TARGET_COLUMNS_MIN && table.lines().any(|row| row.chars().count() > columns) {
        shown -= 1;
        table = targets_table(&rows, shown);
    }
    for row in table.lines() {
        line(text, row);
    }
    text.push('\n');
}

fn targets_table(rows: &[[String; TARGET_COLUMNS.len()]], shown: usize) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(&TARGET_COLUMNS[..shown]);
    for row in rows {
        table.add_row(&row[..shown]);
    }
    // What stands at the end of a row is padding, not width.
    let rows = table.to_string();
    let rows: Vec<&str> = rows.lines().map(str::trim_end).collect();
    rows.join("\n")
}

fn section(text: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    line(text, title);
    for content in lines {
        line(text, &format!("  {content}"));
    }
    text.push('\n');
}

fn windows(record: &RunRecord) -> Vec<String> {
    let incidents = incidents(record);
    let mut lines = Vec::new();
    for (kind, label, none, watched) in [
        (
            "alert",
            "ALERT   ",
            "No alert fired.",
            record.criteria.alerts.is_some(),
        ),
        (
            "rollback",
            "ROLLBACK",
            "No rollback threshold tripped.",
            record.criteria.rollback.is_some(),
        ),
    ] {
        let found: Vec<&IncidentView> = incidents
            .iter()
            .filter(|incident| incident.kind == kind)
            .collect();
        if watched && found.is_empty() {
            lines.push(none.to_owned());
        }
        for incident in found {
            lines.push(format!("{label}  {}", incident.headline()));
            lines.push(format!("          {}", incident.course()));
        }
    }
    lines.extend(view::rollback_times(record).map(|times| format!("IN ALL    {times}")));
    lines.extend(view::unwatched(record).map(|condition| format!("NO DATA   {condition}")));
    lines
}

fn waivers(record: &RunRecord) -> Vec<String> {
    let rows = view::waivers(record).into_iter();
    rows.map(|row| {
        format!(
            "{}, until {}, by {}: {} ({})",
            row.target, row.expires, row.owner, row.reason, row.state
        )
    })
    .collect()
}

fn baseline(record: &RunRecord) -> Vec<String> {
    let Some(beside) = baseline::beside(record) else {
        return Vec::new();
    };
    let mut lines = vec![beside.conclusion];
    let changed = |row: &&ChangeRow| row.class != "neutral";
    lines.extend(beside.rows.iter().filter(changed).map(|row| {
        format!(
            "{}: {}, from {} to {}",
            row.target, row.change, row.before, row.now
        )
    }));
    lines.extend(beside.differences);
    lines.extend(beside.caution.map(str::to_owned));
    lines
}

fn actions(record: &RunRecord) -> Vec<String> {
    view::actions(record).collect()
}

fn audit(record: &RunRecord) -> Vec<String> {
    let mut lines = vec![view::audit(record)];
    if let Some(audit) = &record.audit {
        lines.extend(audit.violations.iter().map(|violation| {
            format!(
                "{} {} (ticket {}): {}",
                violation.kind, violation.reference, violation.ticket, violation.detail
            )
        }));
    }
    lines
}

fn failures(record: &RunRecord) -> Vec<String> {
    record
        .failures
        .iter()
        .take(10)
        .map(|failure| {
            let tickets: Vec<String> = failure.example_tickets.iter().map(u64::to_string).collect();
            let mut text = format!(
                "{} × {}: {} (tickets {})",
                failure.count,
                failure.step_name,
                failure.description,
                tickets.join(", ")
            );
            // One is enough to begin with; the other formats name them all.
            if let Some((ticket, trace)) = failure
                .examples()
                .find_map(|(ticket, trace)| Some((ticket, trace?)))
            {
                text.push_str(&format!("\n      trace {trace} (ticket {ticket})"));
            }
            text
        })
        .collect()
}

fn health(record: &RunRecord) -> Vec<String> {
    let lines = generator::health(record);
    let mut lines: Vec<String> = lines
        .into_iter()
        .map(|(name, value)| format!("{name:<14}  {value}"))
        .collect();
    let workers = generator::workers(record);
    if workers.len() > 1 {
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(generator::WORKER_COLUMNS);
        for worker in workers {
            table.add_row(worker);
        }
        lines.extend(table.to_string().lines().map(|row| row.trim().to_owned()));
    }
    lines
}

fn validity(record: &RunRecord) -> Vec<String> {
    let lines: Vec<String> = view::checks(record)
        .into_iter()
        .filter(|check| !check.ok)
        .map(|check| format!("{:7}  {}", check.severity.to_uppercase(), check.sentence))
        .collect();
    if lines.is_empty() {
        return vec![format!("All {} checks are fine.", record.validity.checks.len())];
    }
    lines
}

fn verdict(text: &mut String, record: &RunRecord) {
    if let Some(note) = view::built_in_note(record) {
        line(text, note);
    }
    for reason in record.reasons.iter().rev() {
        line(text, reason);
    }
    let _ = writeln!(text, "{}", view::banner(record));
}
