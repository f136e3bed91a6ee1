//! A server that does nothing: it answers every request with the same few bytes, as soon as it has read the request's
//! head.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The whole answer to everything.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
/// The end of a request's head. The requests of a calibration have no body.
const END_OF_HEAD: &[u8] = b"\r\n\r\n";
/// A longer head is not one of ours.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Connections at once; more wait in the system's queue.
const CONNECTIONS_MAX: usize = 256;

/// Serves until it is dropped.
pub async fn serve(listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            // Whoever goes away in the middle of a request is not waited for.
            Ok((stream, _)) => drop(connections.spawn(async move { answer(stream).await.ok() })),
            // No descriptor is free: one will be when a connection ends.
            Err(_) if connections.is_empty() => return,
            Err(_) => drop(connections.join_next().await),
        }
    }
}

/// Answers the requests of one connection, one after the other.
async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut head = Vec::with_capacity(1024);
    loop {
        while let Some(end) = end_of_head(&head) {
            head.drain(..end);
            stream.write_all(ANSWER).await?;
        }
        if head.len() > HEAD_BYTES_MAX || stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
}

/// Where the first request in `bytes` ends, when it is whole.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let start = bytes
        .windows(END_OF_HEAD.len())
        .position(|window| window == END_OF_HEAD)?;
    Some(start + END_OF_HEAD.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_ends_with_its_head() {
        assert_eq!(end_of_head(b"GET / HTTP/1.1\r\nhost: a\r\n"), None);
        let two = b"GET / HTTP/1.1\r\n\r\nGET /";
        assert_eq!(end_of_head(two), Some(18));
    }

    #[tokio::test]
    async fn requests_are_answered_as_they_come_also_in_pieces_and_two_at_once() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(serve(listener));
        let mut client = TcpStream::connect(address).await.unwrap();
        let mut answer = vec![0; ANSWER.len()];
        client.write_all(b"GET / HTTP/1.1\r\nhost").await.unwrap();
        client
            .write_all(b": a\r\n\r\nGET / HTTP/1.1\r\n\r\n")
            .await
            .unwrap();
        for _ in 0..2 {
            client.read_exact(&mut answer).await.unwrap();
            assert_eq!(answer, ANSWER);
        }
        // What is no request is not listened to for ever.
        client.write_all(&[b'x'; HEAD_BYTES_MAX + 1]).await.unwrap();
        // The server hangs up, with bytes of ours unread or not.
        let end = client.read_to_end(&mut answer).await;
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
        server.abort();
    }
}
