//! The language a transcript is in.

use super::Refusal;

/// A language tag of the shape of BCP 47: a primary subtag of two or three letters, then subtags of one to eight
/// letters or digits, 35 characters at most. Whether ClassConnect knows the language is for it to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Language(String);

impl Language {
    const LENGTH_MAX: usize = 35;

    /// # Errors
    /// A text that is not of that shape.
    pub fn parse(text: String) -> Result<Self, Refusal> {
        if text.len() <= Self::LENGTH_MAX && has_tag_shape(&text) {
            Ok(Self(text))
        } else {
            Err(Refusal::invalid(
                "language",
                "must be a language tag such as \"en-US\"",
            ))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn has_tag_shape(text: &str) -> bool {
    let mut subtags = text.split('-');
    let primary = subtags.next().unwrap_or_default();
    (2..=3).contains(&primary.len())
        && primary.bytes().all(|b| b.is_ascii_alphabetic())
        && subtags.all(|tag| (1..=8).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_told_from_other_text() {
        for right in ["en", "en-US", "zh-Hant-TW", "fil"] {
            assert!(Language::parse(right.to_owned()).is_ok(), "{right:?} was refused");
        }
        for wrong in [
            "",
            "e",
            "english",
            "en_US",
            "en-",
            "-en",
            "en-toolongsubtag",
            "e1-US",
        ] {
            assert!(
                Language::parse(wrong.to_owned()).is_err(),
                "{wrong:?} was accepted"
            );
        }
    }
}
