//! Mistakes in a scenario: where they are, and a sentence for the person who wrote it.

use std::fmt;

/// A file (or a `--set` option) that a scenario is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The name shown in front of a mistake: the path as the user would type it.
    pub path: String,
    /// The text as written, variables unexpanded.
    pub text: String,
}

/// A range of bytes in one of the sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    pub(super) source: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Diagnostic {
    span: Span,
    sentence: String,
}

/// All mistakes found in a scenario and the files it names, in the order of the text.
#[derive(Default)]
pub struct Diagnostics {
    sources: Vec<Source>,
    mistakes: Vec<Diagnostic>,
    /// Lines (source, line index) whose syntax is broken: what else is said about them is a consequence.
    broken_lines: Vec<(usize, usize)>,
    /// Ranges that are never shown.
    redacted: Vec<Span>,
    /// Values that are never shown, each with the text that stands for it.
    secrets: Vec<(String, String)>,
}

/// Shorter values are too common in ordinary text to be blotted out of it.
const SECRET_LENGTH_MIN: usize = 4;

impl Diagnostics {
    /// Keeps a source, so that mistakes in it can be shown, and returns its number.
    pub(super) fn add_source(&mut self, path: impl Into<String>, text: impl Into<String>) -> usize {
        self.sources.push(Source {
            path: path.into(),
            text: text.into(),
        });
        self.sources.len() - 1
    }

    /// The text of a source.
    pub(super) fn text(&self, source: usize) -> &str {
        self.sources.get(source).map_or("", |source| &source.text)
    }

    /// Adds a mistake, unless its line is known to be broken or the same was said already.
    pub(super) fn push(&mut self, span: Span, sentence: impl Into<String>) {
        let line = self.line_index(span);
        if self.broken_lines.contains(&(span.source, line)) {
            return;
        }
        self.insert(span, sentence.into());
    }

    /// Adds a mistake of syntax. Whatever else is found on its line is not worth telling.
    pub(super) fn push_syntax(&mut self, span: Span, sentence: impl Into<String>) {
        self.insert(span, sentence.into());
        let line = self.line_index(span);
        self.broken_lines.push((span.source, line));
    }

    /// Never shows this range of a source.
    pub(super) fn redact(&mut self, span: Span) {
        self.redacted.push(span);
    }

    /// Never shows this value; `stand_in` is shown in its place.
    pub(super) fn keep_secret(&mut self, value: &str, stand_in: &str) {
        if value.len() >= SECRET_LENGTH_MIN {
            self.secrets.push((value.to_owned(), stand_in.to_owned()));
        }
    }

    /// Whether no mistake was found.
    pub fn is_empty(&self) -> bool {
        self.mistakes.is_empty()
    }

    /// How many mistakes were found.
    pub fn len(&self) -> usize {
        self.mistakes.len()
    }

    fn insert(&mut self, span: Span, sentence: String) {
        let sentence = self.without_secrets(sentence);
        let diagnostic = Diagnostic { span, sentence };
        if let Err(place) = self.mistakes.binary_search(&diagnostic) {
            self.mistakes.insert(place, diagnostic);
        }
    }

    /// The text with the stand-ins of all values that are never shown.
    pub(super) fn without_secrets(&self, text: String) -> String {
        self.secrets
            .iter()
            .fold(text, |text, (value, stand_in)| text.replace(value, stand_in))
    }

    fn line_index(&self, span: Span) -> usize {
        let text = self.text(span.source);
        text.bytes()
            .take(span.start)
            .filter(|byte| *byte == b'\n')
            .count()
    }

    /// Writes the line that `span` begins on, with carets below the range.
    fn write_excerpt(&self, f: &mut fmt::Formatter<'_>, span: Span) -> fmt::Result {
        let text = self.text(span.source);
        let start = floor_boundary(text, span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let number = (self.line_index(span) + 1).to_string();
        let mut line = String::new();
        let mut carets = String::new();
        for (offset, character) in text[line_start..line_end].char_indices() {
            let at = line_start + offset;
            let hidden = self
                .redacted
                .iter()
                .any(|range| range.source == span.source && (range.start..range.end).contains(&at));
            line.push(if hidden { '*' } else { character });
            if at < start {
                carets.push(if character == '\t' { '\t' } else { ' ' });
            } else if at < span.end.max(start + 1) {
                carets.push('^');
            }
        }
        if !carets.ends_with('^') {
            carets.push('^');
        }
        let line = self.without_secrets(line);
        let gutter = " ".repeat(number.len());
        writeln!(f, "  {number} | {}", line.trim_end())?;
        writeln!(f, "  {gutter} | {carets}")
    }
}

/// The greatest character boundary that is not beyond `at`.
fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl fmt::Display for Diagnostics {
    /// `path:line:column: sentence`, the line with carets below, for each mistake; then how many there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Diagnostic { span, sentence } in &self.mistakes {
            let text = self.text(span.source);
            let start = floor_boundary(text, span.start);
            let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
            let column = text[line_start..start].chars().count() + 1;
            let path = self
                .sources
                .get(span.source)
                .map_or("", |source| source.path.as_str());
            writeln!(f, "{path}:{}:{column}: {sentence}", self.line_index(*span) + 1)?;
            if !text.is_empty() {
                self.write_excerpt(f, *span)?;
            }
        }
        match self.mistakes.len() {
            1 => f.write_str("1 mistake found"),
            count => write!(f, "{count} mistakes found"),
        }
    }
}

impl fmt::Debug for Diagnostics {
    /// As for people: the sources and the kept values may hold secrets, which must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Diagnostics {}

/// The known word nearest to `word`, when one is near enough to be what was meant.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// Names as a person lists them: `` `a`, `b`, `c` ``.
pub(super) fn list_names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
