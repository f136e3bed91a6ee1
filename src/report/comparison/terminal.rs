//! A comparison as plain text. The verdict and its reason stand last, where the eye is.

use comfy_table::{ContentArrangement, Table, presets};

use super::view;
use crate::report::model::comparison::ComparisonRecord;

/// Renders the summary.
pub(super) fn render(record: &ComparisonRecord) -> String {
    let mut text = String::new();
    head(&mut text, record);
    claims(&mut text, record);
    section(&mut text, "Response times", &responses(record));
    section(&mut text, "Shift of the response time", &shift(record));
    section(&mut text, "Figures", &figures(record));
    section(&mut text, "Runs", &runs(record));
    section(&mut text, "To know", &record.notes);
    verdict(&mut text, record);
    text
}

fn line(text: &mut String, content: &str) {
    text.push_str(content.trim_end());
    text.push('\n');
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

/// The lines of a table without a frame.
fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> Vec<String> {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(head);
    for row in rows {
        table.add_row(row);
    }
    let text = table.to_string();
    text.lines().map(|line| line.trim_end().to_owned()).collect()
}

fn head(text: &mut String, record: &ComparisonRecord) {
    let (baseline, candidate) = (&record.arms.baseline, &record.arms.candidate);
    line(
        text,
        &format!(
            "{}: {} (baseline) and {} (candidate)",
            record.scenario.name, baseline.name, candidate.name
        ),
    );
    line(
        text,
        &format!(
            "{}, seed {}; {}",
            view::started(record),
            record.seed,
            view::extent(record)
        ),
    );
    for arm in [baseline, candidate] {
        line(
            text,
            &format!(
                "  {}: {}, version {}; {}",
                arm.name,
                arm.target,
                arm.version,
                view::settings(arm)
            ),
        );
    }
    text.push('\n');
}

fn claims(text: &mut String, record: &ComparisonRecord) {
    let rows = view::claims(record).into_iter().map(|row| {
        [
            row.status_words,
            row.says,
            row.baseline,
            row.candidate,
            row.measured,
            row.interval,
        ]
    });
    let head = [
        "",
        "Claim",
        &record.arms.baseline.name,
        &record.arms.candidate.name,
        "Ratio or p95",
        "95 % interval",
    ];
    for content in table(head, rows) {
        line(text, &content);
    }
    text.push('\n');
    let mut sentences = Vec::new();
    for claim in view::claims(record) {
        if claim.class == "neutral" {
            continue;
        }
        sentences.push(format!("{}: {}", claim.says, claim.sentence));
        sentences.extend(claim.beside.into_iter().map(|beside| format!("  {beside}")));
    }
    section(text, "How each claim was judged", &sentences);
}

fn responses(record: &ComparisonRecord) -> Vec<String> {
    let mut lines = vec![
        format!(
            "{}: {}",
            record.arms.baseline.name,
            view::responses(&record.responses.baseline)
        ),
        format!(
            "{}: {}",
            record.arms.candidate.name,
            view::responses(&record.responses.candidate)
        ),
    ];
    lines.extend(view::effect(record));
    lines
}

fn shift(record: &ComparisonRecord) -> Vec<String> {
    if record.shift.is_none() {
        return Vec::new();
    }
    let rows = view::shift(record).into_iter().map(|row| {
        [
            row.name,
            row.baseline,
            row.candidate,
            row.difference,
            row.interval,
        ]
    });
    let head = [
        "",
        &record.arms.baseline.name,
        &record.arms.candidate.name,
        "Difference",
        "95 % interval, all together",
    ];
    table(head, rows)
}

fn figures(record: &ComparisonRecord) -> Vec<String> {
    let rows = view::figures(record)
        .into_iter()
        .map(|row| [row.name, row.baseline, row.candidate, row.ratio, row.interval]);
    let head = [
        "",
        &record.arms.baseline.name,
        &record.arms.candidate.name,
        "Ratio",
        "95 % interval",
    ];
    table(head, rows)
}

fn runs(record: &ComparisonRecord) -> Vec<String> {
    let rows = view::trials(record).into_iter().map(|row| {
        let [p50, p95, p99] = row.times;
        let verdict = if row.is_left_out {
            format!("{} (left out)", row.verdict)
        } else {
            row.verdict
        };
        [
            row.pair,
            row.arm,
            verdict,
            row.requests,
            row.failed,
            p50,
            p95,
            p99,
            row.query,
            row.capacity,
            row.folder,
        ]
    });
    let head = [
        "Pair", "Arm", "Verdict", "Requests", "Failed", "p50", "p95", "p99", "Query", "Capacity", "Folder",
    ];
    table(head, rows)
}

fn verdict(text: &mut String, record: &ComparisonRecord) {
    if let Some(note) = view::built_in_note(record) {
        line(text, note);
    }
    if let Some(reason) = &record.course.ended_early {
        line(text, reason);
    }
    for reason in record.reasons.iter().rev() {
        line(text, reason);
    }
    line(text, &view::banner(record));
}
