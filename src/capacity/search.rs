//! The search itself: which rate to try next, given what happened at the rates before. Pure: it runs nothing.
//!
//! It steps up from the lowest rate by a constant factor until a rate fails, and then bisects between the highest rate
//! that held and the lowest that failed, by the geometric mean, until the two are no further apart than the resolution.
//! It never leaves that bracket, so that answers which contradict each other cannot make it go in circles.
//!
//! Near the limit chance decides, and a single failure by chance would cut off all that lies above it. A rate whose
//! failure may be chance is therefore tried once more; one that clearly failed is not. Of two tries one passes more
//! easily, which by itself would make the answer too high. So the rate that was found is confirmed: it must hold a
//! second time, without a second try, or it counts as failed and the search goes on below it.
//!
//! A rate that the load generator could not bring, twice, says nothing about the target. The search goes on below it as
//! well, and if it finds no rate that failed there, it ends in saying that the generator was the limit.

use std::fmt;

use crate::plan::CapacityPlan;
use crate::units::Rate;

/// How often a rate may fail its confirmation before the search leaves it at what held once.
const CONFIRMATIONS_MAX: u32 = 3;

/// How often a rate is tried whose tries decide nothing.
const TRIES_MAX: u32 = 2;

/// What happened at a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// All targets held.
    Held,
    /// The rate failed, or did not hold, and chance may be the reason.
    Doubtful,
    /// The rate failed, beyond what chance explains.
    NotHeld,
    /// Nothing can be said about the target, because the load generator was in trouble.
    Invalid,
}

/// Why a rate is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    SteppingUp,
    Bisecting,
    /// The rate that was found, a second time.
    Confirming,
    /// Again, because the step before proved nothing, or too little.
    Repeating,
}

/// The next rate to try.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aim {
    pub rate: Rate,
    pub purpose: Purpose,
}

/// How a search came to its own end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchEnd {
    /// The highest rate that held and the lowest that failed are no further apart than the resolution.
    Found,
    /// The highest rate to try held: the capacity is that, or more.
    AtLeast,
    /// Not even the lowest rate held.
    NotEvenLowest,
    /// The load generator could not bring a rate that lies above the highest that held by no more than the resolution;
    /// or not even the lowest.
    GeneratorLimit,
}

/// What is known of the capacity.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bracket {
    /// The highest rate that held.
    pub held: Option<Rate>,
    /// The lowest rate that failed; above `held`.
    pub not_held: Option<Rate>,
    /// The lowest rate that the load generator could not bring, when it is below `not_held`.
    pub not_brought: Option<Rate>,
    /// Whether `held` held twice.
    pub is_confirmed: bool,
}

/// A search under way: ask [`Search::next`], try the rate, tell [`Search::feed`].
#[derive(Debug, Clone)]
pub struct Search {
    plan: CapacityPlan,
    /// Rates that held, below any that failed; in ascending order.
    held: Vec<Rate>,
    not_held: Option<Rate>,
    not_brought: Option<Rate>,
    confirmed: Option<Rate>,
    confirmations: u32,
    /// What the tries of the present aim that decided nothing said.
    doubts: u32,
    invalid: u32,
}

impl Search {
    /// A search that has tried nothing yet.
    pub fn new(plan: &CapacityPlan) -> Self {
        Self {
            plan: plan.clone(),
            held: Vec::new(),
            not_held: None,
            not_brought: None,
            confirmed: None,
            confirmations: 0,
            doubts: 0,
            invalid: 0,
        }
    }

    /// The rate to try next.
    ///
    /// # Errors
    /// How the search ended, when there is nothing more to try.
    pub fn next(&self) -> Result<Aim, SearchEnd> {
        let aim = self.aim()?;
        let is_again = self.doubts + self.invalid > 0;
        Ok(Aim {
            purpose: if is_again { Purpose::Repeating } else { aim.purpose },
            ..aim
        })
    }

    /// The rate to try next, whether for the first time or again.
    fn aim(&self) -> Result<Aim, SearchEnd> {
        let try_at = |rate, purpose| Ok(Aim { rate, purpose });
        let upper = lower_of(self.not_held, self.not_brought);
        let is_generators = upper.is_some() && upper != self.not_held;
        match (self.held.last().copied(), upper) {
            (None, None) => try_at(self.plan.from, Purpose::SteppingUp),
            (None, Some(_)) if is_generators => Err(SearchEnd::GeneratorLimit),
            (None, Some(_)) => Err(SearchEnd::NotEvenLowest),
            (Some(held), None) if held < self.plan.to => try_at(self.above(held), Purpose::SteppingUp),
            (Some(held), Some(upper)) if !self.is_fine(held, upper) => {
                try_at(self.between(held, upper), Purpose::Bisecting)
            }
            (Some(held), _) if self.must_confirm(held) => try_at(held, Purpose::Confirming),
            (Some(_), None) => Err(SearchEnd::AtLeast),
            (Some(_), Some(_)) if is_generators => Err(SearchEnd::GeneratorLimit),
            (Some(_), Some(_)) => Err(SearchEnd::Found),
        }
    }

    /// Takes in what happened at the rate that [`Search::next`] gave. Once the search has ended, nothing changes.
    pub fn feed(&mut self, answer: Answer) {
        let Ok(aim) = self.aim() else { return };
        let is_confirming = aim.purpose == Purpose::Confirming;
        let is_undecided = match answer {
            Answer::Invalid => {
                self.invalid += 1;
                self.invalid < TRIES_MAX
            }
            Answer::Doubtful if !is_confirming => {
                self.doubts += 1;
                self.doubts < TRIES_MAX
            }
            Answer::Held | Answer::Doubtful | Answer::NotHeld => false,
        };
        if is_undecided {
            return;
        }
        (self.doubts, self.invalid) = (0, 0);
        self.confirmations += u32::from(is_confirming);
        match answer {
            Answer::Held if is_confirming => self.confirmed = Some(aim.rate),
            Answer::Held => self.held.push(aim.rate),
            // It held before; that it could not be tried again takes nothing from that.
            Answer::Invalid if is_confirming => self.confirmations = CONFIRMATIONS_MAX,
            Answer::Invalid => self.not_brought = Some(aim.rate),
            Answer::Doubtful | Answer::NotHeld => {
                self.held.retain(|rate| *rate < aim.rate);
                self.not_held = Some(aim.rate);
            }
        }
    }

    /// The load generator cannot bring the rate that [`Search::next`] gave, and need not try again.
    pub fn cannot_bring(&mut self) {
        self.invalid = TRIES_MAX - 1;
        self.feed(Answer::Invalid);
    }

    /// What is known so far.
    pub fn bracket(&self) -> Bracket {
        let held = self.held.last().copied();
        Bracket {
            held,
            not_held: self.not_held,
            not_brought: self
                .not_brought
                .filter(|rate| Some(*rate) == lower_of(self.not_held, self.not_brought)),
            is_confirmed: held.is_some() && self.confirmed == held,
        }
    }

    /// The steps that are still to come at most when the generator keeps up and what is found is confirmed at once.
    pub fn steps_most(&self) -> u32 {
        match self.aim() {
            Err(_) => 0,
            Ok(aim) if aim.purpose == Purpose::Confirming => 1,
            Ok(_) => {
                let after = |answer| {
                    let mut next = self.clone();
                    next.feed(answer);
                    next.steps_most()
                };
                1 + after(Answer::Held).max(after(Answer::NotHeld))
            }
        }
    }

    fn must_confirm(&self, held: Rate) -> bool {
        self.plan.confirm && self.confirmed != Some(held) && self.confirmations < CONFIRMATIONS_MAX
    }

    /// Whether the two are no further apart than the resolution.
    fn is_fine(&self, held: Rate, failed: Rate) -> bool {
        failed.as_per_second() <= held.as_per_second() * self.coarseness()
    }

    fn coarseness(&self) -> f64 {
        // A little more than the resolution: 10.0 and 11.0 are 10 % apart also in floating point.
        1.0 + self.plan.resolution.get() + 1e-9
    }

    /// The next rate of the stair. The last one is the highest to try, also when it is less than a step away.
    fn above(&self, held: Rate) -> Rate {
        let next = round(held.as_per_second() * self.plan.factor);
        // Rates closer to the end than the resolution would only be tried twice.
        let is_near_end = next * self.coarseness() >= self.plan.to.as_per_second();
        self.rate(if is_near_end || next <= held.as_per_second() {
            self.plan.to.as_per_second()
        } else {
            next
        })
    }

    /// The geometric mean, because what is sought is known to a share of itself.
    fn between(&self, held: Rate, failed: Rate) -> Rate {
        let (low, high) = (held.as_per_second(), failed.as_per_second());
        let exact = (low * high).sqrt();
        let rounded = round(exact);
        self.rate(if rounded > low && rounded < high {
            rounded
        } else {
            exact
        })
    }

    /// A rate between the lowest and the highest to try: never beyond what a rate may be.
    fn rate(&self, per_second: f64) -> Rate {
        Rate::per_second(per_second).unwrap_or(self.plan.to)
    }
}

impl Bracket {
    /// How far the lowest rate that failed lies above the highest that held, as a share of the latter; `None` unless
    /// both are known.
    pub fn resolution(&self) -> Option<f64> {
        let (held, failed) = self.held.zip(self.not_held)?;
        Some(failed.as_per_second() / held.as_per_second() - 1.0)
    }
}

fn lower_of(left: Option<Rate>, right: Option<Rate>) -> Option<Rate> {
    match (left, right) {
        (Some(left), Some(right)) => Some(if left < right { left } else { right }),
        (left, right) => left.or(right),
    }
}

/// To three significant digits, so that people can say it.
fn round(value: f64) -> f64 {
    let scale = 10_f64.powf(2.0 - value.log10().floor());
    (value * scale).round() / scale
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Purpose::SteppingUp => "stepping up",
            Purpose::Bisecting => "bisecting",
            Purpose::Confirming => "confirming",
            Purpose::Repeating => "repeating",
        })
    }
}

#[cfg(test)]
mod tests;
