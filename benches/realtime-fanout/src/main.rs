//! Thousands of realtime subscribers on one server and PostgreSQL: how late events are, and what it costs in memory.

#![allow(clippy::print_stdout, reason = "it prints its results")]

mod database;
mod server;
mod subscribers;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use hdrhistogram::Histogram;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::database::Writer;
use crate::server::Server;
use crate::subscribers::{Crowd, Meter};

/// Longest wait for the last events after the last change.
const PATIENCE: Duration = Duration::from_secs(30);

/// How late events reach thousands of subscribers.
#[derive(Parser)]
struct Arguments {
    /// Sockets that are subscribed at once
    #[arg(long, default_value_t = 5_000)]
    subscribers: usize,

    /// How long changes are made, per load
    #[arg(long, default_value_t = 30)]
    seconds: u64,

    /// The load; both when absent
    #[arg(long, value_enum)]
    load: Option<Load>,

    /// The server's program
    #[arg(long, default_value = "target/release/practice-server")]
    server: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Load {
    /// 200 changes per second with one recipient each
    One,
    /// 10 changes per second with every subscriber as recipient
    All,
}

impl Load {
    fn changes_per_second(self) -> u32 {
        match self {
            Self::One => 200,
            Self::All => 10,
        }
    }

    fn recipients(self, subscribers: usize) -> usize {
        match self {
            Self::One => 1,
            Self::All => subscribers,
        }
    }
}

/// Nanoseconds of `CLOCK_MONOTONIC`.
fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let nanoseconds = i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec);
    u64::try_from(nanoseconds).unwrap_or_default()
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(&arguments))
}

async fn run(arguments: &Arguments) -> Result<()> {
    println!(
        "| load | subscribers | changes | events | lost | p50 | p95 | p99 | max | server memory idle → subscribed → loaded |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for load in [Load::One, Load::All] {
        if arguments.load.is_none_or(|only| only == load) {
            measure(arguments, load).await?;
        }
    }
    Ok(())
}

async fn measure(arguments: &Arguments, load: Load) -> Result<()> {
    let subscribers = arguments.subscribers;
    let cluster = throwaway_postgres::Cluster::start(throwaway_postgres::Settings::default()).await?;
    let mut server = Server::start(&arguments.server, &cluster.url()).await?;
    let idle = server.memory()?;
    let mut writer = Writer::prepare(&cluster.url(), subscribers).await?;
    let meter = Arc::new(Meter::default());
    let crowd = Crowd::subscribe(&server, load == Load::All, subscribers, &meter).await?;
    let subscribed = server.memory()?;

    let changes = u64::from(load.changes_per_second()) * arguments.seconds;
    let mut ticks = interval(Duration::from_secs(1) / load.changes_per_second());
    // What is late is made up for, so that the rate holds.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for change in 0..changes {
        ticks.tick().await;
        writer.change(change, &meter).await?;
    }
    let expected = usize::try_from(changes)? * load.recipients(subscribers);
    let deadline = Instant::now() + PATIENCE;
    while meter.received() < expected && Instant::now() < deadline {
        sleep(Duration::from_millis(20)).await;
    }
    let loaded = server.memory()?;
    let (latencies, unexpected) = meter.result()?;
    ensure!(unexpected == 0, "{unexpected} events belong to nobody's change");
    print_row(
        load,
        subscribers,
        changes,
        expected,
        &latencies,
        [idle, subscribed, loaded],
    );
    drop(crowd);
    server.stop().await?;
    cluster.stop().await.context("stopping PostgreSQL")
}

fn print_row(
    load: Load,
    subscribers: usize,
    changes: u64,
    expected: usize,
    latencies: &Histogram<u64>,
    memory: [u64; 3],
) {
    let ms = |quantile: f64| latencies.value_at_quantile(quantile) as f64 / 1_000_000.0;
    let name = match load {
        Load::One => "one recipient each",
        Load::All => "every subscriber",
    };
    let lost = (expected as u64).saturating_sub(latencies.len());
    let [idle, subscribed, loaded] = memory.map(|bytes| bytes as f64 / 1_048_576.0);
    println!(
        "| {name} | {subscribers} | {changes} ({}/s) | {} | {lost} | {:.2} ms | {:.2} ms | {:.2} ms | {:.2} ms | {idle:.0} → \
         {subscribed:.0} → {loaded:.0} MiB |",
        load.changes_per_second(),
        latencies.len(),
        ms(0.5),
        ms(0.95),
        ms(0.99),
        latencies.max() as f64 / 1_000_000.0,
    );
}
