//! What a client asks for when it joins a channel, validated.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use xxhash_rust::xxh3::xxh3_64;

use super::change::{Operation, Table};
use super::filter::{Filter, FilterError};

/// The most bindings one channel may have.
const BINDINGS_MAX: usize = 100;

/// Identifies a binding in change frames: a pure function of the binding's parameters, so that equal
/// bindings have equal ids on every socket and their frames can be shared. Clients treat 0 as absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BindingId(u32);

impl BindingId {
    /// Ids are below this, as on the real server.
    const LIMIT: u64 = 1 << 27;

    fn of(parameters: &Map<String, Value>) -> Self {
        // Sorted, so that the order in which a client writes the keys does not matter.
        let sorted: BTreeMap<&String, &Value> = parameters.iter().collect();
        let canonical = serde_json::to_vec(&sorted).expect("JSON values always serialise");
        let id = xxh3_64(&canonical) % (Self::LIMIT - 1) + 1;
        Self(u32::try_from(id).expect("an id is below 2^27"))
    }

    pub(crate) fn get(self) -> u32 {
        self.0
    }
}

/// One `postgres_changes` entry of a join.
#[derive(Debug)]
pub(crate) struct Binding {
    pub(crate) id: BindingId,
    parameters: Map<String, Value>,
}

/// A live part of a binding: one table's changes of some kinds that pass a filter.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) binding: BindingId,
    pub(crate) table: Table,
    pub(crate) operations: &'static [Operation],
    pub(crate) filter: Filter,
}

/// Why a binding cannot be subscribed to. The channel stays open; the client is told.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BindingError {
    #[error(
        "No subscription params provided. Please provide at least a `schema` or `table` to subscribe to: {0}"
    )]
    NothingNamed(String),
    #[error(
        "Unable to subscribe to changes with given parameters. Please check Realtime is enabled for the given connect parameters: {0}"
    )]
    NotPublished(String),
    #[error("Unable to subscribe to changes with given parameters. `{key}` must be text: {parameters}")]
    NotText { key: &'static str, parameters: String },
    #[error(transparent)]
    Filter(#[from] FilterError),
}

impl Binding {
    fn new(parameters: Map<String, Value>) -> Self {
        Self {
            id: BindingId::of(&parameters),
            parameters,
        }
    }

    /// The binding as the client sent it, with its id: clients compare the two word by word.
    pub(crate) fn acknowledgement(&self) -> Value {
        let mut echo = self.parameters.clone();
        echo.insert("id".to_owned(), self.id.get().into());
        Value::Object(echo)
    }

    /// Resolves wildcards and parses the filter for every table the binding names.
    pub(crate) fn subscriptions(&self) -> Result<Vec<Subscription>, BindingError> {
        let schema = self.text("schema")?;
        let table = self.text("table")?;
        if schema.is_none() && table.is_none() {
            return Err(BindingError::NothingNamed(self.describe()));
        }
        let tables: &[Table] = match (schema.unwrap_or("public"), table) {
            ("public" | "*", None | Some("*")) => &Table::ALL,
            ("public" | "*", Some(name)) => match Table::from_name(name) {
                Some(Table::PracticeSessions) => &[Table::PracticeSessions],
                Some(Table::PracticeAttempts) => &[Table::PracticeAttempts],
                None => return Err(BindingError::NotPublished(self.describe())),
            },
            _ => return Err(BindingError::NotPublished(self.describe())),
        };
        let operations = operations(self.text("event")?);
        let filter = self.text("filter")?.unwrap_or_default();
        let subscribe = |table: Table| -> Result<Subscription, BindingError> {
            Ok(Subscription {
                binding: self.id,
                table,
                operations,
                filter: Filter::parse(filter, table)?,
            })
        };
        tables.iter().copied().map(subscribe).collect()
    }

    fn text(&self, key: &'static str) -> Result<Option<&str>, BindingError> {
        match self.parameters.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(BindingError::NotText {
                key,
                parameters: self.describe(),
            }),
        }
    }

    fn describe(&self) -> String {
        Value::Object(self.parameters.clone()).to_string()
    }
}

/// The kinds of change an `event` names, in any case; what is not the name of a kind means all.
fn operations(event: Option<&str>) -> &'static [Operation] {
    match event.unwrap_or("*").to_ascii_uppercase().as_str() {
        "INSERT" => &[Operation::Insert],
        "UPDATE" => &[Operation::Update],
        "DELETE" => &[Operation::Delete],
        _ => &[Operation::Insert, Operation::Update, Operation::Delete],
    }
}

/// A join's payload.
#[derive(Debug)]
pub(crate) struct JoinConfig {
    pub(crate) bindings: Vec<Binding>,
    /// Whether broadcasts of this client are acknowledged.
    pub(crate) broadcast_ack: bool,
    /// Whether broadcasts of this client come back to it.
    pub(crate) broadcast_self: bool,
    pub(crate) presence: bool,
    pub(crate) private: bool,
    pub(crate) access_token: Option<String>,
}

/// Why a join was refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JoinConfigError {
    #[error("InvalidJoinPayload: `postgres_changes` must be a list of objects")]
    NotAList,
    #[error("InvalidJoinPayload: a channel takes at most {BINDINGS_MAX} `postgres_changes`, not {0}")]
    TooMany(usize),
}

impl JoinConfig {
    /// Reads what the server needs and tolerates the rest, because clients of every age send more.
    pub(crate) fn parse(payload: Value) -> Result<Self, JoinConfigError> {
        let mut payload = match payload {
            Value::Object(payload) => payload,
            _ => Map::new(),
        };
        let access_token = access_token(&payload);
        let mut config = payload.remove("config").unwrap_or_default();
        let bindings = match config.get_mut("postgres_changes").map(Value::take) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(entries)) if entries.len() > BINDINGS_MAX => {
                return Err(JoinConfigError::TooMany(entries.len()));
            }
            Some(Value::Array(entries)) => entries
                .into_iter()
                .map(|entry| match entry {
                    Value::Object(parameters) => Ok(Binding::new(parameters)),
                    _ => Err(JoinConfigError::NotAList),
                })
                .collect::<Result<_, _>>()?,
            Some(_) => return Err(JoinConfigError::NotAList),
        };
        Ok(Self {
            bindings,
            broadcast_ack: flag(&config, "/broadcast/ack"),
            broadcast_self: flag(&config, "/broadcast/self"),
            presence: flag(&config, "/presence/enabled"),
            private: flag(&config, "/private"),
            access_token,
        })
    }
}

/// The token of a join or of an `access_token` event; `user_token` is its old name.
pub(crate) fn access_token(payload: &Map<String, Value>) -> Option<String> {
    ["access_token", "user_token"]
        .into_iter()
        .find_map(|key| payload.get(key).and_then(Value::as_str))
        .map(str::to_owned)
}

/// Some clients write booleans as text.
fn flag(config: &Value, pointer: &str) -> bool {
    match config.pointer(pointer) {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(text)) => text == "true",
        _ => false,
    }
}

#[cfg(test)]
mod tests;
