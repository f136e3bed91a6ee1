//! The HTTP surface: ClassConnect's calls, and the mock's own under `/_mock`.

mod auth;
mod control;
mod idempotency;
mod jobs;
mod problem;
mod submissions;

use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use classconnect_api::SubmissionKind;

use crate::config::ApiKey;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::plan::Plan;
use crate::schedule::Schedule;
use crate::store::Store;
use crate::webhook_url::WebhookHosts;
use problem::Problem;

/// What the handlers share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) api_key: ApiKey,
    pub(crate) seed: u64,
    pub(crate) pending_jobs_max: usize,
    pub(crate) body_bytes_max: usize,
    pub(crate) plan: RwLock<Arc<Plan>>,
    pub(crate) hosts: WebhookHosts,
    pub(crate) store: Store,
    pub(crate) schedule: Arc<Schedule>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) metrics: Arc<Metrics>,
}

impl App {
    fn plan(&self) -> Arc<Plan> {
        Arc::clone(&self.plan.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace_plan(&self, plan: Plan) {
        *self.plan.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(plan);
    }
}

pub(crate) fn router(app: Arc<App>) -> Router {
    let body_limit = DefaultBodyLimit::max(app.body_bytes_max);
    let mut router = Router::new();
    for kind in SubmissionKind::ALL {
        let submit = move |state, headers, body| submissions::submit(kind, state, headers, body);
        router = router.route(kind.path(), post(submit));
    }
    router
        .route("/v1/jobs", get(jobs::list))
        .route("/v1/jobs/{job_id}", get(jobs::show))
        .route("/_mock/ledger", get(control::ledger))
        .route("/_mock/plan", get(control::show_plan).put(control::put_plan))
        .route("/_mock/metrics", get(control::metrics))
        .route("/_mock/drain", post(control::drain))
        .route("/healthz", get(control::healthz))
        .fallback(|| async { Problem::not_found("there is no such path") })
        .layer(body_limit)
        .with_state(app)
}
