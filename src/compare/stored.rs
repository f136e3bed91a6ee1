//! Runs that were done before, compared.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::record;
use crate::chance::Chance;
use crate::comparison::{Case, Pair, REPLICATES, Resampling, Trial};
use crate::plan::{Claim, ClaimTest, Side, Sides};
use crate::recording;
use crate::report::model::EnvironmentRecord;
use crate::report::model::comparison::{ArmRecord, ComparisonFacts, ComparisonRecord, CourseRecord};
use crate::report::{ReportError, RunRecord};
use crate::sla::{Severity, Verdict};

/// Folders that are looked into for runs: more belong to no series.
const RUNS_MAX: usize = 100;

/// A run that was read.
#[derive(Debug)]
pub struct StoredRun {
    /// As it was named.
    pub label: String,
    pub record: RunRecord,
}

/// Why stored runs cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    #[error("cannot read the run {}", .path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{}", .path.display())]
    Run {
        path: PathBuf,
        #[source]
        source: ReportError,
    },
    #[error("{} holds no run: neither a run.json nor folders with one", .path.display())]
    NoRun { path: PathBuf },
}

/// Reads the runs at `path`: a `run.json`, the folder of a run, or a folder with several of those.
///
/// # Errors
/// When there is no run, or one cannot be read.
pub fn read_stored(path: &Path) -> Result<Vec<StoredRun>, StoredError> {
    let failed = |source| StoredError::Read {
        path: path.to_owned(),
        source,
    };
    if !path.is_dir() {
        return Ok(vec![read_file(path)?]);
    }
    let own = path.join("run.json");
    if own.is_file() {
        return Ok(vec![read_file(&own)?]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path().join("run.json");
        if file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    files.truncate(RUNS_MAX);
    if files.is_empty() {
        return Err(StoredError::NoRun {
            path: path.to_owned(),
        });
    }
    files.iter().map(|file| read_file(file)).collect()
}

fn read_file(path: &Path) -> Result<StoredRun, StoredError> {
    let text = std::fs::read_to_string(path).map_err(|source| StoredError::Read {
        path: path.to_owned(),
        source,
    })?;
    let record = RunRecord::from_json(&text).map_err(|source| StoredError::Run {
        path: path.to_owned(),
        source,
    })?;
    Ok(StoredRun {
        label: path.display().to_string(),
        record,
    })
}

/// Compares stored runs by `claims`, or by all that the runs have measured: then the candidate must not be worse. One
/// run of each is a pair; several are independent samples, because nobody knows whether they were done in turn.
///
/// # Errors
/// When a stored run is broken.
pub fn compare_stored(
    runs: Sides<Vec<StoredRun>>,
    claims: Option<Vec<Claim>>,
    compared_at: Timestamp,
) -> Result<ComparisonRecord, StoredError> {
    let paired = runs.iter().all(|runs| runs.len() == 1);
    let names = names(&runs);
    let arms = Sides {
        baseline: arm(&runs.baseline, names.baseline.clone()),
        candidate: arm(&runs.candidate, names.candidate.clone()),
    };
    let mut notes = Vec::new();
    for side in Side::BOTH {
        if let Some(run) = runs.get(side).first() {
            record::add_notes(&mut notes, names.get(side), &run.record.target.notes);
        }
    }
    let claims = claims.unwrap_or_else(|| measured_by_any(&runs));
    let scenario = runs.candidate.first().or(runs.baseline.first());
    let on_this_host = runs
        .iter()
        .flatten()
        .all(|run| run.record.plan.target_on_this_host);
    // Where the load came from, and who compares it now.
    let here = recording::environment();
    let environment = match scenario {
        Some(run) => EnvironmentRecord {
            tool_version: here.tool_version,
            command_line: here.command_line,
            ..run.record.environment.clone()
        },
        None => here,
    };
    let facts = ComparisonFacts {
        id: format!("compare-{}", compared_at.strftime("%Y%m%dT%H%M%SZ")),
        started_at: compared_at,
        duration_s: 0.0,
        seed: scenario.map_or(0, |run| run.record.seed),
        scenario: scenario.map_or_else(no_scenario, |run| run.record.scenario.clone()),
        environment,
        arms,
        course: CourseRecord {
            paired,
            method: method(paired, on_this_host),
            pairs_planned: None,
            time_box_s: None,
            ended_early: None,
        },
        notes,
    };
    let case = Case {
        arms: names,
        paired,
        pairs: pairs(runs)?,
        claims,
        resampling: Resampling {
            chance: Chance::new(facts.seed),
            replicates: REPLICATES,
        },
        run_to_run: None,
        observed_only: false,
        interrupted: false,
    };
    let outcome = case.judge();
    Ok(ComparisonRecord::new(facts, &case, &outcome))
}

fn no_scenario() -> crate::report::model::ScenarioRecord {
    crate::report::model::ScenarioRecord {
        name: "none".to_owned(),
        description: String::new(),
        path: String::new(),
        text: String::new(),
        files: Vec::new(),
    }
}

/// The arms are named after their scenarios, when those tell them apart.
fn names(runs: &Sides<Vec<StoredRun>>) -> Sides<String> {
    let of = |side: Side| {
        let first = runs.get(side).first();
        first.map_or_else(|| side.key().to_owned(), |run| run.record.scenario.name.clone())
    };
    let named = Sides {
        baseline: of(Side::Baseline),
        candidate: of(Side::Candidate),
    };
    if named.baseline != named.candidate {
        return named;
    }
    Sides {
        baseline: Side::Baseline.key().to_owned(),
        candidate: Side::Candidate.key().to_owned(),
    }
}

fn arm(runs: &[StoredRun], name: String) -> ArmRecord {
    let run = runs.first().map(|run| &run.record);
    ArmRecord {
        name,
        target: run.map_or_else(String::new, |run| run.target.description.clone()),
        version: run.map_or_else(String::new, |run| run.target.version.clone()),
        built_in: run.is_some_and(|run| run.target.built_in),
        settings: Vec::new(),
        targets: run.map_or_else(Vec::new, |run| {
            run.criteria
                .targets
                .iter()
                .map(|target| target.text.clone())
                .collect()
        }),
    }
}

/// That nothing got worse, of what either arm has measured.
fn measured_by_any(runs: &Sides<Vec<StoredRun>>) -> Vec<Claim> {
    let is_measured = |claim: &Claim| match &claim.test {
        ClaimTest::NotWorse { subject, .. } => {
            let kind = crate::metrics::SeriesKind::of_metric(subject.metric);
            let mut all = runs.iter().flatten();
            kind.is_some_and(|kind| all.any(|run| run.record.metrics.contains_key(kind.key())))
        }
        _ => true,
    };
    Claim::no_regression().into_iter().filter(is_measured).collect()
}

fn pairs(runs: Sides<Vec<StoredRun>>) -> Result<Vec<Pair>, StoredError> {
    let mut pairs: Vec<Pair> = Vec::new();
    let sides = [(Side::Baseline, runs.baseline), (Side::Candidate, runs.candidate)];
    for (side, runs) in sides {
        for (index, run) in runs.into_iter().enumerate() {
            if pairs.len() <= index {
                pairs.push(Pair::default());
            }
            *pairs[index].trials.get_mut(side) = Some(trial(run)?);
        }
    }
    Ok(pairs)
}

fn trial(run: StoredRun) -> Result<Trial, StoredError> {
    let broken = |source| StoredError::Run {
        path: PathBuf::from(&run.label),
        source,
    };
    let checks = run.record.validity.checks.iter();
    let invalid = checks.filter(|check| check.severity == Severity::Invalid.name());
    Ok(Trial {
        verdict: Verdict::from_name(&run.record.verdict).unwrap_or(Verdict::Inconclusive),
        invalid: invalid.map(|check| check.sentence.clone()).collect(),
        arrivals_planned: run.record.plan.arrivals_planned,
        evidence: run.record.evidence().map_err(broken)?,
        label: run.label,
    })
}

fn method(paired: bool, on_this_host: bool) -> Vec<String> {
    let mut method = vec![if paired {
        "One stored run of each arm was compared. The interval is what chance within the two runs could have done (blocks of \
         seconds resampled); by how much runs of one system differ is not known, so no claim can hold. One fails only when \
         runs that differ by 10 % would not explain it."
            .to_owned()
    } else {
        "Several stored runs of each arm were compared as independent samples: Welch's t on the logarithms of their figures \
         (95 %, two-sided). Whether they were done in turn is not known; what drifted between them counts as a difference \
         of the arms."
            .to_owned()
    }];
    method.extend(record::common_method(on_this_host));
    method
}
