//! The types of the schema, by name and by place.

use serde_json::{Map, Value};

/// The type that the whole file has.
const ROOT: &str = "ScenarioFile";

/// A schema with its definitions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Definitions<'s> {
    root: &'s Value,
}

/// A table that a file can hold: its keys, and which of them must be there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'s> {
    pub(super) properties: &'s Map<String, Value>,
    schema: &'s Value,
}

impl<'s> Table<'s> {
    /// Whether the table cannot do without this key.
    pub(super) fn requires(self, key: &str) -> bool {
        let required = self.schema.get("required").and_then(Value::as_array);
        required.is_some_and(|required| required.iter().any(|name| name == key))
    }
}

impl<'s> Definitions<'s> {
    pub(super) fn new(root: &'s Value) -> Self {
        Self { root }
    }

    /// The type of this name, or the place at this path from the top of a file: a type that is used only once may have
    /// no name.
    ///
    /// # Errors
    /// When there is neither.
    pub(super) fn named(self, name: &str) -> Result<&'s Value, String> {
        if name == ROOT {
            return Ok(self.root);
        }
        let named = self.root.get("$defs").and_then(|types| types.get(name));
        let found = named.or_else(|| {
            let (before, key) = name.rsplit_once('.').unwrap_or(("", name));
            let (table, _) = self.descend(self.table_in(self.root)?, before)?;
            table.properties.get(key)
        });
        found.ok_or_else(|| format!("the schema of scenario files has no type and no place `{name}`"))
    }

    /// The table of this name.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn table(self, name: &str) -> Result<Table<'s>, String> {
        self.table_in(self.named(name)?)
            .ok_or_else(|| format!("`{name}` of the schema of scenario files is no table"))
    }

    /// Whether the type is that of the whole file.
    pub(super) fn is_root(self, name: &str) -> bool {
        name == ROOT
    }

    /// The type that a place refers to.
    pub(super) fn resolve(self, schema: &'s Value) -> &'s Value {
        let reference = schema.get("$ref").and_then(Value::as_str);
        let target = reference.and_then(|reference| self.root.pointer(reference.strip_prefix('#')?));
        target.map_or(schema, |target| self.resolve(target))
    }

    /// The table that may stand in a place, also where something else may.
    pub(super) fn table_in(self, schema: &'s Value) -> Option<Table<'s>> {
        let schema = self.resolve(schema);
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            return Some(Table { properties, schema });
        }
        let branches = schema.get("anyOf").and_then(Value::as_array)?;
        branches.iter().find_map(|branch| self.table_in(branch))
    }

    /// The table at a path such as `pool` or `stages[]`, and whether a file can do without it.
    pub(super) fn descend(self, from: Table<'s>, path: &str) -> Option<(Table<'s>, bool)> {
        let mut table = from;
        let mut optional = false;
        for segment in path.split('.').filter(|segment| !segment.is_empty()) {
            let name = segment.trim_end_matches("[]");
            let mut place = table.properties.get(name)?;
            optional |= !table.requires(name);
            if segment.ends_with("[]") {
                place = self.items(place)?;
            }
            table = self.table_in(place)?;
        }
        Some((table, optional))
    }

    /// What the list in a place holds.
    pub(super) fn items(self, schema: &'s Value) -> Option<&'s Value> {
        self.resolve(schema).get("items")
    }
}
