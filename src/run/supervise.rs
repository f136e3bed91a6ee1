//! The second hand of a run: takes in what workers and observers send, watches the windows, listens for signals.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::actions::{ActionBook, ActionNews, Actions};
use super::collect::Collector;
use super::interrupts::Interrupts;
use super::limits::descriptors_open;
use super::observe::Observation;
use super::progress::{Phase, Progress};
use super::rollback::{Rollback, RollbackNews};
use super::workers::WorkerMessage;
use crate::chance::Chance;
use crate::clock::{Moment, RunClock};
use crate::executor::{Stop, StopSwitch};
use crate::metrics::{ActionRun, EarlyStop, Incident, IncidentKind, Interruption};
use crate::plan::{Executor, Partition, Plan, WindowPolicy};
use crate::schedule::Arrivals;
use crate::sla::{Change, Due, EarlyStopWatch, WindowWatch};
use crate::target::Child;

/// A second is looked at this long after it has passed, so that its samples have been handed over.
const SETTLING: Duration = Duration::from_millis(500);

/// Seconds between checkpoints: so much of a run is lost at most when it is killed.
const CHECKPOINT_EVERY_S: u32 = 10;

/// What the supervisor has seen by the end.
#[derive(Debug)]
pub(super) struct Supervision {
    /// When the last ticket was issued, by plan or because the load was stopped.
    pub(super) load_ended: Moment,
    pub(super) drained: Moment,
    pub(super) interruption: Option<Interruption>,
    pub(super) incidents: Vec<Incident>,
    /// What was done to the target, as far as it is known.
    pub(super) actions: Vec<ActionRun>,
    /// Why the load was ended before its time, when a target was settled.
    pub(super) early_stop: Option<EarlyStop>,
    /// What was done when a rollback threshold tripped.
    pub(super) rollback_action: Option<ActionRun>,
    /// Arrivals that the schedule holds until the load ended; `None` for closed models.
    pub(super) arrivals_planned: Option<u64>,
    /// Arrivals of the schedule after that; 0 for closed models.
    pub(super) arrivals_called_off: u64,
    /// Arrivals of the whole schedule, second by second; `None` for closed models.
    pub(super) planned_by_second: Option<Vec<u32>>,
}

/// Watches one run.
pub(super) struct Supervisor<'a> {
    plan: &'a Plan,
    clock: RunClock,
    epoch: Moment,
    stop: StopSwitch,
    alerts: Option<WindowWatch>,
    rollback: Option<WindowWatch>,
    targets: Option<EarlyStopWatch>,
    early_stop: Option<EarlyStop>,
    due: DueArrivals,
    actions: ActionBook,
    load_ended: Option<Moment>,
    interrupts: &'a mut Interrupts,
    progress: &'a mut Progress,
    checkpoint: &'a mut dyn FnMut(&Collector, &Supervision),
    next_second: u32,
}

impl<'a> Supervisor<'a> {
    pub(super) fn new(
        plan: &'a Arc<Plan>,
        clock: RunClock,
        epoch: Moment,
        stop: StopSwitch,
        interrupts: &'a mut Interrupts,
        progress: &'a mut Progress,
        checkpoint: &'a mut dyn FnMut(&Collector, &Supervision),
    ) -> Self {
        let measured_from_s = plan.load.warm_up.as_secs_f64();
        let watch =
            |kind, policy: &WindowPolicy| WindowWatch::new(kind, policy, &plan.steps, measured_from_s);
        let due = DueArrivals::of(plan);
        let users = due
            .before(Duration::MAX)
            .zip(due.before(plan.load.warm_up))
            .map(|(all, warm_up)| all - warm_up)
            .or_else(|| plan.load.executor.fixed_iterations(plan.load.partition));
        Self {
            clock,
            epoch,
            stop,
            alerts: plan
                .criteria
                .alerts
                .as_ref()
                .map(|policy| watch(IncidentKind::Alert, policy)),
            rollback: plan
                .criteria
                .rollback
                .as_ref()
                .map(|rollback| watch(IncidentKind::Rollback, &rollback.policy)),
            targets: EarlyStopWatch::of(plan, users),
            early_stop: None,
            due,
            actions: ActionBook::new(&plan.actions, epoch),
            load_ended: None,
            interrupts,
            progress,
            checkpoint,
            next_second: 0,
            plan,
        }
    }

    /// Supervises until every worker has ended.
    pub(super) async fn run(
        mut self,
        collector: &mut Collector,
        mut workers: mpsc::Receiver<WorkerMessage>,
        observations: &mut mpsc::Receiver<Observation>,
        mut actions: Actions,
        mut rollback: Rollback,
        children: &mut [Child],
    ) -> Supervision {
        let (mut observing, mut acting, mut rolling_back) = (true, true, true);
        loop {
            let next_tick = self
                .epoch
                .plus(Duration::from_secs(u64::from(self.next_second) + 1) + SETTLING);
            tokio::select! {
                biased;
                interruption = self.interrupts.next() => self.interrupt(interruption),
                message = workers.recv() => match message {
                    Some(message) => collector.take_message(message),
                    // All workers have ended.
                    None => break,
                },
                observation = observations.recv(), if observing => match observation {
                    Some(observation) => collector.take_observation(observation),
                    None => observing = false,
                },
                news = actions.next(), if acting => match news {
                    Some(news) => self.take_action(news),
                    None => acting = false,
                },
                news = rollback.next(), if rolling_back => match news {
                    Some(news) => self.take_rollback(&mut rollback, news),
                    None => rolling_back = false,
                },
                () = self.clock.sleep_until(next_tick) => self.tick(collector, &mut rollback, children),
            }
        }
        // No user is left, so no action has anybody to be noticed by; one under way ends in order.
        let drained = self.clock.now();
        self.finish_rollback(&mut rollback).await;
        self.stop.stop(Stop::Now);
        // A database that does not come back must not hold whoever wants the report now.
        let (interrupts, progress, stop) = (&mut *self.interrupts, &mut *self.progress, &self.stop);
        let cut = async {
            while interrupts.so_far() != Some(Interruption::Cut) {
                if interrupts.next().await == Interruption::Drained {
                    progress
                        .note("waiting for the action that is under way (press Ctrl-C again to cut it off)");
                }
            }
            stop.stop(Stop::Cut);
        };
        if !actions.finish(&mut self.actions, cut).await {
            self.progress
                .note("not waiting any longer for the action that is under way");
        }
        Supervision {
            drained,
            ..self.supervision(self.interrupts.so_far(), &rollback)
        }
    }

    /// A rollback that is under way is the user's way back: it is waited for, unless they cut it off.
    async fn finish_rollback(&mut self, rollback: &mut Rollback) {
        rollback.close();
        loop {
            tokio::select! {
                biased;
                interruption = self.interrupts.next() => self.interrupt(interruption),
                news = rollback.next() => match news {
                    Some(news) => self.take_rollback(rollback, news),
                    None => return,
                },
            }
        }
    }

    fn take_rollback(&mut self, rollback: &mut Rollback, news: RollbackNews) {
        if let Some(line) = rollback.take(news) {
            self.progress.note(&line);
        }
    }

    fn take_action(&mut self, news: ActionNews) {
        if let Some(line) = self.actions.take(news) {
            self.progress.note(&line);
        }
    }

    /// What has been seen so far; `interruption` as given.
    fn supervision(&self, interruption: Option<Interruption>, rollback: &Rollback) -> Supervision {
        let now = self.clock.now();
        let load_ended = self.load_ended.unwrap_or_else(|| self.planned_end()).min(now);
        let watches = self.alerts.iter().chain(&self.rollback);
        let mut incidents: Vec<Incident> = watches
            .flat_map(|watch| watch.incidents().iter().cloned())
            .collect();
        incidents.sort_by(|first, second| first.detected_at_s.total_cmp(&second.detected_at_s));
        let arrivals_planned = self.due.before(load_ended.since(self.epoch));
        Supervision {
            load_ended,
            drained: now,
            interruption,
            incidents,
            actions: self.actions.written(),
            early_stop: self.early_stop.clone(),
            rollback_action: rollback.written(),
            arrivals_planned,
            planned_by_second: self.due.by_second.clone(),
            arrivals_called_off: self
                .due
                .in_all()
                .saturating_sub(arrivals_planned.unwrap_or_default()),
        }
    }

    fn planned_end(&self) -> Moment {
        self.epoch.plus(self.plan.load.executor.duration())
    }

    fn has_load(&self) -> bool {
        self.load_ended.is_none() && self.clock.now() < self.planned_end()
    }

    /// Ends the load before its time.
    fn stop_load(&mut self) {
        if self.has_load() {
            self.load_ended = Some(self.clock.now());
        }
        self.stop.stop(Stop::Load);
    }

    fn interrupt(&mut self, interruption: Interruption) {
        match interruption {
            Interruption::Drained => {
                self.progress.note(
                    "stopping: no new users; waiting for those under way (press Ctrl-C again to cut them off)",
                );
                self.stop_load();
            }
            Interruption::Cut | Interruption::Killed => {
                self.progress.note("cutting off what is under way");
                self.stop.stop(Stop::Cut);
            }
        }
    }

    /// One second has passed.
    fn tick(&mut self, collector: &mut Collector, rollback: &mut Rollback, children: &mut [Child]) {
        let ended = self.next_second;
        self.next_second += 1;
        for child in children {
            if let Some(sentence) = child.crashed() {
                self.progress.note_once(&sentence);
            }
        }
        collector.take_descriptors(descriptors_open());
        collector.take_second();
        let load_ended = self.load_ended.unwrap_or_else(|| self.planned_end());
        if Duration::from_secs(u64::from(ended)) < load_ended.since(self.epoch) {
            self.watch_windows(collector, rollback, ended);
            self.watch_targets(collector, ended);
        }
        let phase = match self.clock.now() {
            now if now >= load_ended => Phase::Draining,
            now if now.since(self.epoch) < self.plan.load.warm_up => Phase::WarmingUp,
            _ => Phase::Measuring,
        };
        self.progress.show(collector, self.plan, ended, phase);
        collector.figures.take_second(
            collector.iterations.under_way(),
            collector.results_pending(),
            self.progress,
        );
        if self.next_second.is_multiple_of(CHECKPOINT_EVERY_S) {
            let so_far = self.supervision(Some(Interruption::Killed), rollback);
            (self.checkpoint)(collector, &so_far);
        }
    }

    /// Ends the load once a target is settled and the run cannot end in a GO any more.
    fn watch_targets(&mut self, collector: &Collector, ended: u32) {
        // A load that has been stopped already is not stopped for another reason; and when it goes on after a rollback, that
        // is to see the target recover.
        let is_rolled_back = self
            .rollback
            .as_ref()
            .is_some_and(|watch| !watch.incidents().is_empty());
        if is_rolled_back || !self.has_load() || self.stop.current() != Stop::No {
            return;
        }
        let found = self
            .targets
            .as_ref()
            .and_then(|watch| watch.tick(&collector.measurements, ended));
        if let Some(stop) = found {
            self.progress.note(&stop.sentence);
            self.early_stop = Some(stop);
            self.stop_load();
        }
    }

    fn watch_windows(&mut self, collector: &Collector, rollback: &mut Rollback, ended: u32) {
        let mut changes = Vec::new();
        let arrivals = &self.due;
        let due = |seconds: Range<u32>| Due {
            arrivals: arrivals.between(seconds.clone()),
            webhooks: collector.webhooks_due(seconds),
        };
        for watch in self.alerts.iter_mut().chain(&mut self.rollback) {
            changes.extend(watch.tick(&collector.measurements, ended, &due));
        }
        for change in changes {
            let (verb, incident) = match &change {
                Change::Opened(incident) => ("breached", incident),
                Change::Cleared(incident) => ("cleared", incident),
            };
            let policy = match incident.kind {
                IncidentKind::Alert => "alert",
                IncidentKind::Rollback => "rollback threshold",
            };
            if let Change::Opened(_) = &change {
                collector.figures.take_incident(incident.kind);
            }
            self.progress
                .note(&format!("{policy} {verb}: {}", incident.breach()));
            let tripped = matches!(change, Change::Opened(_)) && incident.kind == IncidentKind::Rollback;
            if !tripped {
                continue;
            }
            rollback.trip(incident.detected_at_s);
            let policy = self.plan.criteria.rollback.as_ref();
            if policy.is_some_and(|policy| policy.stop_load) {
                self.stop_load();
            }
        }
    }
}

/// How many arrivals the plan has in each second.
#[derive(Debug)]
struct DueArrivals {
    /// `None` for closed models.
    by_second: Option<Vec<u32>>,
    chance: Chance,
    executor: Executor,
    partition: Partition,
}

impl DueArrivals {
    fn of(plan: &Plan) -> Self {
        let chance = Chance::new(plan.seed);
        let by_second = Arrivals::new(&plan.load.executor, chance, plan.load.partition).map(|arrivals| {
            let mut seconds = Vec::new();
            for arrival in arrivals {
                let second = arrival.offset.as_secs() as usize;
                if seconds.len() <= second {
                    seconds.resize(second + 1, 0);
                }
                seconds[second] += 1;
            }
            seconds
        });
        Self {
            by_second,
            chance,
            executor: plan.load.executor.clone(),
            partition: plan.load.partition,
        }
    }

    /// Arrivals due in these seconds.
    fn between(&self, wanted: Range<u32>) -> u64 {
        let Some(seconds) = &self.by_second else { return 0 };
        let to = (wanted.end as usize).min(seconds.len());
        let from = (wanted.start as usize).min(to);
        seconds[from..to].iter().map(|count| u64::from(*count)).sum()
    }

    /// Arrivals of the whole schedule; 0 for closed models.
    fn in_all(&self) -> u64 {
        self.by_second
            .iter()
            .flatten()
            .map(|count| u64::from(*count))
            .sum()
    }

    /// Arrivals due before an offset.
    fn before(&self, offset: Duration) -> Option<u64> {
        let arrivals = Arrivals::new(&self.executor, self.chance, self.partition)?;
        Some(arrivals.take_while(|arrival| arrival.offset < offset).count() as u64)
    }
}
