//! Lines that fit a terminal: broken between words, and set back under their content.

use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

/// A label is followed by its content within so many columns.
const LABEL_COLUMNS_MAX: usize = 24;
/// On less than this a set-back line would be a column of single words.
const CONTENT_COLUMNS_MIN: usize = 40;

/// Breaks what is longer than `columns`.
pub(super) fn fit(text: &str, columns: usize) -> String {
    let mut fitted = String::with_capacity(text.len());
    for line in text.lines() {
        let indent = match content_column(line) {
            column if column + CONTENT_COLUMNS_MIN <= columns => " ".repeat(column),
            _ => String::new(),
        };
        let options = Options::new(columns)
            .word_separator(WordSeparator::AsciiSpace)
            .word_splitter(WordSplitter::NoHyphenation)
            .wrap_algorithm(WrapAlgorithm::FirstFit)
            // A path is copied as a whole: the terminal may break it, we do not.
            .break_words(false)
            .subsequent_indent(&indent);
        for piece in textwrap::wrap(line, options) {
            fitted.push_str(piece.trim_end());
            fitted.push('\n');
        }
    }
    fitted
}

/// Where the content of a line begins: after its indent, and after a label that two spaces or more part from it.
fn content_column(line: &str) -> usize {
    let indent = line.len() - line.trim_start_matches(' ').len();
    let label = line[indent..].find("  ").filter(|_| indent > 0);
    let after_label = label.and_then(|label| {
        let gap = &line[indent + label..];
        let content = gap.len() - gap.trim_start_matches(' ').len();
        let (before, _) = line.split_at(indent + label);
        (content < gap.len()).then(|| before.chars().count() + content)
    });
    after_label
        .filter(|column| *column <= LABEL_COLUMNS_MAX)
        .unwrap_or(indent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_goes_on_under_its_content() {
        let text =
            "Health\n  Memory          25 MiB when the load began, 27 MiB at most, 27 MiB at its end\n";
        assert_eq!(
            fit(text, 62),
            "Health\n  Memory          25 MiB when the load began, 27 MiB at most,\n                  27 MiB at its end\n"
        );
        assert_eq!(fit(text, 200), text);
    }

    #[test]
    fn a_sentence_without_a_label_goes_on_at_its_own_indent() {
        assert_eq!(
            fit(
                "All 7 targets were met, and none of 125 submissions was lost.",
                44
            ),
            "All 7 targets were met, and none of 125\nsubmissions was lost.\n"
        );
        assert_eq!(content_column("  All checks are fine."), 2);
        assert_eq!(content_column("no indent  no label"), 0);
    }

    #[test]
    fn a_narrow_terminal_gets_no_column_of_single_words_and_a_path_stays_whole() {
        let text = "  Event loops     blocked for 8.6 ms at most";
        assert_eq!(fit(text, 30), "  Event loops     blocked for\n8.6 ms at most\n");
        let path = "reports/a-very-long-name-of-a-scenario-20261130T120000Z/report.html";
        assert_eq!(fit(path, 20), format!("{path}\n"));
    }
}
