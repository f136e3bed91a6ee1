//! The live view's hold on the terminal, and what it remembers.
//!
//! The view has a screen of its own, so that the shell's lines are there again after the run. Keys are left to the
//! terminal: Ctrl-C stays the signal that ends a run.

use std::collections::VecDeque;
use std::io::{Stderr, stderr};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen};

use super::Headline;
use super::draw::draw;
use super::reading::{Reading, clock};
use crate::sla::Glance;

/// Seconds that the curves remember: one per column of a wide terminal.
const HISTORY_S: usize = 400;
/// Lines that are remembered; more of them are counted.
const NOTES_MAX: usize = 200;

/// What is drawn.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) headline: Headline,
    /// The newest last. Never empty.
    pub(super) history: VecDeque<Reading>,
    pub(super) glances: Vec<Glance>,
    /// What happened, with its time, the newest last.
    pub(super) notes: VecDeque<String>,
    pub(super) notes_forgotten: usize,
    /// Whether colours are wanted (`NO_COLOR` is not set).
    pub(super) colours: bool,
}

/// The terminal while the view is on it. It is given back when this goes, whatever happens.
#[derive(Debug)]
pub(super) struct Live {
    terminal: Terminal<CrosstermBackend<Stderr>>,
    view: View,
}

impl View {
    pub(super) fn new(headline: Headline, colours: bool) -> Self {
        Self {
            headline,
            history: VecDeque::new(),
            glances: Vec::new(),
            notes: VecDeque::new(),
            notes_forgotten: 0,
            colours,
        }
    }

    pub(super) fn take(&mut self, reading: Reading, glances: Vec<Glance>) {
        if self.history.len() == HISTORY_S {
            self.history.pop_front();
        }
        self.history.push_back(reading);
        self.glances = glances;
    }

    pub(super) fn note(&mut self, text: &str) {
        if self.notes.len() == NOTES_MAX {
            self.notes.pop_front();
            self.notes_forgotten += 1;
        }
        let at = self.history.back().map_or(0, |reading| reading.second);
        self.notes.push_back(format!("{} {text}", clock(at)));
    }
}

impl Live {
    /// Takes the terminal; `None` when it cannot be had.
    pub(super) fn start(headline: Headline) -> Option<Self> {
        execute!(stderr(), EnterAlternateScreen).ok()?;
        let terminal = Terminal::new(CrosstermBackend::new(stderr())).and_then(|mut terminal| {
            terminal.hide_cursor()?;
            Ok(terminal)
        });
        let colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        match terminal {
            Ok(terminal) => Some(Self {
                terminal,
                view: View::new(headline, colours),
            }),
            Err(_) => {
                give_back();
                None
            }
        }
    }

    pub(super) fn show(&mut self, reading: Reading, glances: Vec<Glance>) {
        self.view.take(reading, glances);
        self.redraw();
    }

    pub(super) fn note(&mut self, text: &str) {
        self.view.note(text);
        self.redraw();
    }

    fn redraw(&mut self) {
        let view = &self.view;
        // A terminal that went away must not end the run.
        let _ = self.terminal.draw(|frame| draw(frame, view));
    }

    /// Gives the terminal back; what happened, as lines.
    pub(super) fn end(self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.view.notes_forgotten > 0 {
            lines.push(format!(
                "({} earlier lines are not shown)",
                self.view.notes_forgotten
            ));
        }
        lines.extend(self.view.notes.iter().cloned());
        lines
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        give_back();
    }
}

fn give_back() {
    // There is nobody left to tell when this fails.
    let _ = execute!(stderr(), LeaveAlternateScreen, Show);
}
