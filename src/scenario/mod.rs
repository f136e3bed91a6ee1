//! Scenario files: read, checked, and turned into a [`Plan`].
//!
//! A file passes through these stages, and every stage goes on after a mistake, so that all mistakes are told at once:
//!
//! 1. `document`: TOML with the place of every key and value;
//! 2. `overrides` and `environment`: `--set` options, then `${VAR}`;
//! 3. `schema`: what the JSON Schema, derived from the types in `raw`, has to say, in words of `explain`;
//! 4. `lower`: the rest is read by serde and lowered to a plan, with the checks that need an understanding of it.
//!
//! A value with a mistake is taken out before the next stage, which then knows that its absence is no further mistake.

mod check;
mod comparison;
mod diagnostic;
mod document;
mod environment;
mod explain;
mod lower;
mod overrides;
mod raw;
mod reference;
mod schema;
mod template;

#[cfg(test)]
mod tests;

pub use check::{CheckReport, Decision, TargetCheck, check};
pub use comparison::{LoadedComparison, load_comparison, load_two};
pub use diagnostic::{Diagnostics, Source};

use std::collections::HashMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use self::diagnostic::Span;
use self::lower::{At, Files, Read, Surroundings};
use self::raw::{JourneyFile, ScenarioFile, SlaFile};
use self::schema::FileSchema;
use crate::plan::{Comparison, Condition, Plan, StepInfo};

/// A larger file is not a scenario.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What a scenario is read with, besides its files.
pub struct LoadOptions<'a> {
    /// `--set KEY=VALUE`: dotted paths and their values, applied in order.
    pub sets: &'a [(String, String)],
    /// `--seed`: overrides the scenario's.
    pub seed: Option<u64>,
    /// Cores of this machine: decides how many threads drive users when the scenario does not say.
    pub cores: usize,
    /// Looks up an environment variable.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// Reads a file; [`read_file`] outside of tests.
    pub read: &'a dyn Fn(&Path) -> io::Result<String>,
}

/// A scenario that can be run.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub plan: Plan,
    /// What the scenario says of a comparison of two arms.
    pub comparison: Option<Comparison>,
    /// The scenario file as written: `${VAR}` stands in the place of its value.
    pub text_unexpanded: String,
    /// Every file that was read, the scenario first, each as written.
    pub files: Vec<Source>,
}

/// Reads a file that is at most 1 MiB of UTF-8.
///
/// # Errors
/// When it cannot be read, or is larger.
pub fn read_file(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = std::fs::File::open(path)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)?;
    if read as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other("the file is larger than 1 MiB"));
    }
    Ok(text)
}

/// The JSON Schema of scenario files, for editors and other tools.
pub fn schema_json() -> String {
    format!("{:#}\n", schema::json_of::<ScenarioFile>())
}

/// Every key of scenario files as Markdown, from the same descriptions as the JSON Schema.
///
/// # Errors
/// When the template of the text does not fit the schema, which is a defect of this program.
pub fn reference_markdown() -> Result<String, String> {
    reference::markdown(&schema::json_of::<ScenarioFile>())
}

/// Reads the scenario at `path` and the files that it names, and lowers them to a plan.
///
/// # Errors
/// Every mistake in any of the files.
pub fn load(path: &Path, options: &LoadOptions<'_>) -> Result<Loaded, Diagnostics> {
    Loader::new(options).load_whole(path, Role::Run)
}

/// Reads a file of targets by itself, to judge a stored run by: the same keys as under `[sla]`. `steps` are the stored
/// run's; what a target names must be among them.
///
/// # Errors
/// Every mistake in the file.
pub fn load_targets(
    path: &Path,
    steps: &[StepInfo],
    options: &LoadOptions<'_>,
) -> Result<Vec<Condition>, Diagnostics> {
    let mut loader = Loader::new(options);
    let targets = loader.load_targets(path, steps);
    match targets {
        Some(targets) if loader.diagnostics.is_empty() => Ok(targets),
        _ => Err(loader.diagnostics),
    }
}

/// What a scenario is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A run, or whatever its section `[compare]` says.
    Run,
    /// One arm of a comparison.
    Arm,
}

/// A value that takes the place of the file's, and where it comes from: `--set`, or an arm's settings.
#[derive(Clone)]
struct Setting {
    origin: String,
    key: String,
    value: String,
}

struct Loader<'a> {
    options: &'a LoadOptions<'a>,
    /// Applied in order.
    settings: Vec<Setting>,
    diagnostics: Diagnostics,
    files: Vec<Source>,
}

impl<'a> Loader<'a> {
    fn new(options: &'a LoadOptions<'a>) -> Self {
        let settings = options.sets.iter().map(|(key, value)| Setting {
            origin: overrides::COMMAND_LINE.to_owned(),
            key: key.clone(),
            value: value.clone(),
        });
        Self {
            options,
            settings: settings.collect(),
            diagnostics: Diagnostics::default(),
            files: Vec::new(),
        }
    }

    fn load_whole(mut self, path: &Path, role: Role) -> Result<Loaded, Diagnostics> {
        match self.load(path, role) {
            Some((plan, comparison)) if self.diagnostics.is_empty() => Ok(Loaded {
                plan,
                comparison,
                text_unexpanded: self
                    .files
                    .first()
                    .map_or_else(String::new, |file| file.text.clone()),
                files: self.files,
            }),
            _ => Err(self.diagnostics),
        }
    }

    fn load(&mut self, path: &Path, role: Role) -> Option<(Plan, Option<Comparison>)> {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let scenario = match (self.options.read)(path) {
            Ok(text) => self.read::<ScenarioFile>(path, text, true)?,
            Err(error) => {
                self.refuse_file(path, &format!("the scenario could not be read: {error}"));
                return None;
            }
        };
        let files = self.named_files(scenario, &folder);
        let surroundings = Surroundings {
            folder: &folder,
            seed: self.options.seed,
            cores: self.options.cores,
        };
        let (mut plan, comparison) = lower::lower(&files, &surroundings, &mut self.diagnostics)?;
        match role {
            Role::Run => lower::check_certified(&files, &plan, &mut self.diagnostics),
            Role::Arm => {
                lower::check_arm(&files, &plan, &mut self.diagnostics);
                // Claims are judged over whole loads, and an arm that misses its targets is still an arm.
                plan.criteria.early_stop = false;
            }
        }
        Some((plan, comparison))
    }

    fn load_targets(&mut self, path: &Path, steps: &[StepInfo]) -> Option<Vec<Condition>> {
        match (self.options.read)(path) {
            Ok(text) => {
                let read = self.read::<SlaFile>(path, text, false)?;
                Some(lower::targets_alone(&read, steps, &mut self.diagnostics))
            }
            Err(error) => {
                self.refuse_file(path, &format!("the targets could not be read: {error}"));
                None
            }
        }
    }

    /// A mistake about a file as a whole.
    fn refuse_file(&mut self, path: &Path, sentence: &str) {
        let source = self.diagnostics.add_source(path.display().to_string(), "");
        let start = Span {
            source,
            start: 0,
            end: 0,
        };
        self.diagnostics.push(start, sentence);
    }

    /// Reads the files that the scenario names.
    fn named_files(&mut self, scenario: Read<ScenarioFile>, folder: &Path) -> Files {
        let at = At::root(&scenario.root);
        let mut journeys = HashMap::new();
        for (index, entry) in scenario.file.journey.iter().flatten().enumerate() {
            if let Some(file) = &entry.file {
                let span = at.key("journey").item(index).key("file").value_span();
                journeys.insert(index, self.read_named::<JourneyFile>(folder.join(file), span));
            }
        }
        let sla = scenario.file.sla.as_ref().and_then(|sla| {
            let span = at.key("sla").key("file").value_span();
            self.read_named::<SlaFile>(folder.join(sla.file.as_ref()?), span)
        });
        let sql_files = self.sql_files(&scenario, folder);
        Files {
            scenario,
            journeys,
            sla,
            sql_files,
        }
    }

    /// The files of statements that actions name, each read once.
    fn sql_files(&mut self, scenario: &Read<ScenarioFile>, folder: &Path) -> HashMap<String, Option<String>> {
        let at = At::root(&scenario.root);
        let actions = scenario.file.actions.iter().flatten().enumerate();
        let mut named: Vec<(&str, Span)> = actions
            .filter_map(|(index, action)| {
                let at = at.key("actions").item(index).key("sql_file");
                Some((action.sql_file.as_deref()?, at.value_span()))
            })
            .collect();
        let rollback = scenario.file.rollback.as_ref();
        if let Some(action) = rollback.and_then(|rollback| rollback.action.as_ref()) {
            let at = at.key("rollback").key("action");
            let whole = action.sql_file.as_deref();
            named.extend(whole.map(|file| (file, at.key("sql_file").value_span())));
            let steps = action.steps.iter().flatten().enumerate();
            named.extend(steps.filter_map(|(index, step)| {
                let at = at.key("steps").item(index).key("sql_file");
                Some((step.sql_file.as_deref()?, at.value_span()))
            }));
        }
        let mut texts = HashMap::new();
        for (file, span) in named {
            if texts.contains_key(file) {
                continue;
            }
            let path = folder.join(file);
            let text = match (self.options.read)(&path) {
                Ok(text) => Some(text),
                Err(error) => {
                    let sentence = format!("`{}` could not be read: {error}", path.display());
                    self.diagnostics.push(span, sentence);
                    None
                }
            };
            if let Some(text) = &text {
                self.files.push(Source {
                    path: path.display().to_string(),
                    text: text.clone(),
                });
            }
            texts.insert(file.to_owned(), text);
        }
        texts
    }

    fn read_named<T: JsonSchema + DeserializeOwned>(
        &mut self,
        path: PathBuf,
        named_at: Span,
    ) -> Option<Read<T>> {
        match (self.options.read)(&path) {
            Ok(text) => self.read(&path, text, false),
            Err(error) => {
                self.diagnostics.push(
                    named_at,
                    format!("`{}` could not be read: {error}", path.display()),
                );
                None
            }
        }
    }

    /// Takes one file through the stages up to what serde reads.
    fn read<T: JsonSchema + DeserializeOwned>(
        &mut self,
        path: &Path,
        text: String,
        with_settings: bool,
    ) -> Option<Read<T>> {
        let name = path.display().to_string();
        self.files.push(Source {
            path: name.clone(),
            text: text.clone(),
        });
        let source = self.diagnostics.add_source(name, text);
        let mut root = document::parse(source, &mut self.diagnostics);
        if with_settings {
            for Setting { origin, key, value } in &self.settings {
                overrides::apply(&mut root, key, value, origin, &mut self.diagnostics);
            }
        }
        environment::expand(&mut root, self.options.environment, &mut self.diagnostics);
        let whole_file = root.span;
        let schema = match FileSchema::of::<T>() {
            Ok(schema) => schema,
            Err(sentence) => {
                self.diagnostics.push(whole_file, sentence);
                return None;
            }
        };
        schema.validate(&mut root, &mut self.diagnostics);
        match serde_json::from_value(root.to_json()) {
            Ok(file) => Some(Read { file, root }),
            Err(error) => {
                self.diagnostics
                    .push(whole_file, format!("the file could not be understood: {error}"));
                None
            }
        }
    }
}
