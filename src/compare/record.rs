//! What a comparison leaves on paper: who the arms are, how it was done, what a reader must know.

use std::time::Duration;

use jiff::Timestamp;

use crate::comparison::Case;
use crate::plan::{Arm, Database, PostgresPlace, Side, Sides, TargetKind};
use crate::recording;
use crate::report::RunRecord;
use crate::report::model::comparison::{
    ArmRecord, ComparisonFacts, ComparisonRecord, CourseRecord, SettingRecord,
};
use crate::scenario::{Loaded, LoadedComparison};
use crate::units::format_duration;

/// What a comparison knows besides its case.
pub(super) struct Facts<'a> {
    pub(super) loaded: &'a LoadedComparison,
    pub(super) started_at: Timestamp,
    pub(super) took: Duration,
    pub(super) arms: &'a Sides<Option<ArmRecord>>,
    pub(super) notes: &'a [String],
    /// Whether capacities were searched for.
    pub(super) searched: bool,
    pub(super) ended_early: Option<String>,
}

impl Facts<'_> {
    pub(super) fn record(&self, case: &Case) -> ComparisonRecord {
        let scenario = &self.loaded.scenario;
        let outcome = case.judge();
        let arm = |side: Side| {
            let found = self.arms.get(side).clone();
            found.unwrap_or_else(|| {
                unknown_arm(self.loaded.comparison.arms.get(side), self.loaded.arms.get(side))
            })
        };
        let facts = ComparisonFacts {
            id: format!(
                "{}-compare-{}",
                scenario.plan.name,
                self.started_at.strftime("%Y%m%dT%H%M%SZ")
            ),
            started_at: self.started_at,
            duration_s: self.took.as_secs_f64(),
            seed: scenario.plan.seed,
            scenario: recording::scenario(scenario),
            environment: recording::environment(),
            arms: Sides {
                baseline: arm(Side::Baseline),
                candidate: arm(Side::Candidate),
            },
            course: CourseRecord {
                paired: true,
                method: self.method(case),
                pairs_planned: Some(self.loaded.comparison.pairs),
                time_box_s: Some(self.loaded.comparison.time_box.as_secs_f64()),
                ended_early: self.ended_early.clone(),
            },
            notes: self.notes.to_vec(),
        };
        ComparisonRecord::new(facts, case, &outcome)
    }

    /// How fresh the targets of the runs were.
    fn freshness(&self) -> &'static str {
        let is_remote = |arm: &Loaded| matches!(arm.plan.target.kind, TargetKind::Remote(_));
        let keeps_rows = |arm: &Loaded| match &arm.plan.target.kind {
            TargetKind::Reference(server) => match &server.database {
                Database::Sqlite => false,
                Database::Postgres(postgres) => matches!(postgres.place, PostgresPlace::At(_)),
            },
            TargetKind::Remote(_) => true,
        };
        if self.loaded.arms.iter().any(is_remote) {
            "against a deployment that went on from the run before"
        } else if self.loaded.arms.iter().any(keeps_rows) {
            "each with a newly started target, on a database that keeps the rows of the runs before"
        } else {
            "each with a newly started target and an empty database"
        }
    }

    fn method(&self, case: &Case) -> Vec<String> {
        let arms = &case.arms;
        let mut method = vec![
            format!(
                "The two runs of a pair were done one after the other, {}, and were sent the same users at the same \
                 moments with the same delays of the analysis (same seed). In the first pair {} ran first, in the second \
                 {}, and so on, so that what drifts in the meantime meets both alike.",
                self.freshness(),
                arms.baseline, arms.candidate
            ),
            "Ratios are candidate over baseline. Each pair gives one ratio; the interval is Student's t on their \
             logarithms (95 %, two-sided), so it holds what runs differ by. A claim holds when the whole interval keeps \
             its limit, and does not when the whole interval is beyond it."
                .to_owned(),
        ];
        if case.observed_only {
            method.push(
                "This was a quick comparison: one shortened pair. Its figures are what was observed; no claim holds or \
                 fails by them."
                    .to_owned(),
            );
        } else if let Some(run_to_run) = case.run_to_run {
            method.push(format!(
                "Where there is only one pair, runs are taken to differ by {:.0} % (standard deviation), as the scenario \
                 says.",
                run_to_run * 100.0
            ));
        }
        let on_this_host = |arm: &Loaded| arm.plan.target.allow_hosts.is_empty();
        method.extend(common_method(self.loaded.arms.iter().all(on_this_host)));
        if self.searched {
            let search = self.loaded.arms.candidate.plan.capacity.as_ref();
            method.push(format!(
                "The capacity of an arm is the highest rate of new users at which all its targets hold and at least 99 % of \
                 the arrivals are sent, found by stepping up and bisecting in every pair{}. It is known to one step, and \
                 the interval of the ratio includes that.",
                search.map_or_else(String::new, |plan| format!(
                    " ({} per rate, to {})",
                    format_duration(plan.step_hold),
                    plan.resolution
                ))
            ));
        }
        method
    }
}

/// What holds for every comparison.
pub(super) fn common_method(on_this_host: bool) -> Vec<String> {
    let mut method = vec![
        "Response time counts from the moment a request was due; failed requests count as infinitely slow. An arm lies in \
         its band when its median and its p95 do."
            .to_owned(),
        "The time of database queries is measured by the target itself, where it calls the database: the time of all \
         queries divided by their number. What a trigger does within a statement is part of that statement."
            .to_owned(),
    ];
    if on_this_host {
        method.push(
            "Everything ran on one machine: generator, target, database and mock share its cores. Ratios of the arms can be \
             compared; absolute figures are this machine's."
                .to_owned(),
        );
    }
    method
}

/// An arm as its first run knows it.
pub(super) fn arm(arm: &Arm, run: &RunRecord) -> ArmRecord {
    ArmRecord {
        name: arm.name.clone(),
        target: run.target.description.clone(),
        version: run.target.version.clone(),
        built_in: run.target.built_in,
        settings: settings(arm),
        targets: run
            .criteria
            .targets
            .iter()
            .map(|target| target.text.clone())
            .collect(),
    }
}

/// An arm that no run has reached.
fn unknown_arm(arm: &Arm, scenario: &Loaded) -> ArmRecord {
    ArmRecord {
        name: arm.name.clone(),
        target: "not reached".to_owned(),
        version: scenario.plan.target.version.clone(),
        built_in: false,
        settings: settings(arm),
        targets: scenario
            .plan
            .criteria
            .targets
            .iter()
            .map(ToString::to_string)
            .collect(),
    }
}

fn settings(arm: &Arm) -> Vec<SettingRecord> {
    arm.overrides
        .iter()
        .map(|(key, value)| SettingRecord {
            key: key.clone(),
            value: value.clone(),
        })
        .collect()
}

/// Adds what must be known of an arm's target. What is true of both arms is said once.
pub(super) fn add_notes(notes: &mut Vec<String>, arm: &str, of_arm: &[String]) {
    for note in of_arm {
        let of_other = notes
            .iter()
            .position(|known| known.split_once(": ").is_some_and(|(_, text)| text == note));
        match of_other {
            Some(place) => notes[place].clone_from(note),
            None => notes.push(format!("{arm}: {note}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_true_of_both_arms_is_said_once() {
        let mut notes = Vec::new();
        add_notes(
            &mut notes,
            "trigger",
            &["a model".to_owned(), "on this host".to_owned()],
        );
        add_notes(&mut notes, "direct", &["on this host".to_owned()]);
        assert_eq!(notes, ["trigger: a model", "on this host"]);
    }
}
