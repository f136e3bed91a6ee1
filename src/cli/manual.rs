//! `loadtest man`.

use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};

use super::{Cli, print, say};
use crate::sla::ExitCode;

#[derive(Debug, Args)]
pub(super) struct ManualArgs {
    /// Write a page per command to this folder, such as ~/.local/share/man/man1, instead of the first to standard
    /// output
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn execute(args: &ManualArgs) -> ExitCode {
    let written = match &args.out {
        Some(folder) => pages(folder),
        None => page(),
    };
    match written {
        Ok(()) => ExitCode::Go,
        Err(error) => {
            say(&format!(
                "cannot write the manual pages: {error}; choose another folder with --out"
            ));
            ExitCode::Usage
        }
    }
}

fn page() -> std::io::Result<()> {
    let mut text = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut text)?;
    print(String::from_utf8_lossy(&text).trim_end());
    Ok(())
}

fn pages(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(Cli::command(), folder)
}
