//! `--baseline RUN.json`: the stored run that a run is shown beside.

use std::path::PathBuf;

use clap::Args;

use super::describe;
use crate::plan::Condition;
use crate::report::model::RunDigest;
use crate::report::{StoredKind, stored_kind};

#[derive(Debug, Clone, Args)]
pub(super) struct BaselineArgs {
    /// Show the run beside this stored one (its run.json, or its folder); it changes no verdict
    #[arg(long, value_name = "RUN.json")]
    baseline: Option<PathBuf>,
}

impl BaselineArgs {
    /// The stored run, when one is named. The error is a sentence.
    pub(super) fn read(&self) -> Result<Option<RunDigest>, String> {
        let Some(path) = &self.baseline else {
            return Ok(None);
        };
        let file = match path.is_dir() {
            true => path.join("run.json"),
            false => path.clone(),
        };
        let place = file.display();
        let text = std::fs::read_to_string(&file).map_err(|error| {
            format!("cannot read the baseline {place}: {error}; give the run.json of a stored run")
        })?;
        if stored_kind(&text) != StoredKind::Run {
            return Err(format!(
                "the baseline {place} is no run but a comparison or a search for capacity; give the run.json of one run"
            ));
        }
        let baseline = RunDigest::from_json(&text)
            .map_err(|error| format!("the baseline {place} cannot be used: {}", describe(&error)))?;
        if baseline.interruption.is_some() || baseline.proves_nothing() {
            let why = match baseline.interruption {
                Some(_) => "was interrupted",
                None => "is INVALID",
            };
            return Err(format!(
                "the baseline {place} {why}: what it measured says nothing of its target; give a run that came to a verdict"
            ));
        }
        Ok(Some(baseline))
    }

    /// The stored run, made sure to have measured one of `targets` at least: else there is nothing to compare, which had
    /// better be known before a run than after it. The error is a sentence.
    pub(super) fn read_for(&self, targets: &[Condition]) -> Result<Option<RunDigest>, String> {
        let baseline = self.read()?;
        if let Some(stored) = &baseline
            && !targets.iter().any(|target| stored.has_measured(target))
        {
            return Err(format!(
                "the baseline {} (scenario \"{}\") has measured none of this scenario's targets, so nothing could be \
                 compared; give a run of the same scenario",
                stored.run_id, stored.scenario.name
            ));
        }
        Ok(baseline)
    }
}
