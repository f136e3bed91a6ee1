//! What the executors with a fixed number of iterations share: users who take tickets until none is left.
//!
//! A ticket that was not taken within the executor's longest duration is due all the same: it is dropped, and counts
//! as a bad event of the first step, as an arrival does that finds no free user. When the load is stopped instead,
//! tickets that were not taken are no longer due.

use std::cell::RefCell;
use std::iter::StepBy;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use super::closed_model;
use super::pool::Pool;
use super::stop::{Stop, StopSignal};
use crate::step::Context;
use crate::vu;

/// Tickets that are still to be taken, in order.
#[derive(Debug)]
pub(super) struct TicketStore(RefCell<StepBy<Range<u64>>>);

impl TicketStore {
    /// Every `step`-th ticket (`step` above zero) of a range, beginning with its first.
    pub(super) fn new(tickets: Range<u64>, step: u64) -> Rc<Self> {
        // A step that does not fit into a `usize` reaches beyond the range after its first ticket.
        let step = usize::try_from(step).unwrap_or(usize::MAX);
        Rc::new(Self(RefCell::new(tickets.step_by(step))))
    }

    fn take(&self) -> Option<u64> {
        self.0.borrow_mut().next()
    }
}

/// Lets each user take tickets out of their store, which they may share, until there are none, `max_duration` is over
/// or the load is stopped.
pub(super) async fn complete(
    context: &Rc<Context>,
    pool: &Pool,
    stores: Vec<Rc<TicketStore>>,
    max_duration: Duration,
    mut stop: StopSignal,
) {
    for store in &stores {
        let Some(busy) = pool.take() else { break };
        let store = Rc::clone(store);
        pool.spawn(closed_model::iterate_on(Rc::clone(context), busy, move || {
            store.take()
        }));
    }
    tokio::select! {
        biased;
        () = stop.reached(Stop::Load) => {
            for store in stores {
                while store.take().is_some() {}
            }
            return;
        }
        () = pool.all_ended() => {}
        () = context.clock.sleep_until(context.epoch.plus(max_duration)) => {}
    }
    let given_up = context.clock.now();
    for store in stores {
        while let Some(ticket) = store.take() {
            context.recorder.iterations(|iterations| iterations.due += 1);
            vu::drop_arrival(context, ticket, given_up);
        }
    }
}
