//! The end of a search as plain text. The answer stands last, where the eye is.

use comfy_table::{ContentArrangement, Table, presets};

use super::{built_in_note, extent, rows, target};
use crate::report::model::CapacityRecord;

/// Renders the summary.
pub(super) fn render(record: &CapacityRecord) -> String {
    let mut lines = vec![
        format!("{}: {}", record.scenario.name, target(record)),
        record.search.text.clone(),
        extent(record),
        String::new(),
    ];
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header([
            "Step",
            "Rate",
            "",
            "Outcome",
            "p95",
            "Begun",
            "Completed",
            "Users",
            "Why",
        ]);
    for row in rows(record) {
        table.add_row([
            row.number,
            row.rate,
            row.purpose,
            row.outcome.to_owned(),
            row.p95,
            row.achieved,
            row.completed,
            row.users,
            row.why,
        ]);
    }
    lines.extend(table.to_string().lines().map(|line| line.trim_end().to_owned()));
    lines.push(String::new());
    lines.extend(built_in_note(record).map(str::to_owned));
    lines.push(record.result.sentence.clone());
    lines.join("\n") + "\n"
}
