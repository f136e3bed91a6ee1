//! Users with patience, in words: what every format shows alike.

use super::model::{CompletionRecord, RateRecord, RunRecord, UserStepRecord, UsersRecord};
use crate::plan::Unit;
use crate::sla::wording::{count, counted, quantity};

/// What stands above all that is said of them.
pub(super) const SIMULATED: &str = "Simulated: how long users wait is drawn from the profile named here, and a complaint is a \
                                    session with reason to complain, not a ticket.";

/// What the columns of [`steps`] hold.
pub(super) const STEP_COLUMNS: [&str; 8] = [
    "Step",
    "Waited",
    "Left waiting",
    "After an error",
    "Wait p50",
    "Wait p95",
    "Apdex",
    "Complained",
];

/// Fewer rated steps than this are marked as a small group (Apdex specification).
const SMALL_GROUP: u64 = 100;

fn share(value: f64) -> String {
    quantity(value, Unit::Ratio)
}

fn time(milliseconds: Option<f64>) -> String {
    milliseconds.map_or_else(|| "–".to_owned(), |value| quantity(value, Unit::Time))
}

/// A rate with its bounds: `7.3 % (5.1 % to 9.8 %)`.
fn rate(rate: &RateRecord) -> String {
    format!(
        "{} ({} to {})",
        share(rate.value),
        share(rate.low),
        share(rate.high)
    )
}

/// A score of Apdex as its specification writes it.
fn score(value: f64) -> String {
    format!("{value:.2}")
}

/// What the Apdex specification calls a score.
fn rating(score: f64) -> &'static str {
    match score {
        score if score >= 0.94 => "excellent",
        score if score >= 0.85 => "good",
        score if score >= 0.70 => "fair",
        score if score >= 0.50 => "poor",
        _ => "unacceptable",
    }
}

/// The most important in one line; `None` without users with patience.
pub(super) fn line(record: &RunRecord) -> Option<String> {
    let users = record.users.as_ref()?;
    let part =
        |name: &str, rate: Option<&RateRecord>| rate.map(|rate| format!("{} {name}", share(rate.value)));
    let parts: Vec<String> = [
        part("completed", users.completion_rate.as_ref()),
        part("left", users.abandonment_rate.as_ref()),
        part("with reason to complain", users.complaint_rate.as_ref()),
        users
            .apdex_score
            .as_ref()
            .map(|apdex| format!("Apdex {}", score(apdex.value))),
    ]
    .into_iter()
    .flatten()
    .collect();
    let of = counted(users.sessions.begun, "session");
    Some(match parts.is_empty() {
        true => format!("{of} (simulated patience: {})", users.patience.profile),
        false => format!(
            "{} of {of} (simulated patience: {})",
            parts.join(", "),
            users.patience.profile
        ),
    })
}

/// All in a few lines, each with its name.
pub(super) fn lines(users: &UsersRecord) -> Vec<(&'static str, String)> {
    let mut lines = vec![("Sessions", sessions(users))];
    lines.push(("Completed", completed(users)));
    if let Some(left) = &users.abandonment_rate {
        lines.push(("Left", abandoned(users, left)));
    }
    if let Some(rate) = &users.complaint_rate {
        lines.push(("Complaints", complaints(users, rate)));
    }
    if let Some(apdex) = &users.apdex_score {
        lines.push(("Satisfaction", satisfaction(users, apdex)));
    }
    lines.push((
        "Patience",
        format!(
            "{}; after an error {} try once more",
            users.patience.text,
            share(users.retry)
        ),
    ));
    lines
}

fn sessions(users: &UsersRecord) -> String {
    let sessions = &users.sessions;
    let others: String = [
        (sessions.failed, "ended by a fault of the generator"),
        (sessions.unfinished, "cut off at the end"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, what)| format!(", {} {what}", count(number)))
    .collect();
    let retries = match sessions.retries {
        0 => String::new(),
        retries => format!(
            "; {} tried again after an error, {} with success",
            count(retries),
            count(sessions.retries_healed)
        ),
    };
    format!(
        "{} begun after the warm-up: {} came to the end, {} left while waiting, {} left because of an error{others}{retries}",
        counted(sessions.begun, "session"),
        count(sessions.reached_end),
        count(sessions.left_waiting),
        count(sessions.left_after_error)
    )
}

fn completed(users: &UsersRecord) -> String {
    let (Some(found), Some(completed)) = (&users.completion_rate, &users.completion) else {
        return "not known: the audit, which reads results back, did not take place".to_owned();
    };
    let CompletionRecord {
        unconfirmed,
        running,
        estimate,
        time_p50_ms,
        time_p95_ms,
        ..
    } = completed;
    let mut text = format!("{}, results read back", rate(found));
    if *unconfirmed > 0 {
        text.push_str(&format!(
            "; {} came to the end without a result that could be read back",
            counted(*unconfirmed, "session")
        ));
    }
    if let Some(estimate) = estimate.filter(|_| *running > 0) {
        text.push_str(&format!(
            "; {} had nobody been cut off (Kaplan–Meier)",
            share(estimate)
        ));
    }
    if time_p50_ms.is_some() {
        text.push_str(&format!(
            "; half of them within {}, 95 % within {}, pauses included",
            time(*time_p50_ms),
            time(*time_p95_ms)
        ));
    }
    text
}

fn abandoned(users: &UsersRecord, left: &RateRecord) -> String {
    let floor = match users.abandonment_at_target {
        None => String::new(),
        Some(floor) => format!(
            "; {} of the same users would have left had every step taken its T and nothing failed, none had it taken no time: \
             {}",
            share(floor),
            match left.value - floor {
                excess if excess >= 0.0 => format!("{} in excess", share(excess)),
                _ => "fewer left than that".to_owned(),
            }
        ),
    };
    format!("{}{floor}", rate(left))
}

fn complaints(users: &UsersRecord, found: &RateRecord) -> String {
    let reasons = &users.sessions.complaints;
    let named: Vec<String> = [
        (reasons.frustrated, "frustrated at two steps or more"),
        (reasons.errors, "with an error that was not healed"),
        (reasons.stale, "with an event more than 5 s late"),
        (reasons.work, "with work lost, doubled or misdelivered"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, what)| format!("{} {what}", count(number)))
    .collect();
    let named = if named.is_empty() {
        String::new()
    } else {
        format!(": {}", named.join(", "))
    };
    format!(
        "{} with reason to complain{named}; {:.0} tickets expected if {} of them complain",
        rate(found),
        users.expected_tickets,
        share(users.complain)
    )
}

fn satisfaction(users: &UsersRecord, apdex: &RateRecord) -> String {
    let small = if apdex.samples < SMALL_GROUP {
        ", of a small group"
    } else {
        ""
    };
    let own = if users.apdex.by_step_ms.is_empty() {
        ""
    } else {
        ", single steps their own"
    };
    format!(
        "Apdex {} ({} to {}), {}{small}, of {}; T is {} for requests, {} for results{own}",
        score(apdex.value),
        score(apdex.low),
        score(apdex.high),
        rating(apdex.value),
        counted(apdex.samples, "rated step"),
        time(Some(users.apdex.request_ms)),
        time(Some(users.apdex.result_ms)),
    )
}

/// Each step in the columns of [`STEP_COLUMNS`]. Only steps that users wait at have something in the first ones; of an
/// await there is its score alone.
pub(super) fn steps(users: &UsersRecord) -> Vec<[String; 8]> {
    users.steps.iter().map(step).collect()
}

fn step(step: &UserStepRecord) -> [String; 8] {
    let begins = step.taken > 0;
    let of_taken = |number: u64| match (begins, number) {
        (false, _) => "–".to_owned(),
        (true, 0) => "0".to_owned(),
        (true, number) => format!("{} ({})", count(number), share(number as f64 / step.taken as f64)),
    };
    [
        step.name.clone(),
        if begins {
            count(step.taken)
        } else {
            "–".to_owned()
        },
        of_taken(step.left_waiting),
        of_taken(step.left_after_error),
        time(step.wait_p50_ms),
        time(step.wait_p95_ms),
        step.apdex.map_or_else(|| "–".to_owned(), score),
        if begins {
            count(step.complained)
        } else {
            "–".to_owned()
        },
    ]
}
