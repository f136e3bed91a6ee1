//! The virtual users of one worker: a fixed number of places, whoever is under way, and the drain at the end.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;

use tokio::task::JoinSet;

use super::stop::{Stop, StopSignal};
use crate::step::Context;
use crate::vu::VirtualUser;

/// A bounded pool of virtual users. Every user taken comes back exactly once, also when their task is cut off.
#[derive(Debug)]
pub struct Pool {
    shared: Rc<Places>,
    tasks: RefCell<JoinSet<()>>,
}

#[derive(Debug)]
struct Places {
    limit: u32,
    busy: Cell<u32>,
    peak: Cell<u32>,
    /// Users between iterations, with the connections that they keep.
    idle: RefCell<Vec<VirtualUser>>,
}

/// A user who is under way; the place is free again when this is dropped.
#[derive(Debug)]
pub struct BusyUser {
    pub user: VirtualUser,
    places: Rc<Places>,
}

impl Drop for BusyUser {
    fn drop(&mut self) {
        self.places.busy.set(self.places.busy.get() - 1);
        self.places.idle.borrow_mut().push(std::mem::take(&mut self.user));
    }
}

impl Pool {
    /// A pool with `limit` places.
    pub fn new(limit: u32) -> Self {
        let places = Places {
            limit,
            busy: Cell::new(0),
            peak: Cell::new(0),
            idle: RefCell::default(),
        };
        Self {
            shared: Rc::new(places),
            tasks: RefCell::default(),
        }
    }

    /// Takes a user; `None` when all places are busy.
    pub fn take(&self) -> Option<BusyUser> {
        let places = &self.shared;
        if places.busy.get() >= places.limit {
            return None;
        }
        places.busy.set(places.busy.get() + 1);
        places.peak.set(places.peak.get().max(places.busy.get()));
        let user = places.idle.borrow_mut().pop().unwrap_or_default();
        Some(BusyUser {
            user,
            places: Rc::clone(places),
        })
    }

    /// Runs a task of this pool on the worker's thread.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        let mut tasks = self.tasks.borrow_mut();
        tasks.spawn_local(task);
        // Ended tasks leave the set here, so that it holds no more than those under way.
        while tasks.try_join_next().is_some() {}
    }

    /// Waits until no task is under way. It may be given up at any time: the tasks go on.
    pub async fn all_ended(&self) {
        while poll_fn(|cx| self.tasks.borrow_mut().poll_join_next(cx))
            .await
            .is_some()
        {}
    }

    /// Waits for all tasks: until they end, the drain is over, or the run is told to stop now. What is left is cut
    /// off and counts as unfinished.
    pub async fn drain(&self, context: &Context, mut stop: StopSignal) {
        let mut tasks = self.tasks.take();
        let deadline = context.clock.now().plus(context.plan.load.drain);
        loop {
            tokio::select! {
                ended = tasks.join_next() => if ended.is_none() { return },
                () = context.clock.sleep_until(deadline) => break,
                () = stop.reached(Stop::Now) => break,
            }
        }
        tasks.shutdown().await;
    }

    /// Most users that were busy at once.
    pub fn peak(&self) -> u32 {
        self.shared.peak.get()
    }
}
