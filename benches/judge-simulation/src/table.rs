//! The table of all cases, for a terminal or as Markdown.

use std::fmt;

use comfy_table::presets::{ASCII_MARKDOWN, NOTHING};

use crate::Judge;
use crate::simulation::Case;
use crate::tally::Tallies;

/// Rows as they are printed.
pub(crate) struct Table(comfy_table::Table);

impl Table {
    pub(crate) fn new(markdown: bool) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(if markdown { ASCII_MARKDOWN } else { NOTHING });
        table.set_header([
            "workload",
            "seconds",
            "bad ÷ allowed",
            "judge",
            "false GO",
            "false NO-GO",
            "INCONCLUSIVE",
            "right",
            "interval holds the truth",
        ]);
        Self(table)
    }

    /// One row. At the boundary both decisions are wrong: there a judge has no better answer than that it does not know.
    pub(crate) fn add(&mut self, case: &Case, judge: Judge, tallies: &Tallies) {
        let tally = tallies.of(judge);
        let rate = |count: u64| tally.rate(count).to_string();
        let dash = || "–".to_owned();
        let (go, no_go) = (rate(tally.go), rate(tally.no_go));
        let (false_go, false_no_go, right) = if case.part_of_budget < 1.0 {
            (dash(), no_go, go)
        } else if case.part_of_budget > 1.0 {
            (go, dash(), no_go)
        } else {
            (go, no_go, dash())
        };
        self.0.add_row([
            case.workload.title().to_owned(),
            case.seconds.to_string(),
            case.part_of_budget.to_string(),
            judge.title().to_owned(),
            false_go,
            false_no_go,
            rate(tally.inconclusive),
            right,
            tallies.coverage(judge).map_or_else(dash, |rate| rate.to_string()),
        ]);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
