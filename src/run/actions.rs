//! What the scenario does to its target at given times: carried out beside the load, and written down.

use std::pin::{Pin, pin};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::mpsc;

use crate::clock::{Moment, RunClock};
use crate::executor::{Stop, StopSignal};
use crate::metrics::{ActionOutcome, ActionRun};
use crate::plan::{Action, Deed, Outage};
use crate::target::{Operator, ThrowAwayDatabase};

/// How long an action that is under way is waited for when the user has cut the run off.
const CUT_GRACE: Duration = Duration::from_secs(1);

/// A deed under way: what was seen, or why it could not be done.
pub(super) type Doing = Pin<Box<dyn Future<Output = Result<String, String>> + Send>>;

/// News of one action.
#[derive(Debug)]
pub(super) struct ActionNews {
    /// Its place in the plan.
    index: usize,
    at: Moment,
    /// `None` when it begins; else how it ended.
    ended: Option<Result<String, String>>,
}

/// The actions of a run, while they are carried out.
#[derive(Debug)]
pub(super) struct Actions {
    news: mpsc::Receiver<ActionNews>,
}

impl Actions {
    /// Carries the actions out, each at its time. Those whose time has not come when the load is stopped are not begun.
    ///
    /// They are carried out on a thread of their own, which must be started before the workers: the thread that keeps the
    /// books then steps back behind them, and a database that is started again by it would be slower ever after.
    ///
    /// # Errors
    /// When the thread or its runtime cannot be started.
    pub(super) fn start(
        actions: &[Action],
        clock: RunClock,
        epoch: Moment,
        stop: StopSignal,
        means: Means,
    ) -> std::io::Result<Self> {
        let (sender, news) = channel(actions);
        if actions.is_empty() {
            return Ok(Self { news });
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let actions = actions.to_vec();
        std::thread::Builder::new()
            .name("actions".to_owned())
            .spawn(move || {
                let doing = |deed: &Deed| means.carry_out(deed.clone(), clock, stop.clone());
                runtime.block_on(carry_out(&actions, clock, epoch, &stop, &sender, doing));
                // Who hears that nothing more will come may remove the database.
                drop(means);
                drop(sender);
            })?;
        Ok(Self { news })
    }

    /// The next news; `None` when there is no more to come.
    pub(super) async fn next(&mut self) -> Option<ActionNews> {
        self.news.recv().await
    }

    /// Waits until whatever was begun has ended: a database that is away is back then. Once the user has cut the run off,
    /// it waits a moment more, for a database on its way back, and says with `false` that something is still under way.
    pub(super) async fn finish(mut self, book: &mut ActionBook, cut: impl Future<Output = ()>) -> bool {
        let mut cut = pin!(async {
            cut.await;
            tokio::time::sleep(CUT_GRACE).await;
        });
        loop {
            tokio::select! {
                biased;
                news = self.next() => match news {
                    Some(news) => drop(book.take(news)),
                    None => return true,
                },
                () = &mut cut => return false,
            }
        }
    }
}

/// Each action has two pieces of news: there is always room for them, and nothing waits for who reads them.
fn channel(actions: &[Action]) -> (mpsc::Sender<ActionNews>, mpsc::Receiver<ActionNews>) {
    mpsc::channel(2 * actions.len().max(1))
}

/// Carries out all actions; none waits for another.
async fn carry_out(
    actions: &[Action],
    clock: RunClock,
    epoch: Moment,
    stop: &StopSignal,
    news: &mpsc::Sender<ActionNews>,
    doing: impl Fn(&Deed) -> Doing,
) {
    let doing = &doing;
    let each = actions.iter().enumerate().map(|(index, action)| {
        let mut stop = stop.clone();
        async move {
            let tell = async |ended| {
                let at = clock.now();
                // Nobody listens any more once the run was given up.
                let _ = news.send(ActionNews { index, at, ended }).await;
            };
            tokio::select! {
                biased;
                () = stop.reached(Stop::Load) => return,
                () = clock.sleep_until(epoch.plus(action.at)) => {}
            }
            tell(None).await;
            tell(Some(doing(&action.deed).await)).await;
        }
    });
    join_all(each).await;
}

/// What actions are carried out with.
#[derive(Debug, Clone)]
pub(super) struct Means {
    /// With connections of their own: those of another thread end with that thread's runtime.
    pub(super) operator: Operator,
    /// The run's own database, when it has one.
    pub(super) database: Option<ThrowAwayDatabase>,
}

impl Means {
    /// Carries one deed out. A program or statements end in order when no user is left, for a half-done change to the
    /// target helps nobody; they are cut off only by whoever cuts the run off.
    pub(super) fn carry_out(&self, deed: Deed, clock: RunClock, mut stop: StopSignal) -> Doing {
        let Means { operator, database } = self.clone();
        Box::pin(async move {
            match deed {
                Deed::Request(request) => operator.request(&request).await,
                Deed::Sql(sql) => unless_cut(&mut stop, operator.sql(&sql)).await,
                Deed::Command(command) => unless_cut(&mut stop, operator.command(&command)).await,
                Deed::SwitchToStandby { patience } => {
                    unless_cut(&mut stop, operator.switch_to_standby(patience)).await
                }
                Deed::StopDatabase(outage) => match database {
                    Some(database) => stop_database(&database, outage, clock, stop).await,
                    // The scenario is refused before it comes to this.
                    None => Err("the run has no database of its own".to_owned()),
                },
            }
        })
    }
}

async fn unless_cut(
    stop: &mut StopSignal,
    deed: impl Future<Output = Result<String, String>>,
) -> Result<String, String> {
    tokio::select! {
        // A deed that has not begun when the run is cut off is not begun any more.
        biased;
        () = stop.reached(Stop::Cut) => Err("the run was cut off before it was done".to_owned()),
        done = deed => done,
    }
}

/// An outage. Once no user is left the database comes back at once: the end of the run asks for what was accepted.
async fn stop_database(
    database: &ThrowAwayDatabase,
    outage: Outage,
    clock: RunClock,
    mut stop: StopSignal,
) -> Result<String, String> {
    database.stop_server(outage.mode).await?;
    let stopped = clock.now();
    tokio::select! {
        () = clock.sleep_until(stopped.plus(outage.downtime)) => {}
        () = stop.reached(Stop::Now) => {}
    }
    let away = clock.now().since(stopped);
    let starting = clock.now();
    database.start_server().await?;
    Ok(format!(
        "the database was away for {}, and accepted connections {} after it was started again",
        seconds(away),
        seconds(clock.now().since(starting))
    ))
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// What is known of the actions so far.
#[derive(Debug, Clone)]
pub(super) struct ActionBook {
    epoch: Moment,
    written: Vec<ActionRun>,
}

impl ActionBook {
    /// Nothing has been begun yet. Times are counted from `epoch`, the start of the load.
    pub(super) fn new(actions: &[Action], epoch: Moment) -> Self {
        let written = actions.iter().map(|action| ActionRun {
            name: action.name.clone(),
            deed: action.deed.to_string(),
            planned_s: action.at.as_secs_f64(),
            begun_s: None,
            ended_s: None,
            outcome: ActionOutcome::NotBegun,
            injects: action.injects,
        });
        Self {
            epoch,
            written: written.collect(),
        }
    }

    /// Writes news down, and says them in a line for who watches the run.
    pub(super) fn take(&mut self, news: ActionNews) -> Option<String> {
        let at_s = news.at.since(self.epoch).as_secs_f64();
        let action = self.written.get_mut(news.index)?;
        let name = &action.name;
        Some(match news.ended {
            None => {
                action.begun_s = Some(at_s);
                action.outcome = ActionOutcome::UnderWay;
                format!("action: {name}")
            }
            Some(Ok(seen)) => {
                let line = format!("action done: {name}: {seen}");
                action.ended_s = Some(at_s);
                action.outcome = ActionOutcome::Done(seen);
                line
            }
            Some(Err(reason)) => {
                let line = format!("action FAILED: {name}: {reason}");
                action.ended_s = Some(at_s);
                action.outcome = ActionOutcome::Failed(reason);
                line
            }
        })
    }

    /// All actions, in the order of the plan.
    pub(super) fn written(&self) -> Vec<ActionRun> {
        self.written.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::StopSwitch;
    use crate::plan::StopMode;

    /// Nobody cuts the run off.
    fn pending() -> impl Future<Output = ()> {
        std::future::pending()
    }

    /// Stands for an outage that lasts as long as it says, or is never carried out.
    fn outage(at_s: u64, lasts_s: u64) -> Action {
        Action {
            at: Duration::from_secs(at_s),
            name: format!("at {at_s}"),
            deed: Deed::StopDatabase(Outage {
                downtime: Duration::from_secs(lasts_s),
                mode: StopMode::Fast,
            }),
            injects: false,
        }
    }

    /// As a run starts them, but in the time of the test.
    fn start(plan: &[Action], clock: RunClock, epoch: Moment, stop: StopSignal) -> Actions {
        let (sender, news) = channel(plan);
        let plan = plan.to_vec();
        tokio::spawn(async move { carry_out(&plan, clock, epoch, &stop, &sender, lasting(clock)).await });
        Actions { news }
    }

    fn lasting(clock: RunClock) -> impl Fn(&Deed) -> Doing + Send + Sync + 'static {
        move |deed| {
            let Deed::StopDatabase(Outage { downtime, .. }) = *deed else {
                return Box::pin(async { Err("not a request".to_owned()) });
            };
            Box::pin(async move {
                clock.sleep_until(clock.now().plus(downtime)).await;
                match downtime.as_secs() {
                    13 => Err("bad luck".to_owned()),
                    _ => Ok("seen".to_owned()),
                }
            })
        }
    }

    fn times(book: &ActionBook) -> Vec<(Option<u64>, Option<u64>, ActionOutcome)> {
        let whole = |seconds: Option<f64>| seconds.map(|seconds| seconds.round() as u64);
        let runs = book.written().into_iter();
        runs.map(|run| (whole(run.begun_s), whole(run.ended_s), run.outcome))
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn each_action_begins_at_its_time_and_none_waits_for_another() {
        let clock = RunClock::start();
        let epoch = clock.now().plus(Duration::from_secs(2));
        let plan = [outage(5, 20), outage(10, 1), outage(12, 13)];
        let (_switch, signal) = StopSwitch::new();
        let actions = start(&plan, clock, epoch, signal);
        let mut book = ActionBook::new(&plan, epoch);
        assert!(actions.finish(&mut book, pending()).await);
        assert_eq!(
            times(&book),
            [
                (Some(5), Some(25), ActionOutcome::Done("seen".into())),
                (Some(10), Some(11), ActionOutcome::Done("seen".into())),
                (Some(12), Some(25), ActionOutcome::Failed("bad luck".into())),
            ]
        );
        assert_eq!(book.written()[0].deed, "stop the database for 20s");
    }

    #[tokio::test(start_paused = true)]
    async fn when_the_load_is_stopped_what_was_begun_ends_and_the_rest_is_not_begun() {
        let clock = RunClock::start();
        let epoch = clock.now();
        let plan = [outage(5, 20), outage(30, 1)];
        let (switch, signal) = StopSwitch::new();
        let mut actions = start(&plan, clock, epoch, signal);
        let mut book = ActionBook::new(&plan, epoch);
        let begun = actions.next().await.unwrap();
        assert_eq!(book.take(begun).unwrap(), "action: at 5");
        assert_eq!(times(&book)[0], (Some(5), None, ActionOutcome::UnderWay));
        switch.stop(Stop::Load);
        assert!(actions.finish(&mut book, pending()).await);
        assert_eq!(clock.now().since(epoch).as_secs(), 25);
        assert_eq!(
            times(&book),
            [
                (Some(5), Some(25), ActionOutcome::Done("seen".into())),
                (None, None, ActionOutcome::NotBegun),
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_to_the_target_is_cut_off_by_the_user_and_not_by_the_end_of_the_load() {
        let clock = RunClock::start();
        let begun = clock.now();
        let (switch, signal) = StopSwitch::new();
        let change = async |mut stop: StopSignal| {
            let done = async {
                clock.sleep_until(begun.plus(Duration::from_secs(20))).await;
                Ok("changed".to_owned())
            };
            unless_cut(&mut stop, done).await
        };
        switch.stop(Stop::Now);
        assert_eq!(change(signal.clone()).await, Ok("changed".to_owned()));
        switch.stop(Stop::Cut);
        assert_eq!(
            change(signal).await,
            Err("the run was cut off before it was done".to_owned())
        );
    }

    #[tokio::test(start_paused = true)]
    async fn who_cuts_the_run_off_does_not_wait_for_an_action_that_hangs() {
        let clock = RunClock::start();
        let epoch = clock.now();
        let plan = [outage(5, 10_000), outage(6, 4)];
        let (_switch, signal) = StopSwitch::new();
        let actions = start(&plan, clock, epoch, signal);
        let mut book = ActionBook::new(&plan, epoch);
        let cut = clock.sleep(epoch.plus(Duration::from_millis(9_500)));
        assert!(!actions.finish(&mut book, cut).await);
        assert_eq!(clock.now().since(epoch).as_millis(), 10_500);
        assert_eq!(
            times(&book),
            [
                (Some(5), None, ActionOutcome::UnderWay),
                (Some(6), Some(10), ActionOutcome::Done("seen".into())),
            ]
        );
    }
}
