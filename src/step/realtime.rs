//! A user's realtime socket: one task that owns it, always reads it, answers for what is expected, and keeps it alive.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::context::Context;
use super::inbox::{Inbox, Settled, Subscription};
use super::signal::Signal;
use crate::chance::Purpose;
use crate::clock::Moment;
use crate::metrics::{EventSample, HistoryRecord, Sample, SeriesKind, SightingRecord};
use crate::protocol::{ChangeFrame, Frame, FrameText, Join, RealtimeError, RealtimeSocket};

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
    task: JoinHandle<()>,
}

/// What the task and the steps both see. Never borrowed across an await.
#[derive(Debug)]
struct Shared {
    context: Rc<Context>,
    ticket: u64,
    warm_up: bool,
    inbox: RefCell<Inbox>,
    /// Joins that the task has not sent yet.
    joins: RefCell<VecDeque<(String, Rc<Join>)>>,
    /// Expected events that did not come in time.
    stale: Cell<u32>,
    /// The user is done: the task closes the socket.
    leaving: Cell<bool>,
    /// When the task wakes by itself.
    alarm: Cell<Moment>,
    /// For the task: a join, the end, or a deadline before the alarm.
    asked: Signal,
    /// For the user: the inbox has changed.
    changed: Signal,
}

/// What the task woke for.
enum Wake {
    Frame(Result<FrameText, RealtimeError>),
    Asked,
    Alarm,
}

impl Realtime {
    /// Starts the task that owns the socket.
    pub(super) fn start(context: Rc<Context>, ticket: u64, warm_up: bool, socket: RealtimeSocket) -> Self {
        let user_id = context
            .identities
            .knows_user_ids()
            .then(|| context.identities.user_id(ticket).to_string());
        let alarm = Cell::new(context.clock.now());
        let shared = Rc::new(Shared {
            context,
            ticket,
            warm_up,
            inbox: RefCell::new(Inbox::new(user_id)),
            joins: RefCell::default(),
            stale: Cell::new(0),
            leaving: Cell::new(false),
            alarm,
            asked: Signal::default(),
            changed: Signal::default(),
        });
        let task = tokio::task::spawn_local(Rc::clone(&shared).run(socket));
        Self { shared, task }
    }

    /// Looks at or changes the inbox.
    pub(super) fn with_inbox<T>(&self, look: impl FnOnce(&mut Inbox) -> T) -> T {
        look(&mut self.shared.inbox.borrow_mut())
    }

    /// Asks the task to join. `false` when the socket is gone, or too many joins wait for it.
    pub(super) fn join(&self, topic: &str, join: &Rc<Join>, subscription: Subscription) -> bool {
        let mut joins = self.shared.joins.borrow_mut();
        if self.with_inbox(|inbox| inbox.is_lost()) || joins.len() >= JOINS_WAITING_MAX {
            return false;
        }
        self.with_inbox(|inbox| inbox.join(subscription));
        joins.push_back((topic.to_owned(), Rc::clone(join)));
        self.shared.asked.raise();
        true
    }

    /// Waits until `look` finds something in the inbox, or the moment comes.
    pub(super) async fn wait_until<T>(
        &self,
        moment: Moment,
        look: impl Fn(&Inbox) -> Option<T>,
    ) -> Option<T> {
        let Shared {
            context,
            inbox,
            changed,
            ..
        } = &*self.shared;
        if let Some(found) = look(&inbox.borrow()) {
            return Some(found);
        }
        let mut timer = pin!(context.clock.sleep(moment));
        let found = poll_fn(|task| {
            while changed.poll(task).is_ready() {
                if let Some(found) = look(&inbox.borrow()) {
                    return Poll::Ready(Some(found));
                }
            }
            timer.as_mut().poll(task).map(|()| look(&inbox.borrow()))
        })
        .await;
        changed.forget();
        found
    }

    /// The cause of an expected event is known to be committed at `at`.
    pub(super) fn commit(&self, expectation: u64, at: Moment) {
        let (settled, deadline) =
            self.with_inbox(|inbox| (inbox.commit(expectation, at), inbox.next_deadline()));
        self.shared.report(settled);
        if deadline.is_some_and(|deadline| deadline < self.shared.alarm.get()) {
            self.shared.asked.raise();
        }
    }

    /// Waits for the last expected events, then closes the socket. Says how many did not come in time.
    pub(super) async fn finish(mut self) -> u32 {
        while let Some(deadline) = self.with_inbox(|inbox| inbox.next_deadline()) {
            self.wait_until(deadline, |inbox| inbox.next_deadline().is_none().then_some(()))
                .await;
            self.shared.settle();
        }
        self.shared.leaving.set(true);
        self.shared.asked.raise();
        if !self.with_inbox(|inbox| inbox.is_lost()) {
            // A server that does not answer the closing frame must not hold the user.
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, &mut self.task).await;
        }
        self.shared.stale.get()
    }
}

impl Drop for Realtime {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    async fn run(self: Rc<Self>, mut socket: RealtimeSocket) {
        let Err(error) = self.serve(&mut socket).await else {
            return socket.close().await;
        };
        drop(socket);
        tracing::debug!(ticket = self.ticket, %error, "realtime socket lost");
        self.inbox.borrow_mut().lose_socket();
        self.context.recorder.count(|counters| counters.sockets_lost += 1);
        self.changed.raise();
        self.watch_deadlines().await;
    }

    /// Reads, joins and beats until the socket breaks (`Err`) or the user leaves (`Ok`).
    async fn serve(&self, socket: &mut RealtimeSocket) -> Result<(), RealtimeError> {
        let clock = self.context.clock;
        let mut beats = 0;
        let mut next_heartbeat = clock.now().plus(self.heartbeat_gap(beats));
        self.alarm.set(next_heartbeat);
        let mut timer = pin!(clock.sleep(next_heartbeat));
        loop {
            let wake = poll_fn(|task| {
                if self.asked.poll(task).is_ready() {
                    return Poll::Ready(Wake::Asked);
                }
                if let Poll::Ready(frame) = socket.poll_next(task) {
                    return Poll::Ready(Wake::Frame(frame));
                }
                timer.as_mut().poll(task).map(|()| Wake::Alarm)
            });
            let wake = wake.await;
            let now = clock.now();
            match wake {
                Wake::Frame(text) => self.take(text?.decode(), now),
                Wake::Asked => {
                    while let Some((topic, join)) = self.next_join() {
                        self.send_join(socket, &topic, &join).await?;
                    }
                    if self.leaving.get() {
                        return Ok(());
                    }
                }
                Wake::Alarm => {}
            }
            // Looked at after frames as well: a socket that always has one more must not hold up the rest.
            if now >= self.alarm.get() {
                self.settle();
            }
            while let Some((topic, join)) = self.due_rejoin(now) {
                self.send_join(socket, &topic, &join).await?;
                self.context
                    .recorder
                    .count(|counters| counters.channels_rejoined += 1);
            }
            if now >= next_heartbeat {
                socket.heartbeat().await?;
                beats += 1;
                next_heartbeat = clock.now().plus(self.heartbeat_gap(beats));
            }
            let next = self.next_wake().unwrap_or(next_heartbeat).min(next_heartbeat);
            // An alarm that comes too early does no harm; to set one with every event would.
            if next < self.alarm.get() || now >= self.alarm.get() {
                self.alarm.set(next);
                clock.reset(timer.as_mut(), next);
            }
        }
    }

    /// Without a socket expectations still end at their deadlines: an event cannot come any more.
    async fn watch_deadlines(&self) {
        // Whatever is committed from here on has a deadline before this.
        self.alarm.set(Moment::from_nanos(u64::MAX));
        loop {
            let asked = poll_fn(|task| self.asked.poll(task));
            match self.next_deadline() {
                None => asked.await,
                Some(deadline) => tokio::select! {
                    () = asked => {}
                    () = self.context.clock.sleep_until(deadline) => self.settle(),
                },
            }
        }
    }

    async fn send_join(
        &self,
        socket: &mut RealtimeSocket,
        topic: &str,
        join: &Join,
    ) -> Result<(), RealtimeError> {
        let reference = socket.join(join).await?;
        self.inbox.borrow_mut().sent(topic, reference);
        Ok(())
    }

    fn next_join(&self) -> Option<(String, Rc<Join>)> {
        self.joins.borrow_mut().pop_front()
    }

    fn due_rejoin(&self, now: Moment) -> Option<(String, Rc<Join>)> {
        self.inbox.borrow_mut().take_due_rejoin(now)
    }

    /// When the task with a socket has something to do by itself.
    fn next_wake(&self) -> Option<Moment> {
        let inbox = self.inbox.borrow();
        let (deadline, rejoin) = (inbox.next_deadline(), inbox.next_rejoin());
        deadline.into_iter().chain(rejoin).min()
    }

    fn next_deadline(&self) -> Option<Moment> {
        self.inbox.borrow().next_deadline()
    }

    /// Heartbeats of many users that arrived together must not stay together.
    fn heartbeat_gap(&self, beat: u64) -> Duration {
        let jitter = 0.8 + 0.2 * self.context.chance.uniform(self.ticket, Purpose::Heartbeat, beat);
        Duration::from_secs_f64(HEARTBEAT_SECONDS * jitter)
    }

    /// Ends what is due by now.
    fn settle(&self) {
        let settled = self.inbox.borrow_mut().settle(self.context.clock.now());
        if !settled.is_empty() {
            self.report(settled);
            self.changed.raise();
        }
    }

    fn take(&self, frame: Frame<'_>, at: Moment) {
        match frame {
            Frame::Change(change) => self.take_change(&change, at),
            Frame::Joined { result: Ok(()), .. } | Frame::Other => return,
            // A join that was accepted is not live yet: only the system message says so.
            Frame::System {
                topic,
                result: Ok(()),
            } => self.inbox.borrow_mut().live(&topic),
            Frame::Joined {
                topic,
                result: Err(reason),
            }
            | Frame::System {
                topic,
                result: Err(reason),
            } => self.inbox.borrow_mut().lose(&topic, reason, at),
            Frame::Crashed { topic } => {
                let reason = "the server lost the channel".to_owned();
                self.inbox.borrow_mut().lose(&topic, reason, at);
            }
            Frame::Closed { topic, joined_by } => self.inbox.borrow_mut().close(&topic, joined_by),
            Frame::Malformed => {
                self.context
                    .recorder
                    .count(|counters| counters.frames_malformed += 1);
                return;
            }
        }
        self.changed.raise();
    }

    fn take_change(&self, change: &ChangeFrame<'_>, at: Moment) {
        let clock = self.context.commit_clock;
        let committed = clock.committed(change);
        if committed.is_none() {
            self.context
                .recorder
                .count(|counters| counters.events_without_commit += 1);
        }
        let moments = [
            (SeriesKind::Realtime, committed),
            (SeriesKind::RealtimeWithFlush, clock.recorded(change)),
        ];
        for (kind, committed) in moments {
            let Some(committed) = committed else {
                continue;
            };
            self.context.recorder.sample(Sample::Event(EventSample {
                kind,
                step: None,
                warm_up: self.warm_up,
                at: committed,
                value_ns: Some(at.signed_nanos_since(committed)),
            }));
        }
        let delivery = self.inbox.borrow_mut().receive(change, &self.context.watched, at);
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
            if received.is_none() {
                self.stale.set(self.stale.get() + 1);
            }
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

/// The size of the task of one user's socket.
#[cfg(test)]
pub(super) fn size_of_task() -> usize {
    fn size<A, F: std::future::Future>(_start: impl FnOnce(A) -> F) -> usize {
        size_of::<F>()
    }
    size(|(shared, socket): (Rc<Shared>, RealtimeSocket)| shared.run(socket))
}
