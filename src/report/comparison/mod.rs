//! The report of a comparison, rendered from `compare.json` alone.

mod markdown;
mod terminal;
#[cfg(test)]
pub(super) mod tests;
pub(super) mod view;

use super::model::comparison::ComparisonRecord;
use super::{Format, ReportError, html};

/// Renders a comparison.
///
/// # Errors
/// When the template fails, or the format is one of runs only.
pub fn render_comparison(format: Format, record: &ComparisonRecord) -> Result<String, ReportError> {
    match format {
        Format::Json => serde_json::to_string(record).map_err(ReportError::NotJson),
        Format::Markdown => Ok(markdown::render(record)),
        Format::Html => html::render_comparison(record),
        Format::Text => Ok(terminal::render(record)),
        Format::JUnit | Format::IntervalLog | Format::GitHub => Err(ReportError::NotInThisFormat {
            of: "a comparison",
            format,
        }),
    }
}

/// The file that a comparison writes in a format; `None` for what goes to the terminal only.
pub fn comparison_file_name(format: Format) -> Option<&'static str> {
    match format {
        Format::Json => Some("compare.json"),
        Format::Markdown => Some("compare.md"),
        Format::Html => Some("compare.html"),
        Format::Text | Format::JUnit | Format::IntervalLog | Format::GitHub => None,
    }
}
