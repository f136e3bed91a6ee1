//! The sentences that say what was found about a target, and what would settle it when nothing is certain.

use super::super::finding::Status;
use super::super::interval::{ShareBounds, events_missing, events_missing_to_fail};
use super::super::measure::{Measure, Reading};
use super::super::wording::{count, counted, quantity};
use crate::plan::{Condition, Unit};

/// Longer than this is no test any more: seven days.
const LONGEST_TEST_S: f64 = 7.0 * 86_400.0;
/// A share whose samples are worth nearly as many independent ones needs no word about bursts.
const NEARLY_INDEPENDENT: f64 = 0.9;

/// A longer run is proposed only if it is longer by this part.
const LONGER_AT_LEAST: f64 = 0.1;

/// How much was measured, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    pub(super) samples: u64,
    /// Seconds in which judged tickets were issued.
    pub(super) load_s: f64,
}

impl Extent {
    /// What to do for so many more samples at the same rate.
    fn more(self, missing: f64, noun: &str) -> String {
        // Longer by a hair would end as near to the limit again: how many are missing is itself an estimate.
        let missing = missing.max(LONGER_AT_LEAST * self.samples as f64).ceil().max(1.0);
        let more = format!("about {} more {noun}s", count(missing as u64));
        let rate = self.samples as f64 / self.load_s.max(1.0);
        let more_s = missing / rate.max(1e-9);
        if more_s > LONGEST_TEST_S {
            return format!(
                "{more} would settle it, which takes {} at this rate: it is too close to the limit for a test to tell",
                span(more_s)
            );
        }
        format!(
            "{more} ({} at this rate) would settle it: measure for {} instead of {}, or at a higher rate",
            span(more_s),
            span(self.load_s + more_s),
            span(self.load_s)
        )
    }

    /// What to do for a run that is longer by this factor.
    fn longer(self, factor: f64) -> String {
        if self.load_s * factor > LONGEST_TEST_S {
            return "it is too close to the limit for a test to tell".to_owned();
        }
        format!(
            "measure for {} instead of {}",
            span(self.load_s * factor),
            span(self.load_s)
        )
    }
}

/// A time as people plan with it, rounded up: `40 s`, `5 min 10 s`, `25 min`, `3.5 h`.
fn span(seconds: f64) -> String {
    if seconds <= 120.0 {
        format!("{:.0} s", seconds.ceil())
    } else if seconds <= 1_200.0 {
        let tens = (seconds / 10.0).ceil() as u64;
        match tens % 6 {
            0 => format!("{} min", tens / 6),
            rest => format!("{} min {rest}0 s", tens / 6),
        }
    } else if seconds <= 7_200.0 {
        format!("{:.0} min", (seconds / 60.0).ceil())
    } else if seconds <= 2.0 * 86_400.0 {
        format!("{:.1} h", (seconds / 360.0).ceil() / 10.0)
    } else {
        format!("{:.0} days", (seconds / 86_400.0).ceil())
    }
}

/// A share of bad events: what was measured, what is allowed, and what the data prove.
pub(super) fn share(
    condition: &Condition,
    measure: &Measure,
    reading: &Reading,
    bounds: &ShareBounds,
    budget: f64,
    status: Status,
    noun: &str,
) -> String {
    let measured = quantity(reading.bad as f64 / reading.samples as f64, Unit::Ratio);
    let allowed = quantity(budget, Unit::Ratio);
    let what = if measure.quantile().is_some() || condition.limit.unit() == Unit::Time {
        format!("took longer than {} or failed", condition.limit)
    } else {
        super::verb(condition.metric).to_owned()
    };
    let of = format!(
        "{measured} of {} {what}; {allowed} may.",
        counted(reading.samples, noun)
    );
    match status {
        Status::Fail => format!(
            "{of} With 95 % confidence it is at least {}.",
            quantity(bounds.lower, Unit::Ratio)
        ),
        Status::Pass | Status::Inconclusive | Status::NoData | Status::NotMeasured => format!(
            "{of} With 95 % confidence it is at most {}{}.",
            quantity(bounds.upper, Unit::Ratio),
            worth(bounds, reading.samples, noun)
        ),
    }
}

/// How many independent events the events are worth, where that is not nearly all of them.
pub(super) fn worth(bounds: &ShareBounds, samples: u64, noun: &str) -> String {
    let effective = bounds.samples_effective.max(1.0);
    if bounds.effect_assumed {
        let each = bounds.design_effect.round();
        format!("; too few failed to show whether they come in bursts, so {each:.0} {noun}s count as one")
    } else if effective < NEARLY_INDEPENDENT * samples as f64 {
        let worth = count(effective.round() as u64);
        format!("; because of bursts the {noun}s are worth {worth} independent ones")
    } else {
        String::new()
    }
}

/// What would settle a share that is inconclusive.
pub(super) fn more_data(bounds: &ShareBounds, share: f64, budget: f64, noun: &str, extent: Extent) -> String {
    if share > budget {
        let chance = " That misses the target, but too few events failed to be sure that it was not chance.";
        return match events_missing_to_fail(bounds, share, budget) {
            Some(missing) => format!("{chance} If it stays so, {}.", extent.more(missing, noun)),
            None => chance.to_owned(),
        };
    }
    if budget <= 0.0 {
        return format!(" No number of {noun}s proves that not one is beyond the limit.");
    }
    if bounds.upper <= budget {
        return format!(
            " But the run is too short for its own correlation: the longer the stretches of time that are compared, the \
             more alike their {noun}s are, with no end in sight, so the bound may be too good; {}.",
            extent.longer(2.0)
        );
    }
    match events_missing(bounds, share, budget) {
        Some(missing) => format!(" That is not enough: {}.", extent.more(missing, noun)),
        None => {
            " The measured share is too close to the limit for any number of samples to settle it.".to_owned()
        }
    }
}

/// A mean or a rate: what was measured, and between which bounds it lies.
pub(super) fn mean(
    condition: &Condition,
    reading: &Reading,
    interval: Option<(f64, f64)>,
    noun: &str,
) -> String {
    let unit = condition.limit.unit();
    let mut sentence = format!(
        "Measured {} over {}; the target is {} {}.",
        quantity(reading.value, unit),
        counted(reading.samples, "sample"),
        condition.comparator,
        condition.limit,
    );
    if reading.bad > 0 && unit == Unit::Time {
        sentence.push_str(&format!(
            " {} failed and have no time.",
            counted(reading.bad, noun)
        ));
    }
    if let Some((low, high)) = interval {
        sentence.push_str(&format!(
            " It is at least {} and at most {}, each with 95 % confidence.",
            quantity(low.max(0.0), unit),
            quantity(high, unit)
        ));
    }
    sentence
}

/// What would settle a mean or a rate that is inconclusive: the interval narrows with the square root of the time.
pub(super) fn more_time(
    value: f64,
    limit: f64,
    interval: Option<(f64, f64)>,
    met: bool,
    extent: Extent,
) -> String {
    let chance = if met {
        ""
    } else {
        " That misses the target, but it may be chance."
    };
    let Some((low, high)) = interval else {
        return format!(
            "{chance} Too few seconds were measured to tell how sure it is; measure for a minute or more."
        );
    };
    let distance = (limit - value).abs();
    if distance <= 0.0 {
        return format!("{chance} It is exactly at the limit, so no longer run would settle it.");
    }
    let factor = ((high - low) / 2.0 / distance).powi(2).max(1.1);
    format!("{chance} To settle it, {}.", extent.longer(factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_what_people_plan_with() {
        for (seconds, text) in [
            (40.2, "41 s"),
            (120.0, "120 s"),
            (300.0, "5 min"),
            (305.0, "5 min 10 s"),
            (355.1, "6 min"),
            (3_301.0, "56 min"),
            (12_500.0, "3.5 h"),
            (400_000.0, "5 days"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn more_samples_are_said_with_the_time_that_they_take() {
        let extent = Extent {
            samples: 60_000,
            load_s: 300.0,
        };
        assert_eq!(
            extent.more(60_000.0, "request"),
            "about 60\u{202f}000 more requests (5 min at this rate) would settle it: measure for 10 min instead of 5 min, \
             or at a higher rate"
        );
        let close = extent.more(200.0, "request");
        assert_eq!(
            close,
            "about 6\u{202f}000 more requests (30 s at this rate) would settle it: measure for 5 min 30 s instead of 5 min, or \
             at a higher rate"
        );
        let never = extent.more(1e9, "request");
        assert!(
            never.ends_with("too close to the limit for a test to tell"),
            "{never}"
        );
        assert_eq!(extent.longer(2.0), "measure for 10 min instead of 5 min");
    }
}
