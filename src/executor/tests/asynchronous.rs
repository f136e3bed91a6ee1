//! The asynchronous half in virtual time: journeys as scenario files write them, the real steps, and a backend whose
//! every event is scripted.

mod any_course;
mod feedback;
mod journeys;
mod results;
mod subscriptions;
mod traces;
mod users;

use std::path::Path;
use std::time::Duration;

use super::backend::{Backend, Script};
use super::*;
use crate::metrics::{HistoryRecord, ResultChannel, Sighting};
use crate::scenario::{LoadOptions, load};

const SUBSCRIBE: &str = r#"
[[journey.steps]]
subscribe = "tasks_{{user_id}}"
changes = [ { table = "tasks", filter = "user_id=eq.{{user_id}}" } ]
"#;

const SUBMIT: &str = r#"
[[journey.steps]]
request = "POST /tasks"
name = "submit"
body = { user_id = "{{user_id}}", audio_url = "{{recording_url}}" }
expect = { status = 202 }
save = { task_id = "/id" }
feedback = { table = "tasks", where = { user_id = "{{user_id}}", status = "working" } }

[journey.steps.submission]
kind = "recording-analyses"
reference = "{{task_id}}"
read_back = "GET /tasks/{{task_id}}"
completed = { "/status" = ["done"] }
"#;

/// The result deadline is 12 s; polls at 5 s, 6 s, … unless the socket is down.
const AWAIT: &str = r#"
[[journey.steps]]
await = { table = "tasks", where = { id = "{{task_id}}", status = "done" } }
name = "result"
timeout = "12s"
fallback = { poll = "GET /tasks/{{task_id}}", every = "1s", after = "5s", until = { "/status" = "done" } }
"#;

const THINK: &str = "[[journey.steps]]\nthink = \"2s\"\n";

/// A scenario of one iteration with these steps.
fn once(steps: &[&str]) -> Plan {
    scenario("rate = \"1/s\"\nduration = \"1s\"", steps)
}

fn scenario(load_keys: &str, steps: &[&str]) -> Plan {
    let steps = steps.concat();
    let text = format!(
        r#"
name = "asynchronous"
[target]
base_url = "http://127.0.0.1:1"
[load]
executor = "constant-arrival-rate"
arrivals = "even"
drain = "60s"
workers = 1
{load_keys}
[[journey]]
name = "j"
{steps}
"#
    );
    let options = LoadOptions {
        sets: &[],
        seed: Some(7),
        cores: 1,
        environment: &|_| None,
        read: &|_| Ok(text.clone()),
    };
    load(Path::new("asynchronous.toml"), &options)
        .unwrap_or_else(|mistakes| panic!("{mistakes}"))
        .plan
}

/// Runs a journey against a backend with this script.
async fn play(plan: Plan, script: Script) -> (Run, Backend) {
    let backend = Backend::new(script);
    let app = {
        let backend = backend.clone();
        move |clock, _epoch| backend.router(clock)
    };
    (run_against(plan, app, quiet).await, backend)
}

impl Run {
    /// The recorded values of a kind of event, in milliseconds; `None` = bad.
    fn events_ms(&self, kind: SeriesKind) -> Vec<Option<f64>> {
        self.batch
            .samples
            .iter()
            .filter_map(|sample| match sample {
                Sample::Event(event) if event.kind == kind => {
                    Some(event.value_ns.map(|value| value as f64 / 1e6))
                }
                _ => None,
            })
            .collect()
    }

    /// Events that were due, and those of them that did not come in time.
    fn deliveries(&self) -> (u64, u64) {
        let slice = self.total(SeriesKind::RealtimeDelivery);
        (slice.total, slice.bad)
    }

    /// How each result reached its user, in order.
    fn channels(&self) -> Vec<ResultChannel> {
        self.batch
            .history
            .iter()
            .filter_map(|record| match record {
                HistoryRecord::Result(result) => Some(result.channel),
                _ => None,
            })
            .collect()
    }

    fn sightings(&self) -> Vec<Sighting> {
        self.batch
            .history
            .iter()
            .filter_map(|record| match record {
                HistoryRecord::Sighting(sighting) => Some(sighting.sighting),
                _ => None,
            })
            .collect()
    }
}

/// Holds when there is one event and it took `expected_ms`, up to the grain of the runtime's timer: one tick of a
/// millisecond per wait, and a journey waits some times.
fn assert_took(events: &[Option<f64>], expected_ms: f64) {
    match events {
        [Some(value_ms)] if (expected_ms..expected_ms + 12.0).contains(value_ms) => {}
        other => panic!("expected one event of {expected_ms} ms, found {other:?}"),
    }
}
