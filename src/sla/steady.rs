//! Whether a run was steady: an automatic look at its beginning (MSER-5) and at its drift (a trend test on batches).
//!
//! Both tests are nervous on data that depends on itself: MSER-5 takes a stretch of bad luck at the beginning of a short run
//! for a transient, and a plain trend test takes the slow wandering of correlated seconds for a drift. So they are asked only
//! about plateaus of [`PLATEAU_MIN_S`] and more, the trend over batches of at least ten seconds with what correlation is left
//! taken out, at one in a thousand; and neither decides anything by itself: who asks must also find that the target
//! would not be met otherwise (see `target/steadiness`). A healthy server has to pass 99 of 100 runs.

use super::distribution::t_quantile;

/// Shorter plateaus are not looked at.
pub(super) const PLATEAU_MIN_S: u32 = 300;
/// Into how many batches a plateau is cut for the trend.
pub(super) const BATCHES: u32 = 30;
/// Two-sided error probability of the trend test.
const TREND_ALPHA: f64 = 0.001;
/// Seconds in a group of MSER-5.
const GROUP: usize = 5;
/// Fewer groups than this say nothing.
const GROUPS_MIN: usize = 40;
/// The variance of the last few groups alone is small by chance: they are never all that is left.
const GROUPS_KEPT: usize = 5;

/// What MSER-5 says about the beginning of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// The rest is best described without so many seconds; 0 when all of it is alike.
    Transient { seconds: u32 },
    /// What is best left out reaches into the second half: no steady state was reached.
    NeverSteady { seconds: u32 },
}

/// MSER-5 (White 1997; Hoad, Robinson and Davies 2008): leaves out what makes the standard error of the rest's mean
/// smallest. `values` are one a second; `None` when there are too few.
pub(super) fn beginning(values: &[f64]) -> Option<Beginning> {
    let groups: Vec<f64> = values
        .chunks_exact(GROUP)
        .map(|group| group.iter().sum::<f64>() / GROUP as f64)
        .collect();
    let count = groups.len();
    if count < GROUPS_MIN {
        return None;
    }
    let statistic = |from: usize| {
        let rest = &groups[from..];
        let size = rest.len() as f64;
        let mean = rest.iter().sum::<f64>() / size;
        rest.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / size.powi(2)
    };
    let (mut best, mut smallest) = (0, statistic(0));
    for from in 1..=count - GROUPS_KEPT {
        let candidate = statistic(from);
        if candidate < smallest {
            (best, smallest) = (from, candidate);
        }
    }
    let seconds = u32::try_from(best * GROUP).unwrap_or(u32::MAX);
    Some(if best * 2 > count {
        Beginning::NeverSteady { seconds }
    } else {
        Beginning::Transient { seconds }
    })
}

/// A straight line through the values of equally long batches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Trend {
    /// Change of the value from one batch to the next.
    pub(super) per_batch: f64,
    /// The line at the end of the last batch.
    pub(super) at_end: f64,
    /// Whether chance hardly explains the slope.
    pub(super) certain: bool,
}

/// The trend of batch values, by least squares. The standard error of the slope is widened by the correlation of
/// neighbouring residuals, and the degrees of freedom are lessened by it. `None` with fewer than ten batches.
pub(super) fn trend(values: &[f64]) -> Option<Trend> {
    let count = values.len();
    if count < 10 || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let size = count as f64;
    let middle = (size - 1.0) / 2.0;
    let mean = values.iter().sum::<f64>() / size;
    let spread: f64 = (0..count).map(|index| (index as f64 - middle).powi(2)).sum();
    let slope = values
        .iter()
        .enumerate()
        .map(|(index, value)| (index as f64 - middle) * (value - mean))
        .sum::<f64>()
        / spread;
    let residuals: Vec<f64> = values
        .iter()
        .enumerate()
        .map(|(index, value)| value - mean - slope * (index as f64 - middle))
        .collect();
    let squares: f64 = residuals.iter().map(|residual| residual.powi(2)).sum();
    let neighbours: f64 = residuals.windows(2).map(|pair| pair[0] * pair[1]).sum();
    // Residuals of a fitted line look less alike than they are, by about two parts in the number of batches.
    let correlation = if squares > 0.0 {
        (neighbours / squares + 2.0 / size).clamp(0.0, 0.95)
    } else {
        0.0
    };
    let widened = (1.0 + correlation) / (1.0 - correlation);
    let error = (squares / (size - 2.0) / spread * widened).sqrt();
    let degrees = (size / widened - 2.0).max(1.0);
    Some(Trend {
        per_batch: slope,
        at_end: mean + slope * (size - middle - 0.5),
        certain: slope.abs() > error * t_quantile(1.0 - TREND_ALPHA / 2.0, degrees) && slope != 0.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look normal and are always the same (the sum of twelve uniform ones).
    struct Noise(u64);

    impl Noise {
        fn next(&mut self) -> f64 {
            (0..12)
                .map(|_| {
                    self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
                    let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                    ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
                })
                .sum::<f64>()
                - 6.0
        }

        /// Values that keep a part of the one before.
        fn correlated(&mut self, count: usize, keep: f64) -> Vec<f64> {
            let mut value = self.next();
            (0..count)
                .map(|_| {
                    value = keep * value + (1.0 - keep * keep).sqrt() * self.next();
                    value
                })
                .collect()
        }
    }

    #[test]
    fn a_transient_is_found_where_it_ends() {
        let mut noise = Noise(1);
        let values: Vec<f64> = (0..300)
            .map(|second| if second < 60 { 200.0 } else { 100.0 } + noise.next())
            .collect();
        // What is left after it varies by chance, so a little more may be left out than must be.
        let found = beginning(&values);
        assert!(
            matches!(found, Some(Beginning::Transient { seconds: 60..=90 })),
            "{found:?}"
        );
        assert_eq!(beginning(&[1.0; 300]), Some(Beginning::Transient { seconds: 0 }));
        assert_eq!(beginning(&values[..199]), None);
        // It gets slower until shortly before the end.
        let rising: Vec<f64> = (0..300).map(|second| f64::from(second.min(260))).collect();
        assert!(matches!(beginning(&rising), Some(Beginning::NeverSteady { seconds }) if seconds > 200));
    }

    #[test]
    fn a_trend_is_a_line_with_its_end() {
        let mut noise = Noise(2);
        let values: Vec<f64> = (0..30)
            .map(|batch| 100.0 + 2.0 * f64::from(batch) + noise.next())
            .collect();
        let found = trend(&values).unwrap();
        assert!(found.certain);
        assert!((found.per_batch - 2.0).abs() < 0.1, "{found:?}");
        assert!((found.at_end - 159.0).abs() < 2.0, "{found:?}");
        let flat = trend(&[5.0; 30]).unwrap();
        assert!(!flat.certain && flat.per_batch == 0.0);
        assert_eq!(trend(&[1.0; 9]), None);
        assert_eq!(trend(&[f64::INFINITY; 30]), None);
    }

    #[test]
    fn steady_series_have_a_certain_trend_in_few_of_thousands() {
        for (keep, alarms_max) in [(0.0, 10), (0.3, 15), (0.5, 25)] {
            let mut noise = Noise(3);
            let alarms = (0..2_000)
                .filter(|_| trend(&noise.correlated(30, keep)).unwrap().certain)
                .count();
            // One in a thousand is meant; what is left of the correlation costs some more.
            assert!(alarms <= alarms_max, "{alarms} of 2000 with {keep} kept");
        }
    }
}
