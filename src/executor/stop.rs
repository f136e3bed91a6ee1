//! How a run is told to stop: no more tickets, then no more waiting.

use tokio::sync::watch;

/// How far a run has been told to stop. It only ever grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// Go on.
    No,
    /// Issue no more tickets; let iterations under way end within the drain.
    Load,
    /// Cut off the users that are under way.
    Now,
    /// Cut off everything, also what is being done to the target beside the load: whoever watches does not want to wait.
    Cut,
}

/// Tells all workers to stop.
#[derive(Debug, Clone)]
pub struct StopSwitch(watch::Sender<Stop>);

/// What workers listen to.
#[derive(Debug, Clone)]
pub struct StopSignal(watch::Receiver<Stop>);

impl StopSwitch {
    /// A switch and its first listener.
    pub fn new() -> (StopSwitch, StopSignal) {
        let (sender, receiver) = watch::channel(Stop::No);
        (StopSwitch(sender), StopSignal(receiver))
    }

    /// Asks to stop as far as `stop`; never takes back more.
    pub fn stop(&self, stop: Stop) {
        self.0.send_if_modified(|current| {
            let further = stop > *current;
            if further {
                *current = stop;
            }
            further
        });
    }

    /// How far the stop has got.
    pub fn current(&self) -> Stop {
        *self.0.borrow()
    }
}

impl StopSignal {
    /// Whether the stop has got as far as `stop`.
    pub fn has_reached(&self, stop: Stop) -> bool {
        *self.0.borrow() >= stop
    }

    /// Waits until the stop has got as far as `stop`. Never returns when the switch is gone.
    pub async fn reached(&mut self, stop: Stop) {
        if self.0.wait_for(|current| *current >= stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
