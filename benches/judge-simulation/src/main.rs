//! Runs with a known truth through the judge: how often is it wrong, and how often does it not know?

#![allow(clippy::print_stdout, reason = "it prints its results")]

mod binomial;
mod court;
mod simulation;
mod table;
mod tally;
#[cfg(test)]
mod tests;
mod workload;

use anyhow::Result;
use clap::{Parser, ValueEnum};

use crate::simulation::{Case, simulate};
use crate::table::Table;
use crate::workload::Workload;

/// How often the judge is wrong about runs of which the truth is known.
#[derive(Parser)]
struct Arguments {
    /// Runs of each case
    #[arg(long, default_value_t = 2_000)]
    runs: u64,

    /// Length of a run in seconds, at 100 requests per second
    #[arg(long, value_delimiter = ',', default_values_t = [60, 300], value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: Vec<u32>,

    /// Everything that looks random follows from it
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// The workloads; all when absent
    #[arg(long, value_enum, value_delimiter = ',')]
    workload: Vec<Workload>,

    /// The true share of bad requests, as a part of the share that the target allows: 1 is the boundary
    #[arg(long, value_delimiter = ',', default_values_t = [0.25, 0.5, 1.0, 2.0], value_parser = part_of_budget)]
    share: Vec<f64>,

    /// Whose verdicts are shown; all when absent
    #[arg(long, value_enum, value_delimiter = ',')]
    judge: Vec<Judge>,

    /// Print the table as Markdown
    #[arg(long)]
    markdown: bool,
}

/// Who decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Judge {
    /// `mode = "certified"`
    Certified,
    /// `mode = "observed"`
    Observed,
    /// A plain binomial interval, for comparison: what the judge would be if it took requests for independent
    Plain,
}

impl Judge {
    fn title(self) -> &'static str {
        match self {
            Self::Certified => "certified",
            Self::Observed => "observed",
            Self::Plain => "plain interval",
        }
    }
}

/// More than this part of a budget of 5 % would be no share any more.
const PART_MAX: f64 = 10.0;

fn part_of_budget(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(part) if part > 0.0 && part <= PART_MAX => Ok(part),
        Ok(_) | Err(_) => Err(format!("write a number above 0 and up to {PART_MAX}")),
    }
}

/// Those that were asked for, or all.
fn asked<T: Copy>(asked: &[T], all: &[T]) -> Vec<T> {
    if asked.is_empty() { all } else { asked }.to_vec()
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let judges = asked(&arguments.judge, Judge::value_variants());
    let mut table = Table::new(arguments.markdown);
    for workload in asked(&arguments.workload, Workload::value_variants()) {
        for seconds in &arguments.seconds {
            for part_of_budget in &arguments.share {
                let case = Case {
                    workload,
                    seconds: *seconds,
                    part_of_budget: *part_of_budget,
                };
                let tallies = simulate(&case, arguments.runs, arguments.seed)?;
                for judge in &judges {
                    table.add(&case, *judge, &tallies);
                }
            }
        }
    }
    println!(
        "{} runs of each case, seed {}, {} requests per second.\n",
        arguments.runs,
        arguments.seed,
        workload::RATE
    );
    println!("{table}");
    Ok(())
}
