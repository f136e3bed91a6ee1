//! Comparisons as they might have been, for tests.

use std::time::Duration;

use super::{Case, Pair, Resampling, Trial};
use crate::chance::Chance;
use crate::plan::{Claim, Side, Sides};
use crate::sla::Verdict;
use crate::sla::fixture::{self, Trouble};

/// A run whose answers are so much later than those of a healthy one.
pub(crate) fn trial(label: &str, slower_ms: u64) -> Trial {
    let run = fixture::run(Trouble {
        slower: Duration::from_millis(slower_ms),
        ..Trouble::default()
    });
    Trial {
        label: label.to_owned(),
        verdict: Verdict::Go,
        invalid: Vec::new(),
        arrivals_planned: run.context.arrivals_planned,
        evidence: run.evidence,
    }
}

/// Pairs whose runs are slower by so much.
pub(crate) fn pairs(slower_ms: &[(u64, u64)]) -> Vec<Pair> {
    slower_ms
        .iter()
        .zip([Side::Baseline, Side::Candidate].into_iter().cycle())
        .map(|((before, after), first)| Pair {
            first: Some(first),
            trials: Sides {
                baseline: Some(trial("a", *before)),
                candidate: Some(trial("b", *after)),
            },
            ..Pair::default()
        })
        .collect()
}

/// Pairs of the arms `trigger` and `direct` that are judged by these claims.
pub(crate) fn case(pairs: Vec<Pair>, claims: Vec<Claim>) -> Case {
    Case {
        arms: Sides {
            baseline: "trigger".to_owned(),
            candidate: "direct".to_owned(),
        },
        paired: true,
        pairs,
        claims,
        resampling: Resampling {
            chance: Chance::new(1),
            replicates: 200,
        },
        run_to_run: None,
        observed_only: false,
        interrupted: false,
    }
}
