//! From a text to the words, syllables and phonemes that are scored.

/// The words of a text without the punctuation around them; what holds no letter or digit is no word.
pub(crate) fn spoken_words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
        .map(|token| token.trim_matches(|c: char| !c.is_alphanumeric()))
        .filter(|word| !word.is_empty())
}

/// Letter groups that make one sound in English, longest first.
const DIGRAPHS: [&str; 10] = ["th", "sh", "ch", "ng", "ph", "wh", "ck", "ee", "oo", "ou"];
/// Bounds the size of a result for a "word" that is a whole line without blanks.
const PHONEMES_MAX: usize = 24;

/// A rough phoneme per letter or digraph: enough to look like an assessment, no dictionary needed.
pub(super) fn phonemes(word: &str) -> Vec<String> {
    let lower = word.to_lowercase();
    let mut rest = lower.as_str();
    let mut phonemes = Vec::new();
    while let Some(first) = rest.chars().next() {
        if phonemes.len() == PHONEMES_MAX {
            break;
        }
        let length = DIGRAPHS
            .iter()
            .find(|digraph| rest.starts_with(**digraph))
            .map_or(first.len_utf8(), |digraph| digraph.len());
        let (phoneme, tail) = rest.split_at(length);
        if first.is_alphanumeric() {
            phonemes.push(phoneme.to_owned());
        }
        rest = tail;
    }
    phonemes
}

/// Splits before each consonant that stands between two vowels; the pieces join to the word again.
pub(super) fn syllables(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    let mut syllables = vec![String::new()];
    for (position, letter) in letters.iter().enumerate() {
        let starts_syllable = position > 0
            && !is_vowel(*letter)
            && is_vowel(letters[position - 1])
            && letters.get(position + 1).copied().is_some_and(is_vowel)
            && syllables.len() < PHONEMES_MAX;
        if starts_syllable {
            syllables.push(String::new());
        }
        if let Some(current) = syllables.last_mut() {
            current.push(*letter);
        }
    }
    syllables
}

fn is_vowel(letter: char) -> bool {
    matches!(letter.to_ascii_lowercase(), 'a' | 'e' | 'i' | 'o' | 'u' | 'y')
}
