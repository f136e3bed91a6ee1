//! The two architectures that the migration plan compares.

use std::fmt;

/// How a session's work is set going. A session stays in the architecture it began in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Architecture {
    /// The backend does the work itself, in the transaction that accepts it.
    #[default]
    Direct,
    /// A database trigger queues a request to an edge function, which does the work.
    Trigger,
}

impl Architecture {
    pub const ALL: [Self; 2] = [Self::Direct, Self::Trigger];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Trigger => "trigger",
        }
    }

    /// The architecture a stored word stands for; `None` for a word that is none.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|architecture| architecture.as_str() == word)
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_architectures_are_one_to_one() {
        for architecture in Architecture::ALL {
            assert_eq!(Architecture::from_word(architecture.as_str()), Some(architecture));
        }
        assert_eq!(Architecture::from_word("Direct"), None);
    }
}
