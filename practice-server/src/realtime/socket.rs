//! One open socket: reads messages, writes replies and events, keeps the timers.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use futures_util::SinkExt;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::auth::Identity;
use super::hub::{Hub, HubState};
use super::outbox::{Delivery, Outbox};
use super::protocol::{ClientMessage, MalformedFrame, Vsn};
use super::session::Session;

/// How long a client may take to answer the closing handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Serves a socket until either side closes it or it falls behind.
pub(crate) async fn serve(socket: WebSocket, hub: Hub, vsn: Vsn, identity: Identity) {
    let (outbox, deliveries) = Outbox::new(hub.config().queue_frames_max);
    let outbox = Arc::new(outbox);
    let session = Session::new(hub.clone(), vsn, identity, Arc::clone(&outbox));
    let now = Instant::now();
    let state = hub.watch_state();
    // Whoever joins from here on hears of every interruption from here on.
    let interruptions = state.borrow().interruptions;
    let connection = Connection {
        socket,
        hub,
        vsn,
        session,
        deliveries,
        state,
        interruptions,
        last_received: now,
    };
    tokio::select! {
        // A slow consumer may hold up a write for long, therefore its connection is dropped from outside.
        () = outbox.overflowed() => {}
        () = connection.run() => {}
    }
}

struct Connection {
    socket: WebSocket,
    hub: Hub,
    vsn: Vsn,
    session: Session,
    deliveries: mpsc::Receiver<Delivery>,
    state: watch::Receiver<HubState>,
    /// The interruptions of the feed that this socket's channels have been told about.
    interruptions: u64,
    last_received: Instant,
}

/// Why a connection ends.
enum End {
    /// The client closed the socket or is gone.
    Gone,
    /// The server closes it, with this code and reason.
    Close(u16, &'static str),
    /// A write took too long; nothing more can be said.
    Stuck,
}

impl Connection {
    async fn run(mut self) {
        // A hub that closed before is noticed as well.
        self.state.mark_changed();
        let timer = sleep_until(self.next_timer());
        tokio::pin!(timer);
        let end = loop {
            let step = tokio::select! {
                received = self.socket.recv() => match received {
                    Some(Ok(message)) => self.receive(message).await,
                    Some(Err(error)) => {
                        self.hub.counters().sockets_broken.increment();
                        tracing::debug!(%error, "a socket broke");
                        // If the connection is lost, this cannot be said any more, and that does no harm.
                        Err(End::Close(close_code::POLICY, "message too large or not valid"))
                    }
                    None => Err(End::Gone),
                },
                Some(delivery) = self.deliveries.recv() => self.deliver(delivery).await,
                () = &mut timer => self.check_timers().await,
                // The connection holds the hub, so the sender outlives this receiver.
                Ok(()) = self.state.changed() => self.follow_hub().await,
            };
            if let Err(end) = step {
                break end;
            }
            // The timer is moved only when it would be late: most messages merely postpone the idle timeout.
            let next = self.next_timer();
            if timer.is_elapsed() || next < timer.deadline() {
                timer.as_mut().reset(next);
            }
        };
        self.end(end).await;
    }

    async fn receive(&mut self, message: Message) -> Result<(), End> {
        self.last_received = Instant::now();
        let decoded = match &message {
            Message::Text(text) => ClientMessage::decode_text(self.vsn, text),
            Message::Binary(bytes) => ClientMessage::decode_binary(self.vsn, bytes),
            // The library answers pings and the closing handshake itself.
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Err(End::Gone),
        };
        match decoded {
            Ok(message) => {
                // Events that were queued before the message came go out before its reply.
                if let Ok(delivery) = self.deliveries.try_recv() {
                    self.deliver(delivery).await?;
                }
                let replies = self.session.handle(message);
                self.write(replies).await
            }
            Err(error) => {
                self.count_malformed(&error);
                Ok(())
            }
        }
    }

    /// The hub closes, or its feed came or went.
    async fn follow_hub(&mut self) -> Result<(), End> {
        let state = *self.state.borrow_and_update();
        if state.closing {
            return Err(End::Close(close_code::AWAY, "shutting down"));
        }
        if state.interruptions == self.interruptions {
            return Ok(());
        }
        self.interruptions = state.interruptions;
        // What came before the interruption is in order.
        if let Ok(delivery) = self.deliveries.try_recv() {
            self.deliver(delivery).await?;
        }
        let ended = self.session.interrupt();
        self.write(ended).await
    }

    /// Writes the deliveries that are waiting in one go.
    async fn deliver(&mut self, first: Delivery) -> Result<(), End> {
        let waiting = self.deliveries.len();
        let rest = std::iter::from_fn(|| self.deliveries.try_recv().ok()).take(waiting);
        let frames: Vec<Utf8Bytes> = std::iter::once(first)
            .chain(rest)
            .filter(|delivery| self.session.expects(delivery))
            .map(|delivery| delivery.frame)
            .collect();
        let events = frames.len();
        self.write(frames).await?;
        self.hub.counters().events_sent.add(events);
        Ok(())
    }

    async fn check_timers(&mut self) -> Result<(), End> {
        let now = Instant::now();
        if self.idle_deadline() <= now {
            self.hub.counters().idle_closed.increment();
            return Err(End::Close(close_code::NORMAL, "idle timeout"));
        }
        let closed = self.session.expire(now);
        self.write(closed).await
    }

    async fn write(&mut self, frames: Vec<Utf8Bytes>) -> Result<(), End> {
        if frames.is_empty() {
            return Ok(());
        }
        let bytes: usize = frames.iter().map(|frame| frame.as_str().len()).sum();
        let socket = &mut self.socket;
        let writing = async {
            for frame in frames {
                socket.feed(Message::Text(frame)).await?;
            }
            socket.flush().await
        };
        match timeout(self.hub.config().write_timeout, writing).await {
            Ok(Ok(())) => {
                self.hub.counters().bytes_sent.add(bytes);
                Ok(())
            }
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => {
                self.hub.counters().slow_consumers_dropped.increment();
                Err(End::Stuck)
            }
        }
    }

    fn count_malformed(&self, error: &MalformedFrame) {
        self.hub.counters().malformed_frames.increment();
        tracing::debug!(%error, "dropping a malformed frame");
    }

    fn next_timer(&self) -> Instant {
        let idle = self.idle_deadline();
        self.session.next_expiry().map_or(idle, |expiry| expiry.min(idle))
    }

    fn idle_deadline(&self) -> Instant {
        self.last_received + self.hub.config().idle_timeout
    }

    async fn end(mut self, end: End) {
        // Leaves the channels first, so that nothing is queued for a socket that is going.
        drop(self.session);
        if let End::Close(code, reason) = end {
            let goodbye = Message::Close(Some(CloseFrame {
                code,
                reason: Utf8Bytes::from_static(reason),
            }));
            let socket = &mut self.socket;
            let closing = async {
                if socket.send(goodbye).await.is_ok() {
                    while let Some(Ok(_)) = socket.recv().await {}
                }
            };
            // Whether the client answers or not, the connection is dropped.
            let _ = timeout(CLOSE_TIMEOUT, closing).await;
        }
    }
}
