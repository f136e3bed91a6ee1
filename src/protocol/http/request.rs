//! A request as it goes out: borrowed parts that are only copied, never formatted.

use http::Method;

/// A request, ready for any version of HTTP.
#[derive(Debug, Clone, Copy)]
pub struct HttpRequest<'a> {
    pub method: &'a Method,
    /// What stands before every path of the target; empty, or beginning with `/`.
    pub base_path: &'a str,
    /// Path and query, beginning with `/`.
    pub path: &'a str,
    /// The headers, `host` included; not those that describe the body's length.
    pub headers: &'a [&'a HeaderBlock],
    /// The `traceparent` header, apart from the others because it is another one for every request. The generator writes
    /// its digits and dashes itself, so that nothing can be smuggled in here.
    pub traceparent: Option<&'a str>,
    pub body: Option<&'a [u8]>,
    /// Whether anybody will look at the answer's body.
    pub wants_body: bool,
}

/// Header lines in the form in which HTTP/1.1 writes them, so that a request only copies them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HeaderBlock {
    lines: String,
}

/// A text that cannot be sent where it stands: a line break in it would begin another header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it holds a character that HTTP does not allow there")]
pub struct InvalidText;

impl std::fmt::Debug for HeaderBlock {
    /// Names the headers only: values can be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

impl HeaderBlock {
    /// Adds a header. `name` is lower-case.
    ///
    /// # Errors
    /// When the name is not a token or the value holds a control character (RFC 9110, sections 5.1 and 5.5).
    pub fn push(&mut self, name: &str, value: &str) -> Result<(), InvalidText> {
        let is_name = !name.is_empty() && name.bytes().all(is_token_byte);
        let is_value = value
            .bytes()
            .all(|byte| byte == b'\t' || (byte >= 0x20 && byte != 0x7f));
        if !is_name || !is_value {
            return Err(InvalidText);
        }
        self.lines.push_str(name);
        self.lines.push_str(": ");
        self.lines.push_str(value);
        self.lines.push_str("\r\n");
        Ok(())
    }

    /// Takes all headers out and keeps the memory.
    pub fn clear(&mut self) {
        self.lines.clear();
    }

    /// The lines as HTTP/1.1 writes them, each with its line break.
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.lines.as_bytes()
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines
            .split_terminator("\r\n")
            .filter_map(|line| line.split_once(": "))
    }
}

/// Whether a byte may stand in a header's name (RFC 9110, section 5.6.2), in lower case.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

impl HttpRequest<'_> {
    /// Writes the request as HTTP/1.1 does.
    ///
    /// # Errors
    /// When the path holds a space or a control character, which would end the request line early.
    pub(super) fn write_http1(&self, out: &mut Vec<u8>) -> Result<(), InvalidText> {
        let is_target = |text: &str| text.bytes().all(|byte| byte > 0x20 && byte != 0x7f);
        if !is_target(self.base_path) || !is_target(self.path) {
            return Err(InvalidText);
        }
        out.extend_from_slice(self.method.as_str().as_bytes());
        out.push(b' ');
        out.extend_from_slice(self.base_path.as_bytes());
        out.extend_from_slice(self.path.as_bytes());
        out.extend_from_slice(b" HTTP/1.1\r\n");
        for block in self.headers {
            out.extend_from_slice(block.as_bytes());
        }
        if let Some(traceparent) = self.traceparent {
            out.extend_from_slice(b"traceparent: ");
            out.extend_from_slice(traceparent.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        if let Some(body) = self.body {
            out.extend_from_slice(b"content-length: ");
            push_number(body.len(), out);
            out.extend_from_slice(b"\r\n\r\n");
            out.extend_from_slice(body);
        } else if needs_length(self.method) {
            out.extend_from_slice(b"content-length: 0\r\n\r\n");
        } else {
            out.extend_from_slice(b"\r\n");
        }
        Ok(())
    }
}

/// A method whose meaning expects a body says so when there is none (RFC 9110, section 8.6).
fn needs_length(method: &Method) -> bool {
    [Method::POST, Method::PUT, Method::PATCH].contains(method)
}

fn push_number(number: usize, out: &mut Vec<u8>) {
    let mut digits = [0_u8; 20];
    let mut start = digits.len();
    let mut rest = number;
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(method: &Method, path: &str, body: Option<&[u8]>) -> Result<String, InvalidText> {
        let mut headers = HeaderBlock::default();
        headers.push("host", "target:80").unwrap();
        headers.push("accept", "application/json").unwrap();
        let request = HttpRequest {
            method,
            base_path: "/base",
            path,
            headers: &[&headers],
            traceparent: Some("00-1-2-00"),
            body,
            wants_body: true,
        };
        let mut out = Vec::new();
        request.write_http1(&mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_request_is_written_as_http_asks() {
        assert_eq!(
            written(&Method::GET, "/a?b=c", None).unwrap(),
            "GET /base/a?b=c HTTP/1.1\r\nhost: target:80\r\naccept: application/json\r\n\
             traceparent: 00-1-2-00\r\n\r\n"
        );
        assert!(
            written(&Method::POST, "/", None)
                .unwrap()
                .contains("\r\ncontent-length: 0\r\n\r\n")
        );
        assert!(
            written(&Method::PUT, "/", Some(b"{\"n\":120}"))
                .unwrap()
                .ends_with("\r\ncontent-length: 9\r\n\r\n{\"n\":120}")
        );
    }

    #[test]
    fn nothing_can_smuggle_a_line_break_in() {
        assert_eq!(written(&Method::GET, "/a\r\nx: y", None), Err(InvalidText));
        assert_eq!(written(&Method::GET, "/a b", None), Err(InvalidText));
        let mut headers = HeaderBlock::default();
        assert_eq!(headers.push("a", "b\r\nc: d"), Err(InvalidText));
        assert_eq!(headers.push("a b", "c"), Err(InvalidText));
        assert_eq!(headers, HeaderBlock::default());
    }

    #[test]
    fn headers_come_out_as_they_went_in_and_debug_output_names_no_value() {
        let mut headers = HeaderBlock::default();
        headers.push("authorization", "Bearer a: b").unwrap();
        assert_eq!(
            headers.iter().collect::<Vec<_>>(),
            [("authorization", "Bearer a: b")]
        );
        assert_eq!(format!("{headers:?}"), r#"["authorization"]"#);
    }
}
