//! The history of a scenario: how each of its targets went from run to run, and what the newest run made worse.
//!
//! The newest run is compared with the last one before it that ended in GO, because what failed is no measure of what
//! is normal. A difference counts when the intervals of the two runs do not meet *and* the value moved by more than a
//! tenth: two runs of one version differ by chance and by their surroundings, and an alarm each week is soon not heard.

mod terminal;
mod trend;

pub(in crate::report) use terminal::{against, change as change_words, conclusion};
pub use trend::{Change, History, Point, Trend};

use super::ReportError;
use super::html;

/// When two runs differ by more than a word is worth.
pub(in crate::report) const CHANGE_RULE: &str = "A change is called better or worse when the intervals of the two runs do not \
                                                 meet and the value moved by more than a tenth. Of a share of good \
                                                 events, the share of the others is what is compared.";

/// Renders histories, one per scenario, as plain text.
pub fn render_history_text(histories: &[History]) -> String {
    terminal::render(histories)
}

/// Renders histories as one offline page.
///
/// # Errors
/// When the template fails.
pub fn render_history_html(histories: &[History]) -> Result<String, ReportError> {
    html::render_history(histories)
}
