//! What the run learns beside its own users, once a second: the mock's ledger and the target's own metrics.
//!
//! It runs as a task of its own, so that a target that answers slowly cannot hold up the run's other duties.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;

use crate::executor::{Stop, StopSignal};
use crate::target::{MockControl, Queries, QueryTimes, TargetProbe};

const PERIOD: Duration = Duration::from_secs(1);
/// Observations that may wait.
const WAITING_MAX: usize = 16;

/// News from outside.
#[derive(Debug)]
pub(super) enum Observation {
    /// Ledger records, in order.
    Ledger(Vec<Value>),
    /// Database queries since the last observation.
    Queries(Queries),
    /// The mock did not answer.
    LedgerUnreadable(String),
}

/// Observes until the stop says "now" or nobody listens any more.
pub(super) fn start(
    mock: Option<MockControl>,
    probes: Vec<TargetProbe>,
    mut stop: StopSignal,
) -> mpsc::Receiver<Observation> {
    let (observations, receiver) = mpsc::channel(WAITING_MAX);
    tokio::spawn(async move {
        let mut observer = Observer {
            mock,
            servers: probes
                .into_iter()
                .map(|probe| Observed { probe, queries: None })
                .collect(),
            observations,
            last_seq: 0,
        };
        observer.begin().await;
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.reached(Stop::Now) => return,
            }
            if observer.observe().await.is_none() {
                return;
            }
        }
    });
    receiver
}

struct Observer {
    mock: Option<MockControl>,
    /// Each server of the target, which has counters of its own.
    servers: Vec<Observed>,
    observations: mpsc::Sender<Observation>,
    last_seq: u64,
}

/// A server, and what it has said last.
struct Observed {
    probe: TargetProbe,
    queries: Option<QueryTimes>,
}

impl Observer {
    /// Queries before the run, such as migrations, are not the run's.
    async fn begin(&mut self) {
        for server in &mut self.servers {
            server.queries = server.probe.query_times().await;
        }
    }

    /// `None` when nobody listens any more.
    async fn observe(&mut self) -> Option<()> {
        if let Some(mock) = self.mock.clone() {
            loop {
                match mock.ledger_after(self.last_seq).await {
                    Ok(page) => {
                        let newest = page.records.last().and_then(|record| record["seq"].as_u64());
                        self.last_seq = newest.unwrap_or(self.last_seq);
                        if !page.records.is_empty() {
                            self.observations
                                .send(Observation::Ledger(page.records))
                                .await
                                .ok()?;
                        }
                        if !page.has_more {
                            break;
                        }
                    }
                    Err(error) => {
                        self.observations
                            .send(Observation::LedgerUnreadable(error.to_string()))
                            .await
                            .ok()?;
                        break;
                    }
                }
            }
        }
        for server in &mut self.servers {
            if let (Some(now), Some(before)) = (server.probe.query_times().await, &server.queries) {
                let queries = now.since(before);
                server.queries = Some(now);
                if !queries.buckets.is_empty() {
                    self.observations.send(Observation::Queries(queries)).await.ok()?;
                }
            }
        }
        Some(())
    }
}
