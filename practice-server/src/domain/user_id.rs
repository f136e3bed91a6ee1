//! The user a token speaks for.

use std::fmt;
use std::sync::Arc;

use super::Refusal;

/// The `sub` of a verified token: 1 to 128 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UserId(Arc<str>);

impl UserId {
    const LENGTH_MAX: usize = 128;

    /// # Errors
    /// A subject that is empty, too long or holds anything but visible ASCII.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.is_empty() || text.len() > Self::LENGTH_MAX || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Refusal::invalid(
                "sub",
                "must be 1 to 128 visible ASCII characters",
            ));
        }
        Ok(Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_visible_ascii_of_bounded_length() {
        assert!(UserId::parse("user-1").is_ok());
        for wrong in ["", "a b", "a\n", "é", &"x".repeat(129)] {
            assert!(UserId::parse(wrong).is_err(), "{wrong:?} was accepted");
        }
    }
}
