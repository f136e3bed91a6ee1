//! A scanner over JSON text that builds no values: it checks the text and hands out pieces of it.
//!
//! A row change is some kilobytes, of which a user looks at a few words. Building a tree of it and dropping that tree
//! again would be most of what the generator does.

use std::borrow::Cow;

/// Containers within containers: as many as serde_json reads.
const DEPTH_MAX: u8 = 128;
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
        self.skip_white_space();
        let start = self.at;
        self.skip_value(DEPTH_MAX)?;
        Some(RawJson(self.text.get(start..self.at)?))
    }

    /// The byte `expected`, after any white space.
    pub(super) fn token(&mut self, expected: u8) -> Option<()> {
        self.skip_white_space();
        self.byte(expected)
    }

    /// Nothing but white space may follow.
    pub(super) fn end(&mut self) -> Option<()> {
        self.skip_white_space();
        (self.at == self.text.len()).then_some(())
    }

    /// The beginning of an object, whose members follow.
    pub(super) fn open_object(&mut self) -> Option<Members> {
        self.token(b'{')?;
        Some(Members { is_first: true })
    }

    /// The name of the next member, whose value follows; `Some(None)` after the last one.
    pub(super) fn next_member(&mut self, members: &mut Members) -> Option<Option<Cow<'a, str>>> {
        if self.token(b'}').is_some() {
            // `{"a":1,}` was refused where the comma was read.
            return Some(None);
        }
        if !std::mem::take(&mut members.is_first) {
            self.byte(b',')?;
            self.skip_white_space();
        }
        let start = self.at;
        self.skip_string()?;
        let name = RawJson(self.text.get(start..self.at)?);
        self.token(b':')?;
        // A name with half a surrogate pair is the name of nothing that is looked for.
        Some(Some(name.as_str().unwrap_or_default()))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn byte(&mut self, expected: u8) -> Option<()> {
        (self.peek()? == expected).then(|| self.at += 1)
    }

    fn skip_white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn skip_value(&mut self, depth: u8) -> Option<()> {
        self.skip_white_space();
        match self.peek()? {
            b'"' => self.skip_string(),
            b'{' => self.skip_container(b'}', depth.checked_sub(1)?),
            b'[' => self.skip_container(b']', depth.checked_sub(1)?),
            b't' => self.skip_word("true"),
            b'f' => self.skip_word("false"),
            b'n' => self.skip_word("null"),
            _ => self.skip_number(),
        }
    }

    /// An object or an array, from its opening bracket to `close`.
    fn skip_container(&mut self, close: u8, depth: u8) -> Option<()> {
        self.at += 1;
        if self.token(close).is_some() {
            return Some(());
        }
        loop {
            if close == b'}' {
                self.skip_white_space();
                self.skip_string()?;
                self.token(b':')?;
            }
            self.skip_value(depth)?;
            if self.token(close).is_some() {
                return Some(());
            }
            self.byte(b',')?;
        }
    }

    fn skip_word(&mut self, word: &str) -> Option<()> {
        let rest = self.text.as_bytes().get(self.at..)?;
        rest.starts_with(word.as_bytes()).then(|| self.at += word.len())
    }

    /// RFC 8259, section 6.
    fn skip_number(&mut self) -> Option<()> {
        let _ = self.byte(b'-');
        if self.byte(b'0').is_none() {
            self.skip_digits()?;
        }
        if self.byte(b'.').is_some() {
            self.skip_digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.skip_digits()?;
        }
        Some(())
    }

    /// At least one digit.
    fn skip_digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    /// A string with its quotes (RFC 8259, section 7).
    fn skip_string(&mut self) -> Option<()> {
        self.byte(b'"')?;
        loop {
            self.skip_plain()?;
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => self.skip_escape()?,
                // A control character.
                _ => return None,
            }
        }
    }

    fn skip_escape(&mut self) -> Option<()> {
        let rest = self.text.as_bytes().get(self.at + 1..)?;
        self.at += match *rest.first()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
            b'u' if rest.get(1..5)?.iter().all(u8::is_ascii_hexdigit) => 6,
            _ => return None,
        };
        Some(())
    }

    /// Moves to the next quote, backslash or control character: eight bytes at a time, for most of a row is text.
    fn skip_plain(&mut self) -> Option<()> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let (words, tail) = rest.as_chunks::<8>();
        for word in words {
            let special = special_bytes(u64::from_le_bytes(*word));
            if special != 0 {
                self.at += special.trailing_zeros() as usize / 8;
                return Some(());
            }
            self.at += 8;
        }
        self.at += tail
            .iter()
            .take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20))
            .count();
        Some(())
    }
}

/// Marks the high bit of the lowest byte of a word that is a quote, a backslash or below 0x20. Bytes above the first
/// that is marked may be marked wrongly, by the borrow of the subtraction.
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word;
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, 0x20) | equal(b'"') | equal(b'\\')) & (ONES * 0x80)
}

#[cfg(test)]
mod tests;
