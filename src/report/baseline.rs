//! A run beside the stored run that it was to be compared with: what became of each target, and what else differed. It
//! is shown by every format, and decides nothing.

use std::collections::BTreeSet;

use super::history::{CHANGE_RULE, Change, History, Point, Trend, against, change_words};
use super::model::{EnvironmentRecord, RunDigest, RunRecord, ScenarioRecord};
use crate::plan::Unit;
use crate::sla::wording::quantity;

/// Lines of the scenario that are quoted when the two differ.
const LINES_QUOTED: usize = 3;

/// What a reader must not forget of any pair of runs.
const ONE_PAIR: &str = "One pair of runs says little: runs of one version differ by chance and by what else their machine \
                        had to do. `loadtest compare` runs several pairs in turn and tells a cause from chance. The \
                        comparison changes no verdict.";

/// The comparison, in words.
pub(super) struct BesideBaseline {
    /// What became worse, as a sentence.
    pub(super) conclusion: String,
    /// Each target; empty when the run says nothing of its target.
    pub(super) rows: Vec<ChangeRow>,
    /// What differed between the runs besides their values, as sentences.
    pub(super) differences: Vec<String>,
    /// How far this may be believed, as sentences.
    pub(super) caution: [&'static str; 2],
}

/// One target in both runs.
pub(super) struct ChangeRow {
    pub(super) target: String,
    pub(super) limit: String,
    pub(super) before: String,
    pub(super) before_interval: String,
    pub(super) now: String,
    pub(super) now_interval: String,
    pub(super) change: String,
    /// `good`, `bad` or `neutral`, with its sign.
    pub(super) class: &'static str,
    pub(super) icon: &'static str,
}

/// The run beside its baseline; `None` when it has none.
pub(super) fn beside(record: &RunRecord) -> Option<BesideBaseline> {
    let baseline = record.baseline.as_ref()?;
    let now = RunDigest::of(record);
    let differences = differences(baseline, &now);
    let history = History::of_pair(baseline.clone(), now);
    let is_compared = history.compared_with.is_some();
    Some(BesideBaseline {
        conclusion: match is_compared {
            true => format!(
                "This run ended in {}; {}.",
                record.verdict,
                against(&history, baseline, "the baseline run")
            ),
            false => format!(
                "This run is {}: it says nothing of its target, so it is not compared with the baseline run.",
                record.verdict
            ),
        },
        rows: match is_compared {
            true => history.trends.iter().map(row).collect(),
            false => Vec::new(),
        },
        differences,
        caution: [ONE_PAIR, CHANGE_RULE],
    })
}

fn row(trend: &Trend) -> ChangeRow {
    let [before, now] = [0, 1].map(|index| trend.points.get(index).and_then(Option::as_ref));
    let limit = now.or(before).and_then(|point| point.limit);
    let (class, icon) = match trend.change {
        Change::Worse(_) => ("bad", "✕"),
        Change::Better(_) => ("good", "✓"),
        Change::Same => ("neutral", "="),
        Change::Unknown => ("neutral", "–"),
    };
    ChangeRow {
        target: trend.title.clone(),
        limit: limit.map_or_else(|| "–".to_owned(), |limit| quantity(limit, trend.unit)),
        before: value(before, trend.unit),
        before_interval: interval(before, trend.unit),
        now: value(now, trend.unit),
        now_interval: interval(now, trend.unit),
        change: match trend.change {
            Change::Unknown => "not comparable".to_owned(),
            // That chance explains a difference does not make two values equal.
            Change::Same => "no clear change".to_owned(),
            change => change_words(change),
        },
        class,
        icon,
    }
}

fn value(point: Option<&Point>, unit: Unit) -> String {
    point.map_or_else(|| "not measured".to_owned(), |point| quantity(point.value, unit))
}

/// `98 ms to 105 ms`; empty without one.
fn interval(point: Option<&Point>, unit: Unit) -> String {
    match point {
        Some(point) if point.low < point.high => {
            format!("{} to {}", quantity(point.low, unit), quantity(point.high, unit))
        }
        _ => String::new(),
    }
}

/// What differed between the runs besides their values.
fn differences(then: &RunDigest, now: &RunDigest) -> Vec<String> {
    let mut sentences = Vec::new();
    if then.verdict != "GO" {
        sentences.push(format!(
            "The baseline run itself ended in {}: it may be no measure of what is normal.",
            then.verdict
        ));
    }
    sentences.extend(scenario(&then.scenario, &now.scenario));
    let settings = [then, now].map(|run| settings(&run.environment.command_line));
    let [set_then, set_now] = &settings;
    if set_then != set_now {
        sentences.push(differs("What --set changed", set_now, set_then));
    }
    if then.seed != now.seed {
        sentences.push(format!(
            "{} Users arrive at other moments and do other things.",
            differs("The seed", &now.seed.to_string(), &then.seed.to_string())
        ));
    }
    if then.target.description != now.target.description {
        sentences.push(differs(
            "What was tested",
            &now.target.description,
            &then.target.description,
        ));
    }
    if [then, now].map(|run| run.target.version.as_str()) == ["unknown"; 2] {
        sentences.push("Neither run says which version it tested (version in [target]).".to_owned());
    } else if [then, now].map(is_named_by_its_build) == [true; 2] && then.target.version == now.target.version
    {
        sentences.push(format!(
            "Both runs tested version {} of the server that comes with loadtest. Builds of one version are not told apart: \
             a changed server shows only when GIT_SHA says its commit (version = \"${{GIT_SHA:-}}\" in [target]).",
            now.target.version
        ));
    } else if then.target.version == now.target.version {
        sentences.push(format!(
            "Both runs say that they tested version {}: what differs may be chance or surroundings alone.",
            now.target.version
        ));
    } else {
        sentences.push(differs(
            "The target's version",
            &now.target.version,
            &then.target.version,
        ));
    }
    let hosts = [then, now].map(|run| host(&run.environment));
    let [host_then, host_now] = &hosts;
    if host_then != host_now {
        sentences.push(format!(
            "{} Times of two machines cannot be told from a change of the target.",
            differs("The host of the load generator", host_now, host_then)
        ));
    }
    let [tool_then, tool_now] = [then, now].map(|run| run.environment.tool_version.as_str());
    if tool_then != tool_now {
        sentences.push(differs("The version of loadtest", tool_now, tool_then));
    }
    sentences
}

/// Whether nobody said which version was tested, so that it is the version of the program whose server it was.
fn is_named_by_its_build(run: &RunDigest) -> bool {
    run.target.built_in && run.target.version == run.environment.tool_version
}

fn differs(what: &str, now: &str, then: &str) -> String {
    let word = |text: &str| match text {
        "" => "nothing".to_owned(),
        text => text.to_owned(),
    };
    format!("{what} differs: {} now, {} then.", word(now), word(then))
}

fn host(environment: &EnvironmentRecord) -> String {
    format!(
        "{} cores, {} {}",
        environment.host_cores, environment.os, environment.kernel
    )
}

/// The settings on a command line, in the order in which they were given.
fn settings(command_line: &[String]) -> String {
    let mut settings: Vec<&str> = Vec::new();
    let mut words = command_line.iter();
    while let Some(word) = words.next() {
        if word == "--set" {
            settings.extend(words.next().map(String::as_str));
        } else {
            settings.extend(word.strip_prefix("--set="));
        }
    }
    settings.join(", ")
}

/// How the scenarios differ, with the first lines that do.
fn scenario(then: &ScenarioRecord, now: &ScenarioRecord) -> Option<String> {
    if then.name != now.name {
        return Some(format!(
            "{} They need not have the same load.",
            differs("The scenario", &now.name, &then.name)
        ));
    }
    let [lines_then, lines_now] = [then, now].map(lines);
    let only = |lines: &[&str], others: &[&str]| {
        let others: BTreeSet<&str> = others.iter().copied().collect();
        let mut own: Vec<String> = Vec::new();
        for line in lines.iter().filter(|line| !others.contains(*line)) {
            let quoted = format!("`{line}`");
            if !own.contains(&quoted) {
                own.push(quoted);
            }
        }
        let more = own.len().saturating_sub(LINES_QUOTED);
        let mut text = own.into_iter().take(LINES_QUOTED).collect::<Vec<_>>().join(", ");
        if more > 0 {
            text.push_str(&format!(" and {more} more lines"));
        }
        text
    };
    let (new, old) = (only(&lines_now, &lines_then), only(&lines_then, &lines_now));
    match (new.as_str(), old.as_str()) {
        ("", "") if lines_now == lines_then => None,
        ("", "") => Some("The scenario differs: the same lines stand in another order.".to_owned()),
        _ => Some(differs("The scenario", &new, &old)),
    }
}

/// What the files of a scenario say, without what only a reader sees.
fn lines(scenario: &ScenarioRecord) -> Vec<&str> {
    let texts = std::iter::once(&scenario.text).chain(scenario.files.iter().map(|file| &file.text));
    texts
        .flat_map(|text| text.lines())
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario_of(text: &str) -> ScenarioRecord {
        ScenarioRecord {
            name: "peak".to_owned(),
            description: String::new(),
            path: "peak.toml".to_owned(),
            text: text.to_owned(),
            files: Vec::new(),
        }
    }

    #[test]
    fn scenarios_differ_by_what_they_say() {
        let then = scenario_of("name = \"peak\"\n# a word\nrate = \"20/s\"\n");
        assert_eq!(
            scenario(&then, &scenario_of("name = \"peak\"\n\nrate = \"20/s\"")),
            None
        );
        let faster = scenario(&then, &scenario_of("name = \"peak\"\nrate = \"40/s\"")).unwrap();
        assert_eq!(
            faster,
            "The scenario differs: `rate = \"40/s\"` now, `rate = \"20/s\"` then."
        );
        let shorter = scenario(&then, &scenario_of("name = \"peak\"")).unwrap();
        assert!(shorter.contains("nothing now"), "{shorter}");
        let turned = scenario(&then, &scenario_of("rate = \"20/s\"\nname = \"peak\"")).unwrap();
        assert!(turned.contains("another order"), "{turned}");
    }

    #[test]
    fn settings_are_read_from_a_command_line() {
        let words = [
            "loadtest",
            "run",
            "a.toml",
            "--set",
            "load.rate=9/s",
            "--set=seed=1",
        ];
        assert_eq!(settings(&words.map(str::to_owned)), "load.rate=9/s, seed=1");
        assert_eq!(settings(&[]), "");
    }
}
