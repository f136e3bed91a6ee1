//! A user's realtime socket: one task that always reads it, answers for what is expected, and keeps it alive.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use super::context::Context;
use super::inbox::{Inbox, Settled, SubscriptionState};
use crate::chance::Purpose;
use crate::clock::Moment;
use crate::metrics::{EventSample, HistoryRecord, Sample, SeriesKind, SightingRecord};
use crate::protocol::{ChangeFrame, Frame, RealtimeError, RealtimeReader, RealtimeSocket, RealtimeWriter};

/// Servers close a socket that sent nothing for 60 s; real clients send a heartbeat every 25 s.
const HEARTBEAT_SECONDS: f64 = 25.0;
/// How long the closing handshake may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Joins that may wait for the task: a user has a handful of channels.
const JOINS_WAITING_MAX: usize = 8;

/// The socket of one user, from their first subscription to the end of the iteration.
#[derive(Debug)]
pub(super) struct Realtime {
    shared: Rc<Shared>,
    /// Taken away at the end: the task then closes the socket.
    joins: Option<mpsc::Sender<Join>>,
    task: JoinHandle<()>,
}

/// What the task and the steps both see. Never borrowed across an await.
#[derive(Debug)]
struct Shared {
    context: Rc<Context>,
    ticket: u64,
    warm_up: bool,
    inbox: RefCell<Inbox>,
    changed: Notify,
}

/// A request to join a topic.
#[derive(Debug)]
pub(super) struct Join {
    pub(super) topic: String,
    pub(super) changes: Value,
    pub(super) token: Option<String>,
}

impl Realtime {
    /// Starts the task that owns the socket.
    pub(super) fn start(context: Rc<Context>, ticket: u64, warm_up: bool, socket: RealtimeSocket) -> Self {
        let user_id = context
            .identities
            .knows_user_ids()
            .then(|| context.identities.user_id(ticket).to_string());
        let inbox = RefCell::new(Inbox::new(user_id));
        let shared = Rc::new(Shared {
            context,
            ticket,
            warm_up,
            inbox,
            changed: Notify::new(),
        });
        let (joins, waiting) = mpsc::channel(JOINS_WAITING_MAX);
        let task = tokio::task::spawn_local(Rc::clone(&shared).run(socket, waiting));
        Self {
            shared,
            joins: Some(joins),
            task,
        }
    }

    /// Looks at or changes the inbox.
    pub(super) fn with_inbox<T>(&self, look: impl FnOnce(&mut Inbox) -> T) -> T {
        look(&mut self.shared.inbox.borrow_mut())
    }

    /// Asks the task to join. `false` when the socket is gone.
    pub(super) async fn join(&self, join: Join) -> bool {
        match &self.joins {
            Some(joins) => joins.send(join).await.is_ok(),
            None => false,
        }
    }

    /// Waits until `look` finds something in the inbox, or the moment comes.
    pub(super) async fn wait_until<T>(
        &self,
        moment: Moment,
        look: impl Fn(&Inbox) -> Option<T>,
    ) -> Option<T> {
        let shared = &self.shared;
        loop {
            // The permit of `notified` is taken before looking, so that a change in between is not missed.
            let changed = shared.changed.notified();
            if let Some(found) = look(&shared.inbox.borrow()) {
                return Some(found);
            }
            tokio::select! {
                biased;
                () = changed => {}
                () = shared.context.clock.sleep_until(moment) => return look(&shared.inbox.borrow()),
            }
        }
    }

    /// The cause of an expected event is known to be committed at `at`.
    pub(super) fn commit(&self, expectation: u64, at: Moment) {
        let settled = self.with_inbox(|inbox| inbox.commit(expectation, at));
        self.shared.report(settled);
        // The task must learn of the new deadline.
        self.shared.changed.notify_waiters();
    }

    /// Waits for the last expected events, then closes the socket.
    pub(super) async fn finish(mut self) {
        while let Some(deadline) = self.with_inbox(|inbox| inbox.next_deadline()) {
            self.wait_until(deadline, |inbox| inbox.next_deadline().is_none().then_some(()))
                .await;
            let settled = self.with_inbox(|inbox| inbox.settle(self.shared.context.clock.now()));
            self.shared.report(settled);
        }
        self.joins = None;
        if !self.with_inbox(|inbox| inbox.is_lost()) {
            // A server that does not answer the closing frame must not hold the user.
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, &mut self.task).await;
        }
    }
}

impl Drop for Realtime {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    async fn run(self: Rc<Self>, socket: RealtimeSocket, mut waiting: mpsc::Receiver<Join>) {
        let RealtimeSocket {
            mut writer,
            mut reader,
        } = socket;
        if let Err(error) = self.serve(&mut writer, &mut reader, &mut waiting).await {
            tracing::debug!(ticket = self.ticket, %error, "realtime socket lost");
            self.inbox.borrow_mut().lose_socket();
            self.context.recorder.count(|counters| counters.sockets_lost += 1);
            self.changed.notify_waiters();
            // Expectations still end at their deadlines: an event cannot come through a socket that is gone.
            self.watch_deadlines().await;
        } else {
            writer.close().await;
        }
    }

    /// Reads, joins and beats until the socket breaks (`Err`) or nobody can ask for a join any more (`Ok`).
    async fn serve(
        &self,
        writer: &mut RealtimeWriter,
        reader: &mut RealtimeReader,
        waiting: &mut mpsc::Receiver<Join>,
    ) -> Result<(), RealtimeError> {
        let clock = self.context.clock;
        let mut beats = 0;
        let mut next_heartbeat = clock.now().plus(self.heartbeat_gap(beats));
        loop {
            tokio::select! {
                frame = reader.next() => self.take(frame?, clock.now()),
                join = waiting.recv() => match join {
                    Some(join) => writer.join(&join.topic, join.changes, join.token.as_deref()).await?,
                    None => return Ok(()),
                },
                () = clock.sleep_until(next_heartbeat) => {
                    writer.heartbeat().await?;
                    beats += 1;
                    next_heartbeat = clock.now().plus(self.heartbeat_gap(beats));
                }
                () = self.pass_deadline() => {}
            }
        }
    }

    /// Heartbeats of many users that arrived together must not stay together.
    fn heartbeat_gap(&self, beat: u64) -> Duration {
        let jitter = 0.8 + 0.2 * self.context.chance.uniform(self.ticket, Purpose::Heartbeat, beat);
        Duration::from_secs_f64(HEARTBEAT_SECONDS * jitter)
    }

    /// Waits for the next deadline and settles what is due; waits for a change when there is none.
    async fn pass_deadline(&self) {
        let changed = self.changed.notified();
        let deadline = self.inbox.borrow().next_deadline();
        match deadline {
            None => changed.await,
            Some(deadline) => tokio::select! {
                () = changed => {}
                () = self.context.clock.sleep_until(deadline) => {
                    let settled = self.inbox.borrow_mut().settle(self.context.clock.now());
                    self.report(settled);
                    self.changed.notify_waiters();
                }
            },
        }
    }

    async fn watch_deadlines(&self) {
        loop {
            self.pass_deadline().await;
        }
    }

    fn take(&self, frame: Frame, at: Moment) {
        match frame {
            Frame::Change(change) => self.take_change(*change, at),
            Frame::Joined { result: Ok(()), .. } | Frame::Other => return,
            // A join that was accepted is not live yet: only the system message says so.
            Frame::System {
                topic,
                result: Ok(()),
            } => {
                self.inbox.borrow_mut().set_state(&topic, SubscriptionState::Live);
            }
            Frame::Joined {
                topic,
                result: Err(reason),
            }
            | Frame::System {
                topic,
                result: Err(reason),
            } => {
                self.inbox
                    .borrow_mut()
                    .set_state(&topic, SubscriptionState::Failed(reason));
            }
            Frame::Closed { topic } => {
                let closed = SubscriptionState::Failed("the server closed the channel".to_owned());
                self.inbox.borrow_mut().set_state(&topic, closed);
            }
            Frame::Malformed => {
                self.context
                    .recorder
                    .count(|counters| counters.frames_malformed += 1);
                return;
            }
        }
        self.changed.notify_waiters();
    }

    fn take_change(&self, change: ChangeFrame, at: Moment) {
        if let Some(committed_ns) = change.committed_monotonic_ns {
            let committed = Moment::from_nanos(committed_ns);
            self.context.recorder.sample(Sample::Event(EventSample {
                kind: SeriesKind::Realtime,
                step: None,
                warm_up: self.warm_up,
                at: committed,
                value_ns: Some(at.signed_nanos_since(committed)),
            }));
        }
        let delivery = self.inbox.borrow_mut().receive(change, at);
        if let Some((sighting, detail)) = delivery.sighting {
            let record = SightingRecord {
                ticket: self.ticket,
                sighting,
                detail,
            };
            self.context.recorder.history(HistoryRecord::Sighting(record));
        }
        if delivery.discarded {
            self.context
                .recorder
                .count(|counters| counters.events_discarded += 1);
        }
        self.report(delivery.settled);
    }

    /// Records how expectations ended.
    fn report(&self, settled: Vec<Settled>) {
        for Settled {
            purpose,
            since,
            committed,
            received,
        } in settled
        {
            let sample = |kind, from: Moment, at| {
                Sample::Event(EventSample {
                    kind,
                    step: Some(purpose.step),
                    warm_up: self.warm_up,
                    at,
                    value_ns: received.map(|received| received.signed_nanos_since(from).max(0)),
                })
            };
            self.context
                .recorder
                .sample(sample(SeriesKind::RealtimeDelivery, committed, committed));
            if purpose.feedback {
                self.context
                    .recorder
                    .sample(sample(SeriesKind::Feedback, since, since));
            }
        }
    }
}
