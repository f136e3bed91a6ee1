//! A scanner over JSON text that builds no values: it checks the text and hands out pieces of it.
//!
//! A row change is some kilobytes, of which a user looks at a few words. Building a tree of it and dropping that tree
//! again would be most of what the generator does.

use std::borrow::Cow;

use super::grammar;

/// Whole numbers of so many digits, sign not counted, fit 64 bits: their text is what serde_json would write.
const PLAIN_DIGITS_MAX: usize = 18;

/// The text of one JSON value, known to be well formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawJson<'a>(&'a str);

impl<'a> RawJson<'a> {
    /// The text, without white space around it.
    pub fn get(self) -> &'a str {
        self.0
    }

    /// The content of a string; `None` for anything else, and for a string with half a surrogate pair.
    pub fn as_str(self) -> Option<Cow<'a, str>> {
        let content = self.0.strip_prefix('"')?.strip_suffix('"')?;
        if content.contains('\\') {
            serde_json::from_str(self.0).ok().map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(content))
        }
    }

    /// A whole number that fits.
    pub fn as_u64(self) -> Option<u64> {
        self.0.parse().ok()
    }

    /// The value as a template's variable would hold it: a string's content, of all else the JSON as serde_json
    /// writes it (`1.50` is `1.5`).
    pub fn text(self) -> Cow<'a, str> {
        if self.0.starts_with('"') {
            return self.as_str().unwrap_or(Cow::Borrowed(self.0));
        }
        if self.is_written_one_way() {
            return Cow::Borrowed(self.0);
        }
        // A number too large for serde_json keeps its text.
        serde_json::from_str::<serde_json::Value>(self.0)
            .map_or(Cow::Borrowed(self.0), |value| Cow::Owned(value.to_string()))
    }

    /// `true`, `false`, `null` and plain whole numbers.
    fn is_written_one_way(self) -> bool {
        let digits = self.0.strip_prefix('-').unwrap_or(self.0);
        match digits.as_bytes() {
            [b't' | b'f' | b'n', ..] => true,
            [b'0'] => digits.len() == self.0.len(),
            digits => digits.len() <= PLAIN_DIGITS_MAX && digits.iter().all(u8::is_ascii_digit),
        }
    }
}

/// The text of a JSON object, known to be well formed: a table's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawRow<'a>(&'a str);

impl<'a> RawRow<'a> {
    /// Checks the text of an object; `None` when it is not well formed, or something else.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut scanner = Scanner::new(text);
        let value = scanner.value()?;
        scanner.end()?;
        Self::of(value)
    }

    /// The row that a value is; `None` when it is no object.
    pub(super) fn of(value: RawJson<'a>) -> Option<Self> {
        value.0.starts_with('{').then_some(Self(value.0))
    }

    /// The columns in the order of the text.
    pub fn columns(self) -> impl Iterator<Item = (Cow<'a, str>, RawJson<'a>)> {
        let mut scanner = Scanner::new(self.0);
        let mut members = scanner.open_object();
        std::iter::from_fn(move || {
            let name = scanner.next_member(members.as_mut()?)??;
            Some((name, scanner.value()?))
        })
    }

    /// A column by name. Of a name that is repeated, which no server sends, the first counts.
    pub fn column(self, name: &str) -> Option<RawJson<'a>> {
        self.columns()
            .find(|(column, _)| column == name)
            .map(|(_, value)| value)
    }
}

/// How far an object has been read: whether a comma must come before the next member.
#[derive(Debug)]
pub(super) struct Members {
    is_first: bool,
}

/// A place in a text. Every method returns `None` where the text is not well formed.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Any value.
    pub(super) fn value(&mut self) -> Option<RawJson<'a>> {
        let start = grammar::white_space(self.text.as_bytes(), self.at);
        self.at = grammar::value(self.text.as_bytes(), start)?;
        Some(RawJson(self.text.get(start..self.at)?))
    }

    /// The byte `expected`, after any white space.
    pub(super) fn token(&mut self, expected: u8) -> Option<()> {
        self.at = grammar::token(self.text.as_bytes(), self.at, expected)?;
        Some(())
    }

    /// Nothing but white space may follow.
    pub(super) fn end(&self) -> Option<()> {
        let end = grammar::white_space(self.text.as_bytes(), self.at);
        (end == self.text.len()).then_some(())
    }

    /// The beginning of an object, whose members follow.
    pub(super) fn open_object(&mut self) -> Option<Members> {
        self.token(b'{')?;
        Some(Members { is_first: true })
    }

    /// The name of the next member, whose value follows; `Some(None)` after the last one.
    pub(super) fn next_member(&mut self, members: &mut Members) -> Option<Option<Cow<'a, str>>> {
        if self.token(b'}').is_some() {
            return Some(None);
        }
        if !std::mem::take(&mut members.is_first) {
            self.token(b',')?;
        }
        let bytes = self.text.as_bytes();
        let start = grammar::white_space(bytes, self.at);
        self.at = grammar::string(bytes, start)?;
        let name = RawJson(self.text.get(start..self.at)?);
        self.token(b':')?;
        // A name with half a surrogate pair is the name of nothing that is looked for.
        Some(Some(name.as_str().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests;
