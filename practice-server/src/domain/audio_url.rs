//! Where a recording can be fetched. This server never fetches it; ClassConnect does.

use reqwest::Url;

use super::Refusal;

/// An absolute `http` or `https` URL without user information, 2048 characters at most, kept as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioUrl(String);

impl AudioUrl {
    const LENGTH_MAX: usize = 2048;

    /// # Errors
    /// A text that is not such a URL.
    pub fn parse(text: String) -> Result<Self, Refusal> {
        let refuse = |reason: &str| Err(Refusal::invalid("audio_url", reason));
        if text.len() > Self::LENGTH_MAX {
            return refuse("must have at most 2048 characters");
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return refuse("must not hold white space");
        }
        let Ok(url) = Url::parse(&text) else {
            return refuse("must be an absolute URL");
        };
        if !matches!(url.scheme(), "http" | "https") {
            return refuse("must be an http or https URL");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("must not hold a user name or a password");
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
    fn only_plain_web_urls_are_accepted() {
        assert!(AudioUrl::parse("https://cdn.example/a.webm?x=1".to_owned()).is_ok());
        for wrong in [
            "",
            "a.webm",
            "/a.webm",
            "file:///etc/passwd",
            "ftp://h/a",
            "https://u:p@h/a",
            "https://h/a b",
        ] {
            assert!(
                AudioUrl::parse(wrong.to_owned()).is_err(),
                "{wrong:?} was accepted"
            );
        }
        assert!(AudioUrl::parse(format!("https://h/{}", "a".repeat(2048))).is_err());
    }
}
