//! `[compare]`.

use serde_json::{Map, Value};

use super::super::diagnostic::{Diagnostics, list_names, nearest};
use super::super::raw::{ArmFile, ClaimFile, CompareFile};
use super::at::{At, parse, positive_duration_or};
use super::limit::split_comparator;
use crate::plan::{
    Arm, Band, Claim, ClaimTest, Comparison, Load, Metric, Negligible, Override, RatioLimit, Side, Sides,
    Statistic, Subject, Unit,
};
use crate::units::{Quantile, Ratio, parse_duration};

/// Longest name of an arm.
const ARM_NAME_MAX: usize = 40;
/// The name of the claim's metric for the highest rate at which all targets hold.
const CAPACITY: &str = "capacity";

/// What the scenario has to show claims with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Means<'a> {
    /// The scenario's load, when it could be read.
    pub(super) load: Option<&'a Load>,
    /// Whether users have patience.
    pub(super) has_users: bool,
}

/// Lowers `[compare]`.
pub(super) fn lower(
    file: &CompareFile,
    means: Means<'_>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Comparison> {
    let defaults = Comparison::default();
    let time_box = positive_duration_or(
        defaults.time_box,
        file.time_box.as_ref(),
        at,
        "time_box",
        diagnostics,
    );
    let arms = Sides {
        baseline: arm(file.baseline.as_ref(), Side::Baseline, at, diagnostics),
        candidate: arm(file.candidate.as_ref(), Side::Candidate, at, diagnostics),
    };
    let arms = arms.both();
    if let Some(arms) = &arms {
        check_arms(arms, at, diagnostics);
    }
    let run_to_run = match &file.run_to_run {
        Some(text) => parse(
            Some(&text.0),
            at.key("run_to_run"),
            diagnostics,
            str::parse::<Ratio>,
        )
        .map(Some),
        None => (!at.is_refused("run_to_run")).then_some(None),
    };
    let claims = match &file.claims {
        Some(claims) => {
            let at = at.key("claims");
            let lowered: Vec<Option<Claim>> = (0..)
                .zip(claims)
                .map(|(index, claim)| self::claim(claim, means, at.item(index), diagnostics))
                .collect();
            lowered.into_iter().collect::<Option<Vec<Claim>>>()
        }
        None => Some(Claim::of_the_migration_plan(
            means.load.is_some_and(|load| load.executor.is_open()),
            means.has_users,
        )),
    };
    Some(Comparison {
        pairs: file
            .pairs
            .map_or(Some(defaults.pairs), |pairs| u32::try_from(pairs).ok())?,
        time_box: time_box?,
        arms: arms?,
        claims: claims?,
        quick: settings(file.quick.as_ref()),
        run_to_run: run_to_run?,
    })
}

fn arm(file: Option<&ArmFile>, side: Side, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<Arm> {
    let file = file?;
    let name = file.name.clone().unwrap_or_else(|| side.key().to_owned());
    let is_readable = |name: &str| {
        let length = name.chars().count();
        (1..=ARM_NAME_MAX).contains(&length) && name.trim() == name && !name.contains(char::is_control)
    };
    if !is_readable(&name) {
        diagnostics.push(
            at.key(side.key()).key("name").value_span(),
            format!("the name of an arm stands in tables and sentences: 1 to {ARM_NAME_MAX} characters on one line"),
        );
        return None;
    }
    Some(Arm {
        name,
        overrides: settings(file.settings.as_ref()),
    })
}

fn check_arms(arms: &Sides<Arm>, at: At<'_>, diagnostics: &mut Diagnostics) {
    let candidate = at.key(Side::Candidate.key());
    if arms.baseline.name == arms.candidate.name {
        diagnostics.push(
            candidate.key("name").value_span(),
            format!(
                "both arms are named `{}`; nobody could tell them apart",
                arms.candidate.name
            ),
        );
    }
    if arms.baseline.overrides == arms.candidate.overrides {
        diagnostics.push(
            candidate.key_span(),
            "both arms set the same, so there is nothing to compare; write what differs, such as \
             set = { \"target.architecture\" = \"direct\" }",
        );
    }
}

/// Settings as options of the command line. Tables within are taken apart, so that they add to what the scenario says
/// instead of replacing it.
fn settings(table: Option<&Map<String, Value>>) -> Vec<Override> {
    fn add(path: &str, value: &Value, settings: &mut Vec<Override>) {
        match value {
            Value::Object(table) if !table.is_empty() => {
                for (key, value) in table {
                    add(&format!("{path}.{key}"), value, settings);
                }
            }
            Value::String(text) => settings.push((path.to_owned(), text.clone())),
            other => {
                let text =
                    toml::Value::try_from(other).map_or_else(|_| other.to_string(), |it| it.to_string());
                settings.push((path.to_owned(), text));
            }
        }
    }
    let mut all = Vec::new();
    for (key, value) in table.into_iter().flatten() {
        add(key, value, &mut all);
    }
    all
}

/// The keys of which a claim has exactly one kind.
const KINDS: &str = "`ratio`, `not_worse_by`, `before` with `after`, or `not_measured`";

fn claim(file: &ClaimFile, means: Means<'_>, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<Claim> {
    let has_bands = file.before.is_some() || file.after.is_some();
    let kinds = [
        file.ratio.is_some(),
        file.not_worse_by.is_some(),
        has_bands,
        file.not_measured.is_some(),
    ];
    match kinds.iter().filter(|is_there| **is_there).count() {
        1 => {}
        0 if at.is_incomplete() => return None,
        0 => {
            diagnostics.push(
                at.value_span(),
                format!("the claim says nothing that could be judged; give it {KINDS}"),
            );
            return None;
        }
        _ => {
            diagnostics.push(
                at.value_span(),
                format!("the claim says several things; give it one of {KINDS}"),
            );
            return None;
        }
    }
    let test = if let Some(reason) = &file.not_measured {
        unmeasured(file, reason, at, diagnostics)
    } else if has_bands {
        bands(file, at, diagnostics)
    } else if file.metric.as_deref() == Some(CAPACITY) {
        capacity(file, means.load, at, diagnostics)
    } else {
        about_subject(file, means, at, diagnostics)
    }?;
    let says = file.says.clone().unwrap_or_else(|| test.in_words());
    Some(Claim { says, test })
}

fn unmeasured(
    file: &ClaimFile,
    reason: &str,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<ClaimTest> {
    if file.says.is_none() {
        diagnostics.push(
            at.value_span(),
            "a claim that is not measured needs its words: says = \"support tickets −50 %\"",
        );
        return None;
    }
    Some(ClaimTest::NotMeasured {
        reason: reason.trim_end_matches('.').to_owned(),
    })
}

fn bands(file: &ClaimFile, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<ClaimTest> {
    if file
        .metric
        .as_deref()
        .is_some_and(|metric| metric != Metric::ResponseTime.key())
    {
        diagnostics.push(
            at.key("metric").value_span(),
            "bands are bands of `response_time`",
        );
        return None;
    }
    for (key, value) in [("before", &file.before), ("after", &file.after)] {
        if value.is_none() {
            let sentence =
                format!("`{key}` is missing: both arms have a band, such as {key} = \"50ms..150ms\"");
            at.missing(key, &sentence, diagnostics);
        }
    }
    let mut band = |text: &Option<String>, key: &str| -> Option<Band> {
        let text = text.as_deref()?;
        match parse_band(text) {
            Ok(band) => Some(band),
            Err(sentence) => {
                diagnostics.push(at.key(key).value_span(), sentence);
                None
            }
        }
    };
    let bands = Sides {
        baseline: band(&file.before, "before"),
        candidate: band(&file.after, "after"),
    };
    bands.both().map(ClaimTest::Bands)
}

fn parse_band(text: &str) -> Result<Band, String> {
    let (from, to) = text.split_once("..").ok_or_else(|| {
        format!("\"{text}\" is not a band; write its ends with two dots between: \"50ms..150ms\"")
    })?;
    let end = |text: &str| parse_duration(text).map_err(|error| error.to_string());
    let (from, to) = (end(from)?, end(to)?);
    if from >= to {
        return Err(format!("\"{text}\" ends before it begins"));
    }
    Ok(Band { from, to })
}

fn capacity(
    file: &ClaimFile,
    load: Option<&Load>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<ClaimTest> {
    if let Some(load) = load.filter(|load| !load.executor.is_open()) {
        diagnostics.push(
            at.key("metric").value_span(),
            format!(
                "a capacity is searched for with arrival rates, and the executor `{}` has none",
                load.executor.name()
            ),
        );
        return None;
    }
    if file.ratio.is_none() {
        diagnostics.push(
            at.value_span(),
            "a claim about capacity takes a `ratio`, such as \">= 3.0\"",
        );
        return None;
    }
    ratio(file, at, diagnostics).map(ClaimTest::Capacity)
}

fn about_subject(
    file: &ClaimFile,
    means: Means<'_>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<ClaimTest> {
    let subject = subject(file, means, at, diagnostics);
    if file.ratio.is_some() {
        let limit = ratio(file, at, diagnostics);
        return Some(ClaimTest::Ratio(subject?, limit?));
    }
    let text = file.not_worse_by.as_ref().map(|text| text.0.as_str());
    let margin: Option<Ratio> = parse(text, at.key("not_worse_by"), diagnostics, str::parse);
    let subject = subject?;
    let negligible = negligible(file, subject, at, diagnostics);
    Some(ClaimTest::NotWorse {
        subject,
        margin: margin?,
        negligible: negligible?,
    })
}

/// The metrics that claims can be about: of the others, high values are good or nothing is kept per event. What users
/// come to has a ratio whichever way is good.
fn comparable(has_ratio: bool) -> impl Iterator<Item = Metric> {
    Metric::ALL
        .into_iter()
        .filter(move |metric| match metric.higher_is_better() {
            true => has_ratio && metric.needs_users(),
            false => metric.unit() != Unit::PerSecond,
        })
}

fn subject(file: &ClaimFile, means: Means<'_>, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<Subject> {
    let comparable = || comparable(file.ratio.is_some());
    let names = || comparable().map(Metric::key).chain([CAPACITY]);
    let Some(name) = &file.metric else {
        let sentence = format!(
            "`metric` is missing: what is the claim about? ({})",
            list_names(names())
        );
        at.missing("metric", &sentence, diagnostics);
        return None;
    };
    let Some(metric) = comparable().find(|metric| metric.key() == name) else {
        if name == Metric::Throughput.key() {
            let sentence = format!(
                "the throughput of a run is the load that it was sent; what an arm can bear is its `{CAPACITY}`"
            );
            diagnostics.push(at.key("metric").value_span(), sentence);
            return None;
        }
        let mut sentence = format!("`{name}` is nothing that two arms are compared by");
        if let Some(meant) = nearest(name, names()) {
            sentence.push_str(&format!("; did you mean `{meant}`?"));
        }
        sentence.push_str(&format!(" (possible: {})", list_names(names())));
        diagnostics.push(at.key("metric").value_span(), sentence);
        return None;
    };
    if metric.needs_users() && !means.has_users {
        diagnostics.push(
            at.key("metric").value_span(),
            format!(
                "nothing would measure `{metric}`: it comes of virtual users with patience; add `[users]`"
            ),
        );
        return None;
    }
    let statistic = match (metric.unit(), &file.stat) {
        (_, None) => return Some(Subject::usual(metric)),
        (Unit::Time, Some(text)) if text == "mean" => Statistic::Mean,
        (Unit::Time, Some(text)) => {
            let quantile: Quantile = parse(Some(text), at.key("stat"), diagnostics, str::parse)?;
            Statistic::Quantile(quantile)
        }
        (_, Some(_)) => {
            diagnostics.push(
                at.key("stat").key_span(),
                format!("`{metric}` is a share of events and has no statistics"),
            );
            return None;
        }
    };
    Some(Subject { metric, statistic })
}

fn ratio(file: &ClaimFile, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<RatioLimit> {
    let text = file.ratio.as_deref()?;
    let example = "write for instance \"<= 0.40\" or \">= 3.0\"";
    let parsed = split_comparator(text).and_then(|(comparator, number)| {
        let ratio: f64 = number.trim().parse().ok()?;
        (ratio.is_finite() && ratio > 0.0).then_some(RatioLimit { comparator, ratio })
    });
    if parsed.is_none() {
        diagnostics.push(
            at.key("ratio").value_span(),
            format!("\"{text}\" is not a comparison with a ratio above zero; {example}"),
        );
    }
    parsed
}

fn negligible(
    file: &ClaimFile,
    subject: Subject,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Negligible> {
    let text = file.negligible.as_deref();
    let at = at.key("negligible");
    match (subject.metric.unit(), text) {
        (_, None) => Some(Negligible::usual(subject.metric)),
        (Unit::Time, Some(_)) => parse(text, at, diagnostics, parse_duration).map(Negligible::Time),
        (_, Some(_)) => parse(text, at, diagnostics, str::parse).map(Negligible::Share),
    }
}
