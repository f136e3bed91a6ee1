//! `loadtest check`.

use clap::Args;

use super::{RequireArgs, ScenarioArgs, print, say};
use crate::clock::{day_of, wall_clock_now};
use crate::compare::Outline;
use crate::plan::Waiver;
use crate::scenario::{self, Diagnostics, LoadOptions, Loaded};
use crate::sla::ExitCode;

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    scenario: ScenarioArgs,
    #[command(flatten)]
    require: RequireArgs,
}

pub(super) fn execute(args: &CheckArgs) -> ExitCode {
    let scenario = args.require.apply(&args.scenario);
    match load(&scenario) {
        Ok(loaded) => {
            print(scenario::check(&loaded.plan).to_string().trim_end());
            say_what_is_waived(&loaded.plan.criteria.waivers);
            match &loaded.comparison {
                Some(_) => comparison(&scenario),
                None => ExitCode::Go,
            }
        }
        Err(diagnostics) => {
            say(diagnostics.to_string().trim_end());
            ExitCode::Usage
        }
    }
}

/// Which targets may be missed, and which waivers are void today.
fn say_what_is_waived(waivers: &[Waiver]) {
    let today = day_of(wall_clock_now());
    for waiver in waivers {
        print("");
        if waiver.holds_on(today) {
            print(&format!(
                "{} may be missed until {}: {} ({})",
                waiver.target, waiver.expires, waiver.reason, waiver.owner
            ));
        } else {
            print(&format!("WARNING: {}.", waiver.void_sentence()));
        }
    }
}

/// The plan of the comparison that a scenario describes beside a run.
fn comparison(args: &ScenarioArgs) -> ExitCode {
    match scenario::load_comparison(&args.scenario, &load_options(&args.sets, args.seed), false) {
        Ok(loaded) => {
            print("");
            print(Outline::of(&loaded).to_string().trim_end());
            ExitCode::Go
        }
        Err(diagnostics) => {
            say(diagnostics.to_string().trim_end());
            ExitCode::Usage
        }
    }
}

/// Reads a scenario from disk, with this process's environment.
pub(super) fn load(args: &ScenarioArgs) -> Result<Loaded, Diagnostics> {
    scenario::load(&args.scenario, &load_options(&args.sets, args.seed))
}

/// Files are read from disk, variables from this process's environment.
pub(super) fn load_options(sets: &[(String, String)], seed: Option<u64>) -> LoadOptions<'_> {
    LoadOptions {
        sets,
        seed,
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        environment: &|name| std::env::var(name).ok(),
        read: &scenario::read_file,
    }
}
