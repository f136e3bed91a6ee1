//! What a run says to GitHub Actions when it runs there: annotations at the scenario's lines, the job's summary, and
//! outputs for the steps that follow.
//!
//! Elsewhere it says nothing. GitHub names the files in the environment; one that cannot be written is worth a word
//! and nothing more, because the verdict stands in the exit code.

use std::env;
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

use super::{describe, print, say};
use crate::report::{Format, RunRecord, render};
use crate::sla::ExitCode;

/// GitHub refuses summaries of a step beyond this, in bytes.
const SUMMARY_BYTES_MAX: usize = 1024 * 1024;

/// Tells GitHub of a run that ends with `code` and whose files are in `folder`; does nothing outside of GitHub Actions.
pub(super) fn tell(record: &RunRecord, code: ExitCode, folder: &Path) {
    if env::var_os("GITHUB_ACTIONS").is_none_or(|value| value != "true") {
        return;
    }
    match render(Format::GitHub, record) {
        Ok(text) if text.is_empty() => {}
        Ok(text) => print(text.trim_end()),
        Err(error) => say(&format!("no annotations: {}", describe(&error))),
    }
    if let Some(path) = env::var_os("GITHUB_STEP_SUMMARY") {
        match render(Format::Markdown, record) {
            Ok(text) => append(&path, cut(&text)),
            Err(error) => say(&format!("no job summary: {}", describe(&error))),
        }
    }
    if let Some(path) = env::var_os("GITHUB_OUTPUT") {
        append(&path, &outputs(record, code, folder));
    }
}

/// `name=value` lines; none of the values can hold a line end of the target's.
fn outputs(record: &RunRecord, code: ExitCode, folder: &Path) -> String {
    let one_line = |text: &str| text.replace(['\r', '\n'], " ");
    format!(
        "verdict={}\nexit_code={}\nreport_path={}\n",
        one_line(&record.verdict),
        code.code(),
        one_line(&folder.display().to_string())
    )
}

/// As much of a summary as is accepted, cut at a line.
fn cut(text: &str) -> &str {
    if text.len() <= SUMMARY_BYTES_MAX {
        return text;
    }
    let head = text.floor_char_boundary(SUMMARY_BYTES_MAX);
    let end = text[..head].rfind('\n').map_or(head, |line| line + 1);
    &text[..end]
}

fn append(path: &OsString, text: &str) {
    let appended = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    if let Err(error) = appended {
        say(&format!("cannot write to {}: {error}", Path::new(path).display()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_cut_at_a_line() {
        assert_eq!(cut("short\n"), "short\n");
        let line = format!("{}\n", "ä".repeat(500));
        let long = line.repeat(2_000);
        let cut = cut(&long);
        assert!(cut.len() <= SUMMARY_BYTES_MAX && cut.len() > SUMMARY_BYTES_MAX - line.len());
        assert!(cut.ends_with("ä\n"));
    }
}
