//! What a person sees while the run goes on: a line a second on a terminal, a line every few seconds elsewhere.

use std::io::{IsTerminal, Write};

use crate::metrics::{Iterations, Measurements, SeriesKind};

/// Seconds between lines when nobody watches live, as in a CI log.
const PLAIN_EVERY_S: u32 = 5;
/// Seconds that the figures of a line cover.
const SPAN_S: u32 = 5;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressMode {
    /// One line that is rewritten each second.
    Tui,
    /// A line every few seconds.
    Plain,
    /// Nothing.
    None,
}

impl ProgressMode {
    /// Live on a terminal, plain elsewhere.
    pub fn automatic() -> Self {
        if std::io::stderr().is_terminal() {
            ProgressMode::Tui
        } else {
            ProgressMode::Plain
        }
    }
}

/// The part of the run that is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    WarmingUp,
    Measuring,
    Draining,
}

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Phase::WarmingUp => "warm-up",
            Phase::Measuring => "measuring",
            Phase::Draining => "draining",
        }
    }
}

/// The figures of one moment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reading {
    second: u32,
    phase: Phase,
    requests_per_s: f64,
    p95_ms: Option<f64>,
    failed_share: Option<f64>,
    users: u64,
    dropped: u64,
}

impl Reading {
    pub(super) fn of(measurements: &Measurements, iterations: &Iterations, ended: u32, phase: Phase) -> Self {
        let from = (ended + 1).saturating_sub(SPAN_S);
        let mut slice = measurements.sum(SeriesKind::Response, None, from..ended + 1);
        if slice.total == 0 {
            slice = measurements.sum_warm_up(SeriesKind::Response, from..ended + 1);
        }
        Self {
            second: ended + 1,
            phase,
            requests_per_s: slice.total as f64 / f64::from(ended + 1 - from),
            p95_ms: slice.quantile_ms(0.95),
            failed_share: slice.bad_share(),
            users: iterations.started.saturating_sub(iterations.ended()),
            dropped: iterations.dropped,
        }
    }

    fn line(&self) -> String {
        let p95 = match self.p95_ms {
            None => "no data".to_owned(),
            Some(ms) if ms.is_finite() => format!("{ms:.1} ms"),
            Some(_) => "failed".to_owned(),
        };
        let failed = self
            .failed_share
            .map_or("no data".to_owned(), |share| format!("{:.2}%", share * 100.0));
        let dropped = if self.dropped > 0 {
            format!(" · {} arrivals dropped", self.dropped)
        } else {
            String::new()
        };
        format!(
            "{:02}:{:02} {:<9} {:>7.1} requests/s · p95 {p95} · errors {failed} · {} users{dropped}",
            self.second / 60,
            self.second % 60,
            self.phase.name(),
            self.requests_per_s,
            self.users,
        )
    }
}

/// Shows progress on standard error.
#[derive(Debug)]
pub(super) struct Progress {
    mode: ProgressMode,
    line_is_open: bool,
    said: Vec<String>,
}

impl Progress {
    pub(super) fn new(mode: ProgressMode) -> Self {
        Self {
            mode,
            line_is_open: false,
            said: Vec::new(),
        }
    }

    /// Shows the figures of a second.
    pub(super) fn show(&mut self, reading: &Reading) {
        match self.mode {
            ProgressMode::None => {}
            ProgressMode::Plain if !reading.second.is_multiple_of(PLAIN_EVERY_S) => {}
            ProgressMode::Plain => self.write(&format!("{}\n", reading.line())),
            ProgressMode::Tui => {
                // Back to the start of the line, then clear what the longer line before it left.
                self.write(&format!("\r{}\x1b[K", reading.line()));
                self.line_is_open = true;
            }
        }
    }

    /// Says something that happened, on a line of its own.
    pub(super) fn note(&mut self, text: &str) {
        if self.mode == ProgressMode::None {
            return;
        }
        self.end_line();
        self.write(&format!("{text}\n"));
    }

    /// Says something once, however often it is noticed.
    pub(super) fn note_once(&mut self, text: &str) {
        if !self.said.iter().any(|said| said == text) {
            self.said.push(text.to_owned());
            self.note(text);
        }
    }

    /// Leaves the cursor on a new line.
    pub(super) fn end_line(&mut self) {
        if std::mem::take(&mut self.line_is_open) {
            self.write("\n");
        }
    }

    fn write(&self, text: &str) {
        // Progress that cannot be shown must not end the run.
        let mut stderr = std::io::stderr().lock();
        let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_units_and_says_when_there_is_no_data() {
        let reading = Reading {
            second: 75,
            phase: Phase::Measuring,
            requests_per_s: 201.25,
            p95_ms: Some(34.25),
            failed_share: Some(0.001),
            users: 412,
            dropped: 3,
        };
        assert_eq!(
            reading.line(),
            "01:15 measuring   201.2 requests/s · p95 34.2 ms · errors 0.10% · 412 users · 3 arrivals dropped"
        );
        let silent = Reading {
            p95_ms: None,
            failed_share: None,
            dropped: 0,
            ..reading
        };
        assert!(silent.line().contains("p95 no data · errors no data · 412 users"));
    }
}
