//! What a person sees while the run goes on: a live view on a terminal, a line every few seconds elsewhere.

mod draw;
mod live;
mod reading;

use std::io::{IsTerminal, Write};
use std::time::Duration;

pub(super) use reading::{Phase, Reading};

use self::live::Live;
use super::collect::Collector;
use crate::plan::Plan;

/// Seconds between lines when nobody watches live, as in a CI log.
const PLAIN_EVERY_S: u32 = 5;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressMode {
    /// A view that fills the terminal and is drawn again each second.
    Tui,
    /// A line every few seconds.
    Plain,
    /// Nothing.
    None,
}

impl ProgressMode {
    /// Live on a terminal, plain elsewhere: a CI log, a file, or a terminal that cannot move its cursor.
    pub fn automatic() -> Self {
        if can_draw() {
            ProgressMode::Tui
        } else {
            ProgressMode::Plain
        }
    }
}

fn can_draw() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// What of a run does not change while it goes on.
#[derive(Debug, Clone, Default)]
pub(super) struct Headline {
    pub(super) scenario: String,
    /// What is tested.
    pub(super) target: String,
    pub(super) seed: u64,
    /// How long the load lasts by the plan.
    pub(super) planned: Duration,
}

impl Headline {
    /// Of a run of `plan` against `target`.
    pub(super) fn of(plan: &Plan, target: &str) -> Self {
        Self {
            scenario: plan.name.clone(),
            target: target.to_owned(),
            seed: plan.seed,
            planned: plan.load.executor.duration(),
        }
    }
}

/// Shows progress on standard error.
#[derive(Debug)]
pub(super) struct Progress {
    mode: ProgressMode,
    headline: Headline,
    live: Option<Live>,
    said: Vec<String>,
}

impl Progress {
    pub(super) fn new(mode: ProgressMode) -> Self {
        let mode = match mode {
            // Who asks for the view where none can be drawn gets what can be.
            ProgressMode::Tui if !can_draw() => ProgressMode::Plain,
            mode => mode,
        };
        Self {
            mode,
            headline: Headline::default(),
            live: None,
            said: Vec::new(),
        }
    }

    /// Says what the run is about; before the first figures.
    pub(super) fn announce(&mut self, headline: Headline) {
        self.headline = headline;
    }

    /// Shows the figures of the second `ended`.
    pub(super) fn show(&mut self, collector: &Collector, plan: &Plan, ended: u32, phase: Phase) {
        match self.mode {
            ProgressMode::None => {}
            ProgressMode::Plain if !(ended + 1).is_multiple_of(PLAIN_EVERY_S) => {}
            ProgressMode::Plain => {
                let reading = Reading::of(collector, ended, phase);
                self.write(&format!("{}\n", reading.line()));
            }
            ProgressMode::Tui => {
                if self.live.is_none() {
                    self.live = Live::start(self.headline.clone());
                }
                let reading = Reading::of(collector, ended, phase);
                let glances = Reading::glances(collector, plan, ended);
                match &mut self.live {
                    Some(live) => live.show(reading, glances),
                    None => {
                        // The terminal refused the view; lines are better than nothing.
                        self.mode = ProgressMode::Plain;
                        self.write(&format!("{}\n", reading.line()));
                    }
                }
            }
        }
    }

    /// Says something that happened, on a line of its own.
    pub(super) fn note(&mut self, text: &str) {
        if self.mode == ProgressMode::None {
            return;
        }
        match &mut self.live {
            Some(live) => live.note(text),
            None => self.write(&format!("{text}\n")),
        }
    }

    /// Says something once, however often it is noticed.
    pub(super) fn note_once(&mut self, text: &str) {
        if !self.said.iter().any(|said| said == text) {
            self.said.push(text.to_owned());
            self.note(text);
        }
    }

    /// Gives the terminal back, with what happened as lines on it.
    pub(super) fn end_live(&mut self) {
        if let Some(live) = self.live.take() {
            for line in live.end() {
                self.write(&format!("{line}\n"));
            }
        }
    }

    fn write(&self, text: &str) {
        // Progress that cannot be shown must not end the run.
        let mut stderr = std::io::stderr().lock();
        let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    }
}
