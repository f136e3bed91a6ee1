//! The closed model: a number of users, each of whom begins again when they are done.
//!
//! There is no schedule to be late for: the intended start of an iteration is the moment it starts, and reports say so.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use super::pool::{BusyUser, Pool};
use super::stop::{Stop, StopSignal};
use crate::plan::Partition;
use crate::schedule::VuProfile;
use crate::step::Context;
use crate::vu::Iteration;

/// How often a ramp is looked at: users start and stop at this grain.
const RAMP_TICK: Duration = Duration::from_millis(100);

/// Keeps as many users busy as the profile wants, until it ends.
pub(super) async fn keep_busy(
    context: &Rc<Context>,
    profile: &VuProfile,
    pool: &Pool,
    partition: Partition,
    mut stop: StopSignal,
) {
    // Worker i of n hands out the tickets i, i + n, i + 2n, …
    let issued = Rc::new(Cell::new(0_u64));
    let wanted = Rc::new(Cell::new(0_u32));
    let running: Rc<RefCell<BTreeSet<u32>>> = Rc::default();
    loop {
        let now = context.clock.now();
        let Some(total) = profile.vus_at(now.since(context.epoch)) else {
            break;
        };
        wanted.set(partition.share(total));
        // Users above the wanted number end by themselves after their iteration.
        let missing: Vec<u32> = (0..wanted.get())
            .filter(|index| !running.borrow().contains(index))
            .collect();
        for index in missing {
            let Some(busy) = pool.take() else { break };
            running.borrow_mut().insert(index);
            let (issued, wanted, running) = (Rc::clone(&issued), Rc::clone(&wanted), Rc::clone(&running));
            let user = User {
                index,
                issued,
                wanted,
                running,
                partition,
            };
            pool.spawn(user.keep_iterating(Rc::clone(context), busy));
        }
        tokio::select! {
            biased;
            () = stop.reached(Stop::Load) => break,
            () = context.clock.sleep_until(now.plus(RAMP_TICK)) => {}
        }
    }
    wanted.set(0);
}

/// One user of the closed model.
struct User {
    index: u32,
    issued: Rc<Cell<u64>>,
    wanted: Rc<Cell<u32>>,
    running: Rc<RefCell<BTreeSet<u32>>>,
    partition: Partition,
}

impl User {
    async fn keep_iterating(self, context: Rc<Context>, busy: BusyUser) {
        iterate_on(context, busy, || self.next_ticket()).await;
        self.running.borrow_mut().remove(&self.index);
    }

    fn next_ticket(&self) -> Option<u64> {
        (self.index < self.wanted.get()).then(|| {
            let issued = self.issued.replace(self.issued.get() + 1);
            issued * self.partition.of() + self.partition.index()
        })
    }
}

/// One iteration after the other, for as long as there is a ticket for the next.
pub(super) async fn iterate_on(
    context: Rc<Context>,
    mut busy: BusyUser,
    mut next_ticket: impl FnMut() -> Option<u64>,
) {
    while let Some(ticket) = next_ticket() {
        context.recorder.iterations(|iterations| iterations.due += 1);
        let iteration = Iteration::begin(Rc::clone(&context), ticket, context.clock.now());
        busy.user.iterate(iteration).await;
        // An iteration without any wait must not keep the others from running.
        tokio::task::yield_now().await;
    }
}
