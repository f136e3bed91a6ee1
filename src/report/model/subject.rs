//! What was run, against what and from where, as every file holds it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The scenario as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScenarioRecord {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The scenario file's path as it was given; empty in files of versions that did not keep it.
    #[serde(default)]
    pub path: String,
    /// The scenario file, with `${VAR}` unexpanded: secrets stay in the environment.
    pub text: String,
    /// The files that it names (journeys, targets), unexpanded too.
    pub files: Vec<ScenarioFileRecord>,
}

/// A file that the scenario names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScenarioFileRecord {
    /// Its path.
    pub path: String,
    /// The file as written.
    pub text: String,
}

/// What was tested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TargetRecord {
    /// One line: `reference practice server, SQLite, direct architecture`, or the base URL.
    pub description: String,
    /// The version that was tested.
    pub version: String,
    /// What a reader must know of it, in sentences: that a part of it is a model, say. Absent in files of versions that
    /// had none.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Whether it was the reference server that comes with the tool: then the verdict says nothing about any
    /// deployment of the reader's own.
    pub built_in: bool,
}

/// Where the load came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EnvironmentRecord {
    /// Processor cores of the machine.
    pub host_cores: u32,
    /// Its operating system.
    pub os: String,
    /// The version of its kernel.
    pub kernel: String,
    /// The version of this program.
    pub tool_version: String,
    /// The program and its arguments.
    pub command_line: Vec<String>,
}
