//! The rollback action: what is done to the target, once, when the first rollback threshold trips, while the load goes on.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::actions::{Doing, Means};
use crate::clock::{Moment, RunClock};
use crate::executor::StopSignal;
use crate::metrics::{ActionOutcome, ActionRun};
use crate::plan::{Deed, RollbackAction};

/// News of the rollback action.
#[derive(Debug)]
pub(super) struct RollbackNews {
    at: Moment,
    /// `None` when it begins; else how it ended.
    ended: Option<Result<String, String>>,
}

/// It has two pieces of news: there is always room for them, and it never waits for who reads them.
const NEWS_MAX: usize = 2;

/// The rollback action of a run: waiting for its moment, under way, or over.
#[derive(Debug)]
pub(super) struct Rollback {
    epoch: Moment,
    /// Taken when a threshold trips. `None` also when the scenario has no such action.
    trip: Option<oneshot::Sender<()>>,
    news: mpsc::Receiver<RollbackNews>,
    /// As it will be written down when a threshold trips.
    unwritten: Option<ActionRun>,
    written: Option<ActionRun>,
}

impl Rollback {
    /// Waits for a threshold to trip, on a thread of its own. It must be started before the workers, for the same reason as
    /// that of the actions: the thread that keeps the books steps back behind them.
    ///
    /// # Errors
    /// When the thread or its runtime cannot be started.
    pub(super) fn start(
        action: Option<&RollbackAction>,
        clock: RunClock,
        epoch: Moment,
        stop: StopSignal,
        means: Means,
    ) -> std::io::Result<Self> {
        let (rollback, tripped, news) = Self::waiting(action, epoch);
        if let Some(action) = action.cloned() {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            std::thread::Builder::new()
                .name("rollback".to_owned())
                .spawn(move || {
                    let doing = |deed: &Deed| means.carry_out(deed.clone(), clock, stop.clone());
                    runtime.block_on(carry_out(&action, clock, tripped, &news, doing));
                    // Who hears that nothing more will come may remove the database.
                    drop(means);
                    drop(news);
                })?;
        }
        Ok(rollback)
    }

    fn waiting(
        action: Option<&RollbackAction>,
        epoch: Moment,
    ) -> (Self, oneshot::Receiver<()>, mpsc::Sender<RollbackNews>) {
        let (trip, tripped) = oneshot::channel();
        let (sender, news) = mpsc::channel(NEWS_MAX);
        let rollback = Self {
            epoch,
            trip: action.is_some().then_some(trip),
            news,
            unwritten: action.map(|action| ActionRun {
                name: action.name.clone(),
                deed: action.to_string(),
                planned_s: 0.0,
                begun_s: None,
                ended_s: None,
                outcome: ActionOutcome::NotBegun,
                injects: false,
            }),
            written: None,
        };
        (rollback, tripped, sender)
    }

    /// A threshold has tripped, `at_s` seconds into the run. Only the first one has an effect.
    pub(super) fn trip(&mut self, at_s: f64) {
        let Some(trip) = self.trip.take() else { return };
        self.written = self.unwritten.take().map(|run| ActionRun {
            planned_s: at_s,
            ..run
        });
        // Nobody listens any more only when the run has been given up.
        let _ = trip.send(());
    }

    /// The next news; `None` when there is no more to come.
    pub(super) async fn next(&mut self) -> Option<RollbackNews> {
        self.news.recv().await
    }

    /// Nothing will trip any more. What was begun goes on, and [`Rollback::next`] ends with it.
    pub(super) fn close(&mut self) {
        self.trip = None;
    }

    /// Writes news down, and says them in a line for who watches the run.
    pub(super) fn take(&mut self, news: RollbackNews) -> Option<String> {
        let at_s = news.at.since(self.epoch).as_secs_f64();
        let run = self.written.as_mut()?;
        let name = &run.name;
        Some(match news.ended {
            None => {
                run.begun_s = Some(at_s);
                run.outcome = ActionOutcome::UnderWay;
                format!("rolling back: {name}: {}", run.deed)
            }
            Some(Ok(seen)) => {
                let line = format!("rolled back: {name}: {seen}");
                run.ended_s = Some(at_s);
                run.outcome = ActionOutcome::Done(seen);
                line
            }
            Some(Err(reason)) => {
                let line = format!("THE ROLLBACK FAILED: {name}: {reason}");
                run.ended_s = Some(at_s);
                run.outcome = ActionOutcome::Failed(reason);
                line
            }
        })
    }

    /// What has been done so far; `None` when no threshold tripped, or there was nothing to do.
    pub(super) fn written(&self) -> Option<ActionRun> {
        self.written.clone()
    }
}

/// Waits for the moment, then does one deed after the other, until one fails.
async fn carry_out(
    action: &RollbackAction,
    clock: RunClock,
    tripped: oneshot::Receiver<()>,
    news: &mpsc::Sender<RollbackNews>,
    doing: impl Fn(&Deed) -> Doing,
) {
    if tripped.await.is_err() {
        return;
    }
    let tell = async |ended| {
        let at = clock.now();
        // Nobody listens any more once the run was given up.
        let _ = news.send(RollbackNews { at, ended }).await;
    };
    tell(None).await;
    tell(Some(all_deeds(action, clock, doing).await)).await;
}

/// The sentence says of each deed what was seen and how long it took.
async fn all_deeds(
    action: &RollbackAction,
    clock: RunClock,
    doing: impl Fn(&Deed) -> Doing,
) -> Result<String, String> {
    let mut seen = Vec::new();
    for deed in &action.deeds {
        let began = clock.now();
        let result = doing(deed).await;
        let took = seconds(clock.now().since(began));
        match result {
            Ok(done) => seen.push(format!("{deed}: {done} ({took})")),
            Err(reason) => {
                let before = match seen.as_slice() {
                    [] => String::new(),
                    done => format!(" (done before: {})", done.join("; ")),
                };
                return Err(format!("{deed}: {reason} ({took}){before}"));
            }
        }
    }
    Ok(seen.join("; "))
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::plan::{Outage, StopMode};

    /// A deed that takes this long; one of 13 s fails.
    fn deed(seconds: u64) -> Deed {
        Deed::StopDatabase(Outage {
            downtime: Duration::from_secs(seconds),
            mode: StopMode::Fast,
        })
    }

    fn action(deeds: &[u64]) -> RollbackAction {
        RollbackAction {
            name: "back".to_owned(),
            deeds: deeds.iter().map(|seconds| deed(*seconds)).collect(),
        }
    }

    /// As a run starts it, but in the time of the test; `done` counts the deeds that were begun.
    fn start(action: &RollbackAction, clock: RunClock, done: &Arc<Mutex<u32>>) -> Rollback {
        let (rollback, tripped, news) = Rollback::waiting(Some(action), clock.now());
        let (action, done) = (action.clone(), Arc::clone(done));
        tokio::spawn(async move {
            let doing = |deed: &Deed| -> Doing {
                *done.lock().unwrap() += 1;
                let Deed::StopDatabase(Outage { downtime, .. }) = *deed else {
                    return Box::pin(async { Err("not an outage".to_owned()) });
                };
                Box::pin(async move {
                    clock.sleep_until(clock.now().plus(downtime)).await;
                    match downtime.as_secs() {
                        13 => Err("bad luck".to_owned()),
                        _ => Ok("seen".to_owned()),
                    }
                })
            };
            carry_out(&action, clock, tripped, &news, doing).await;
        });
        rollback
    }

    async fn finish(mut rollback: Rollback) -> Option<ActionRun> {
        rollback.close();
        while let Some(news) = rollback.next().await {
            rollback.take(news);
        }
        rollback.written()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_threshold_that_trips_starts_it_and_no_later_one_does_again() {
        let clock = RunClock::start();
        let begun = Arc::default();
        let mut rollback = start(&action(&[2, 3]), clock, &begun);
        assert_eq!(rollback.written(), None);
        clock.sleep_until(clock.now().plus(Duration::from_secs(20))).await;
        rollback.trip(20.0);
        rollback.trip(21.0);
        let news = rollback.next().await.unwrap();
        assert_eq!(
            rollback.take(news).unwrap(),
            "rolling back: back: stop the database for 2s; then stop the database for 3s"
        );
        assert_eq!(rollback.written().unwrap().outcome, ActionOutcome::UnderWay);
        let run = finish(rollback).await.unwrap();
        assert_eq!(*begun.lock().unwrap(), 2);
        assert_eq!(
            (run.planned_s, run.begun_s, run.ended_s),
            (20.0, Some(20.0), Some(25.0))
        );
        let seen = "stop the database for 2s: seen (2.00 s); stop the database for 3s: seen (3.00 s)";
        assert_eq!(run.outcome, ActionOutcome::Done(seen.to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_deed_that_fails_is_the_last_one() {
        let clock = RunClock::start();
        let begun = Arc::default();
        let mut rollback = start(&action(&[1, 13, 5]), clock, &begun);
        rollback.trip(0.0);
        let run = finish(rollback).await.unwrap();
        assert_eq!(*begun.lock().unwrap(), 2);
        let reason = "stop the database for 13s: bad luck (13.00 s) (done before: stop the database for 1s: seen (1.00 s))";
        assert_eq!(run.outcome, ActionOutcome::Failed(reason.to_owned()));
        assert_eq!(run.ended_s, Some(14.0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_without_a_breach_does_nothing_to_the_target() {
        let begun = Arc::default();
        let rollback = start(&action(&[1]), RunClock::start(), &begun);
        assert_eq!(finish(rollback).await, None);
        assert_eq!(*begun.lock().unwrap(), 0);
        let (mut none, ..) = Rollback::waiting(None, RunClock::start().now());
        none.trip(3.0);
        assert_eq!(none.written(), None);
    }
}
