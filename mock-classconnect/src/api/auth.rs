//! Who may call: `Authorization: Bearer <key>`.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use super::App;
use super::problem::Problem;

/// # Errors
/// 401 when the header is missing, doubled, of another scheme, or carries another key.
pub(super) fn require_key(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Problem::unauthorized());
    };
    let (scheme, key) = value
        .as_bytes()
        .split_at_checked(7)
        .ok_or_else(Problem::unauthorized)?;
    if scheme.eq_ignore_ascii_case(b"bearer ") && app.api_key.matches(key) {
        Ok(())
    } else {
        Err(Problem::unauthorized())
    }
}
