//! `capacity.md`: GitHub-flavoured Markdown. The answer comes first.

use super::{built_in_note, extent, rows, target};
use crate::report::markdown::{escape, line, table};
use crate::report::model::CapacityRecord;

/// Renders the report.
pub(super) fn render(record: &CapacityRecord) -> String {
    let mut text = String::new();
    line(
        &mut text,
        &format!("### Capacity of {}\n", escape(&record.scenario.name)),
    );
    line(&mut text, &format!("**{}**\n", escape(&record.result.sentence)));
    line(&mut text, &format!("**Target:** {}  ", escape(&target(record))));
    line(
        &mut text,
        &format!("**Searched:** {}  ", escape(&record.search.text)),
    );
    line(
        &mut text,
        &format!(
            "**Extent:** {}, started {}\n",
            escape(&extent(record)),
            escape(&record.started_at)
        ),
    );
    if let Some(note) = built_in_note(record) {
        line(&mut text, &format!("> {note}\n"));
    }
    line(
        &mut text,
        "Rates are new users per second. A rate holds when every target of the scenario is met, nothing that was \
         accepted is lost, no rollback threshold trips, and at least 99 % of the planned users began.\n",
    );
    let cells: Vec<Vec<String>> = rows(record)
        .into_iter()
        .map(|row| {
            vec![
                row.number,
                row.rate,
                row.purpose,
                row.outcome.to_owned(),
                row.p95,
                row.achieved,
                row.completed,
                row.users,
                row.why,
                row.folder,
            ]
        })
        .collect();
    let head = [
        "Step",
        "Rate",
        "Purpose",
        "Outcome",
        "Response time p95",
        "Begun",
        "Completed",
        "Users at once",
        "Why",
        "Run",
    ];
    table(&mut text, &head, &cells);
    text
}
