//! Where one sentence ends and the next begins.

/// Splits after `.`, `!` or `?` that is followed by whitespace and then a capital letter. The pieces carry no
/// surrounding whitespace; a text without any other character has none.
pub(super) fn split_sentences(text: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut rest = text.trim();
    while let Some(end) = first_end(rest) {
        let (sentence, tail) = rest.split_at(end);
        sentences.push(sentence);
        rest = tail.trim_start();
    }
    if !rest.is_empty() {
        sentences.push(rest);
    }
    sentences
}

/// Byte position just behind the first terminator that ends a sentence.
fn first_end(text: &str) -> Option<usize> {
    text.match_indices(['.', '!', '?'])
        .map(|(position, mark)| position + mark.len())
        .find(|end| {
            let tail = &text[*end..];
            tail.starts_with(char::is_whitespace) && tail.trim_start().starts_with(char::is_uppercase)
        })
}
