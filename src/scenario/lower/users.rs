//! `[users]`: what virtual users are like.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::diagnostic::{Diagnostics, list_names, nearest};
use super::super::raw::{AnchorFile, ApdexFile, PatienceFile, PercentText, ProfileFile, UsersFile};
use super::at::{At, parse, positive_duration, positive_duration_or};
use crate::plan::{Anchor, Patience, Satisfaction, StepId, StepInfo, StepKind, Users};
use crate::units::Ratio;

/// How likely a user tries again, unless the scenario says otherwise.
const RETRY: f64 = 0.7;
/// The share of those with reason to complain who do, unless the scenario says otherwise: nothing is known, so all.
const COMPLAIN: f64 = 1.0;

/// Lowers `[users]`; `steps` are those of all journeys, when all could be read.
pub(super) fn lower(
    file: &UsersFile,
    steps: Option<&[StepInfo]>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Users> {
    let patience = match &file.patience {
        Some(patience) => self::patience(patience, at.key("patience"), diagnostics),
        None => (!at.is_refused("patience")).then(Patience::app),
    };
    let retry = share_or(RETRY, file.retry.as_ref(), at, "retry", diagnostics);
    let complain = share_or(COMPLAIN, file.complain.as_ref(), at, "complain", diagnostics);
    let satisfaction = match &file.apdex {
        Some(apdex) => satisfaction(apdex, steps, at.key("apdex"), diagnostics),
        None => (!at.is_refused("apdex")).then(Satisfaction::default),
    };
    Some(Users {
        patience: patience?,
        retry: retry?,
        complain: complain?,
        satisfaction: satisfaction?,
    })
}

fn share_or(
    default: f64,
    text: Option<&PercentText>,
    at: At<'_>,
    key: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Ratio> {
    match text {
        Some(text) => parse(Some(&text.0), at.key(key), diagnostics, str::parse),
        None if at.is_refused(key) => None,
        None => Ratio::new(default).ok(),
    }
}

fn patience(file: &PatienceFile, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<Patience> {
    match (file.profile, &file.anchors) {
        (Some(_), Some(_)) => {
            diagnostics.push(
                at.key("anchors").key_span(),
                "patience is given by a `profile` or by `anchors`, not by both",
            );
            None
        }
        (Some(ProfileFile::App), None) => Some(Patience::app()),
        (Some(ProfileFile::ImpatientMobile), None) => Some(Patience::impatient_mobile()),
        (None, Some(list)) => anchors(list, at.key("anchors"), diagnostics),
        (None, None) => {
            if !at.is_incomplete() {
                diagnostics.push(
                    at.value_span(),
                    "`patience` says nothing; write { profile = \"app\" }, { profile = \"impatient-mobile\" } or two \
                     anchors: { anchors = [{ after = \"2s\", leave = \"5%\" }, { after = \"10s\", leave = \"50%\" }] }",
                );
            }
            None
        }
    }
}

fn anchors(list: &[AnchorFile], at: At<'_>, diagnostics: &mut Diagnostics) -> Option<Patience> {
    let lowered: Vec<Option<Anchor>> = (0..)
        .zip(list)
        .map(|(index, anchor)| self::anchor(anchor, at.item(index), diagnostics))
        .collect();
    if at.lost_items() {
        return None;
    }
    let [first, second] = lowered.as_slice() else {
        diagnostics.push(
            at.value_span(),
            format!(
                "a distribution of patience goes through two anchors; there are {}",
                list.len()
            ),
        );
        return None;
    };
    match Patience::from_anchors([(*first)?, (*second)?]) {
        Ok(patience) => Some(patience),
        Err(sentence) => {
            diagnostics.push(at.value_span(), sentence);
            None
        }
    }
}

fn anchor(file: &AnchorFile, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<Anchor> {
    let after = positive_duration(file.after.as_ref(), at.key("after"), diagnostics);
    let leave = file.leave.as_ref().map(|text| text.0.as_str());
    let leave = parse(leave, at.key("leave"), diagnostics, str::parse::<Ratio>);
    Some(Anchor {
        after: after?,
        leave: leave?,
    })
}

fn satisfaction(
    file: &ApdexFile,
    steps: Option<&[StepInfo]>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Satisfaction> {
    let default = Satisfaction::default();
    let request = positive_duration_or(default.request, file.request.as_ref(), at, "request", diagnostics);
    let result = positive_duration_or(default.result, file.result.as_ref(), at, "result", diagnostics);
    let mut by_step: BTreeMap<StepId, Duration> = BTreeMap::new();
    for (name, text) in file.step.iter().flatten() {
        let at = at.key("step").key(name);
        let satisfied = positive_duration(Some(text), at, diagnostics);
        match steps.map(|steps| rated(name, steps)) {
            Some(Ok(id)) => by_step.extend(satisfied.map(|satisfied| (id, satisfied))),
            Some(Err(sentence)) => diagnostics.push(at.key_span(), sentence),
            None => {}
        }
    }
    Some(Satisfaction {
        request: request?,
        result: result?,
        by_step,
    })
}

/// The step with this name, when users wait at it.
fn rated(name: &str, steps: &[StepInfo]) -> Result<StepId, String> {
    let waited_at = || {
        (0_u16..)
            .zip(steps)
            .filter(|(_, info)| info.kind != StepKind::Subscribe)
    };
    if let Some((index, _)) = waited_at().find(|(_, info)| info.name == name) {
        return Ok(StepId(index));
    }
    let names = || waited_at().map(|(_, info)| info.name.as_str());
    let mut sentence = format!("no step at which users wait is named `{name}`");
    if let Some(meant) = nearest(name, names()) {
        sentence.push_str(&format!("; did you mean `{meant}`?"));
    }
    sentence.push_str(&format!(" (requests and awaits: {})", list_names(names())));
    Err(sentence)
}
