//! A comparison's two arms: one scenario read with the settings of each, or two scenarios.

use std::path::Path;

use super::{LoadOptions, Loaded, Loader, Role, Setting};
use crate::plan::{Arm, CapacityPlan, Claim, ClaimTest, Comparison, Side, Sides};
use crate::scenario::Diagnostics;

/// A comparison that can be run.
#[derive(Debug)]
pub struct LoadedComparison {
    pub comparison: Comparison,
    /// The scenario of each arm.
    pub arms: Sides<Loaded>,
    /// The scenario that names the comparison; of two scenarios, the candidate's.
    pub scenario: Loaded,
}

/// Reads a scenario with a section `[compare]`, and each of its arms; `quick` as the section says, or shortened.
///
/// # Errors
/// Every mistake in any of the files; those of the arms once the scenario itself has none.
pub fn load_comparison(
    path: &Path,
    options: &LoadOptions<'_>,
    quick: bool,
) -> Result<LoadedComparison, Diagnostics> {
    let scenario = super::load(path, options)?;
    let Some(comparison) = scenario.comparison.clone() else {
        let mut loader = Loader::new(options);
        loader.refuse_file(
            path,
            "the scenario has no section `[compare]`, which says what the two arms are; write one, or name two \
             scenarios: loadtest compare BASELINE CANDIDATE",
        );
        return Err(loader.diagnostics);
    };
    let load_arm = |side: Side| {
        let mut loader = Loader::new(options);
        let key = side.key();
        let own = comparison.arms.get(side).overrides.iter();
        loader.settings.extend(own.map(|(key_set, value)| Setting {
            origin: format!("{}: [compare] {key} set", path.display()),
            key: key_set.clone(),
            value: value.clone(),
        }));
        if quick {
            loader
                .settings
                .extend(comparison.quick.iter().map(|(key_set, value)| Setting {
                    origin: format!("{}: [compare] quick", path.display()),
                    key: key_set.clone(),
                    value: value.clone(),
                }));
        }
        loader.load_whole(path, Role::Arm)
    };
    let mut arms = Sides {
        baseline: load_arm(Side::Baseline)?,
        candidate: load_arm(Side::Candidate)?,
    };
    let needs_capacity = |claim: &Claim| matches!(claim.test, ClaimTest::Capacity(_));
    if comparison.claims.iter().any(needs_capacity) {
        for side in Side::BOTH {
            let search = arms.get(side).plan.capacity.as_ref();
            if let Some(obstacle) = search.and_then(CapacityPlan::obstacle) {
                let mut loader = Loader::new(options);
                let name = &comparison.arms.get(side).name;
                let sentence = format!("the capacity of the arm `{name}` cannot be searched for: {obstacle}");
                loader.refuse_file(path, &sentence);
                return Err(loader.diagnostics);
            }
        }
    }
    if quick && comparison.quick.is_empty() {
        arms.baseline.plan.shorten();
        arms.candidate.plan.shorten();
    }
    Ok(LoadedComparison {
        comparison,
        arms,
        scenario,
    })
}

/// Reads two scenarios as the arms of a comparison with all defaults: the candidate must not be worse.
///
/// # Errors
/// Every mistake in the files of the first scenario that has any.
pub fn load_two(
    paths: &Sides<&Path>,
    options: &LoadOptions<'_>,
    quick: bool,
) -> Result<LoadedComparison, Diagnostics> {
    let load = |side: Side| Loader::new(options).load_whole(paths.get(side), Role::Arm);
    let mut arms = Sides {
        baseline: load(Side::Baseline)?,
        candidate: load(Side::Candidate)?,
    };
    if quick {
        arms.baseline.plan.shorten();
        arms.candidate.plan.shorten();
    }
    let same_name = arms.baseline.plan.name == arms.candidate.plan.name;
    let named = |side: Side| {
        let name = &arms.get(side).plan.name;
        Arm {
            name: if same_name {
                format!("{name}-{}", side.key())
            } else {
                name.clone()
            },
            overrides: Vec::new(),
        }
    };
    let comparison = Comparison {
        arms: Sides {
            baseline: named(Side::Baseline),
            candidate: named(Side::Candidate),
        },
        claims: Claim::no_regression(),
        ..Comparison::default()
    };
    let scenario = arms.candidate.clone();
    Ok(LoadedComparison {
        comparison,
        arms,
        scenario,
    })
}
