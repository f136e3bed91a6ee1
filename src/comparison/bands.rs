//! The claim that response times moved from one band to another.
//!
//! An arm is *in its band* when its median and its p95 both lie in it: the typical request and all but the slowest
//! twentieth. The candidate may be faster than its band: what is better than promised is no failure. The baseline may
//! be on neither side of its own, for the claim is about where the way began.

use std::time::Duration;

use super::claim::{ClaimFinding, Court, undecided};
use super::interval::Interval;
use super::measure::{Basis, Quantity, cautious};
use super::tape::Figure;
use super::wording::range;
use crate::metrics::{Measurements, SeriesKind, Slice};
use crate::plan::{Band, Claim, Metric, Side, Sides, Statistic, Subject, Unit};
use crate::sla::Status;
use crate::sla::wording::quantity;
use crate::units::{Quantile, format_duration};

/// How the requests of one arm lie to a band.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BandShares {
    pub below: f64,
    pub within: f64,
    /// Failed requests included.
    pub above: f64,
}

/// The shares of `slice` below, within and above a band. Exact where the series counts at the band's ends, else by the
/// buckets of its histogram (three significant digits).
pub fn shares(slice: &Slice, thresholds_us: &[u32], band: Band) -> Option<BandShares> {
    if slice.total == 0 {
        return None;
    }
    let beyond = |end: Duration| {
        let end_us = u32::try_from(end.as_micros()).unwrap_or(u32::MAX);
        slice.bad_or_above(end_us, thresholds_us) as f64 / slice.total as f64
    };
    let (from, to) = (beyond(band.from), beyond(band.to));
    Some(BandShares {
        below: 1.0 - from,
        within: from - to,
        above: to,
    })
}

/// What one half of the claim requires, in few words.
fn required(side: Side, band: Band) -> String {
    let (from, to) = (format_duration(band.from), format_duration(band.to));
    match side {
        Side::Baseline => format!("response time p50 and p95 within {from} to {to}"),
        Side::Candidate => format!("response time p95 at most {to}, p50 within {from} to {to} or faster"),
    }
}

/// Where an arm lies to its band.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Inside,
    /// The median is below the band.
    Below,
    /// The p95 is above it.
    Above,
    /// Wider than the band on both sides.
    BothSides,
}

impl Court<'_> {
    /// Judges both bands, each for itself.
    pub(super) fn bands(&self, claim: &Claim, bands: &Sides<Band>) -> [ClaimFinding; 2] {
        Side::BOTH.map(|side| {
            let band = *bands.get(side);
            ClaimFinding {
                required: required(side, band),
                ..self.band(claim, side, band)
            }
        })
    }

    fn band(&self, claim: &Claim, side: Side, band: Band) -> ClaimFinding {
        let read = |quantile| Quantity::Series(SeriesKind::Response, Figure::Quantile(quantile));
        let (claim, name) = (self.of_side(claim, side, band), self.name(side));
        let found = self
            .usable
            .of_arm(side, read(0.5))
            .and_then(|median| Ok((median, self.usable.of_arm(side, read(0.95))?)));
        let (median, p95) = match found {
            Ok(found) => found,
            Err(lack) => {
                // Both sides are the arm's own here: a p95 on failed requests is above every band.
                let subject = Subject {
                    metric: Metric::ResponseTime,
                    statistic: Quantile::new(0.95).map_or(Statistic::Max, Statistic::Quantile),
                };
                let finding = self.lacking(&claim, subject, lack);
                return ClaimFinding {
                    is_ratio: false,
                    ..finding
                };
            }
        };
        let Some(basis) = self.basis_of(side) else {
            return ClaimFinding::new(
                &claim,
                Status::NoData,
                "There is no run to judge it by.".to_owned(),
            );
        };
        let status = status(side, band, median, p95, basis);
        let time = |value: f64| quantity(value, Unit::Time);
        let mut sentence = format!(
            "{name} {}: p50 {}, p95 {} (95 % interval {} ms, {}).",
            place_words(side, band, place(band, median.value, p95.value)),
            time(median.value),
            time(p95.value),
            range(&p95),
            of_runs(basis)
        );
        if let Some(shares) = self.pooled_shares(side, band) {
            let share = |value: f64| quantity(value, Unit::Ratio);
            sentence.push_str(&format!(
                " {} of its requests lie in the band, {} below and {} above.",
                share(shares.within),
                share(shares.below),
                share(shares.above)
            ));
        }
        if status == Status::Inconclusive {
            sentence.push_str(&format!(" {}", undecided(basis, Some(p95), None)));
        }
        let mut finding = ClaimFinding::new(&claim, status, sentence);
        *finding.figures.get_mut(side) = Some(p95.value);
        finding.measured = Some(p95);
        finding.is_ratio = false;
        finding.basis = Some(basis);
        finding
    }

    /// The claim as it concerns one arm.
    fn of_side(&self, claim: &Claim, side: Side, band: Band) -> Claim {
        let when = match side {
            Side::Baseline => "before",
            Side::Candidate => "after",
        };
        Claim {
            says: format!("{}: {when}, {}", claim.says, self.name(side)),
            test: crate::plan::ClaimTest::Bands(Sides {
                baseline: band,
                candidate: band,
            }),
        }
    }

    /// What the interval of one arm rests on.
    fn basis_of(&self, side: Side) -> Option<Basis> {
        let runs = self.usable.trials.get(side).len();
        Some(match runs {
            0 => return None,
            _ if self.usable.observed_only => Basis::Observed,
            1 if self.usable.run_to_run.is_some() => Basis::WithHistory,
            1 => Basis::WithinRuns,
            runs => Basis::Pairs(runs),
        })
    }

    fn pooled_shares(&self, side: Side, band: Band) -> Option<BandShares> {
        let (slice, measurements) = self.pool(side)?;
        shares(
            &slice,
            measurements.thresholds.of_kind(SeriesKind::Response),
            band,
        )
    }

    /// All requests of an arm. The runs of an arm count at the same thresholds.
    fn pool(&self, side: Side) -> Option<(Slice, &Measurements)> {
        let trials = self.usable.trials.get(side);
        let mut slice = Slice::default();
        for trial in trials {
            slice.merge(&trial.total(SeriesKind::Response));
        }
        Some((slice, &trials.first()?.evidence.measurements))
    }
}

fn of_runs(basis: Basis) -> String {
    match basis {
        Basis::Pairs(runs) => format!("{runs} runs"),
        Basis::WithinRuns => "one run, within-run uncertainty only".to_owned(),
        Basis::Observed => "observed, one run".to_owned(),
        Basis::Runs(_) | Basis::WithHistory => basis.words(),
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn place(band: Band, median: f64, p95: f64) -> Place {
    match (median < milliseconds(band.from), p95 > milliseconds(band.to)) {
        (false, false) => Place::Inside,
        (true, false) => Place::Below,
        (false, true) => Place::Above,
        (true, true) => Place::BothSides,
    }
}

fn place_words(side: Side, band: Band, place: Place) -> String {
    let (from, to) = (milliseconds(band.from), milliseconds(band.to));
    let band = format!("{from} to {to} ms");
    match (place, side) {
        (Place::Inside, _) => format!("lies in its band of {band}"),
        (Place::Below, Side::Candidate) => {
            format!("is faster than its band of {band}, which is no failure")
        }
        (Place::Below, Side::Baseline) => {
            format!("lies outside of its band of {band}: it is faster than that already")
        }
        (Place::Above, _) => format!("lies outside of its band of {band}: it is slower"),
        (Place::BothSides, _) => {
            format!("lies outside of its band of {band} on both sides: its median is below, its p95 above")
        }
    }
}

fn status(side: Side, band: Band, median: Interval, p95: Interval, basis: Basis) -> Status {
    let (from, to) = (milliseconds(band.from), milliseconds(band.to));
    let may_be_faster = side == Side::Candidate;
    let passes = p95.high <= to && (may_be_faster || median.low >= from);
    let (median_widest, p95_widest) = (cautious(median, basis), cautious(p95, basis));
    let fails = p95_widest.low > to || (!may_be_faster && median_widest.high < from);
    match basis {
        Basis::Observed => Status::Inconclusive,
        Basis::WithinRuns if passes => Status::Inconclusive,
        _ if passes => Status::Pass,
        _ if fails => Status::Fail,
        _ => Status::Inconclusive,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAND: Band = Band {
        from: Duration::from_millis(50),
        to: Duration::from_millis(150),
    };

    fn exactly(value: f64) -> Interval {
        Interval {
            value,
            low: value * 0.98,
            high: value * 1.02,
        }
    }

    #[test]
    fn faster_than_promised_is_no_failure_of_the_candidate_and_one_of_the_baseline() {
        let of = |side, median, p95| status(side, BAND, exactly(median), exactly(p95), Basis::Pairs(5));
        for (side, median, p95, expected) in [
            (Side::Candidate, 80.0, 140.0, Status::Pass),
            (Side::Candidate, 8.0, 20.0, Status::Pass),
            (Side::Candidate, 80.0, 160.0, Status::Fail),
            (Side::Candidate, 80.0, 150.0, Status::Inconclusive),
            (Side::Baseline, 80.0, 140.0, Status::Pass),
            (Side::Baseline, 8.0, 20.0, Status::Fail),
            (Side::Baseline, 50.0, 140.0, Status::Inconclusive),
            (Side::Baseline, 30.0, 190.0, Status::Fail),
        ] {
            assert_eq!(of(side, median, p95), expected, "{side:?} {median} {p95}");
        }
    }

    #[test]
    fn one_run_neither_passes_nor_fails_by_little() {
        let of = |p95, basis| status(Side::Candidate, BAND, exactly(80.0), exactly(p95), basis);
        assert_eq!(of(100.0, Basis::WithinRuns), Status::Inconclusive);
        assert_eq!(of(160.0, Basis::WithinRuns), Status::Inconclusive);
        assert_eq!(of(400.0, Basis::WithinRuns), Status::Fail);
        assert_eq!(of(400.0, Basis::Observed), Status::Inconclusive);
    }

    #[test]
    fn shares_add_up_and_failures_are_above() {
        let mut slice = Slice::default();
        for (value, count) in [
            (20_000, 10),
            (50_000, 5),
            (100_000, 60),
            (150_000, 5),
            (151_000, 10),
        ] {
            slice.add_value(value, value, count, &[50_000, 150_000]);
        }
        slice.add_bad(10);
        let found = shares(&slice, &[50_000, 150_000], BAND).unwrap();
        assert!(
            (found.below - 0.15).abs() < 1e-9 && (found.within - 0.65).abs() < 1e-9,
            "{found:?}"
        );
        assert!((found.above - 0.2).abs() < 1e-9, "{found:?}");
        assert_eq!(shares(&Slice::default(), &[], BAND), None);
    }
}
