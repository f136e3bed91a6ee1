//! Journeys: walks the steps in order, knowing at each what the steps before it have done.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use super::super::diagnostic::{Diagnostics, list_names, nearest};
use super::super::raw::{JobKind, ParallelStepFile, StepFile};
use super::super::template;
use super::at::At;
use super::classconnect::Mock;
use super::distribution::think;
use super::request_line::{METHOD_RULE, PATH_FORM_RULE, PATH_START_RULE, is_plain_path, method_of, split};
use super::{realtime, request};
use crate::plan::{
    Encoding, Journey, JsonPointer, Method, Step, StepId, StepInfo, StepKind, Template, ThinkStep,
    VariableId, Variables,
};

/// What all journeys of a scenario share.
pub(super) struct Shared<'a> {
    pub(super) diagnostics: &'a mut Diagnostics,
    pub(super) variables: Variables,
    pub(super) steps: Vec<StepInfo>,
    /// Names that the file gives: a name that is made up must not be one of them.
    pub(super) given_names: HashSet<String>,
    pub(super) mock: Option<&'a Mock>,
    /// The longest wait for a result, over all journeys.
    pub(super) longest_await: Duration,
}

/// The way through one journey.
pub(super) struct Walk<'s, 'a> {
    pub(super) shared: &'s mut Shared<'a>,
    journey: String,
    /// Variables that a step before has saved.
    saved: BTreeSet<String>,
    /// How many `repeat`s and `parallel`s are around the step.
    repeats: usize,
    /// How many `parallel`s are.
    parallels: usize,
    /// The request before, and the job it hands in.
    pub(super) last_request: Option<(StepId, Option<JobKind>)>,
    first_request: Option<StepId>,
    /// Tables that a subscription before covers.
    pub(super) subscribed: BTreeSet<String>,
    /// Whether a step could not be read, so that what comes after may miss what it would have done.
    pub(super) incomplete: bool,
}

/// Lowers one journey; `at` is the table that holds the steps.
pub(super) fn lower(
    name: &str,
    weight: u32,
    steps: &[StepFile],
    at: At<'_>,
    shared: &mut Shared<'_>,
) -> Option<Journey> {
    let mut walk = Walk {
        shared,
        journey: name.to_owned(),
        saved: BTreeSet::new(),
        repeats: 0,
        parallels: 0,
        last_request: None,
        first_request: None,
        subscribed: BTreeSet::new(),
        incomplete: false,
    };
    let lowered = walk.steps(steps, at.key("steps"));
    let incomplete = walk.incomplete;
    let Some(first_request) = walk.first_request else {
        if !incomplete {
            shared.diagnostics.push(
                at.key("steps").key_span(),
                format!("the journey `{name}` has no request, so it puts no load on the target"),
            );
        }
        return None;
    };
    if incomplete {
        return None;
    }
    Some(Journey {
        name: name.to_owned(),
        weight,
        steps: lowered,
        first_request,
    })
}

impl Walk<'_, '_> {
    fn steps(&mut self, steps: &[StepFile], at: At<'_>) -> Vec<Step> {
        self.incomplete |= at.lost_items();
        let mut lowered = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            match self.step(step, at.item(index)) {
                Some(step) => lowered.push(step),
                None => self.incomplete = true,
            }
        }
        lowered
    }

    fn step(&mut self, step: &StepFile, at: At<'_>) -> Option<Step> {
        // Of what a step leaves behind for others, a part is missing when one of these is.
        for key in ["save", "changes", "feedback", "submission"] {
            self.incomplete |= at.is_refused(key) || at.key(key).is_incomplete();
        }
        match step {
            StepFile::Request(step)
                if step.feedback.is_some() && self.refuse_within_parallel("feedback", at) =>
            {
                None
            }
            StepFile::Subscribe(_) if self.refuse_within_parallel("subscribe", at) => None,
            StepFile::Await(_) if self.refuse_within_parallel("await", at) => None,
            StepFile::Parallel(_) if self.refuse_within_parallel("parallel", at) => None,
            StepFile::Request(step) => {
                request::lower(step, at, self).map(|step| Step::Request(Box::new(step)))
            }
            StepFile::Subscribe(step) => {
                realtime::subscribe(step, at, self).map(|step| Step::Subscribe(Box::new(step)))
            }
            StepFile::Await(step) => realtime::wait(step, at, self).map(|step| Step::Await(Box::new(step))),
            StepFile::Think(step) => {
                let duration = think(&step.think, at.key("think"), self.shared.diagnostics)?;
                Some(Step::Think(ThinkStep { duration }))
            }
            StepFile::Repeat(step) => {
                let times = u32::try_from(step.repeat).ok()?;
                self.repeats += 1;
                let steps = self.steps(step.steps.as_deref().unwrap_or_default(), at.key("steps"));
                self.repeats -= 1;
                Some(Step::Repeat { times, steps })
            }
            StepFile::Parallel(step) => self.parallel(step, at),
        }
    }

    /// Lowers steps that are taken at once. What one of their courses saves is its own: nobody could say whose value
    /// the steps after them would see.
    fn parallel(&mut self, step: &ParallelStepFile, at: At<'_>) -> Option<Step> {
        let times = u32::try_from(step.parallel).ok()?;
        let saved_before = self.saved.clone();
        self.repeats += 1;
        self.parallels += 1;
        let steps = self.steps(step.steps.as_deref().unwrap_or_default(), at.key("steps"));
        self.parallels -= 1;
        self.repeats -= 1;
        self.saved = saved_before;
        Some(Step::Parallel { times, steps })
    }

    /// Within steps that are taken at once, a step that waits for an event, or opens a socket, is refused: a user has one
    /// socket, and what comes in on it belongs to no single course.
    fn refuse_within_parallel(&mut self, key: &str, at: At<'_>) -> bool {
        let refused = self.parallels > 0;
        if refused {
            self.shared.diagnostics.push(
                at.key(key).key_span(),
                format!("`{key}` cannot stand within `parallel`; put it before or after"),
            );
        }
        refused
    }

    /// Adds a mistake about a value.
    pub(super) fn mistake(&mut self, at: At<'_>, sentence: impl Into<String>) {
        self.shared.diagnostics.push(at.value_span(), sentence);
    }

    /// Gives a measured step its identifier. `given` is the name in the file; `made` begins a name made up for it.
    pub(super) fn register(
        &mut self,
        kind: StepKind,
        given: Option<&str>,
        made: &str,
        at: At<'_>,
    ) -> Option<StepId> {
        let name = match given {
            Some(name) => self.check_name(name, at.key("name")),
            None => self.make_name(made),
        };
        let Ok(id) = u16::try_from(self.shared.steps.len()).map(StepId) else {
            self.mistake(at, "there are more than 65,536 measured steps");
            return None;
        };
        let first_request = kind == StepKind::Request && self.first_request.is_none();
        if first_request {
            self.first_request = Some(id);
        }
        self.shared.steps.push(StepInfo {
            name,
            kind,
            journey: self.journey.clone(),
            first_request,
        });
        Some(id)
    }

    fn check_name(&mut self, name: &str, at: At<'_>) -> String {
        if !is_name(name) {
            self.mistake(at, NAME_RULE);
        } else if let Some(other) = self.shared.steps.iter().find(|step| step.name == name) {
            let journey = other.journey.clone();
            self.mistake(
                at,
                format!(
                    "a step of the journey `{journey}` is named `{name}` already; names tell steps apart in reports"
                ),
            );
        }
        name.to_owned()
    }

    fn make_name(&self, begin: &str) -> String {
        let is_free = |name: &str| {
            !self.shared.given_names.contains(name) && self.shared.steps.iter().all(|step| step.name != name)
        };
        if is_free(begin) {
            return begin.to_owned();
        }
        (2_usize..)
            .map(|number| format!("{begin}_{number}"))
            .find(|name| is_free(name))
            .unwrap_or_else(|| begin.to_owned())
    }

    /// Makes a variable known to the steps that follow.
    pub(super) fn save(&mut self, name: &str, at: At<'_>) -> Option<VariableId> {
        if Variables::BUILT_IN.contains(&name) {
            self.shared.diagnostics.push(
                at.key_span(),
                format!("`{name}` is a built-in variable and cannot be saved; choose another name"),
            );
            return None;
        }
        if !is_name(name) {
            self.shared.diagnostics.push(at.key_span(), NAME_RULE);
            return None;
        }
        self.saved.insert(name.to_owned());
        self.shared.variables.intern(name)
    }

    /// Compiles a text with placeholders.
    pub(super) fn template(&mut self, text: &str, encoding: Encoding, at: At<'_>) -> Option<Template> {
        let compiled = template::compile(text, encoding, &mut |name| self.resolve(name));
        self.reported(compiled, at)
    }

    /// Compiles a JSON body with placeholders.
    pub(super) fn json_template(&mut self, value: &serde_json::Value, at: At<'_>) -> Option<Template> {
        let compiled = template::compile_json(value, &mut |name| self.resolve(name));
        self.reported(compiled, at)
    }

    fn reported(&mut self, compiled: Result<Template, Vec<String>>, at: At<'_>) -> Option<Template> {
        match compiled {
            Ok(template) => Some(template),
            Err(sentences) => {
                for sentence in sentences {
                    // When a step before could not be read, it may be the one that saves the variable.
                    if !(sentence.is_empty() && self.incomplete) {
                        self.mistake(at, sentence);
                    }
                }
                None
            }
        }
    }

    fn resolve(&mut self, name: &str) -> Result<VariableId, String> {
        if name == "repetition" && self.repeats == 0 {
            return Err("`{{repetition}}` counts only within a `repeat` or a `parallel`".to_owned());
        }
        if Variables::BUILT_IN.contains(&name) || self.saved.contains(name) {
            return self
                .shared
                .variables
                .intern(name)
                .ok_or_else(|| "there are more than 65,536 variables".to_owned());
        }
        if self.incomplete {
            return Err(String::new());
        }
        let known: Vec<&str> = Variables::BUILT_IN
            .into_iter()
            .filter(|name| *name != "repetition" || self.repeats > 0)
            .chain(self.saved.iter().map(String::as_str))
            .collect();
        let mut sentence = format!("no step before this one saves `{name}`");
        if let Some(meant) = nearest(name, known.iter().copied()) {
            sentence.push_str(&format!("; did you mean `{meant}`?"));
        }
        sentence.push_str(&format!(" (known here: {})", list_names(known)));
        Err(sentence)
    }

    /// Parses a request line: `GET /path`.
    pub(super) fn request_line(&mut self, line: &str, at: At<'_>) -> Option<(Method, Template)> {
        let (method, path) = split(line);
        let method = method_of(method);
        if method.is_none() {
            self.mistake(at, METHOD_RULE);
        }
        if !path.starts_with('/') {
            self.mistake(at, PATH_START_RULE);
            return None;
        }
        // Within a placeholder, blanks are welcome.
        if !is_plain_path(&path.replace("{{ ", "{{").replace(" }}", "}}")) {
            self.mistake(at, PATH_FORM_RULE);
            return None;
        }
        let path = self.template(path, Encoding::PathSegment, at)?;
        Some((method?, path))
    }

    /// Parses a `GET` of a row.
    pub(super) fn read_line(&mut self, line: Option<&String>, at: At<'_>) -> Option<Template> {
        let (method, path) = self.request_line(line?, at)?;
        if method != Method::Get {
            self.mistake(at, "a row is read with GET");
            return None;
        }
        Some(path)
    }

    /// Parses a JSON pointer that stands as a key.
    pub(super) fn pointer_key(&mut self, pointer: &str, at: At<'_>) -> Option<JsonPointer> {
        let parsed = parse_pointer(pointer);
        if parsed.is_none() {
            self.shared.diagnostics.push(at.key_span(), pointer_rule(pointer));
        }
        parsed
    }

    /// Parses a JSON pointer that stands as a value.
    pub(super) fn pointer_value(&mut self, pointer: &str, at: At<'_>) -> Option<JsonPointer> {
        let parsed = parse_pointer(pointer);
        if parsed.is_none() {
            self.mistake(at, pointer_rule(pointer));
        }
        parsed
    }
}

fn parse_pointer(text: &str) -> Option<JsonPointer> {
    // RFC 6901: `~` stands only in `~0` and `~1`.
    let escapes_are_right = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    JsonPointer::parse(text).filter(|_| escapes_are_right)
}

fn pointer_rule(text: &str) -> String {
    format!(
        "\"{text}\" is not a JSON pointer; write \"/{}\"",
        text.trim_start_matches(['$', '.']).replace('.', "/")
    )
}

/// What names may look like.
pub(super) const NAME_RULE: &str = "a name is made of letters, digits, `-` and `_`";

/// Whether a text may be a name.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 100
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}
