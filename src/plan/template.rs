//! Text with `{{variables}}`, compiled once: rendering copies bytes and formats nothing.

use std::collections::HashMap;
use std::fmt;

/// Index of a variable in the values of a virtual user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VariableId(u16);

impl VariableId {
    /// Position in the user's values.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// The names of all variables of a scenario. The built-in ones come first, at fixed places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variables {
    names: Vec<String>,
    ids: HashMap<String, VariableId>,
}

impl Variables {
    /// The user's identifier (UUID), the `sub` of their token.
    pub const USER_ID: VariableId = VariableId(0);
    /// The ticket's number.
    pub const TICKET: VariableId = VariableId(1);
    /// The ticket's practice text: three sentences, unique to the ticket.
    pub const TRANSCRIPT: VariableId = VariableId(2);
    /// Address of a recording: new and unique each time it is rendered.
    pub const RECORDING_URL: VariableId = VariableId(3);
    /// Zero-based count of the innermost `repeat`; a number in JSON.
    pub const REPETITION: VariableId = VariableId(4);

    /// The names that are known without any `save`, in the order of their identifiers.
    pub const BUILT_IN: [&'static str; 5] =
        ["user_id", "ticket", "transcript", "recording_url", "repetition"];

    /// Only the built-in variables.
    pub fn new() -> Self {
        let mut variables = Self {
            names: Vec::new(),
            ids: HashMap::new(),
        };
        for name in Self::BUILT_IN {
            variables.intern(name);
        }
        variables
    }

    /// The identifier of `name`, made when it is new. `None` once 65,536 names are in use.
    pub fn intern(&mut self, name: &str) -> Option<VariableId> {
        if let Some(id) = self.ids.get(name) {
            return Some(*id);
        }
        let id = VariableId(u16::try_from(self.names.len()).ok()?);
        self.names.push(name.to_owned());
        self.ids.insert(name.to_owned(), id);
        Some(id)
    }

    /// The identifier of a name that is already known.
    pub fn get(&self, name: &str) -> Option<VariableId> {
        self.ids.get(name).copied()
    }

    /// The name behind an identifier.
    pub fn name(&self, id: VariableId) -> &str {
        self.names.get(id.index()).map_or("", String::as_str)
    }

    /// How many variables there are: the length of a user's values.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Never true: the built-in variables always exist.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

impl Default for Variables {
    fn default() -> Self {
        Self::new()
    }
}

/// How a variable's value is written into its surroundings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As it is: topics, filters, headers.
    Raw,
    /// Percent-encoded: one segment or query value of a path.
    PathSegment,
    /// Inside a JSON string: escaped, without quotes of its own.
    JsonString,
    /// A whole JSON value: a quoted string, or a bare number where the variable is one.
    JsonValue,
}

/// One part of a template.
#[derive(Clone, PartialEq, Eq)]
pub enum Piece {
    Literal(Box<str>),
    Variable { id: VariableId, encoding: Encoding },
}

impl fmt::Debug for Piece {
    /// Hides literals: an environment variable that was expanded into a header can be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Piece::Literal(text) => write!(f, "Literal({} bytes)", text.len()),
            Piece::Variable { id, encoding } => f.debug_tuple("Variable").field(id).field(encoding).finish(),
        }
    }
}

/// A compiled template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// In order; neighbouring literals are merged.
    pub pieces: Vec<Piece>,
}

impl Template {
    /// A template without variables.
    pub fn literal(text: impl Into<Box<str>>) -> Self {
        Self {
            pieces: vec![Piece::Literal(text.into())],
        }
    }

    /// Every variable that the template names, in order.
    pub fn variables(&self) -> impl Iterator<Item = VariableId> + '_ {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Literal(_) => None,
            Piece::Variable { id, .. } => Some(*id),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_variables_stand_at_their_fixed_places() {
        let mut variables = Variables::new();
        assert_eq!(variables.get("user_id"), Some(Variables::USER_ID));
        assert_eq!(variables.get("ticket"), Some(Variables::TICKET));
        assert_eq!(variables.get("transcript"), Some(Variables::TRANSCRIPT));
        assert_eq!(variables.get("recording_url"), Some(Variables::RECORDING_URL));
        assert_eq!(variables.get("repetition"), Some(Variables::REPETITION));
        let session = variables.intern("session_id").unwrap();
        assert_eq!(variables.intern("session_id"), Some(session));
        assert_eq!(variables.name(session), "session_id");
    }
}
