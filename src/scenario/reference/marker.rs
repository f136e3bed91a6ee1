//! The comments of the template that stand for tables.
//!
//! - `<!-- keys of T: a, b.c, d[].e -->`: the keys of `T` in this order, then all others. `T` is the name of a type in the
//!   schema, or the path of a table in the file. `b.c` is a key of the
//!   table `b`, `d[].e` one of the tables in the list `d`. `keys of T but U` leaves out what `U` has too; `keys of T as p`
//!   writes `p.` before each.
//! - `<!-- values of T -->`: the values of an enumeration.
//! - `<!-- metrics -->`: the metrics.

/// A table.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Marker<'t> {
    Keys(Keys<'t>),
    Values { of: &'t str },
    Metrics,
}

/// A table of keys.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Keys<'t> {
    /// The type whose keys they are.
    pub(super) of: &'t str,
    /// The type whose keys stand elsewhere.
    pub(super) but: Option<&'t str>,
    /// What is written before each key.
    pub(super) prefix: Option<&'t str>,
    /// The keys that come first, in order.
    pub(super) order: Vec<&'t str>,
}

/// A piece of the template.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'t> {
    Prose(&'t str),
    Marker(Marker<'t>),
}

/// The template in pieces.
///
/// # Errors
/// When a comment does not end, or a marker is not understood.
pub(super) fn parts(template: &str) -> Result<Vec<Part<'_>>, String> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some((prose, from_comment)) = rest.split_once("<!-- ") {
        let Some((comment, after)) = from_comment.split_once("-->") else {
            return Err(wrong(from_comment));
        };
        parts.push(Part::Prose(prose));
        parts.push(Part::Marker(read(comment.trim())?));
        // The line of the marker is the table's.
        rest = after.strip_prefix('\n').unwrap_or(after);
    }
    parts.push(Part::Prose(rest));
    Ok(parts)
}

fn read(comment: &str) -> Result<Marker<'_>, String> {
    if comment == "metrics" {
        return Ok(Marker::Metrics);
    }
    if let Some(of) = comment.strip_prefix("values of ") {
        return Ok(Marker::Values { of });
    }
    let Some(keys) = comment.strip_prefix("keys of ") else {
        return Err(wrong(comment));
    };
    let (head, order) = keys.split_once(':').unwrap_or((keys, ""));
    let words: Vec<&str> = head.split_whitespace().collect();
    let (of, but, prefix) = match words.as_slice() {
        [of] => (*of, None, None),
        [of, "but", but] => (*of, Some(*but), None),
        [of, "as", prefix] => (*of, None, Some(*prefix)),
        _ => return Err(wrong(comment)),
    };
    let order = order.split(',').map(str::trim).filter(|key| !key.is_empty());
    Ok(Marker::Keys(Keys {
        of,
        but,
        prefix,
        order: order.collect(),
    }))
}

fn wrong(comment: &str) -> String {
    let first_line = comment.lines().next().unwrap_or_default();
    format!("the template of the scenario reference has a comment that is not understood: {first_line}")
}
