//! Request steps.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::super::raw::{ExpectFile, RequestStepFile, StatusFile, SubmissionFile};
use super::at::{At, positive_duration_or};
use super::journey::Walk;
use super::realtime;
use crate::plan::{
    Check, Encoding, Expect, JsonPointer, Method, RequestStep, StepKind, Submission, Template, VariableId,
};

/// Time-out of a request, unless the step says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Headers that the connection itself writes.
const OWN_HEADERS: [&str; 7] = [
    "host",
    "connection",
    "content-length",
    "content-type",
    "transfer-encoding",
    "upgrade",
    "idempotency-key",
];

/// Lowers a request step. Its own answer is saved before its submission and its feedback are looked at: both speak
/// of what the answer names.
pub(super) fn lower(file: &RequestStepFile, at: At<'_>, walk: &mut Walk<'_, '_>) -> Option<RequestStep> {
    let made_name = name_of_line(&file.request);
    let id = walk.register(StepKind::Request, file.name.as_deref(), &made_name, at)?;
    let line = walk.request_line(&file.request, at.key("request"));
    let headers = headers(file.headers.as_ref(), at.key("headers"), walk);
    let body = match &file.body {
        Some(body) => walk.json_template(body, at.key("body")).map(Some),
        None => Some(None),
    };
    let expect = expect(file.expect.as_ref(), at.key("expect"), walk);
    let timeout = positive_duration_or(
        TIMEOUT,
        file.timeout.as_ref(),
        at,
        "timeout",
        walk.shared.diagnostics,
    );
    let save = save(file.save.as_ref(), at.key("save"), walk);
    let feedback = match &file.feedback {
        Some(event) => realtime::event(event, at.key("feedback"), walk).map(Some),
        None => Some(None),
    };
    let submission = match &file.submission {
        Some(submission) => lower_submission(submission, at.key("submission"), walk).map(Some),
        None => Some(None),
    };
    walk.last_request = Some((
        id,
        file.submission.as_ref().and_then(|submission| submission.kind),
    ));

    let (method, path) = line?;
    if method == Method::Get && matches!(body, Some(Some(_))) {
        walk.mistake(at.key("body"), "a GET request has no body");
        return None;
    }
    Some(RequestStep {
        id,
        method,
        path,
        headers: headers?,
        body: body?,
        idempotency_key: file.idempotency_key.unwrap_or(method == Method::Post),
        expect: expect?,
        save: save?,
        timeout: timeout?,
        feedback: feedback?,
        submission: submission?,
    })
}

/// `post_sessions` for `POST /api/v1/practice/sessions`: the method and the last part of the path that is no variable.
fn name_of_line(line: &str) -> String {
    let (method, path) = line.trim().split_once(' ').unwrap_or((line, ""));
    let path = path.split('?').next().unwrap_or_default();
    let last = path
        .split('/')
        .rev()
        .find(|part| !part.is_empty() && !part.contains("{{"))
        .unwrap_or("root");
    format!("{method}_{last}")
        .to_lowercase()
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .collect()
}

fn headers(
    file: Option<&BTreeMap<String, String>>,
    at: At<'_>,
    walk: &mut Walk<'_, '_>,
) -> Option<Vec<(String, Template)>> {
    let mut headers = Vec::new();
    let mut complete = true;
    for (name, value) in file.into_iter().flatten() {
        let at = at.key(name);
        let lower_case = name.to_ascii_lowercase();
        let value_has_breaks = value.contains(['\r', '\n', '\0']);
        if http::HeaderName::from_bytes(lower_case.as_bytes()).is_err() {
            walk.shared
                .diagnostics
                .push(at.key_span(), format!("`{name}` is not the name of a header"));
            complete = false;
        } else if OWN_HEADERS.contains(&lower_case.as_str()) {
            walk.shared.diagnostics.push(
                at.key_span(),
                format!("the header `{name}` is written by the load generator itself"),
            );
            complete = false;
        } else if value_has_breaks {
            walk.mistake(at, "the value of a header cannot hold a line break");
            complete = false;
        }
        match walk.template(value, Encoding::Raw, at) {
            Some(template) => headers.push((lower_case, template)),
            None => complete = false,
        }
    }
    complete.then_some(headers)
}

fn expect(file: Option<&ExpectFile>, at: At<'_>, walk: &mut Walk<'_, '_>) -> Option<Expect> {
    let any_success = || (200..=299).collect();
    let status: Vec<u16> = match file.and_then(|file| file.status.as_ref()) {
        Some(StatusFile::One(status)) => vec![u16::try_from(*status).ok()?],
        Some(StatusFile::Several(several)) => several
            .iter()
            .filter_map(|status| u16::try_from(*status).ok())
            .collect(),
        None => any_success(),
    };
    let mut checks = Vec::new();
    let mut complete = true;
    let at = at.key("checks");
    for (pointer, value) in file.and_then(|file| file.checks.as_ref()).into_iter().flatten() {
        match walk.pointer_key(pointer, at.key(pointer)) {
            Some(pointer) => checks.push(Check {
                pointer,
                equals: value.clone(),
            }),
            None => complete = false,
        }
    }
    complete.then_some(Expect { status, checks })
}

fn save(
    file: Option<&BTreeMap<String, String>>,
    at: At<'_>,
    walk: &mut Walk<'_, '_>,
) -> Option<Vec<(VariableId, JsonPointer)>> {
    let mut saved = Vec::new();
    let mut complete = true;
    for (name, pointer) in file.into_iter().flatten() {
        let at = at.key(name);
        let id = walk.save(name, at);
        let pointer = walk.pointer_value(pointer, at);
        match id.zip(pointer) {
            Some(pair) => saved.push(pair),
            None => complete = false,
        }
    }
    complete.then_some(saved)
}

fn lower_submission(file: &SubmissionFile, at: At<'_>, walk: &mut Walk<'_, '_>) -> Option<Submission> {
    let reference = file
        .reference
        .as_ref()
        .and_then(|text| walk.template(text, Encoding::Raw, at.key("reference")));
    let read_back = walk.read_line(file.read_back.as_ref(), at.key("read_back"));
    let completed = completed(file, at.key("completed"), walk);
    let mut compare = Vec::new();
    let mut complete = true;
    for (row, result) in file.compare.iter().flatten() {
        let at = at.key("compare").key(row);
        let row = walk.pointer_key(row, at);
        match row.zip(walk.pointer_value(result, at)) {
            Some(pair) => compare.push(pair),
            None => complete = false,
        }
    }
    if !complete {
        return None;
    }
    Some(Submission {
        kind: file.kind?.key().to_owned(),
        reference: reference?,
        read_back: read_back?,
        completed: completed?,
        failed: file.failed.clone().unwrap_or_default(),
        compare,
    })
}

fn completed(
    file: &SubmissionFile,
    at: At<'_>,
    walk: &mut Walk<'_, '_>,
) -> Option<(JsonPointer, Vec<Value>)> {
    let (pointer, values) = file.completed.as_ref()?.iter().next()?;
    let at = at.key(pointer);
    if values.is_empty() {
        walk.mistake(
            at,
            "the list is empty: name at least one value that means \"finished well\"",
        );
        return None;
    }
    if let Some(failed) = &file.failed
        && let Some(both) = values.iter().find(|value| failed.contains(value))
    {
        walk.mistake(at, format!("{both} cannot mean both completed and failed"));
        return None;
    }
    Some((walk.pointer_key(pointer, at)?, values.clone()))
}
