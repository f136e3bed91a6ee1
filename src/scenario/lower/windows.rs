//! `[alerts]` and `[rollback]`: what is looked at in sliding windows, and when it counts.

use std::time::Duration;

use super::super::diagnostic::Diagnostics;
use super::super::raw::{AlertsFile, BudgetFile, DurationText, RollbackFile, WindowKeys};
use super::at::{At, parse, positive_duration};
use super::criteria::{Written, WrittenPolicy, WrittenRollback, breaches, metric_named, statistic};
use super::limit::split_comparator;
use super::rollback;
use crate::plan::{BurnRate, Comparator, Condition, Metric, WindowPolicy};
use crate::units::{Ratio, format_duration};

/// Fewer samples than this in a window decide nothing, unless the scenario says otherwise.
const SAMPLES_MIN: i64 = 20;
/// The short window of a burn rate, unless the scenario says otherwise: this part of the long one, at least so long.
const SHORT_PART: u64 = 12;
const SHORT_MIN_S: u64 = 5;
/// Most burn rates of one table.
const BUDGETS_MAX: usize = 50;

const WINDOW_RULE: &str = "a window is made of whole seconds, because it moves once a second";
const LOOKS_RULE: &str = "a breach lasts whole seconds, because the window is looked at once a second";

/// What windows are checked against.
pub(super) struct Background<'a> {
    /// The targets of `[sla]`; `None` when they cannot all be read.
    pub(super) targets: Option<&'a [Written]>,
    /// How long the load lasts; `None` when that cannot be read.
    pub(super) load: Option<Duration>,
}

/// Lowers `[alerts]`.
pub(super) fn alerts(
    file: &AlertsFile,
    background: &Background<'_>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<WrittenPolicy> {
    policy("alerts", &file.keys(), background, at, diagnostics)
}

/// Lowers `[rollback]`.
pub(super) fn rollback(
    file: &RollbackFile,
    background: &Background<'_>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<WrittenRollback> {
    let limits = rollback::limits(file.limits.as_ref(), at.key("limits"), diagnostics);
    let policy = policy("rollback", &file.keys(), background, at, diagnostics)?;
    Some(WrittenRollback {
        policy,
        // An action is proven by what the load meets after it.
        stop_load: file.stop_load.unwrap_or(file.action.is_none()),
        limits,
    })
}

fn policy(
    table: &str,
    keys: &WindowKeys<'_>,
    background: &Background<'_>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<WrittenPolicy> {
    let conditions = breaches(keys, at, diagnostics);
    let burn_rates = burn_rates(keys.budgets, background, at.key("budget"), diagnostics);
    let sustained = sustained(keys, background, at, diagnostics);
    let clear_at = clear_at(keys, at, diagnostics);
    let window = if keys.over.is_none() && conditions.is_empty() && !keys.budgets.is_empty() {
        // Burn rates have windows of their own.
        keys.window.map_or_else(
            || burn_rates.iter().flatten().map(|burn_rate| burn_rate.short).min(),
            |text| whole_seconds(Some(text), at.key("window"), WINDOW_RULE, diagnostics),
        )
    } else {
        window(table, keys, at, diagnostics)
    };
    let (window, burn_rates) = (window?, burn_rates?);
    if conditions.is_empty()
        && burn_rates.is_empty()
        && !at.is_incomplete()
        && !at.has_other_than(&[
            "over",
            "window",
            "for",
            "within",
            "clear_at",
            "samples_min",
            "stop_load",
            "action",
            "limits",
        ])
    {
        diagnostics.push(
            at.key_span(),
            format!("`[{table}]` has no condition; write for instance error_rate = \"> 5%\""),
        );
    }
    let (sustained, within) = sustained?;
    Some(WrittenPolicy {
        rules: WindowPolicy {
            sustained,
            within,
            clear_at: clear_at?,
            burn_rates,
            ..WindowPolicy::new(window, samples_min(keys.samples_min), Vec::new())
        },
        conditions,
    })
}

fn samples_min(given: Option<i64>) -> u64 {
    u64::try_from(given.unwrap_or(SAMPLES_MIN)).unwrap_or(1)
}

/// The length of the window: `over`, or `window` as older files have it.
fn window(table: &str, keys: &WindowKeys<'_>, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<Duration> {
    match (keys.over, keys.window) {
        (Some(_), Some(_)) => {
            diagnostics.push(
                at.key("window").key_span(),
                "`window` is an older name of `over`; write one of them",
            );
            None
        }
        (Some(text), None) => whole_seconds(Some(text), at.key("over"), WINDOW_RULE, diagnostics),
        (None, Some(text)) => whole_seconds(Some(text), at.key("window"), WINDOW_RULE, diagnostics),
        (None, None) => {
            if !at.is_refused("window") {
                at.missing("over", &format!("`over` is missing in `{table}`"), diagnostics);
            }
            None
        }
    }
}

/// `for` and `within`; `None` after a mistake.
fn sustained(
    keys: &WindowKeys<'_>,
    background: &Background<'_>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<(Duration, Option<Duration>)> {
    let Some(text) = keys.sustained else {
        if at.is_refused("for") {
            return None;
        }
        if keys.within.is_some() {
            diagnostics.push(
                at.key("within").key_span(),
                "`within` belongs to `for`, which says how many of its seconds must show the breach",
            );
            return None;
        }
        return Some((Duration::ZERO, None));
    };
    let sustained = whole_seconds(Some(text), at.key("for"), LOOKS_RULE, diagnostics);
    let within = match keys.within {
        Some(text) => Some(whole_seconds(
            Some(text),
            at.key("within"),
            LOOKS_RULE,
            diagnostics,
        )?),
        None if at.is_refused("within") => return None,
        None => None,
    };
    let sustained = sustained?;
    if let Some(within) = within.filter(|within| *within < sustained) {
        diagnostics.push(
            at.key("within").value_span(),
            format!(
                "there are no {} of breach within {}: `within` is at least as long as `for`",
                format_duration(sustained),
                format_duration(within)
            ),
        );
        return None;
    }
    if let Some(load) = background.load.filter(|load| *load < sustained) {
        diagnostics.push(
            at.key("for").value_span(),
            format!(
                "the load lasts {}, so no breach could last long enough to be raised",
                format_duration(load)
            ),
        );
        return None;
    }
    Some((sustained, within))
}

/// The part of the level at which a breach is over; `None` after a mistake.
fn clear_at(keys: &WindowKeys<'_>, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<f64> {
    let Some(text) = keys.clear_at else {
        return (!at.is_refused("clear_at")).then_some(WindowPolicy::CLEAR_AT);
    };
    let at = at.key("clear_at");
    let part: Ratio = parse(Some(&text.0), at, diagnostics, str::parse)?;
    if part.get() <= 0.0 {
        diagnostics.push(
            at.value_span(),
            "at 0% of the level no breach would ever be over; write for instance \"80%\"",
        );
        return None;
    }
    Some(part.get())
}

/// All burn rates; `None` after a mistake.
fn burn_rates(
    files: &[BudgetFile],
    background: &Background<'_>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<BurnRate>> {
    if files.len() > BUDGETS_MAX {
        diagnostics.push(
            at.key_span(),
            format!("a table takes at most {BUDGETS_MAX} budgets"),
        );
        return None;
    }
    // Every one is looked at before the first mistake ends the list.
    let lowered: Vec<Option<BurnRate>> = files
        .iter()
        .enumerate()
        .map(|(index, file)| burn_rate(file, background, at.item(index), diagnostics))
        .collect();
    let lowered: Option<Vec<BurnRate>> = lowered.into_iter().collect();
    lowered.filter(|_| !at.lost_items())
}

fn burn_rate(
    file: &BudgetFile,
    background: &Background<'_>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<BurnRate> {
    let target = target(file, background, at, diagnostics);
    let windows = windows(file, at, diagnostics);
    let above = rate(file, windows, background, at, diagnostics);
    let (target, (long, short), above) = (target?, windows?, above?);
    let burn_rate = BurnRate {
        target,
        above,
        long,
        short,
    };
    if burn_rate.as_breach().is_none() {
        let key = if file.burn_rate.is_some() {
            "burn_rate"
        } else {
            "consumed"
        };
        let budget = BurnRate::budget(&burn_rate.target).and_then(|budget| Ratio::new(budget).ok());
        let sentence = match budget {
            None => format!(
                "the target {} allows no share of bad events, so it has no budget",
                burn_rate.target
            ),
            Some(budget) => format!(
                "{} may be bad for the target {}, so nothing burns {above:.1} times as fast: that would be more than \
                 everything",
                budget, burn_rate.target
            ),
        };
        let place = if budget.is_none() { "target" } else { key };
        diagnostics.push(at.key(place).value_span(), sentence);
        return None;
    }
    Some(burn_rate)
}

/// The target of `[sla]` whose budget it is.
fn target(
    file: &BudgetFile,
    background: &Background<'_>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Condition> {
    let name = file.target.as_deref()?;
    let metric = metric_named(name, at.key("target"), diagnostics)?;
    let wanted = match &file.stat {
        Some(stat) => Some(statistic(stat, at.key("stat").value_span(), diagnostics)?),
        None if at.is_refused("stat") => return None,
        None => None,
    };
    let found: Vec<&Condition> = background
        .targets?
        .iter()
        .map(|written| &written.condition)
        .filter(|target| target.metric == metric && target.step == file.step)
        .filter(|target| wanted.is_none_or(|statistic| target.statistic == statistic))
        .collect();
    match found.as_slice() {
        [target] if target.metric == Metric::CompletionRate => {
            diagnostics.push(
                at.key("target").value_span(),
                "`completion_rate` is known only after the audit, so no window can watch its budget; watch that of a \
                 target on `abandonment_rate`",
            );
            None
        }
        [target] => Some((*target).clone()),
        [] => {
            let of_step = file
                .step
                .as_ref()
                .map_or_else(String::new, |step| format!(" of the step `{step}`"));
            diagnostics.push(
                at.key("target").value_span(),
                format!("`[sla]` has no such target on `{metric}`{of_step}, and so no budget of it"),
            );
            None
        }
        several => {
            let stats: Vec<String> = several
                .iter()
                .map(|target| format!("\"{}\"", target.statistic))
                .collect();
            diagnostics.push(
                at.key("target").value_span(),
                format!(
                    "`[sla]` has several targets on `{metric}`; say with `stat` which: {}",
                    stats.join(", ")
                ),
            );
            None
        }
    }
}

/// The long and the short window.
fn windows(file: &BudgetFile, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<(Duration, Duration)> {
    let long = whole_seconds(file.long.as_ref(), at.key("long"), WINDOW_RULE, diagnostics);
    let short = match &file.short {
        Some(text) => whole_seconds(Some(text), at.key("short"), WINDOW_RULE, diagnostics)?,
        None if at.is_refused("short") => return None,
        None => Duration::from_secs(long?.as_secs().div_ceil(SHORT_PART).max(SHORT_MIN_S)),
    };
    let long = long?;
    if short >= long {
        let place = if file.short.is_some() { "short" } else { "long" };
        diagnostics.push(
            at.key(place).value_span(),
            format!(
                "the short window of {} must be shorter than the long one of {}",
                format_duration(short),
                format_duration(long)
            ),
        );
        return None;
    }
    Some((long, short))
}

/// The rate above which it is a breach.
fn rate(
    file: &BudgetFile,
    windows: Option<(Duration, Duration)>,
    background: &Background<'_>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<f64> {
    match (&file.burn_rate, &file.consumed) {
        (Some(text), None) => {
            let at = at.key("burn_rate");
            let number = match split_comparator(text) {
                Some((Comparator::Greater, number)) => number.trim().parse::<f64>().ok(),
                _ => None,
            };
            let rate = number.filter(|rate| rate.is_finite() && *rate > 0.0);
            if rate.is_none() {
                diagnostics.push(
                    at.value_span(),
                    format!("\"{text}\" is not a rate that is too high; write for instance \"> 6\""),
                );
            }
            rate
        }
        (None, Some(text)) => {
            let at = at.key("consumed");
            let share: Ratio = parse(Some(&text.0), at, diagnostics, str::parse)?;
            if share.get() <= 0.0 {
                diagnostics.push(at.value_span(), "the share must be more than 0%");
                return None;
            }
            Some(BurnRate::rate_that_spends(share, background.load?, windows?.0))
        }
        (Some(_), Some(_)) => {
            diagnostics.push(
                at.key("consumed").key_span(),
                "a budget takes `burn_rate` or `consumed`, not both",
            );
            None
        }
        (None, None) => {
            if !at.is_refused("burn_rate") && !at.is_refused("consumed") {
                diagnostics.push(
                    at.key_span(),
                    "the budget says no rate: write `burn_rate` = \"> 6\", or `consumed` = \"10%\"",
                );
            }
            None
        }
    }
}

/// A positive duration of whole seconds; a mistake is reported at the value, in the words of `rule`.
fn whole_seconds(
    text: Option<&DurationText>,
    at: At<'_>,
    rule: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Duration> {
    let duration = positive_duration(text, at, diagnostics)?;
    if duration.subsec_nanos() != 0 {
        diagnostics.push(at.value_span(), rule);
        return None;
    }
    Some(duration)
}
