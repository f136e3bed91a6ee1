//! The circuit breaker, as a value: no clock, no lock, no network.
//!
//! | state     | what permits a call                      | what ends the state                                       |
//! |-----------|------------------------------------------|-----------------------------------------------------------|
//! | closed    | always                                   | enough failures in a row, or in the window → open         |
//! | open      | nothing until the pause is over          | the pause is over and a call is wanted → half-open        |
//! | half-open | as many probes as the settings say       | all probes succeed → closed; one fails → open, twice as long |
//!
//! A call that was permitted in an earlier state says nothing about this one, so its result is ignored.

use std::collections::VecDeque;
use std::time::Duration;

/// When the breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerSettings {
    /// The number of latest calls that are judged together.
    pub window: usize,
    /// It opens when this share of a full window failed.
    pub failure_share: f64,
    /// It opens after this many failures in a row.
    pub failures_in_row: u32,
    /// The first pause; each failed probe doubles it.
    pub open_for: Duration,
    pub open_for_max: Duration,
    /// Successful probes that close it.
    pub probes: u32,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            window: 20,
            failure_share: 0.5,
            failures_in_row: 5,
            open_for: Duration::from_secs(5),
            open_for_max: Duration::from_secs(60),
            probes: 2,
        }
    }
}

/// How a permitted call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallResult {
    Success,
    Failure,
    /// It was never finished, so it says nothing.
    Abandoned,
}

/// The right to make one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permit {
    generation: u64,
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    Closed {
        failed: VecDeque<bool>,
        failures_in_row: u32,
    },
    Open {
        until: Duration,
    },
    HalfOpen {
        under_way: u32,
        succeeded: u32,
    },
}

/// See the table in the module's documentation. Moments are times since any fixed point.
#[derive(Debug, Clone)]
pub struct Breaker {
    settings: BreakerSettings,
    state: State,
    /// Counts the changes of state.
    generation: u64,
    next_pause: Duration,
}

impl Breaker {
    pub fn new(settings: BreakerSettings) -> Self {
        Self {
            settings,
            state: closed(),
            generation: 0,
            next_pause: settings.open_for,
        }
    }

    /// How many calls would be permitted at this moment.
    pub fn available(&self, now: Duration) -> u32 {
        match self.state {
            State::Closed { .. } => u32::MAX,
            State::Open { until } if now < until => 0,
            State::Open { .. } => self.settings.probes,
            State::HalfOpen { under_way, succeeded } => {
                self.settings.probes.saturating_sub(under_way + succeeded)
            }
        }
    }

    /// Permits a call, or does not.
    pub fn permit(&mut self, now: Duration) -> Option<Permit> {
        if self.available(now) == 0 {
            return None;
        }
        if let State::Open { .. } = self.state {
            self.change(State::HalfOpen {
                under_way: 0,
                succeeded: 0,
            });
        }
        if let State::HalfOpen { under_way, .. } = &mut self.state {
            *under_way += 1;
        }
        Some(Permit {
            generation: self.generation,
        })
    }

    /// Takes the result of a permitted call. `true`: this result opened the breaker.
    pub fn record(&mut self, now: Duration, permit: Permit, result: CallResult) -> bool {
        if permit.generation != self.generation {
            return false;
        }
        let settings = self.settings;
        match (&mut self.state, result) {
            (
                State::Closed {
                    failed,
                    failures_in_row,
                },
                CallResult::Success | CallResult::Failure,
            ) => {
                let failure = result == CallResult::Failure;
                *failures_in_row = if failure { *failures_in_row + 1 } else { 0 };
                if failed.len() == settings.window {
                    failed.pop_front();
                }
                failed.push_back(failure);
                let failures = failed.iter().filter(|failed| **failed).count();
                let window_failed = failed.len() == settings.window
                    && failures as f64 >= settings.failure_share * settings.window as f64;
                if failure && (*failures_in_row >= settings.failures_in_row || window_failed) {
                    self.open(now);
                    return true;
                }
            }
            (State::HalfOpen { .. }, CallResult::Failure) => {
                self.open(now);
                return true;
            }
            (State::HalfOpen { under_way, succeeded }, CallResult::Success) => {
                *under_way = under_way.saturating_sub(1);
                *succeeded += 1;
                if *succeeded >= settings.probes {
                    self.next_pause = settings.open_for;
                    self.change(closed());
                }
            }
            (State::HalfOpen { under_way, .. }, CallResult::Abandoned) => {
                *under_way = under_way.saturating_sub(1);
            }
            (State::Closed { .. }, CallResult::Abandoned) | (State::Open { .. }, _) => {}
        }
        false
    }

    /// The time until a call may be permitted; zero when one may be now.
    pub fn pause_left(&self, now: Duration) -> Duration {
        match self.state {
            State::Open { until } => until.saturating_sub(now),
            State::Closed { .. } | State::HalfOpen { .. } => Duration::ZERO,
        }
    }

    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    /// 0 closed, 1 open, 2 half-open: for the gauge.
    pub fn state_number(&self) -> i64 {
        match self.state {
            State::Closed { .. } => 0,
            State::Open { .. } => 1,
            State::HalfOpen { .. } => 2,
        }
    }

    fn open(&mut self, now: Duration) {
        let pause = self.next_pause;
        self.next_pause = pause.saturating_mul(2).min(self.settings.open_for_max);
        self.change(State::Open {
            until: now.saturating_add(pause),
        });
    }

    fn change(&mut self, state: State) {
        self.state = state;
        self.generation += 1;
    }
}

fn closed() -> State {
    State::Closed {
        failed: VecDeque::new(),
        failures_in_row: 0,
    }
}

#[cfg(test)]
mod tests;
