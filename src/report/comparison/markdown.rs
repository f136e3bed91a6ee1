//! `compare.md`: GitHub-flavoured Markdown for pull requests and job summaries. The verdict comes first.

use super::view;
use crate::report::markdown::{escape, fenced, line, sign, table};
use crate::report::model::comparison::ComparisonRecord;

/// Renders the report.
pub(super) fn render(record: &ComparisonRecord) -> String {
    let mut text = String::new();
    head(&mut text, record);
    claims(&mut text, record);
    responses(&mut text, record);
    figures(&mut text, record);
    runs(&mut text, record);
    method(&mut text, record);
    configuration(&mut text, record);
    text
}

fn head(text: &mut String, record: &ComparisonRecord) {
    let (baseline, candidate) = (&record.arms.baseline, &record.arms.candidate);
    line(
        text,
        &format!(
            "### {} {}: {}, {} against {}",
            sign(&record.verdict),
            view::banner(record),
            escape(&record.scenario.name),
            escape(&candidate.name),
            escape(&baseline.name)
        ),
    );
    text.push('\n');
    for reason in record.reasons.iter().chain(&record.course.ended_early) {
        line(text, &format!("- {}", escape(reason)));
    }
    text.push('\n');
    if !record.scenario.description.is_empty() {
        line(text, &escape(&record.scenario.description));
        text.push('\n');
    }
    for (role, arm) in [("Baseline", baseline), ("Candidate", candidate)] {
        line(
            text,
            &format!(
                "**{role}:** {}: {}, version {}; {}  ",
                escape(&arm.name),
                escape(&arm.target),
                escape(&arm.version),
                escape(&view::settings(arm))
            ),
        );
    }
    line(
        text,
        &format!(
            "**Started:** {}, seed {}; {}",
            view::started(record),
            record.seed,
            view::extent(record)
        ),
    );
    text.push('\n');
    let built_in = view::built_in_note(record).map(str::to_owned);
    for note in record.notes.iter().chain(&built_in) {
        line(text, &format!("> {}\n", escape(note)));
    }
}

fn claims(text: &mut String, record: &ComparisonRecord) {
    line(text, "#### Claims\n");
    let rows: Vec<Vec<String>> = view::claims(record)
        .into_iter()
        .zip(&record.claims)
        .map(|(row, claim)| {
            vec![
                format!("{} {}", sign(&claim.status), row.status_words),
                row.says,
                row.baseline,
                row.candidate,
                row.measured,
                row.interval,
                row.basis,
            ]
        })
        .collect();
    let names = [&record.arms.baseline.name, &record.arms.candidate.name].map(|name| escape(name));
    let head = [
        "Status",
        "Claim",
        &names[0],
        &names[1],
        "Ratio or p95",
        "95 % interval",
        "From",
    ];
    table(text, &head, &rows);
    for claim in view::claims(record) {
        line(
            text,
            &format!("- **{}** {}", escape(&claim.says), escape(&claim.sentence)),
        );
        for beside in &claim.beside {
            line(text, &format!("  - {}", escape(beside)));
        }
    }
    text.push('\n');
}

fn responses(text: &mut String, record: &ComparisonRecord) {
    line(text, "#### Response times\n");
    for (arm, responses) in [
        (&record.arms.baseline, &record.responses.baseline),
        (&record.arms.candidate, &record.responses.candidate),
    ] {
        let sentence = format!("- {}: {}", escape(&arm.name), escape(&view::responses(responses)));
        line(text, &sentence);
    }
    if let Some(effect) = view::effect(record) {
        line(text, &format!("- {}", escape(&effect)));
    }
    text.push('\n');
    if let Some(method) = view::shift_method(record) {
        let rows: Vec<Vec<String>> = view::shift(record)
            .into_iter()
            .map(|row| {
                vec![
                    row.name,
                    row.baseline,
                    row.candidate,
                    row.difference,
                    row.interval,
                ]
            })
            .collect();
        let names = [&record.arms.baseline.name, &record.arms.candidate.name].map(|name| escape(name));
        let head = ["Quantile", &names[0], &names[1], "Difference", "95 % interval"];
        table(text, &head, &rows);
        line(text, &format!("{}\n", escape(&method)));
    }
}

fn figures(text: &mut String, record: &ComparisonRecord) {
    line(text, "#### Figures side by side\n");
    let rows: Vec<Vec<String>> = view::figures(record)
        .into_iter()
        .map(|row| vec![row.name, row.baseline, row.candidate, row.ratio, row.interval])
        .collect();
    let names = [&record.arms.baseline.name, &record.arms.candidate.name].map(|name| escape(name));
    table(
        text,
        &["Figure", &names[0], &names[1], "Ratio", "95 % interval"],
        &rows,
    );
}

fn runs(text: &mut String, record: &ComparisonRecord) {
    line(text, "#### Runs\n");
    let rows: Vec<Vec<String>> = view::trials(record)
        .into_iter()
        .map(|row| {
            let [p50, p95, p99] = row.times;
            vec![
                row.pair,
                row.arm,
                row.verdict,
                row.requests,
                row.failed,
                p50,
                p95,
                p99,
                row.query,
                row.capacity,
                row.folder,
            ]
        })
        .collect();
    let head = [
        "Pair", "Arm", "Verdict", "Requests", "Failed", "p50", "p95", "p99", "Query", "Capacity", "Folder",
    ];
    table(text, &head, &rows);
    for pair in record.pairs.iter().filter(|pair| pair.left_out.is_some()) {
        let reason = pair.left_out.as_deref().unwrap_or_default();
        line(
            text,
            &format!("- Pair {} is left out: {}", pair.number, escape(reason)),
        );
    }
    text.push('\n');
}

fn method(text: &mut String, record: &ComparisonRecord) {
    line(text, "#### How it was measured\n");
    for sentence in &record.course.method {
        line(text, &format!("- {}", escape(sentence)));
    }
    text.push('\n');
}

fn configuration(text: &mut String, record: &ComparisonRecord) {
    let environment = &record.environment;
    line(text, "<details><summary>Configuration</summary>\n");
    line(
        text,
        &format!(
            "loadtest {} on {} ({}), {} cores: `{}`\n",
            escape(&environment.tool_version),
            escape(&environment.os),
            escape(&environment.kernel),
            environment.host_cores,
            environment.command_line.join(" ").replace(['`', '\n'], " "),
        ),
    );
    fenced(text, &record.scenario.text);
    for file in &record.scenario.files {
        line(text, &format!("`{}`\n", file.path.replace(['`', '\n'], " ")));
        fenced(text, &file.text);
    }
    line(text, "</details>");
}
