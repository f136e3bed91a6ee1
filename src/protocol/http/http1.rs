//! One HTTP/1.1 keep-alive connection, driven inside its user's own task.
//!
//! No task, no channel and no buffer of its own: requests are written from, and answers read into, scratch memory that
//! all connections of a worker share. An idle connection therefore costs a socket and little else (decision 0009).

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::super::stream::Stream;
use super::answer::AnswerReader;
use super::request::HttpRequest;
use super::{Answer, HttpError};

/// Bytes read at once; a longer answer is read in turns.
const READ_BYTES: usize = 64 * 1024;

thread_local! {
    /// Written and read within one poll, so that all connections of a thread can share it.
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        out: Vec::with_capacity(4 * 1024),
        input: vec![0; READ_BYTES],
    });
}

struct Scratch {
    out: Vec<u8>,
    input: Vec<u8>,
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Http1Connection {
    stream: Stream,
    is_open: bool,
}

/// What a read brought.
enum Received {
    Answer,
    More,
    Closed,
}

impl Http1Connection {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            is_open: true,
        }
    }

    /// Whether another request can be sent: nothing may have come since the last answer, the end of the stream
    /// included. Costs no system call when nothing has.
    pub(super) async fn is_open(&mut self) -> bool {
        if self.is_open {
            let mut byte = [0];
            self.is_open = poll_fn(|context| {
                let mut buffer = ReadBuf::new(&mut byte);
                let read = Pin::new(&mut self.stream).poll_read(context, &mut buffer);
                Poll::Ready(read.is_pending())
            })
            .await;
        }
        self.is_open
    }

    /// Sends a request and reads the whole answer.
    pub(super) async fn send(&mut self, request: &HttpRequest<'_>) -> Result<Answer, HttpError> {
        // Open again only once the answer has come to its end, also when this is dropped half-way.
        self.is_open = false;
        let written = self.write(request).await;
        let mut reader = AnswerReader::new(request.wants_body);
        loop {
            let received = match poll_fn(|context| self.poll_receive(context, &mut reader)).await {
                Ok(received) => received,
                // What broke the writing is the cause; an answer before it (413, say) would have been taken.
                Err(error) => return Err(written.err().unwrap_or(error)),
            };
            match received {
                Received::More => {}
                Received::Answer => break,
                Received::Closed => {
                    return Err(written.err().unwrap_or_else(|| {
                        HttpError::Reset(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into())
                    }));
                }
            }
        }
        let (answer, keeps_connection) = reader.finish();
        self.is_open = keeps_connection && written.is_ok();
        Ok(answer)
    }

    /// Writes the request: in one call, but for a socket whose buffer is full.
    async fn write(&mut self, request: &HttpRequest<'_>) -> Result<(), HttpError> {
        let mut rest = match poll_fn(|context| self.poll_begin(context, request)).await {
            Ok(rest) => rest,
            Err(error) => return Err(error),
        };
        while !rest.is_empty() {
            let count = poll_fn(|context| Pin::new(&mut self.stream).poll_write(context, &rest))
                .await
                .map_err(|error| HttpError::Reset(error.into()))?;
            if count == 0 {
                return Err(HttpError::Reset(
                    std::io::Error::from(std::io::ErrorKind::WriteZero).into(),
                ));
            }
            let _ = rest.split_to(count);
        }
        poll_fn(|context| Pin::new(&mut self.stream).poll_flush(context))
            .await
            .map_err(|error| HttpError::Reset(error.into()))
    }

    /// Encodes the request and writes what the socket takes at once; the rest, usually nothing, is copied out.
    fn poll_begin(
        &mut self,
        context: &mut Context<'_>,
        request: &HttpRequest<'_>,
    ) -> Poll<Result<Bytes, HttpError>> {
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.out.clear();
            if let Err(error) = request.write_http1(&mut scratch.out) {
                return Poll::Ready(Err(HttpError::Request(error)));
            }
            Poll::Ready(
                match Pin::new(&mut self.stream).poll_write(context, &scratch.out) {
                    Poll::Ready(Ok(count)) => Ok(Bytes::copy_from_slice(&scratch.out[count..])),
                    Poll::Ready(Err(error)) => Err(HttpError::Reset(error.into())),
                    Poll::Pending => Ok(Bytes::copy_from_slice(&scratch.out)),
                },
            )
        })
    }

    fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
        reader: &mut AnswerReader,
    ) -> Poll<Result<Received, HttpError>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(&mut scratch.input);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(HttpError::Reset(error.into()))),
                Poll::Ready(Ok(())) => {}
            }
            Poll::Ready(match buffer.filled() {
                [] if reader.close() => Ok(Received::Answer),
                [] => Ok(Received::Closed),
                bytes => reader.feed(bytes).map(|complete| {
                    if complete {
                        Received::Answer
                    } else {
                        Received::More
                    }
                }),
            })
        })
    }
}
