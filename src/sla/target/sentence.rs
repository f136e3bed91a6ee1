//! The sentences that say what was found about a target, and what would settle it when nothing is certain.

use super::super::finding::Status;
use super::super::interval::{ShareBounds, events_missing, events_missing_to_fail};
use super::super::measure::{Measure, Reading};
use super::super::wording::{count, counted, quantity, span};
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

/// What would settle a target that is open.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct More {
    pub(super) sentence: String,
    /// For how many seconds to measure; `None` when no time would do.
    pub(super) measure_for_s: Option<f64>,
}

impl More {
    fn nothing(sentence: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            measure_for_s: None,
        }
    }

    /// The same within a longer sentence.
    fn within(self, whole: impl FnOnce(&str) -> String) -> Self {
        Self {
            sentence: whole(&self.sentence),
            ..self
        }
    }
}

impl Extent {
    /// What to do for so many more samples at the same rate.
    fn more(self, missing: f64, noun: &str) -> More {
        // Longer by a hair would end as near to the limit again: how many are missing is itself an estimate.
        let missing = missing.max(LONGER_AT_LEAST * self.samples as f64).ceil().max(1.0);
        let more = format!("about {} more {noun}s", count(missing as u64));
        let rate = self.samples as f64 / self.load_s.max(1.0);
        let more_s = missing / rate.max(1e-9);
        if more_s > LONGEST_TEST_S {
            return More::nothing(format!(
                "{more} would settle it, which takes {} at this rate: it is too close to the limit for a test to tell",
                span(more_s)
            ));
        }
        let whole_s = self.load_s + more_s;
        More {
            sentence: format!(
                "{more} ({} at this rate) would settle it: measure for {} instead of {}, or at a higher rate",
                span(more_s),
                span(whole_s),
                span(self.load_s)
            ),
            measure_for_s: Some(whole_s),
        }
    }

    /// What to do for a run that is longer by this factor.
    fn longer(self, factor: f64) -> More {
        let whole_s = self.load_s * factor;
        if whole_s > LONGEST_TEST_S {
            return More::nothing("it is too close to the limit for a test to tell");
        }
        More {
            sentence: format!("measure for {} instead of {}", span(whole_s), span(self.load_s)),
            measure_for_s: Some(whole_s),
        }
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
pub(super) fn more_data(bounds: &ShareBounds, share: f64, budget: f64, noun: &str, extent: Extent) -> More {
    if share > budget {
        let chance = " That misses the target, but too few events failed to be sure that it was not chance.";
        return match events_missing_to_fail(bounds, share, budget) {
            Some(missing) => extent
                .more(missing, noun)
                .within(|what| format!("{chance} If it stays so, {what}.")),
            None => More::nothing(chance),
        };
    }
    if budget <= 0.0 {
        return More::nothing(format!(
            " No number of {noun}s proves that not one is beyond the limit."
        ));
    }
    if bounds.upper <= budget {
        return extent.longer(2.0).within(|what| {
            format!(
                " But the run is too short for its own correlation: the longer the stretches of time that are compared, \
                 the more alike their {noun}s are, with no end in sight, so the bound may be too good; {what}."
            )
        });
    }
    match events_missing(bounds, share, budget) {
        Some(missing) => extent
            .more(missing, noun)
            .within(|what| format!(" That is not enough: {what}.")),
        None => More::nothing(
            " The measured share is too close to the limit for any number of samples to settle it.",
        ),
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
) -> More {
    let chance = if met {
        ""
    } else {
        " That misses the target, but it may be chance."
    };
    let Some((low, high)) = interval else {
        return More::nothing(format!(
            "{chance} Too few seconds were measured to tell how sure it is; measure for a minute or more."
        ));
    };
    let distance = (limit - value).abs();
    if distance <= 0.0 {
        return More::nothing(format!(
            "{chance} It is exactly at the limit, so no longer run would settle it."
        ));
    }
    let factor = ((high - low) / 2.0 / distance).powi(2).max(1.1);
    extent
        .longer(factor)
        .within(|what| format!("{chance} To settle it, {what}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_samples_are_said_with_the_time_that_they_take() {
        let extent = Extent {
            samples: 60_000,
            load_s: 300.0,
        };
        let more = extent.more(60_000.0, "request");
        assert_eq!(more.measure_for_s, Some(600.0));
        assert_eq!(
            more.sentence,
            "about 60\u{202f}000 more requests (5 min at this rate) would settle it: measure for 10 min instead of 5 min, \
             or at a higher rate"
        );
        let close = extent.more(200.0, "request");
        assert_eq!(
            close.sentence,
            "about 6\u{202f}000 more requests (30 s at this rate) would settle it: measure for 5 min 30 s instead of 5 min, or \
             at a higher rate"
        );
        let never = extent.more(1e9, "request");
        assert!(
            never
                .sentence
                .ends_with("too close to the limit for a test to tell")
                && never.measure_for_s.is_none(),
            "{never:?}"
        );
        assert_eq!(extent.longer(2.0).sentence, "measure for 10 min instead of 5 min");
    }
}
