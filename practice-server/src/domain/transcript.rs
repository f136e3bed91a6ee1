//! What the learner wants to say.

use super::Refusal;

/// 1 to 10 000 characters, not only white space, no control characters except line breaks and tabs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript(String);

impl Transcript {
    /// The longest transcript, in characters.
    pub const LENGTH_MAX: usize = 10_000;

    /// # Errors
    /// A text that breaks one of the rules above.
    pub fn parse(text: String) -> Result<Self, Refusal> {
        if text.trim().is_empty() {
            return Err(Refusal::invalid("transcript", "must not be empty"));
        }
        if text.chars().count() > Self::LENGTH_MAX {
            return Err(Refusal::invalid(
                "transcript",
                format!("must have at most {} characters", Self::LENGTH_MAX),
            ));
        }
        if text
            .chars()
            .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        {
            return Err(Refusal::invalid("transcript", "must not hold control characters"));
        }
        Ok(Self(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_hold_at_their_edges() {
        assert!(Transcript::parse("é".repeat(Transcript::LENGTH_MAX)).is_ok());
        assert!(Transcript::parse("é".repeat(Transcript::LENGTH_MAX + 1)).is_err());
        assert!(Transcript::parse("a\nb\tc\r\n".to_owned()).is_ok());
        for wrong in ["", " \n ", "a\0b", "a\u{7f}"] {
            assert!(
                Transcript::parse(wrong.to_owned()).is_err(),
                "{wrong:?} was accepted"
            );
        }
    }
}
