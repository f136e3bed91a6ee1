//! How the generator did, in words: what every format shows alike.

use super::model::{HostUseRecord, LatenessRecord, LevelRecord, MetricSummary, RunRecord, WorkerRecord};
use crate::metrics::SeriesKind;
use crate::plan::Unit;
use crate::sla::wording::{beside_ours, count, counted, quantity};

/// What the columns of [`workers`] hold.
pub(super) const WORKER_COLUMNS: [&str; 9] = [
    "Worker", "Began", "Dropped", "Lag p50", "Lag p99", "Lag max", "Timely", "CPU", "Blocked",
];

fn time(milliseconds: f64) -> String {
    quantity(milliseconds, Unit::Time)
}

/// The generator's health in a few lines, each with its name.
pub(super) fn health(record: &RunRecord) -> Vec<(&'static str, String)> {
    let mut lines = vec![("Scheduling lag", scheduling_lag(record))];
    lines.extend(timely_sends(record).map(|text| ("Timely sends", text)));
    lines.push(("Event loops", event_loops(record)));
    lines.extend(host(record).map(|text| ("Host", text)));
    lines.push(("CPU", cpu(record)));
    lines.extend(host_cpu(record).map(|text| ("Host CPU", text)));
    lines.extend(memory_and_sockets(record).map(|text| ("Memory", text)));
    lines.extend(calibration(record).map(|text| ("By itself", text)));
    lines.extend(clock(record).map(|text| ("Target's clock", text)));
    lines.push(("Never begun", never_begun(record)));
    lines.extend(delivery(record).map(|text| ("Each second", text)));
    lines.push((
        "Hand-over",
        format!(
            "{} of samples waited for a full queue",
            counted_batches(record.generator.queue_waits)
        ),
    ));
    lines
}

fn counted_batches(number: u64) -> String {
    match number {
        1 => "1 batch".to_owned(),
        _ => format!("{} batches", count(number)),
    }
}

fn scheduling_lag(record: &RunRecord) -> String {
    let summary = record
        .metrics
        .get(SeriesKind::SchedulingLag.key())
        .map(|metric| &metric.summary);
    match summary {
        Some(MetricSummary {
            p50: Some(p50),
            p99: Some(p99),
            max: Some(max),
            ..
        }) => format!("p50 {}, p99 {}, at most {}", time(*p50), time(*p99), time(*max)),
        _ if record.plan.arrivals_planned.is_none() => "there was no schedule to be late for".to_owned(),
        _ => "none was measured".to_owned(),
    }
}

fn timely_sends(record: &RunRecord) -> Option<String> {
    let share = record.generator.timely_share?;
    let workers = record.generator.workers.iter();
    let dispatched = workers.filter_map(|worker| Some(worker.punctuality.as_ref()?.dispatched));
    Some(format!(
        "{} of {} within 10 ms of their time",
        quantity(share, Unit::Ratio),
        counted(dispatched.sum(), "arrival")
    ))
}

fn event_loops(record: &RunRecord) -> String {
    let workers = record.generator.workers.iter();
    let longest = workers.map(|worker| worker.longest_hiccup_ms).fold(0.0, f64::max);
    let workers = record.generator.workers.iter();
    let lateness = workers
        .filter_map(|worker| worker.lateness.as_ref())
        .max_by(|left, right| left.p99_ms.total_cmp(&right.p99_ms));
    format!("blocked for {} at most{}", time(longest), percentiles(lateness))
}

/// What stands behind the longest, when more than that was kept.
fn percentiles(lateness: Option<&LatenessRecord>) -> String {
    lateness.map_or_else(String::new, |lateness| {
        format!(
            " (late beats: p50 {}, p99 {}, p99.9 {})",
            time(lateness.p50_ms),
            time(lateness.p99_ms),
            time(lateness.p999_ms)
        )
    })
}

fn host(record: &RunRecord) -> Option<String> {
    let stalls = record.generator.host_stalls.as_ref()?;
    Some(format!(
        "a thread that only sleeps woke up {} late at most, and more than 10 ms late {} of {} times{}",
        time(stalls.longest_ms),
        count(stalls.late),
        count(stalls.beats),
        percentiles(stalls.lateness.as_ref())
    ))
}

/// Who used the machine's cores, and who took them away.
fn host_cpu(record: &RunRecord) -> Option<String> {
    let host = record.generator.host_use.as_ref()?;
    let level = |level: &LevelRecord| {
        format!(
            "{} (worst second {})",
            quantity(level.mean, Unit::Ratio),
            quantity(level.worst, Unit::Ratio)
        )
    };
    let parts: Vec<String> = [
        ("in use", &host.busy),
        ("stolen by a hypervisor", &host.stolen),
        ("some task waiting for a core", &host.waiting),
        ("some task waiting for a disk", &host.waiting_for_disk),
        ("throttled by the control group", &host.throttled),
    ]
    .into_iter()
    .filter_map(|(what, share)| Some(format!("{what} {}", level(share.as_ref()?))))
    .chain(contention(host))
    .collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// How often the run waited for cores that other processes had, and how much of such a second.
fn contention(host: &HostUseRecord) -> Option<String> {
    let contended = &host.contended_by_second;
    let worst = contended
        .iter()
        .max_by(|left, right| left.waited_ms.total_cmp(&right.waited_ms))?;
    Some(format!(
        "other processes had cores that the run waited for in {}; at worst they had {} of what was used, and a thread \
         waited {}",
        counted(contended.len() as u64, "second"),
        quantity(worst.others_share, Unit::Ratio),
        time(worst.waited_ms)
    ))
}

fn memory_and_sockets(record: &RunRecord) -> Option<String> {
    let host = record.generator.host_use.as_ref()?;
    let mib = |bytes: u64| format!("{:.0} MiB", bytes as f64 / 1_048_576.0);
    let memory = host.memory.as_ref().map(|memory| {
        format!(
            "{} when the load began, {} at most, {} at its end",
            mib(memory.first_bytes),
            mib(memory.peak_bytes),
            mib(memory.last_bytes)
        )
    });
    let sockets = host.sockets_peak.map(|sockets| {
        format!(
            "TCP sockets of the machine: {} in use at most, {} resting",
            count(sockets),
            count(host.sockets_resting_peak.unwrap_or_default())
        )
    });
    let parts: Vec<String> = memory.into_iter().chain(sockets).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn calibration(record: &RunRecord) -> Option<String> {
    let found = record.generator.calibration.as_ref()?;
    Some(format!(
        "p50 {}, p99 {} against a server that answers at once, at {} of {} planned",
        time(found.p50_ms),
        time(found.p99_ms),
        quantity(found.achieved_per_s.round(), Unit::PerSecond),
        quantity(found.planned_per_s.round(), Unit::PerSecond)
    ))
}

fn clock(record: &RunRecord) -> Option<String> {
    let offset = record.generator.clock_offset.as_ref()?;
    let known = match offset.uncertainty_ms {
        Some(uncertainty) => format!("± {}", time(uncertainty)),
        None => "but not known any more after the run".to_owned(),
    };
    Some(format!("{}, {known}", beside_ours(offset.offset_ms)))
}

fn delivery(record: &RunRecord) -> Option<String> {
    let delivery = record.generator.delivery.as_ref()?;
    let short = format!(
        "{} of {} brought less than 95 % of their arrivals",
        count(u64::from(delivery.short)),
        counted(u64::from(delivery.seconds), "second")
    );
    Some(match delivery.worst.as_ref().filter(|_| delivery.short > 0) {
        Some(worst) => format!(
            "{short}; second {} brought {} of {}",
            worst.second,
            count(worst.began),
            count(worst.planned)
        ),
        None => short,
    })
}

/// The part of a core that was used; `None` when nothing was measured yet.
fn cores(cpu_ms: f64, wall_ms: f64) -> Option<f64> {
    (wall_ms > 0.0).then(|| cpu_ms / wall_ms)
}

fn cpu(record: &RunRecord) -> String {
    let generator = &record.generator;
    let workers = generator.workers.iter();
    let busiest = workers
        .filter_map(|worker| cores(worker.cpu_ms, worker.wall_ms))
        .fold(0.0, f64::max);
    let busiest = format!(
        "busiest of {} {} of a core",
        counted(generator.workers.len() as u64, "worker"),
        quantity(busiest, Unit::Ratio)
    );
    let process = generator.process.as_ref();
    match process.and_then(|process| cores(process.cpu_ms, process.wall_ms)) {
        Some(used) => format!(
            "{busiest}; whole process {used:.2} of {}",
            counted(u64::from(record.environment.host_cores), "core")
        ),
        None => busiest,
    }
}

fn never_begun(record: &RunRecord) -> String {
    let causes = &record.generator.never_begun;
    let known = causes.no_free_user + causes.max_duration;
    let parts: Vec<String> = [
        (causes.no_free_user, "found no free virtual user"),
        (causes.max_duration, "had not begun when max_duration was over"),
        // A version that did not tell causes apart.
        (record.iterations.dropped.saturating_sub(known), "dropped"),
        (causes.called_off, "called off when the load was stopped"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, what)| format!("{} {what}", count(number)))
    .collect();
    if parts.is_empty() {
        "none".to_owned()
    } else {
        parts.join(", ")
    }
}

/// Each worker by itself, in the columns of [`WORKER_COLUMNS`].
pub(super) fn workers(record: &RunRecord) -> Vec<[String; 9]> {
    record.generator.workers.iter().map(worker).collect()
}

fn worker(worker: &WorkerRecord) -> [String; 9] {
    let dash = || "–".to_owned();
    let punctuality = worker.punctuality.as_ref();
    let lag = |value: Option<f64>| value.map_or_else(dash, time);
    [
        worker.index.to_string(),
        count(worker.started),
        count(worker.dropped),
        lag(punctuality.map(|punctuality| punctuality.lag_p50_ms)),
        lag(punctuality.map(|punctuality| punctuality.lag_p99_ms)),
        lag(punctuality.map(|punctuality| punctuality.lag_max_ms)),
        punctuality
            .filter(|punctuality| punctuality.dispatched > 0)
            .map_or_else(dash, |punctuality| {
                let share = punctuality.timely as f64 / punctuality.dispatched as f64;
                quantity(share, Unit::Ratio)
            }),
        cores(worker.cpu_ms, worker.wall_ms).map_or_else(dash, |used| quantity(used, Unit::Ratio)),
        time(worker.longest_hiccup_ms),
    ]
}

/// What else the generator and the mock counted.
pub(super) fn counts(record: &RunRecord) -> Vec<(&'static str, String)> {
    let generator = &record.generator;
    let all = &record.iterations;
    let mut rows = vec![
        (
            "Virtual users",
            format!(
                "{} at once at most; the pool holds {}",
                generator.vus_peak, generator.vus_max
            ),
        ),
        (
            "Iterations",
            format!(
                "{} due: {} succeeded, {} failed{}, {} unfinished, {} dropped",
                count(all.due),
                count(all.succeeded),
                count(all.failed),
                match all.abandoned {
                    0 => String::new(),
                    number => format!(", {} abandoned", count(number)),
                },
                count(all.unfinished),
                count(all.dropped)
            ),
        ),
        ("Polls by fallbacks", count(generator.polls)),
        ("Reads after subscribing", count(generator.initial_reads)),
        ("Sockets lost", count(generator.sockets_lost)),
        ("Channels joined again", count(generator.channels_rejoined)),
        ("Malformed frames", count(generator.frames_malformed)),
        (
            "Changes without a time of commit",
            count(generator.events_without_commit),
        ),
    ];
    if let Some(mock) = &record.mock {
        let late = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), time);
        rows.push((
            "Mock's lateness",
            format!(
                "p50 {}, p99 {}",
                late(mock.lateness_p50_ms),
                late(mock.lateness_p99_ms)
            ),
        ));
        rows.push((
            "Mock's jobs",
            format!(
                "{} accepted, {} webhooks dropped on purpose, {} records missing",
                count(mock.accepted),
                count(mock.dropped_on_purpose),
                count(mock.ledger_records_missing)
            ),
        ));
    }
    rows
}
