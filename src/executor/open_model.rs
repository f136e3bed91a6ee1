//! The open model: tickets are issued when the schedule says so, whether the target keeps up or not.

use std::rc::Rc;

use super::pool::Pool;
use super::stop::{Stop, StopSignal};
use crate::schedule::Arrivals;
use crate::step::Context;
use crate::vu::{self, Iteration};

/// Issues every arrival at its time. One that finds no free user is dropped and counted, never put off.
pub(super) async fn issue(context: &Rc<Context>, arrivals: Arrivals, pool: &Pool, mut stop: StopSignal) {
    for arrival in arrivals {
        let intended = context.epoch.plus(arrival.offset);
        tokio::select! {
            biased;
            () = stop.reached(Stop::Load) => return,
            () = context.clock.sleep_until(intended) => {}
        }
        context.recorder.iterations(|iterations| iterations.due += 1);
        let Some(mut busy) = pool.take() else {
            vu::drop_arrival(context, arrival.ticket, intended);
            continue;
        };
        context.record_lag(intended);
        // Begun here and not in the task: the end of the run may come before the task gets to run.
        let iteration = Iteration::begin(Rc::clone(context), arrival.ticket, intended);
        pool.spawn(async move { busy.user.iterate(iteration).await });
    }
}
