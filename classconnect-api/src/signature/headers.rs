//! The three headers of a delivery, checked for form before anything is hashed.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const ID_LENGTH_MAX: usize = 128;
const TIMESTAMP_DIGITS_MAX: usize = 12;
/// Rotation needs two signatures; the bound keeps a hostile header from buying unbounded comparisons.
const SIGNATURES_MAX: usize = 16;
const DIGEST_BYTES: usize = 32;

/// The headers of one delivery, well formed but not yet verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureHeaders<'a> {
    pub(super) id: &'a str,
    pub(super) unix_seconds: u64,
    pub(super) digests: Vec<[u8; DIGEST_BYTES]>,
}

/// Which header was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderName {
    Id,
    Timestamp,
    Signature,
}

/// Why the headers are refused. For logs: the sender gets a 401 without a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("the {0} header is missing")]
    Missing(HeaderName),
    #[error("the {0} header occurs more than once")]
    Repeated(HeaderName),
    #[error("the {0} header is malformed")]
    Malformed(HeaderName),
}

impl<'a> SignatureHeaders<'a> {
    /// Reads the headers from all values that the request carries under each of the three names, so that a doubled
    /// header is seen rather than resolved by whichever value a framework happens to return first. With the `http`
    /// crate, pass `headers.get_all(WEBHOOK_ID).iter().map(HeaderValue::as_bytes)` and so on.
    ///
    /// The id must match `[A-Za-z0-9_-]{1,128}`, the timestamp `[1-9][0-9]{0,11}`. The signature header is a list of
    /// `version,base64` entries separated by exactly one space, of which those of other versions are skipped.
    ///
    /// # Errors
    /// When a header is missing, doubled or not of this form.
    pub fn parse(
        ids: impl IntoIterator<Item = &'a [u8]>,
        timestamps: impl IntoIterator<Item = &'a [u8]>,
        signatures: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, HeaderError> {
        let id = exactly_one(HeaderName::Id, ids)?;
        let timestamp = exactly_one(HeaderName::Timestamp, timestamps)?;
        let signature = exactly_one(HeaderName::Signature, signatures)?;
        Ok(Self {
            id: parse_id(id).ok_or(HeaderError::Malformed(HeaderName::Id))?,
            unix_seconds: parse_timestamp(timestamp).ok_or(HeaderError::Malformed(HeaderName::Timestamp))?,
            digests: parse_signatures(signature).ok_or(HeaderError::Malformed(HeaderName::Signature))?,
        })
    }

    /// The `webhook-id`: the same in every retry of one event.
    pub const fn id(&self) -> &'a str {
        self.id
    }

    /// Unix seconds of this delivery attempt.
    pub const fn unix_seconds(&self) -> u64 {
        self.unix_seconds
    }
}

fn exactly_one<'a>(
    name: HeaderName,
    values: impl IntoIterator<Item = &'a [u8]>,
) -> Result<&'a str, HeaderError> {
    let mut values = values.into_iter();
    let value = values.next().ok_or(HeaderError::Missing(name))?;
    if values.next().is_some() {
        return Err(HeaderError::Repeated(name));
    }
    std::str::from_utf8(value).map_err(|_| HeaderError::Malformed(name))
}

fn parse_id(text: &str) -> Option<&str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let valid = (1..=ID_LENGTH_MAX).contains(&text.len()) && text.bytes().all(allowed);
    valid.then_some(text)
}

fn parse_timestamp(text: &str) -> Option<u64> {
    let canonical = text.len() <= TIMESTAMP_DIGITS_MAX
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && !text.starts_with('0');
    if canonical { text.parse().ok() } else { None }
}

/// The digests of the `v1` entries, or nothing if any entry is malformed.
fn parse_signatures(text: &str) -> Option<Vec<[u8; DIGEST_BYTES]>> {
    let mut digests = Vec::new();
    for (position, entry) in text.split(' ').enumerate() {
        let (version, encoded) = entry.split_once(',')?;
        if position >= SIGNATURES_MAX || version.is_empty() || encoded.is_empty() || encoded.contains(',') {
            return None;
        }
        if version == "v1" {
            digests.push(STANDARD.decode(encoded).ok()?.try_into().ok()?);
        }
    }
    Some(digests)
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id => super::WEBHOOK_ID,
            Self::Timestamp => super::WEBHOOK_TIMESTAMP,
            Self::Signature => super::WEBHOOK_SIGNATURE,
        })
    }
}
