//! The faults that a scenario injects from the first second on: what makes a drill of a run without any action. They have no
//! moment within the run, so that nothing is timed from them.

use super::postgres::PostgresPlace;
use super::target::{Database, ReferenceServer, TargetKind};
use super::{ClassConnect, Plan};
use crate::units::{Ratio, format_duration};

/// Faults of the mock that are shares of its work, by their keys, and what they do.
const OF_THE_MOCK: [(&str, &str); 6] = [
    ("drop", "of the webhooks are never sent"),
    ("duplicate", "of the webhooks are sent twice"),
    ("reject_submit", "of the submissions are refused"),
    ("wrong_signature", "of the webhooks are signed wrongly"),
    ("fail_analysis", "of the analyses fail"),
    ("soft_error", "of the results hold an error"),
];

impl Plan {
    /// What is wrong from the start of the load on, in words; empty when the scenario injects nothing.
    pub fn faults_from_the_start(&self) -> Vec<String> {
        let mut faults = match &self.target.kind {
            TargetKind::Reference(server) => of_the_server(server),
            TargetKind::Remote(_) => Vec::new(),
        };
        faults.extend(self.classconnect.iter().flat_map(of_the_mock));
        faults
    }
}

fn of_the_server(server: &ReferenceServer) -> Vec<String> {
    let mut faults = Vec::new();
    if !server.answer_delay.is_zero() {
        faults.push(format!(
            "every answer is {} late",
            format_duration(server.answer_delay)
        ));
    }
    if server.error_rate.get() > 0.0 {
        faults.push(format!("{} of the requests fail", server.error_rate));
    }
    if let Database::Postgres(postgres) = &server.database
        && let PostgresPlace::ThrowAway { commit_delay } = postgres.place
        && !commit_delay.is_zero()
    {
        faults.push(format!(
            "every commit takes {} longer",
            format_duration(commit_delay)
        ));
    }
    faults
}

fn of_the_mock(mock: &ClassConnect) -> Vec<String> {
    let share = |key: &str| {
        mock.plan["faults"][key]
            .as_f64()
            .and_then(|share| Ratio::new(share).ok())
    };
    OF_THE_MOCK
        .into_iter()
        .filter_map(|(key, what)| share(key).map(|share| (share, what)))
        .filter(|(share, _)| share.get() > 0.0)
        .map(|(share, what)| format!("{share} {what}"))
        .collect()
}
