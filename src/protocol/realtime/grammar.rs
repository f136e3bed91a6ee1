//! The grammar of JSON (RFC 8259), to walk over a text: each function takes the place where something begins and gives
//! the place after it, or `None` where the text is not well formed.

/// Containers within containers: as many as serde_json reads.
const DEPTH_MAX: u8 = 128;

/// White space, if there is any.
pub(super) fn white_space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

/// White space, then one certain byte.
pub(super) fn token(bytes: &[u8], at: usize, expected: u8) -> Option<usize> {
    byte(bytes, white_space(bytes, at), expected)
}

/// Any value, without white space before it.
pub(super) fn value(bytes: &[u8], at: usize) -> Option<usize> {
    value_within(bytes, at, DEPTH_MAX)
}

/// A string with its quotes.
pub(super) fn string(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = plain(bytes, byte(bytes, at, b'"')?);
    loop {
        match *bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at = plain(bytes, escape(bytes, at)?),
            // A control character.
            _ => return None,
        }
    }
}

fn byte(bytes: &[u8], at: usize, expected: u8) -> Option<usize> {
    (*bytes.get(at)? == expected).then_some(at + 1)
}

fn value_within(bytes: &[u8], at: usize, depth: u8) -> Option<usize> {
    match *bytes.get(at)? {
        b'"' => string(bytes, at),
        b'{' => container(bytes, at, b'}', depth.checked_sub(1)?),
        b'[' => container(bytes, at, b']', depth.checked_sub(1)?),
        b't' => word(bytes, at, b"true"),
        b'f' => word(bytes, at, b"false"),
        b'n' => word(bytes, at, b"null"),
        _ => number(bytes, at),
    }
}

/// An object or an array, from its opening bracket to `close`.
fn container(bytes: &[u8], at: usize, close: u8, depth: u8) -> Option<usize> {
    let mut at = white_space(bytes, at + 1);
    if *bytes.get(at)? == close {
        return Some(at + 1);
    }
    loop {
        if close == b'}' {
            at = token(bytes, string(bytes, at)?, b':')?;
            at = white_space(bytes, at);
        }
        at = white_space(bytes, value_within(bytes, at, depth)?);
        match *bytes.get(at)? {
            b',' => at = white_space(bytes, at + 1),
            end if end == close => return Some(at + 1),
            _ => return None,
        }
    }
}

fn word(bytes: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    bytes.get(at..)?.starts_with(word).then_some(at + word.len())
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let at = byte(bytes, at, b'-').unwrap_or(at);
    let mut at = match byte(bytes, at, b'0') {
        Some(after) => after,
        None => digits(bytes, at)?,
    };
    if let Some(fraction) = byte(bytes, at, b'.') {
        at = digits(bytes, fraction)?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        if matches!(bytes.get(at), Some(b'+' | b'-')) {
            at += 1;
        }
        at = digits(bytes, at)?;
    }
    Some(at)
}

/// At least one digit.
fn digits(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    (at > start).then_some(at)
}

fn escape(bytes: &[u8], at: usize) -> Option<usize> {
    match *bytes.get(at + 1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 2),
        b'u' => {
            let digits = bytes.get(at + 2..at + 6)?;
            digits.iter().all(u8::is_ascii_hexdigit).then_some(at + 6)
        }
        _ => None,
    }
}

/// What stands before the next quote, backslash or control character: eight bytes at a time, for most of a row is text.
fn plain(bytes: &[u8], mut at: usize) -> usize {
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while bytes
        .get(at)
        .is_some_and(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20))
    {
        at += 1;
    }
    at
}

/// Marks the high bit of the lowest byte of a word that is a quote, a backslash or below 0x20. Bytes above the first
/// that is marked may be marked wrongly, by the borrow of the subtraction.
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word;
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, 0x20) | equal(b'"') | equal(b'\\')) & (ONES * 0x80)
}
