//! Faults on purpose, for drills: answers that come late, and a share of requests that fail.
//!
//! Which request fails is a hash of the seed and of what the client chose (route, user, idempotency key, body), never of
//! an id that the server invented; see the module `chance`.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::app::App;
use crate::auth::User;
use crate::chance;
use crate::error::ApiError;

/// What goes wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FaultSettings {
    /// Every answer is this much later.
    pub delay: Duration,
    /// This share of requests is answered 500, from 0 to 1.
    pub error_share: f64,
    pub seed: u64,
}

impl FaultSettings {
    /// Whether a request with these parts fails.
    fn fails(&self, parts: &[&[u8]]) -> bool {
        chance::unit(self.seed, parts) < self.error_share
    }
}

/// Answers late. The work itself is done in time.
pub(crate) async fn delay(State(app): State<App>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let delay = app.faults().delay;
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    response
}

/// Answers a share of requests with 500, before any work is done.
pub(crate) async fn fail_some(
    State(app): State<App>,
    user: User,
    path: MatchedPath,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let (fails, request) = chosen(app.faults(), &app, &user, &path, request).await?;
    if fails {
        app.metrics().injected_faults.inc();
        return Err(ApiError::InjectedFault);
    }
    Ok(next.run(request).await)
}

/// Whether a request is one of those that fail, and the request as it was: its body has a part in the choice.
pub(crate) async fn chosen(
    faults: FaultSettings,
    app: &App,
    user: &User,
    path: &MatchedPath,
    request: Request,
) -> Result<(bool, Request), ApiError> {
    if faults.error_share <= 0.0 {
        return Ok((false, request));
    }
    let (head, body) = request.into_parts();
    let body = to_bytes(body, app.body_bytes_max())
        .await
        .map_err(|_| ApiError::TooLarge)?;
    let key = head
        .headers
        .get("idempotency-key")
        .map(|key| key.as_bytes())
        .unwrap_or_default();
    let fails = faults.fails(&[
        head.method.as_str().as_bytes(),
        path.as_str().as_bytes(),
        user.0.as_str().as_bytes(),
        key,
        &body,
    ]);
    Ok((fails, Request::from_parts(head, Body::from(body))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_holds_and_the_choice_repeats() {
        let faults = FaultSettings {
            error_share: 0.1,
            seed: 7,
            ..FaultSettings::default()
        };
        let fails = |faults: &FaultSettings, n: u32| faults.fails(&[b"POST", &n.to_le_bytes()]);
        let failed: Vec<bool> = (0..10_000).map(|n| fails(&faults, n)).collect();
        let count = failed.iter().filter(|failed| **failed).count();
        assert!((900..1_100).contains(&count), "{count} of 10000");
        assert!((0..10_000).all(|n| fails(&faults, n) == failed[n as usize]));
        let other_seed = FaultSettings { seed: 8, ..faults };
        assert!((0..10_000).any(|n| fails(&other_seed, n) != failed[n as usize]));
    }

    #[test]
    fn nothing_fails_at_zero_and_everything_at_one() {
        let share = |error_share| FaultSettings {
            error_share,
            ..FaultSettings::default()
        };
        assert!((0..100_u32).all(|n| !share(0.0).fails(&[&n.to_le_bytes()])));
        assert!((0..100_u32).all(|n| share(1.0).fails(&[&n.to_le_bytes()])));
    }
}
