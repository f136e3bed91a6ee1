//! Reading an HTTP/1.1 answer: bytes in, in pieces of any size; status and body out. Pure: no socket, no waiting.
//!
//! Heads and chunk sizes are parsed by `httparse`; what ends a body follows RFC 9112, section 6.3.

use bytes::Bytes;

use super::{Answer, BODY_BYTES_MAX, HttpError};

/// Headers that an answer may have.
const HEADERS_MAX: usize = 64;
/// Longest head, chunk size or trailer line that is read.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// An answer on its way in.
#[derive(Debug, Default)]
pub(super) struct AnswerReader {
    /// Bytes that cannot be understood before more of them come; usually empty, because answers come whole.
    pending: Vec<u8>,
    part: Part,
    status: u16,
    /// The body's bytes so far, when anybody wants them.
    body: Option<Vec<u8>>,
    body_bytes: usize,
    keeps_connection: bool,
}

/// The part of the answer that comes next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Head,
    /// So many more bytes of a body whose length is known.
    Length(usize),
    ChunkSize,
    /// So many more bytes of a chunk, and then its line break.
    Chunk(usize),
    ChunkEnd,
    Trailers,
    UntilClose,
    Done,
}

/// How far a part got with the bytes that were there.
enum Step {
    /// It is over, after so many bytes.
    Took(usize),
    /// It goes on when more bytes come.
    NeedsMore,
}

impl AnswerReader {
    /// A reader that keeps the body when `wants_body`.
    pub(super) fn new(wants_body: bool) -> Self {
        Self {
            body: wants_body.then(Vec::new),
            keeps_connection: true,
            ..Self::default()
        }
    }

    /// Takes in what was read; `true` once the answer is complete.
    ///
    /// # Errors
    /// When the bytes are no valid answer, or the body is too long.
    pub(super) fn feed(&mut self, input: &[u8]) -> Result<bool, HttpError> {
        if self.pending.is_empty() {
            let taken = self.advance(input)?;
            self.keep(&input[taken..])?;
        } else {
            let mut pending = std::mem::take(&mut self.pending);
            pending.extend_from_slice(input);
            let taken = self.advance(&pending)?;
            self.keep(&pending[taken..])?;
        }
        Ok(self.part == Part::Done)
    }

    /// The other side has closed the connection: `true` when that was the end of the answer.
    pub(super) fn close(&mut self) -> bool {
        self.keeps_connection = false;
        if self.part == Part::UntilClose {
            self.part = Part::Done;
        }
        self.part == Part::Done
    }

    /// The complete answer, and whether its connection can carry another request.
    pub(super) fn finish(self) -> (Answer, bool) {
        // Bytes that nobody asked for: the two sides no longer agree on where an answer begins.
        let keeps_connection = self.keeps_connection && self.pending.is_empty();
        let answer = Answer {
            status: self.status,
            body: self.body.map(Bytes::from).unwrap_or_default(),
        };
        (answer, keeps_connection)
    }

    fn keep(&mut self, rest: &[u8]) -> Result<(), HttpError> {
        if rest.len() > HEAD_BYTES_MAX {
            return Err(HttpError::invalid("a head or chunk line that does not end"));
        }
        self.pending.extend_from_slice(rest);
        Ok(())
    }

    /// Goes through as many parts as the bytes hold; the number of bytes that are done with.
    fn advance(&mut self, input: &[u8]) -> Result<usize, HttpError> {
        let mut taken = 0;
        while self.part != Part::Done {
            let rest = &input[taken..];
            let step = match self.part {
                Part::Head => self.head(rest)?,
                Part::Length(left) => {
                    let now = self.take_body(rest, left)?;
                    self.part = if now == left {
                        Part::Done
                    } else {
                        Part::Length(left - now)
                    };
                    Step::Took(now)
                }
                Part::ChunkSize => self.chunk_size(rest)?,
                Part::Chunk(left) => {
                    let now = self.take_body(rest, left)?;
                    self.part = if now == left {
                        Part::ChunkEnd
                    } else {
                        Part::Chunk(left - now)
                    };
                    Step::Took(now)
                }
                Part::ChunkEnd => match rest {
                    [b'\r', b'\n', ..] => {
                        self.part = Part::ChunkSize;
                        Step::Took(2)
                    }
                    [] | [b'\r'] => Step::NeedsMore,
                    _ => return Err(HttpError::invalid("a chunk that is longer than it says")),
                },
                Part::Trailers => self.trailers(rest)?,
                Part::UntilClose => Step::Took(self.take_body(rest, rest.len())?),
                Part::Done => Step::Took(0),
            };
            match step {
                Step::Took(count) => taken += count,
                Step::NeedsMore => break,
            }
            if taken == input.len() {
                break;
            }
        }
        Ok(taken)
    }

    fn head(&mut self, rest: &[u8]) -> Result<Step, HttpError> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        let length = match response.parse(rest) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(Step::NeedsMore),
            Err(error) => return Err(HttpError::Invalid(error.into())),
        };
        let status = response.code.unwrap_or_default();
        if status == 101 {
            return Err(HttpError::invalid("a change of protocol that nobody asked for"));
        }
        if status < 200 {
            // An interim answer: the real one follows.
            return Ok(Step::Took(length));
        }
        self.status = status;
        let framing = Framing::of(response.headers, response.version == Some(1))?;
        self.keeps_connection = framing.keeps_connection;
        self.part = match framing {
            _ if status == 204 || status == 304 => Part::Done,
            Framing { chunked: true, .. } => Part::ChunkSize,
            Framing { length: Some(0), .. } => Part::Done,
            Framing {
                length: Some(length), ..
            } => {
                if length > BODY_BYTES_MAX {
                    return Err(HttpError::TooLarge);
                }
                if let Some(body) = &mut self.body {
                    body.reserve_exact(length);
                }
                Part::Length(length)
            }
            Framing { length: None, .. } => Part::UntilClose,
        };
        Ok(Step::Took(length))
    }

    fn take_body(&mut self, rest: &[u8], wanted: usize) -> Result<usize, HttpError> {
        let count = rest.len().min(wanted);
        self.body_bytes += count;
        if self.body_bytes > BODY_BYTES_MAX {
            return Err(HttpError::TooLarge);
        }
        if let Some(body) = &mut self.body {
            body.extend_from_slice(&rest[..count]);
        }
        Ok(count)
    }

    fn chunk_size(&mut self, rest: &[u8]) -> Result<Step, HttpError> {
        match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete((length, 0))) => {
                self.part = Part::Trailers;
                Ok(Step::Took(length))
            }
            Ok(httparse::Status::Complete((length, size))) => {
                // Longer than the limit in any case when it does not fit.
                self.part = Part::Chunk(usize::try_from(size).map_err(|_| HttpError::TooLarge)?);
                Ok(Step::Took(length))
            }
            Ok(httparse::Status::Partial) => Ok(Step::NeedsMore),
            Err(error) => Err(HttpError::invalid(&error.to_string())),
        }
    }

    fn trailers(&mut self, rest: &[u8]) -> Result<Step, HttpError> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        match httparse::parse_headers(rest, &mut headers) {
            Ok(httparse::Status::Complete((length, _))) => {
                self.part = Part::Done;
                Ok(Step::Took(length))
            }
            Ok(httparse::Status::Partial) => Ok(Step::NeedsMore),
            Err(error) => Err(HttpError::Invalid(error.into())),
        }
    }
}

/// What the headers say about the body's end and about the connection.
struct Framing {
    length: Option<usize>,
    chunked: bool,
    keeps_connection: bool,
}

impl Framing {
    fn of(headers: &[httparse::Header<'_>], is_http_1_1: bool) -> Result<Self, HttpError> {
        let mut framing = Framing {
            length: None,
            chunked: false,
            keeps_connection: is_http_1_1,
        };
        for header in headers {
            if header.name.eq_ignore_ascii_case("content-length") {
                let length = std::str::from_utf8(header.value)
                    .ok()
                    .and_then(|text| text.trim().parse().ok())
                    .ok_or_else(|| HttpError::invalid("a content length that is no number"))?;
                if framing.length.is_some_and(|other| other != length) {
                    return Err(HttpError::invalid("two content lengths that differ"));
                }
                framing.length = Some(length);
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                // Only the last coding says where the body ends; this client asks for no other.
                framing.chunked = last_word(header.value).eq_ignore_ascii_case(b"chunked");
                if !framing.chunked {
                    framing.keeps_connection = false;
                }
            } else if header.name.eq_ignore_ascii_case("connection") {
                for word in header.value.split(|byte| *byte == b',') {
                    let word = word.trim_ascii();
                    if word.eq_ignore_ascii_case(b"close") {
                        framing.keeps_connection = false;
                    } else if word.eq_ignore_ascii_case(b"keep-alive") && !is_http_1_1 {
                        framing.keeps_connection = true;
                    }
                }
            }
        }
        Ok(framing)
    }
}

fn last_word(value: &[u8]) -> &[u8] {
    value
        .rsplit(|byte| *byte == b',')
        .next()
        .unwrap_or_default()
        .trim_ascii()
}

#[cfg(test)]
mod tests;
