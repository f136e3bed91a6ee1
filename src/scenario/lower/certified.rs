//! In certified mode, a target that the planned load cannot certify is a mistake: the run would end INCONCLUSIVE whatever
//! the target did.

use std::time::Duration;

use super::super::check::{Decision, TargetCheck, check as check_plan};
use super::super::diagnostic::Diagnostics;
use super::{At, Files, lower_criteria};
use crate::plan::{JudgeMode, Partition, Plan};
use crate::sla::DESIGN_EFFECT_FLOOR;
use crate::units::format_duration;

/// Refuses every target of `plan` that it cannot certify, where the target was written.
pub(in crate::scenario) fn check(files: &Files, plan: &Plan, diagnostics: &mut Diagnostics) {
    if plan.criteria.mode != JudgeMode::Certified {
        return;
    }
    // The plan does not know where its targets were written; the files do, and they have no mistake any more.
    let written = lower_criteria(
        files,
        Some(&plan.load),
        At::root(&files.scenario.root),
        &mut Diagnostics::default(),
    );
    for (target, written) in check_plan(plan).targets.iter().zip(&written.targets) {
        if let Some(sentence) = refusal(target, plan) {
            diagnostics.push(written.span, sentence);
        }
    }
}

/// Why a target cannot be certified, and what to do; `None` when it can.
fn refusal(target: &TargetCheck, plan: &Plan) -> Option<String> {
    let name = &target.target;
    match target.decision {
        Decision::NotCertifiable { needed: None } => Some(format!(
            "`{name}` cannot be certified: no number of samples proves that not one is beyond it; allow a share of them, or \
             judge by mode = \"observed\""
        )),
        Decision::NotCertifiable { needed: Some(needed) } => {
            let samples = target.samples.unwrap_or(0);
            Some(format!(
                "`{name}` cannot be certified by this run: that takes about {needed} samples without a bad one (failures \
                 come in bursts, so {each:.0} samples count as one), and the plan brings {samples}; {}, allow more, or \
                 judge by mode = \"observed\"",
                more(plan, needed as f64 / samples.max(1) as f64),
                each = DESIGN_EFFECT_FLOOR,
            ))
        }
        Decision::NoSamples => Some(format!(
            "`{name}` cannot be certified by this run: no samples are planned that it could be judged on"
        )),
        Decision::Possible | Decision::OneFailureMisses | Decision::TooFew { .. } | Decision::NotMeasured => {
            None
        }
    }
}

/// What to do for so many times as many samples.
fn more(plan: &Plan, factor: f64) -> String {
    let executor = &plan.load.executor;
    if executor.fixed_iterations(Partition::WHOLE).is_some() {
        return format!("plan {factor:.1} times as many iterations or more");
    }
    let measured = executor.duration().saturating_sub(plan.load.warm_up);
    // Whole minutes, because nobody plans a release in milliseconds.
    let minutes = (measured.as_secs_f64() * factor / 60.0).ceil().max(1.0);
    let longer = Duration::try_from_secs_f64(minutes * 60.0).unwrap_or(Duration::MAX);
    format!(
        "measure for {} or more instead of {}, raise the rate",
        format_duration(longer),
        format_duration(measured)
    )
}
