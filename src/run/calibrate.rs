//! Trying the generator out before the load: its own workers against a server in this process.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::LEAD;
use super::limits::SocketLimits;
use super::workers::{self, WorkerMessage, WorkerPlan};
use crate::calibration::{self, Tally};
use crate::chance::Chance;
use crate::clock::RunClock;
use crate::executor::StopSwitch;
use crate::identity::Identities;
use crate::metrics::Calibration;
use crate::plan::{HttpVersion, Plan};
use crate::protocol::{Dialing, Origin};
use crate::sla;
use crate::step::CommitClock;
use crate::target::Endpoints;
use crate::traces::Traces;

/// Descriptors that a calibration leaves alone and that must be there besides its own.
const DESCRIPTORS_SPARE: u64 = 256;

/// Drives the plan's load path for a moment against a server that answers at once. The sentence says what was found, or
/// why nothing was: that is no reason not to run.
///
/// All of it is on threads of its own: the workers make the thread that waits for them step back, and the server must
/// not share a thread with anybody, as a target does not.
pub(super) async fn calibrate(plan: &Plan, limits: SocketLimits) -> (Option<Calibration>, String) {
    let arrivals_per_s = arrivals_per_s(plan);
    let calibration = calibration::plan(plan, arrivals_per_s);
    let needed = 2 * u64::from(calibration::USERS_MAX) + DESCRIPTORS_SPARE;
    let found = match calibration {
        None => Err("the plan has no rate to try".to_owned()),
        Some(_) if limits.descriptors < needed => Err(format!(
            "this process may have {} open files, and {needed} are needed",
            limits.descriptors
        )),
        Some(calibration) => drive_apart(calibration).await,
    };
    match found {
        Ok(found) => (
            Some(found),
            format!(
                "the generator by itself: {:.0} requests/s, p50 {:.2} ms, p99 {:.2} ms",
                found.achieved_per_s, found.p50_ms, found.p99_ms
            ),
        ),
        Err(reason) => (None, format!("the generator was not tried out: {reason}")),
    }
}

/// New users per second at the plan's busiest moment; of closed models, how many a healthy target lets begin.
fn arrivals_per_s(plan: &Plan) -> f64 {
    let context = sla::Context::of(plan, None);
    if plan.load.executor.is_open() {
        return context.peak_rate;
    }
    let iteration = context.iteration_healthy + context.await_healthy.mul_f64(context.awaits);
    let users = plan.load.partition.share(plan.load.max_vus);
    f64::from(users) / iteration.as_secs_f64().max(0.001)
}

async fn drive_apart(plan: Plan) -> Result<Calibration, String> {
    let (found, finding) = oneshot::channel();
    std::thread::Builder::new()
        .name("calibration".to_owned())
        .spawn(move || {
            // Nobody waits any more when the run was given up.
            let _ = found.send(block_on(drive(plan)).and_then(|found| found));
        })
        .map_err(|error| error.to_string())?;
    finding
        .await
        .unwrap_or_else(|_| Err("its thread has ended early".to_owned()))
}

/// Runs a future on a runtime of this thread's own.
fn block_on<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    Ok(runtime.block_on(future))
}

async fn drive(plan: Plan) -> Result<Calibration, String> {
    let in_words = |error: std::io::Error| error.to_string();
    let (over, ended) = oneshot::channel::<()>();
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).map_err(in_words)?;
    listener.set_nonblocking(true).map_err(in_words)?;
    let base_url = format!("http://{}", listener.local_addr().map_err(in_words)?);
    std::thread::Builder::new()
        .name("echo".to_owned())
        .spawn(move || {
            let serving = async {
                let listener = TcpListener::from_std(listener).map_err(in_words)?;
                tokio::select! {
                    () = calibration::serve(listener) => {}
                    // The other end says nothing: it is gone when all is over.
                    _ = ended => {}
                }
                Ok::<(), String>(())
            };
            if let Err(error) = block_on(serving).and_then(|served| served) {
                tracing::warn!(error, "the server of the calibration could not be started");
            }
        })
        .map_err(in_words)?;

    let clock = RunClock::start();
    let mut tally = Tally::new(&plan);
    let shared = WorkerPlan {
        endpoints: endpoints(&plan, base_url)?,
        // The header costs here what it will cost in the load; nobody looks at the name.
        traces: Traces::of(plan.target.traceparent, 1),
        plan: Arc::new(plan),
        clock,
        epoch: clock.now().plus(LEAD),
        commit_clock: CommitClock::ThisHost,
    };
    let (_switch, signal) = StopSwitch::new();
    let mut messages = workers::start(&shared, &signal).map_err(in_words)?;
    let mut failure = None;
    while let Some(message) = messages.recv().await {
        match message {
            WorkerMessage::Batch { batch, .. } => batch.samples.iter().for_each(|sample| tally.take(sample)),
            WorkerMessage::Ended(end) => failure = failure.or(end.failure),
        }
    }
    drop(over);
    match failure {
        Some(reason) => Err(reason),
        None => tally.finish().ok_or_else(|| "nothing came back".to_owned()),
    }
}

/// Where the server is. Nobody there wants to know who asks.
fn endpoints(plan: &Plan, base_url: String) -> Result<Endpoints, String> {
    let origin = Origin::parse(&base_url).ok_or("its address is none")?;
    let dialing = Dialing {
        origin,
        timeout: plan.target.connect_timeout,
        http_version: HttpVersion::Http1,
        tls: None,
        source_addresses: Vec::new(),
    };
    Ok(Endpoints {
        http: dialing.clone(),
        base_path: String::new(),
        realtime: dialing,
        realtime_path: "/".to_owned(),
        identities: Identities::anonymous(Chance::new(plan.seed), None),
        description: "a server in this process".to_owned(),
        notes: Vec::new(),
        standby: None,
        base_url,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{LoadOptions, load};

    fn plan() -> Plan {
        let text = "name = \"s\"\n[target]\nserver = \"reference\"\n[load]\nexecutor = \"constant-arrival-rate\"\n\
                    rate = \"20/s\"\nduration = \"60s\"\nworkers = 2\n[[journey]]\nname = \"j\"\n\
                    steps = [{ repeat = 5, steps = [{ request = \"GET /\" }] }]\n";
        let options = LoadOptions {
            sets: &[],
            seed: None,
            cores: 2,
            environment: &|_| None,
            read: &|_| Ok(text.to_owned()),
        };
        match load(std::path::Path::new("s.toml"), &options) {
            Ok(loaded) => loaded.plan,
            Err(mistakes) => panic!("{mistakes}"),
        }
    }

    #[tokio::test]
    async fn the_real_workers_are_timed_against_a_server_that_answers_at_once() {
        let (found, sentence) = calibrate(&plan(), SocketLimits::raise()).await;
        let found = found.unwrap_or_else(|| panic!("{sentence}"));
        assert!((found.planned_per_s - 120.0).abs() < 1e-6, "{found:?}");
        // Whatever else this machine does, some of the hundred requests come back within their second.
        assert!(found.samples > 0 && found.samples <= 130, "{found:?}");
        assert!(found.p50_ms > 0.0 && found.p50_ms <= found.p99_ms, "{found:?}");
        assert!(sentence.contains("requests/s"), "{sentence}");
    }

    #[tokio::test]
    async fn a_generator_without_descriptors_is_not_tried_out() {
        let limits = SocketLimits {
            descriptors: 100,
            ports: None,
        };
        let (found, sentence) = calibrate(&plan(), limits).await;
        assert_eq!(found, None);
        assert!(sentence.contains("may have 100 open files"), "{sentence}");
    }
}
