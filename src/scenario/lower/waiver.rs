//! `[[waiver]]`. Whether a waiver has expired is not decided here: that depends on the day of the judgement.

use jiff::civil::Date;

use super::super::diagnostic::{Diagnostics, list_names, nearest};
use super::super::raw::WaiverFile;
use super::at::At;
use super::criteria::{Written, WrittenCriteria};
use crate::plan::Waiver;

/// Longest reason, and longest name of an owner: both stand on the first page of every report.
const TEXT_LENGTH_MAX: usize = 200;
/// Who waives more than this has no targets left.
const WAIVERS_MAX: usize = 50;

/// Lowers `[[waiver]]`. When targets have mistakes of their own, nothing is said about which of them there are.
pub(super) fn lower(
    files: Option<&[WaiverFile]>,
    criteria: &WrittenCriteria,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<Waiver> {
    let targets = (!criteria.targets_are_incomplete).then_some(criteria.targets.as_slice());
    let files = files.unwrap_or_default();
    if files.len() > WAIVERS_MAX {
        diagnostics.push(
            at.key_span(),
            format!("a run takes at most {WAIVERS_MAX} waivers"),
        );
        return Vec::new();
    }
    let mut waivers: Vec<Waiver> = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let at = at.item(index);
        let target = target(file, targets, at, diagnostics);
        let reason = line(file.reason.as_deref(), "reason", at, diagnostics);
        let owner = line(file.owner.as_deref(), "owner", at, diagnostics);
        let expires = expires(file, at, diagnostics);
        if let Some(target) = &target
            && waivers.iter().any(|waiver| waiver.target == *target)
        {
            diagnostics.push(
                at.key("target").value_span(),
                format!("a waiver before this one is about `{target}` already"),
            );
        }
        if let (Some(target), Some(reason), Some(owner), Some(expires)) = (target, reason, owner, expires) {
            waivers.push(Waiver {
                target,
                reason,
                owner,
                expires,
            });
        }
    }
    waivers
}

/// The name of the target, as the targets themselves say it.
fn target(
    file: &WaiverFile,
    targets: Option<&[Written]>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<String> {
    let given = file
        .target
        .as_deref()?
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let Some(targets) = targets else {
        return Some(given);
    };
    let names: Vec<String> = targets.iter().map(|written| written.condition.name()).collect();
    if names.contains(&given) {
        return Some(given);
    }
    let names = || names.iter().map(String::as_str);
    let mut sentence = format!("no target of `[sla]` is named `{given}`");
    if let Some(meant) = nearest(&given, names()) {
        sentence.push_str(&format!("; did you mean `{meant}`?"));
    }
    if targets.is_empty() {
        sentence.push_str(" (there is none at all)");
    } else {
        sentence.push_str(&format!(" (targets: {})", list_names(names())));
    }
    diagnostics.push(at.key("target").value_span(), sentence);
    None
}

/// A text that stands in one line of a report.
fn line(text: Option<&str>, key: &str, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<String> {
    let text = text?.trim();
    if text.is_empty() || text.chars().count() > TEXT_LENGTH_MAX || text.contains(char::is_control) {
        diagnostics.push(
            at.key(key).value_span(),
            format!("the {key} of a waiver is a line of 1 to {TEXT_LENGTH_MAX} characters"),
        );
        return None;
    }
    Some(text.to_owned())
}

fn expires(file: &WaiverFile, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<Date> {
    let text = file.expires.as_deref()?;
    // The parser would take a time along with the date, and drop it.
    let date = (text.len() == "2026-12-31".len())
        .then(|| text.parse().ok())
        .flatten();
    if date.is_none() {
        diagnostics.push(
            at.key("expires").value_span(),
            format!("`{text}` is not a date; write the last day of the waiver as 2026-12-31"),
        );
    }
    date
}
