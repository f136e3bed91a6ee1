//! From the files as written to the plan as meant. Every mistake is told; the plan is made only when there is none.

mod actions;
mod address;
mod at;
mod capacity;
mod certified;
mod classconnect;
mod compare;
mod criteria;
mod deed;
mod distribution;
mod journey;
mod limit;
mod load;
mod measurable;
mod postgres;
mod realtime;
mod request;
mod request_line;
mod rollback;
mod target;
mod transport;
mod users;
mod waiver;
mod windows;

pub(super) use at::At;
pub(super) use certified::check as check_certified;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use self::classconnect::Mock;
use self::criteria::WrittenCriteria;
use self::deed::DeedContext;
use self::journey::{NAME_RULE, Shared, is_name};
use self::windows::Background;
use super::diagnostic::{Diagnostics, list_names};
use super::document::Node;
use super::raw::{ClassConnectFile, JourneyEntry, JourneyFile, ScenarioFile, SlaFile, StepFile};
use crate::plan::{
    Action, Comparison, Condition, Journey, Load, Plan, RollbackAction, StepInfo, Target, TargetKind,
    Variables,
};
use crate::units::format_duration;

/// A file: what serde read, and where it all stands.
pub(super) struct Read<T> {
    pub(super) file: T,
    pub(super) root: Node,
}

/// A scenario and the files that it names.
pub(super) struct Files {
    pub(super) scenario: Read<ScenarioFile>,
    /// For each `[[journey]]` with a `file`, what was read; `None` when it could not be.
    pub(super) journeys: HashMap<usize, Option<Read<JourneyFile>>>,
    /// The targets that `[sla] file` names.
    pub(super) sla: Option<Read<SlaFile>>,
    /// The text of each `sql_file`, by the name it is written with; `None` when it could not be read.
    pub(super) sql_files: HashMap<String, Option<String>>,
}

/// What comes from outside the files.
pub(super) struct Surroundings<'a> {
    /// The folder that paths in the scenario are relative to.
    pub(super) folder: &'a Path,
    /// Overrides the scenario's seed.
    pub(super) seed: Option<u64>,
    /// Cores of this machine.
    pub(super) cores: usize,
}

/// Lowers a file of targets for a run that is over: its steps are given.
pub(super) fn targets_alone(
    read: &Read<SlaFile>,
    steps: &[StepInfo],
    diagnostics: &mut Diagnostics,
) -> Vec<Condition> {
    let (targets, _) = criteria::targets(None, Some((&read.file, At::root(&read.root))), diagnostics);
    for written in &targets {
        if let Some(step) = &written.condition.step
            && !steps.iter().any(|info| info.name == *step)
        {
            let names = list_names(steps.iter().map(|info| info.name.as_str()));
            diagnostics.push(
                written.span,
                format!("the run has no step `{step}` (its steps: {names})"),
            );
        }
    }
    targets.into_iter().map(|written| written.condition).collect()
}

/// Seed of a scenario that names none.
const SEED: u64 = 1;

/// Lowers the files to a plan and what they say of a comparison, or leaves at least one mistake in `diagnostics`.
pub(super) fn lower(
    files: &Files,
    surroundings: &Surroundings<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<(Plan, Option<Comparison>)> {
    let at = At::root(&files.scenario.root);
    let file = &files.scenario.file;
    check_name(file, at, diagnostics);
    let mut target = file
        .target
        .as_ref()
        .and_then(|target| target::lower(target, surroundings.folder, at.key("target"), diagnostics));
    let mock = lower_mock(file, target.as_ref(), at, diagnostics);
    let load = lower_load(file, surroundings.cores, target.as_mut(), at, diagnostics);
    target::check_standby(target.as_ref(), load.as_ref(), at, diagnostics);
    let (actions, rollback_action) = lower_deeds(
        files,
        surroundings,
        target.as_ref(),
        load.as_ref(),
        at,
        diagnostics,
    );
    let mut shared = Shared {
        given_names: given_names(files),
        diagnostics,
        variables: Variables::new(),
        steps: Vec::new(),
        mock: mock.as_ref(),
        longest_await: Duration::ZERO,
    };
    let journeys = lower_journeys(files, at, &mut shared);
    let (variables, steps, longest_await) = (shared.variables, shared.steps, shared.longest_await);
    check_drain(load.as_ref(), longest_await, at, diagnostics);
    let users = file.users.as_ref().map(|users| {
        let steps = journeys.as_ref().map(|_| steps.as_slice());
        users::lower(users, steps, at.key("users"), diagnostics)
    });
    let criteria = lower_criteria(files, load.as_ref(), at, diagnostics);
    let capacity = capacity::read(file.capacity.as_ref(), at.key("capacity"), diagnostics);
    let comparison = lower_comparison(file, load.as_ref(), at, diagnostics);
    if let Some((target, journeys)) = target.as_ref().zip(journeys.as_ref()) {
        let has = measurable::Has {
            mock: file.classconnect.is_some() || at.is_refused("classconnect") || mock.is_some(),
            users: file.users.is_some() || at.is_refused("users"),
        };
        measurable::check(&criteria, &target.kind, has, journeys, &steps, diagnostics);
    }
    let waivers = waiver::lower(file.waiver.as_deref(), &criteria, at.key("waiver"), diagnostics);
    if !diagnostics.is_empty() {
        return None;
    }
    let given_seed = file.seed.and_then(|seed| u64::try_from(seed).ok());
    let mut plan = Plan {
        name: file.name.clone()?,
        description: file.description.clone().unwrap_or_default(),
        seed: surroundings.seed.or(given_seed).unwrap_or(SEED),
        target: target?,
        classconnect: mock.map(|mock| mock.plan),
        load: load?,
        actions: actions?,
        rollback_action,
        journeys: journeys?,
        steps,
        users: match users {
            Some(users) => Some(users?),
            None => None,
        },
        variables,
        criteria: criteria.into_criteria(waivers),
        capacity: None,
    };
    // The last of all: its defaults follow from the rest of the plan.
    plan.capacity = capacity::resolve(&capacity?, &plan, at.key("capacity"), diagnostics);
    diagnostics.is_empty().then_some((plan, comparison))
}

fn check_name(file: &ScenarioFile, at: At<'_>, diagnostics: &mut Diagnostics) {
    if let Some(name) = &file.name
        && !is_name(name)
    {
        diagnostics.push(at.key("name").value_span(), NAME_RULE);
    }
}

/// The load; the addresses that it leaves from are a matter of the target's connections.
fn lower_load(
    file: &ScenarioFile,
    cores: usize,
    target: Option<&mut Target>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Load> {
    let written = file.load.as_ref()?;
    let load = load::lower(written, cores, at.key("load"), diagnostics);
    transport::source_addresses(written, target, at.key("load"), diagnostics);
    load
}

/// What is done to the target: the actions, `None` after a mistake, and what the rollback does.
fn lower_deeds(
    files: &Files,
    surroundings: &Surroundings<'_>,
    target: Option<&Target>,
    load: Option<&Load>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> (Option<Vec<Action>>, Option<RollbackAction>) {
    let file = &files.scenario.file;
    let deeds = DeedContext {
        target,
        folder: surroundings.folder,
        sql_files: &files.sql_files,
    };
    let actions = actions::lower(
        file.actions.as_deref(),
        deeds,
        load,
        at.key("actions"),
        diagnostics,
    );
    let rollback_action = file
        .rollback
        .as_ref()
        .and_then(|rollback| rollback.action.as_ref())
        .and_then(|action| rollback::action(action, deeds, at.key("rollback").key("action"), diagnostics));
    (actions, rollback_action)
}

fn lower_comparison(
    file: &ScenarioFile,
    load: Option<&Load>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Comparison> {
    let means = compare::Means {
        load,
        has_users: file.users.is_some(),
    };
    compare::lower(file.compare.as_ref()?, means, at.key("compare"), diagnostics)
}

/// Checks a plan that is to be an arm of a comparison: both arms must be measured over the same load.
pub(super) fn check_arm(files: &Files, plan: &Plan, diagnostics: &mut Diagnostics) {
    let at = At::root(&files.scenario.root).key("rollback");
    if plan.rollback_action.is_some() {
        diagnostics.push(
            at.key("action").key_span(),
            "a rollback action would make another arm of the one that it is carried out in, and the two could not be compared: \
             leave it out",
        );
    }
    if plan
        .criteria
        .rollback
        .as_ref()
        .is_some_and(|rollback| rollback.stop_load)
    {
        diagnostics.push(
            at.key_span(),
            "a rollback threshold would end the load of one arm early, and the two could not be compared: write \
             stop_load = false in `[rollback]`, or leave the section out",
        );
    }
}

/// A result that comes within its deadline must come within the run.
fn check_drain(load: Option<&Load>, longest_await: Duration, at: At<'_>, diagnostics: &mut Diagnostics) {
    let Some(load) = load.filter(|load| load.drain < longest_await) else {
        return;
    };
    diagnostics.push(
        at.key("load").key("drain").value_span(),
        format!(
            "the drain of {} is shorter than the longest wait for a result, {}: the last results would be counted as lost",
            format_duration(load.drain),
            format_duration(longest_await)
        ),
    );
}

/// The reference server always has a mock; another target has one when the scenario asks for it.
fn lower_mock(
    file: &ScenarioFile,
    target: Option<&Target>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Mock> {
    let defaults = ClassConnectFile::default();
    let is_reference = target.is_some_and(|target| matches!(target.kind, TargetKind::Reference(_)));
    let classconnect = match &file.classconnect {
        Some(classconnect) => classconnect,
        None if is_reference => &defaults,
        None => return None,
    };
    let is_beside_deployment = target.is_some_and(|target| matches!(target.kind, TargetKind::Remote(_)));
    classconnect::lower(
        classconnect,
        is_beside_deployment,
        at.key("classconnect"),
        diagnostics,
    )
}

/// The names of steps that the files give.
fn given_names(files: &Files) -> HashSet<String> {
    fn collect(steps: &[StepFile], names: &mut HashSet<String>) {
        for step in steps {
            match step {
                StepFile::Request(step) => names.extend(step.name.clone()),
                StepFile::Subscribe(step) => names.extend(step.name.clone()),
                StepFile::Await(step) => names.extend(step.name.clone()),
                StepFile::Think(_) => {}
                StepFile::Repeat(step) => collect(step.steps.as_deref().unwrap_or_default(), names),
                StepFile::Parallel(step) => collect(step.steps.as_deref().unwrap_or_default(), names),
            }
        }
    }
    let mut names = HashSet::new();
    for entry in files.scenario.file.journey.iter().flatten() {
        collect(entry.steps.as_deref().unwrap_or_default(), &mut names);
    }
    for read in files.journeys.values().flatten() {
        collect(read.file.steps.as_deref().unwrap_or_default(), &mut names);
    }
    names
}

/// All journeys; `None` when one of them could not be lowered.
fn lower_journeys(files: &Files, at: At<'_>, shared: &mut Shared<'_>) -> Option<Vec<Journey>> {
    let entries = files.scenario.file.journey.as_deref()?;
    let at = at.key("journey");
    let mut journeys = Vec::new();
    let mut complete = !at.lost_items();
    let mut names = HashSet::new();
    for (index, entry) in entries.iter().enumerate() {
        let at = at.item(index);
        if let Some(name) = &entry.name {
            if !is_name(name) {
                shared.diagnostics.push(at.key("name").value_span(), NAME_RULE);
            } else if !names.insert(name.as_str()) {
                shared.diagnostics.push(
                    at.key("name").value_span(),
                    format!("a journey before this one is named `{name}` already"),
                );
            }
        }
        match lower_entry(files, index, entry, at, shared) {
            Some(journey) => journeys.push(journey),
            None => complete = false,
        }
    }
    complete.then_some(journeys)
}

fn lower_entry(
    files: &Files,
    index: usize,
    entry: &JourneyEntry,
    at: At<'_>,
    shared: &mut Shared<'_>,
) -> Option<Journey> {
    let name = entry.name.as_deref().unwrap_or("journey");
    let weight = u32::try_from(entry.weight.unwrap_or(1)).ok()?;
    match (&entry.file, &entry.steps) {
        (Some(_), Some(_)) => {
            shared.diagnostics.push(
                at.key("steps").key_span(),
                "a journey has either `file` or `steps`, not both",
            );
            None
        }
        (Some(_), None) => {
            let read = files.journeys.get(&index)?.as_ref()?;
            let steps = read.file.steps.as_deref()?;
            journey::lower(name, weight, steps, At::root(&read.root), shared)
        }
        (None, Some(steps)) => journey::lower(name, weight, steps, at, shared),
        (None, None) => {
            if !at.is_refused("file") && !at.is_refused("steps") {
                shared.diagnostics.push(
                    at.key_span(),
                    "the journey has no steps: name their `file`, or write them as [[journey.steps]]",
                );
            }
            None
        }
    }
}

/// Whether targets were written that could not be read: then nobody can say that a target is not there.
fn targets_are_incomplete(files: &Files, at: At<'_>) -> bool {
    let own = files.scenario.file.sla.as_ref();
    let named = match &files.sla {
        Some(read) => At::root(&read.root).is_incomplete(),
        None => own.is_some_and(|sla| sla.file.is_some()),
    };
    named || at.is_refused("sla") || at.key("sla").is_incomplete()
}

fn lower_criteria(
    files: &Files,
    load: Option<&Load>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> WrittenCriteria {
    let file = &files.scenario.file;
    let (mode, early_stop) = criteria::judge(file.judge.as_ref());
    let own = file.sla.as_ref().map(|sla| (sla, at.key("sla")));
    let named = files.sla.as_ref().map(|read| (&read.file, At::root(&read.root)));
    let mistakes_before = diagnostics.len();
    let (targets, not_measured) = criteria::targets(own, named, diagnostics);
    let targets_are_incomplete = diagnostics.len() > mistakes_before || targets_are_incomplete(files, at);
    let background = Background {
        targets: (!targets_are_incomplete).then_some(targets.as_slice()),
        load: load.map(|load| load.executor.duration()),
    };
    let alerts = file
        .alerts
        .as_ref()
        .and_then(|alerts| windows::alerts(alerts, &background, at.key("alerts"), diagnostics));
    let mistakes_before = diagnostics.len();
    let rollback = file
        .rollback
        .as_ref()
        .and_then(|rollback| windows::rollback(rollback, &background, at.key("rollback"), diagnostics));
    WrittenCriteria {
        mode,
        early_stop,
        targets,
        targets_are_incomplete,
        not_measured,
        alerts,
        rollback,
        rollback_is_incomplete: at.is_refused("rollback")
            || at.key("rollback").is_incomplete()
            || diagnostics.len() > mistakes_before,
    }
}
