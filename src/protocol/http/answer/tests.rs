//! What an answer is, however the network cuts it, and what is none.

use proptest::prelude::*;

use super::*;

/// Feeds an answer in the given pieces and then closes: status, body, and whether the connection stays.
fn read(pieces: &[&[u8]], then_close: bool) -> Result<Option<(u16, String, bool)>, HttpError> {
    let mut reader = AnswerReader::new(true);
    let mut complete = false;
    for piece in pieces {
        complete = reader.feed(piece)?;
    }
    if then_close && !complete {
        complete = reader.close();
    }
    let (answer, keeps_connection) = reader.finish();
    Ok(complete.then(|| {
        let body = String::from_utf8(answer.body.to_vec()).unwrap();
        (answer.status, body, keeps_connection)
    }))
}

fn whole(text: &str) -> Option<(u16, String, bool)> {
    read(&[text.as_bytes()], false).unwrap()
}

fn complete(status: u16, body: &str, keeps_connection: bool) -> Option<(u16, String, bool)> {
    Some((status, body.to_owned(), keeps_connection))
}

const WITH_LENGTH: &str = "HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\ndate: x\r\n\r\nhello";
const CHUNKED: &str =
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nx: y\r\n\r\n";

#[test]
fn a_body_ends_where_the_headers_say() {
    assert_eq!(whole(WITH_LENGTH), complete(202, "hello", true));
    assert_eq!(whole(CHUNKED), complete(200, "hello", true));
    assert_eq!(whole("HTTP/1.1 204 No Content\r\n\r\n"), complete(204, "", true));
    assert_eq!(
        whole("HTTP/1.1 304 Not Modified\r\ncontent-length: 99\r\n\r\n"),
        complete(304, "", true)
    );
    assert_eq!(
        whole("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
        complete(200, "", true)
    );
    // An interim answer comes before the real one.
    let interim = format!("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n{WITH_LENGTH}");
    assert_eq!(whole(&interim), complete(202, "hello", true));
}

#[test]
fn without_a_length_the_body_lasts_until_the_connection_closes() {
    let text = "HTTP/1.1 200 OK\r\n\r\nhello".as_bytes();
    assert_eq!(read(&[text], false).unwrap(), None);
    assert_eq!(read(&[text], true).unwrap(), complete(200, "hello", false));
    // A close before a known end is no end.
    assert_eq!(read(&[&WITH_LENGTH.as_bytes()[..50]], true).unwrap(), None);
    assert_eq!(read(&[&CHUNKED.as_bytes()[..60]], true).unwrap(), None);
}

#[test]
fn the_connection_stays_only_when_both_sides_can_go_on() {
    let answer = |first: &str, headers: &str| {
        whole(&format!("{first} 200 OK\r\n{headers}content-length: 0\r\n\r\n"))
            .unwrap()
            .2
    };
    assert!(answer("HTTP/1.1", ""));
    assert!(!answer("HTTP/1.1", "Connection: foo, Close\r\n"));
    assert!(!answer("HTTP/1.0", ""));
    assert!(answer("HTTP/1.0", "connection: Keep-Alive\r\n"));
    // Bytes that nobody asked for.
    let with_more = format!("{WITH_LENGTH}HTTP/1.1 200 OK");
    assert_eq!(whole(&with_more), complete(202, "hello", false));
}

#[test]
fn what_is_no_answer_is_an_error() {
    for text in [
        "no http\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: five\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n",
    ] {
        assert!(
            matches!(read(&[text.as_bytes()], false), Err(HttpError::Invalid(_))),
            "{text}"
        );
    }
    let too_long = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
        BODY_BYTES_MAX + 1
    );
    assert!(matches!(
        read(&[too_long.as_bytes()], false),
        Err(HttpError::TooLarge)
    ));
    let endless = vec![b'a'; HEAD_BYTES_MAX];
    let head: &[u8] = b"HTTP/1.1 200 OK\r\nx: ";
    assert!(matches!(
        read(&[head, &endless, &endless], false),
        Err(HttpError::Invalid(_))
    ));
}

#[test]
fn a_body_that_nobody_wants_is_read_and_not_kept() {
    let mut reader = AnswerReader::new(false);
    assert!(reader.feed(CHUNKED.as_bytes()).unwrap());
    let (answer, keeps_connection) = reader.finish();
    assert_eq!(
        (answer.status, answer.body.len(), keeps_connection),
        (200, 0, true)
    );
}

proptest! {
    /// Where the network cuts an answer makes no difference.
    #[test]
    fn any_cut_reads_the_same(text in prop::sample::select(vec![WITH_LENGTH, CHUNKED]), cuts in prop::collection::vec(0_usize..100, 0..8)) {
        let bytes = text.as_bytes();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % bytes.len()).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        prop_assert_eq!(read(&pieces, false).unwrap(), whole(text));
    }

    /// Bytes from nowhere never panic.
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&[b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", &bytes], true);
        let _ = read(&[&bytes], true);
    }
}
