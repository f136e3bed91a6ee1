//! Trouble of the direct architecture on demand, for rollback drills: an operator makes its actions slow and failing while
//! the server runs. The trigger architecture stays well, so that going back to it really heals.
//!
//! Which request fails is chosen as in the module `fault`.

use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{MatchedPath, RawPathParams, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;

use crate::app::App;
use crate::auth::User;
use crate::domain::Architecture;
use crate::error::ApiError;
use crate::fault::{FaultSettings, chosen};

/// What is wrong with the direct architecture at this moment. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Degradation {
    /// `None` when the server was started without drills: then nothing can make it worse.
    now: Option<Arc<RwLock<FaultSettings>>>,
}

/// The server was started without drills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this server was started without --drills, so nobody can make its answers worse")]
pub struct DrillsOff;

impl Degradation {
    /// Nothing is wrong yet; whether anything ever can be is decided here.
    pub fn new(drills: bool) -> Self {
        Self {
            now: drills.then(Arc::default),
        }
    }

    /// Makes the direct architecture this bad from now on. Settings without delay and errors make it well again.
    ///
    /// # Errors
    /// A server without drills.
    pub fn set(&self, faults: FaultSettings) -> Result<(), DrillsOff> {
        let now = self.now.as_ref().ok_or(DrillsOff)?;
        *now.write().unwrap_or_else(PoisonError::into_inner) = faults;
        Ok(())
    }

    /// What is wrong; `None` when nothing is.
    fn current(&self) -> Option<FaultSettings> {
        let faults = *self.now.as_ref()?.read().unwrap_or_else(PoisonError::into_inner);
        (!faults.delay.is_zero() || faults.error_share > 0.0).then_some(faults)
    }
}

/// Fails a share of the direct architecture's actions before any work is done, and answers the others late. A read is part of
/// neither architecture. That the session is looked up costs a query, and only while something is wrong.
pub(crate) async fn degrade(
    State(app): State<App>,
    user: User,
    path: MatchedPath,
    parameters: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let Some(faults) = app.degradation().current() else {
        return Ok(next.run(request).await);
    };
    let architecture = match parameters {
        Ok(parameters) if request.method() == Method::POST => architecture(&app, &user, &parameters).await?,
        // A read, or a path that is no text: the route itself says what is wrong with that.
        Ok(_) | Err(_) => None,
    };
    if architecture != Some(Architecture::Direct) {
        return Ok(next.run(request).await);
    }
    let (fails, request) = chosen(faults, &app, &user, &path, request).await?;
    if fails {
        app.metrics().injected_faults.inc();
        return Err(ApiError::InjectedFault);
    }
    let response = next.run(request).await;
    tokio::time::sleep(faults.delay).await;
    Ok(response)
}

/// The architecture that serves an action: the session's, or the one in which this user's new session would begin. `None`
/// for a session that is not there.
async fn architecture(
    app: &App,
    user: &User,
    parameters: &RawPathParams,
) -> Result<Option<Architecture>, ApiError> {
    let Some((_, id)) = parameters.iter().find(|(name, _)| *name == "id") else {
        return Ok(Some(app.rollout().architecture_of(&user.0)));
    };
    let Ok(id) = id.parse() else {
        return Ok(None);
    };
    let session = app.store().session_of(&user.0, id).await?;
    Ok(session.map(|session| session.architecture))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn without_drills_nothing_can_be_made_worse() {
        let slow = FaultSettings {
            delay: Duration::from_secs(1),
            ..FaultSettings::default()
        };
        let degradation = Degradation::new(false);
        assert_eq!(degradation.set(slow), Err(DrillsOff));
        assert_eq!(degradation.current(), None);

        let degradation = Degradation::new(true);
        assert_eq!(degradation.current(), None);
        degradation.clone().set(slow).unwrap();
        assert_eq!(degradation.current(), Some(slow));
        degradation.set(FaultSettings::default()).unwrap();
        assert_eq!(degradation.current(), None, "it is well again");
    }
}
