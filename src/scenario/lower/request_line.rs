//! The first line of a request, `METHOD /path`, as steps and actions write it.

use crate::plan::Method;

/// What a line must begin with.
pub(super) const METHOD_RULE: &str =
    "a request begins with GET, POST, PUT, PATCH or DELETE, such as \"GET /path\"";
/// What its path must begin with.
pub(super) const PATH_START_RULE: &str =
    "the path after the method must begin with `/`, such as \"GET /path\"";
/// What its path may hold.
pub(super) const PATH_FORM_RULE: &str = "a path is plain ASCII without spaces; write others percent-encoded";

/// The method and the path of a line, as they are written.
pub(super) fn split(line: &str) -> (&str, &str) {
    let (method, path) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
    (method, path.trim())
}

/// The method of this name.
pub(super) fn method_of(name: &str) -> Option<Method> {
    match name {
        "GET" => Some(Method::Get),
        "POST" => Some(Method::Post),
        "PUT" => Some(Method::Put),
        "PATCH" => Some(Method::Patch),
        "DELETE" => Some(Method::Delete),
        _ => None,
    }
}

/// Whether a path can be sent as it is.
pub(super) fn is_plain_path(path: &str) -> bool {
    !path.contains(|c: char| c.is_whitespace() || c.is_control() || !c.is_ascii())
}
