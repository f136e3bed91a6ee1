//! The lexical part of filters: commas, parentheses and PostgREST-style quotes.

/// Splits at the commas that stand outside quotes and parentheses. `None` when one is left open.
///
/// A quote opens only where a value can begin (after a dot, a comma or a parenthesis), so that an inch sign
/// inside a text is just a character.
pub(super) fn split_top_level(text: &str) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    let mut part_start = 0;
    let mut depth = 0_usize;
    let mut quoted = false;
    let mut escaped = false;
    let mut before = ',';
    for (position, character) in text.char_indices() {
        if quoted {
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => quoted = false,
                _ => {}
            }
            // Whatever follows the closing quote is not the beginning of a value.
            before = '"';
            continue;
        }
        match character {
            '"' if matches!(before, '.' | ',' | '(') => quoted = true,
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1)?,
            ',' if depth == 0 => {
                parts.push(&text[part_start..position]);
                part_start = position + 1;
            }
            _ => {}
        }
        if !character.is_whitespace() {
            before = character;
        }
    }
    parts.push(&text[part_start..]);
    (depth == 0 && !quoted).then_some(parts)
}

/// Takes the quotes off a value and resolves its escapes. A value without quotes is itself; `None` when
/// something follows the closing quote.
pub(super) fn unquote(value: &str) -> Option<String> {
    let Some(quoted) = value.strip_prefix('"') else {
        return Some(value.to_owned());
    };
    let mut plain = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '\\' => plain.push(characters.next()?),
            '"' => break,
            character => plain.push(character),
        }
    }
    characters.next().is_none().then_some(plain)
}
