//! PostgreSQL's text values as JSON, typed as `to_jsonb` types them, because clients get them that way from Supabase.
//!
//! What differs: a `numeric` with more digits than a double holds becomes the nearest double, as it would in a browser
//! anyway; a `jsonb` that holds such a number beyond a double's range stays text; so do composites, ranges and domains.
//! The session's settings are those of the feed: ISO dates in UTC, hexadecimal `bytea`.

use serde_json::{Number, Value};

/// Arrays of PostgreSQL have at most six dimensions.
const DIMENSIONS_MAX: usize = 6;

/// How a type's text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bool,
    Integer,
    /// Always a JSON number with a fraction, as a double is elsewhere in this server.
    Float,
    Numeric,
    Json,
    Bytes,
    /// A date and a time, with or without a zone.
    Moment,
    Text,
}

/// The kind of a built-in type by its `oid`, and whether the type is an array of it. The numbers are fixed for ever:
/// PostgreSQL's `pg_type.dat`.
fn kind_of(type_oid: u32) -> (Kind, bool) {
    match type_oid {
        16 => (Kind::Bool, false),
        17 => (Kind::Bytes, false),
        20 | 21 | 23 | 26 => (Kind::Integer, false),
        114 | 3802 => (Kind::Json, false),
        700 | 701 => (Kind::Float, false),
        1114 | 1184 => (Kind::Moment, false),
        1700 => (Kind::Numeric, false),
        199 | 3807 => (Kind::Json, true),
        1000 => (Kind::Bool, true),
        1001 => (Kind::Bytes, true),
        1005 | 1007 | 1016 | 1028 => (Kind::Integer, true),
        1021 | 1022 => (Kind::Float, true),
        1115 | 1185 => (Kind::Moment, true),
        1231 => (Kind::Numeric, true),
        // char, name, text, bpchar, varchar, date, time, timetz, interval, uuid.
        1002 | 1003 | 1009 | 1014 | 1015 | 1182 | 1183 | 1187 | 1270 | 2951 => (Kind::Text, true),
        _ => (Kind::Text, false),
    }
}

/// The JSON of a value. Text that is not a value of its type stays text.
pub(crate) fn typed(type_oid: u32, text: &str) -> Value {
    let (kind, is_array) = kind_of(type_oid);
    let value = if is_array {
        array(kind, text)
    } else {
        scalar(kind, text)
    };
    value.unwrap_or_else(|| text.into())
}

fn scalar(kind: Kind, text: &str) -> Option<Value> {
    match kind {
        Kind::Bool => match text {
            "t" => Some(true.into()),
            "f" => Some(false.into()),
            _ => None,
        },
        Kind::Integer => text.parse::<i64>().ok().map(Value::from),
        // Not a number and the infinities are no JSON numbers; `to_jsonb` writes them as text, too.
        Kind::Float => text.parse().ok().and_then(Number::from_f64).map(Value::Number),
        Kind::Numeric => text
            .parse::<i64>()
            .map(Value::from)
            .ok()
            .or_else(|| scalar(Kind::Float, text)),
        Kind::Json => serde_json::from_str(text).ok(),
        Kind::Bytes => text.strip_prefix("\\x").map(Value::from),
        Kind::Moment => moment(text).map(Value::String),
        Kind::Text => Some(text.into()),
    }
}

/// `2026-11-22 00:22:40.8+00` as JSON has it: `2026-11-22T00:22:40.8+00:00`. Infinities have no time and stay.
fn moment(text: &str) -> Option<String> {
    let (date, rest) = text.split_once(' ')?;
    let (time, era) = match rest.split_once(' ') {
        Some((time, era)) => (time, Some(era)),
        None => (rest, None),
    };
    let whole_hours = time
        .rfind(['+', '-'])
        .is_some_and(|sign| time.len() - sign == "+00".len());
    let minutes = if whole_hours { ":00" } else { "" };
    let era = era.map(|era| format!(" {era}")).unwrap_or_default();
    Some(format!("{date}T{time}{minutes}{era}"))
}

/// `{1,NULL,"a b"}` as a list; bounds in front (`[0:2]={…}`) are not part of the value.
fn array(kind: Kind, text: &str) -> Option<Value> {
    let literal = match text.strip_prefix('[') {
        Some(bounded) => bounded.split_once("]=")?.1,
        None => text,
    };
    let mut elements = Elements { kind, rest: literal };
    let list = elements.list(1)?;
    elements.rest.is_empty().then_some(list)
}

/// Reads an array's literal from left to right.
struct Elements<'a> {
    kind: Kind,
    rest: &'a str,
}

impl Elements<'_> {
    fn take(&mut self, character: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(character)?;
        Some(())
    }

    fn list(&mut self, dimension: usize) -> Option<Value> {
        self.take('{')?;
        let mut list = Vec::new();
        if self.take('}').is_some() {
            return Some(list.into());
        }
        loop {
            list.push(match self.rest.chars().next()? {
                '{' if dimension < DIMENSIONS_MAX => self.list(dimension + 1)?,
                '"' => scalar(self.kind, &self.quoted()?)?,
                _ => self.plain()?,
            });
            if self.take('}').is_some() {
                return Some(list.into());
            }
            self.take(',')?;
        }
    }

    fn quoted(&mut self) -> Option<String> {
        self.take('"')?;
        let mut text = String::new();
        let mut characters = self.rest.chars();
        loop {
            match characters.next()? {
                '"' => break,
                '\\' => text.push(characters.next()?),
                character => text.push(character),
            }
        }
        self.rest = characters.as_str();
        Some(text)
    }

    fn plain(&mut self) -> Option<Value> {
        let end = self.rest.find([',', '{', '}', '"'])?;
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        match text {
            "" => None,
            "NULL" => Some(Value::Null),
            text => scalar(self.kind, text),
        }
    }
}

#[cfg(test)]
mod tests;
