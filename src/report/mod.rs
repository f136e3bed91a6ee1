//! What a run leaves behind for people and for scripts.
//!
//! [`RunRecord`] is `run.json`; every other format is rendered from it alone, so that a stored run can be shown again.

mod annotations;
mod asked;
mod baseline;
mod capacity;
mod comparison;
mod generator;
pub mod history;
mod html;
mod incident;
mod interval_log;
mod junit;
mod markdown;
pub mod model;
mod origin;
mod outlook;
mod schema;
mod terminal;
mod users;
mod view;

use std::fmt;
use std::str::FromStr;

pub use capacity::{capacity_file_name, capacity_sentence, capacity_step_line, render_capacity};
pub use comparison::{comparison_file_name, render_comparison};
pub use history::{History, render_history_html, render_history_text};
pub use model::{RunFacts, RunRecord};
pub use schema::schema_json;
pub use terminal::Screen;

/// The formats of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `run.json`: everything.
    Json,
    /// `report.md`: for pull requests and job summaries.
    Markdown,
    /// `report.html`: one offline file.
    Html,
    /// Plain text for the terminal; the verdict stands last.
    Text,
    /// `junit.xml`: for CI systems that show test results.
    JUnit,
    /// `metrics.hlog`: one HdrHistogram per second and series, for HdrHistogram's own tools.
    IntervalLog,
    /// GitHub workflow commands that point at the lines of the scenario.
    GitHub,
}

/// Why a report could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("the file is not a readable run: {0}")]
    NotJson(#[source] serde_json::Error),
    #[error(
        "the file has no \"schema_version\", so it is not a run of this tool; give the run.json that a run wrote"
    )]
    NotARun,
    #[error("the file is not a comparison of this tool; give the compare.json that a comparison wrote")]
    NotAComparison,
    #[error("the file is not the result of a search for capacity; give the capacity.json that one wrote")]
    NotACapacity,
    #[error(
        "the run was written in layout {found}, and this version reads layout {}; use the version of the tool that \
         wrote it",
        model::SCHEMA_VERSION
    )]
    Version { found: u32 },
    #[error("the run file is broken: {0}")]
    Invalid(String),
    #[error("{of} cannot be rendered as {format}; choose json, markdown, html or text")]
    NotInThisFormat { of: &'static str, format: Format },
    #[error("the HTML report could not be rendered: {0}")]
    Template(#[from] askama::Error),
}

impl ReportError {
    fn invalid(what: String) -> Self {
        ReportError::Invalid(what)
    }
}

/// What a stored file is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredKind {
    Run,
    Comparison,
    Capacity,
}

/// What a file says that it is about; what says nothing is taken for a run, and refused as one.
pub fn stored_kind(text: &str) -> StoredKind {
    match model::kind_of(text).as_deref() {
        Some(model::comparison::COMPARISON_KIND) => StoredKind::Comparison,
        Some(model::CAPACITY_KIND) => StoredKind::Capacity,
        _ => StoredKind::Run,
    }
}

/// Renders a stored run.
///
/// # Errors
/// When the record's series are broken, or a template fails.
pub fn render(format: Format, record: &RunRecord) -> Result<String, ReportError> {
    match format {
        Format::Json => serde_json::to_string(record).map_err(ReportError::NotJson),
        Format::Markdown => Ok(markdown::render(record)),
        Format::Html => html::render(record),
        Format::Text => Ok(terminal::render(record, None)),
        Format::JUnit => junit::render(record),
        Format::IntervalLog => interval_log::render(record),
        Format::GitHub => Ok(annotations::render(record)),
    }
}

/// Renders the summary for a screen: lines are broken between words.
pub fn render_for_screen(record: &RunRecord, screen: Screen<'_>) -> String {
    terminal::render(record, Some(screen))
}

/// Renders the page of a run that is not over yet: it says so, and brings itself up to date.
///
/// # Errors
/// When the record's series are broken, or the template fails.
pub fn render_live(record: &RunRecord) -> Result<String, ReportError> {
    html::render_live(record)
}

impl Format {
    /// All formats.
    pub const ALL: [Format; 7] = [
        Format::Json,
        Format::Markdown,
        Format::Html,
        Format::Text,
        Format::JUnit,
        Format::IntervalLog,
        Format::GitHub,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Markdown => "markdown",
            Format::Html => "html",
            Format::Text => "text",
            Format::JUnit => "junit",
            Format::IntervalLog => "hlog",
            Format::GitHub => "github",
        }
    }

    /// The file that a run writes; `None` for what goes to the terminal only.
    pub fn file_name(self) -> Option<&'static str> {
        match self {
            Format::Json => Some("run.json"),
            Format::Markdown => Some("report.md"),
            Format::Html => Some("report.html"),
            Format::JUnit => Some("junit.xml"),
            Format::IntervalLog => Some("metrics.hlog"),
            Format::Text | Format::GitHub => None,
        }
    }
}

impl Format {
    /// The names of all formats, for a sentence.
    pub fn names() -> String {
        Self::ALL.map(Format::name).join(", ")
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == text)
            .ok_or_else(|| format!("\"{text}\" is not a format; write one of {}", Self::names()))
    }
}

#[cfg(test)]
pub(crate) mod tests;
