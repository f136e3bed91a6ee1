//! Where in the scenario's files a condition stands: CI systems show a finding beside the line that asks for it.

use toml::de::{DeTable, DeValue};

use super::model::{RunRecord, SlaRecord};

/// A line of one of the scenario's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) path: String,
    /// Counted from 1.
    pub(super) line: usize,
}

/// The line of a target; `None` when it was given on the command line, or the stored run does not name its file.
pub(super) fn of_target(record: &RunRecord, sla: &SlaRecord) -> Option<Origin> {
    let mut keys = Vec::new();
    if let Some(step) = &sla.step {
        keys.extend(["step", step]);
    }
    keys.push(&sla.metric);
    let within = sla.stat.as_deref();
    // What the scenario says itself counts, before what a file that it names says.
    of_condition(record, "sla", &keys, within)
}

/// The line of a condition of the table `of` (`alerts`, `rollback`).
pub(super) fn of_window(record: &RunRecord, of: &str, metric: &str, step: Option<&str>) -> Option<Origin> {
    let mut keys = Vec::new();
    if let Some(step) = step {
        keys.extend(["step", step]);
    }
    keys.push(metric);
    of_condition(record, of, &keys, None)
}

/// The line of the scenario's name, for what is about the whole run.
pub(super) fn of_scenario(record: &RunRecord) -> Option<Origin> {
    let line = line_of(&record.scenario.text, &["name"])?;
    named(&record.scenario.path, line)
}

fn of_condition(record: &RunRecord, table: &str, keys: &[&str], within: Option<&str>) -> Option<Origin> {
    let scenario = &record.scenario;
    let mut path = vec![table];
    path.extend(keys);
    let line = deepest(&scenario.text, &path, within);
    if let Some(line) = line {
        return named(&scenario.path, line);
    }
    // A file of targets has them at its top level; windows stand in the scenario alone.
    if table != "sla" {
        return None;
    }
    scenario.files.iter().find_map(|file| {
        let line = deepest(&file.text, keys, within)?;
        named(&file.path, line)
    })
}

fn named(path: &str, line: usize) -> Option<Origin> {
    (!path.is_empty()).then(|| Origin {
        path: path.to_owned(),
        line,
    })
}

/// The line of `path` and of the key `within` it, or of `path` alone when its value holds no keys.
fn deepest(text: &str, path: &[&str], within: Option<&str>) -> Option<usize> {
    let inner = within.and_then(|key| {
        let mut inner = path.to_vec();
        inner.push(key);
        line_of(text, &inner)
    });
    inner.or_else(|| line_of(text, path))
}

/// The line on which the last key of `path` stands.
fn line_of(text: &str, path: &[&str]) -> Option<usize> {
    // Before a run its scenario was read whole, so what cannot be read here is no scenario.
    let document = DeTable::parse(text).ok()?;
    let (last, parents) = path.split_last()?;
    let mut table = document.get_ref();
    for key in parents {
        table = match table.get(*key)?.get_ref() {
            DeValue::Table(table) => table,
            _ => return None,
        };
    }
    let (key, _) = table.get_key_value(*last)?;
    let before = text.get(..key.span().start)?;
    Some(before.matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "name = \"n\"\n\n[sla]\nerror_rate = \"< 1%\"\nresponse_time = { p95 = \"<= 150ms\" }\n\n\
                        [sla.step.submit]\nresponse_time.p99 = \"<= 150ms\"\n";

    #[test]
    fn a_condition_is_found_however_it_is_written() {
        assert_eq!(line_of(TEXT, &["name"]), Some(1));
        assert_eq!(deepest(TEXT, &["sla", "error_rate"], Some("share")), Some(4));
        assert_eq!(deepest(TEXT, &["sla", "response_time"], Some("p95")), Some(5));
        let step = ["sla", "step", "submit", "response_time"];
        assert_eq!(deepest(TEXT, &step, Some("p99")), Some(8));
        assert_eq!(line_of(TEXT, &["sla", "availability"]), None);
        assert_eq!(line_of("not = [", &["not"]), None);
    }
}
