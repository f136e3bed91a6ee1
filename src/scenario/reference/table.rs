//! The tables of the reference.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::raw::meaning;
use super::definitions::{Definitions, Table};
use super::marker::Keys;
use super::words::{self, Described};
use crate::plan::{Metric, Unit};

/// A key of a table of the file.
struct Key<'s> {
    table: Table<'s>,
    /// Its own name.
    name: String,
    /// As the reference writes it: `pool.connections`, `stages[].target`.
    path: String,
    /// The table that it stands in, when a file can do without that.
    optional_table: Option<String>,
}

/// The keys of a type, in a table; nothing when all of them stand elsewhere.
///
/// # Errors
/// When the type or a key is not in the schema.
pub(super) fn of_keys(definitions: Definitions<'_>, marker: &Keys<'_>) -> Result<String, String> {
    let keys = collect(definitions, marker)?;
    let is_root = definitions.is_root(marker.of);
    let rows = keys.iter().map(|key| {
        let place = &key.table.properties[key.name.as_str()];
        let path = match marker.prefix {
            Some(prefix) => format!("{prefix}.{}", key.path),
            None => key.path.clone(),
        };
        let path = match is_root {
            true if definitions.table_in(place).is_some() => format!("[{path}]"),
            true if definitions.items(place).is_some() => format!("[[{path}]]"),
            _ => path,
        };
        let described = Described::of(place);
        let default = match (&key.optional_table, key.table.requires(&key.name)) {
            (_, false) => described.default.unwrap_or_else(|| "–".to_owned()),
            (None, true) => "required".to_owned(),
            (Some(table), true) => format!("required in `{table}`"),
        };
        let mut meaning = described.meaning;
        // Where the place has a title of its own, the choices are told elsewhere.
        if place.get("title").is_none() {
            let choices = words::choices(definitions.resolve(place)).into_iter();
            let told: Vec<String> = choices
                .filter(|choice| !choice.meaning.is_empty())
                .map(|choice| format!("{}: {}", choice.value, words::continued(&choice.meaning)))
                .collect();
            if told.len() > 1 {
                meaning.push_str(&format!(" {}.", told.join("; ")));
            }
        }
        [
            format!("`{path}`"),
            words::value(definitions, place),
            default,
            meaning,
        ]
    });
    Ok(render(["key", "value", "default", "meaning"], rows))
}

/// The keys that the marker names, then all others.
fn collect<'s>(definitions: Definitions<'s>, marker: &Keys<'_>) -> Result<Vec<Key<'s>>, String> {
    let whole = definitions.table(marker.of)?;
    let elsewhere = marker.but.map(|but| definitions.table(but)).transpose()?;
    let mut keys = Vec::new();
    // The tables whose keys are told here, by what stands before these.
    let mut opened = vec![(String::new(), whole, None)];
    for path in &marker.order {
        let missing = || {
            format!(
                "`{}` of the schema of scenario files has no key `{path}`",
                marker.of
            )
        };
        let (before, name) = path.rsplit_once('.').unwrap_or(("", path));
        let (table, optional) = definitions.descend(whole, before).ok_or_else(missing)?;
        table.properties.get(name).ok_or_else(missing)?;
        let optional_table = optional.then(|| before.trim_end_matches("[]").to_owned());
        if !opened.iter().any(|(known, ..)| known == before) {
            opened.push((before.to_owned(), table, optional_table.clone()));
        }
        keys.push(Key {
            table,
            name: name.to_owned(),
            path: (*path).to_owned(),
            optional_table,
        });
    }
    let told: BTreeSet<String> = keys.iter().map(|key| key.path.clone()).collect();
    for (before, table, optional_table) in &opened {
        for (name, place) in table.properties {
            let path = if before.is_empty() {
                name.clone()
            } else {
                format!("{before}.{name}")
            };
            let is_opened = opened
                .iter()
                .any(|(known, ..)| known.trim_end_matches("[]") == path);
            let is_elsewhere = before.is_empty()
                && elsewhere.is_some_and(|elsewhere| elsewhere.properties.contains_key(name));
            if told.contains(&path) || is_opened || is_elsewhere || is_condition(name, place) {
                continue;
            }
            keys.push(Key {
                table: *table,
                name: name.clone(),
                path,
                optional_table: optional_table.clone(),
            });
        }
    }
    Ok(keys)
}

/// Whether the key takes a limit of the metric of its name. Metrics have a table of their own; a fault may be named like one
/// and be none.
fn is_condition(name: &str, place: &Value) -> bool {
    let said = place.get("description").and_then(Value::as_str);
    Metric::from_key(name)
        .zip(said)
        .is_some_and(|(metric, said)| said.starts_with(meaning(metric)))
}

/// The values of an enumeration, in a table.
///
/// # Errors
/// When the type is not in the schema.
pub(super) fn of_values(definitions: Definitions<'_>, of: &str) -> Result<String, String> {
    let choices = words::choices(definitions.resolve(definitions.named(of)?));
    let rows = choices.into_iter().map(|choice| [choice.value, choice.meaning]);
    Ok(render(["value", "meaning"], rows))
}

/// The metrics, in a table.
///
/// # Errors
/// When the schema has no table of conditions of steps.
pub(super) fn of_metrics(definitions: Definitions<'_>) -> Result<String, String> {
    let of_steps = definitions.table("StepLimitsFile")?.properties;
    let rows = Metric::ALL.map(|metric| {
        let takes = match metric.unit() {
            Unit::Time => "statistics",
            Unit::Ratio => "percentage",
            Unit::PerSecond => "rate",
        };
        let good = if metric.higher_is_better() { "high" } else { "low" };
        let for_one_step = if of_steps.contains_key(metric.key()) {
            "yes"
        } else {
            "no"
        };
        [
            format!("`{}`", metric.key()),
            takes.to_owned(),
            good.to_owned(),
            for_one_step.to_owned(),
            meaning(metric).to_owned(),
        ]
    });
    Ok(render(
        ["metric", "takes", "good is", "for one step", "meaning"],
        rows.into_iter(),
    ))
}

fn render<const COLUMNS: usize>(
    header: [&str; COLUMNS],
    rows: impl Iterator<Item = [String; COLUMNS]>,
) -> String {
    let line = |cells: [String; COLUMNS]| {
        format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
    };
    let body: String = rows.map(line).collect();
    if body.is_empty() {
        return body;
    }
    format!(
        "{}|{}\n{body}",
        line(header.map(str::to_owned)),
        "---|".repeat(COLUMNS)
    )
}
