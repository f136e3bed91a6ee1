//! `--dashboard ADDR`: the report of a run while it goes on, in a browser.
//!
//! The page is rendered when somebody asks for it, from what the last checkpoint of the run left, on a thread of its
//! own: a run that nobody watches does not pay for a page.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::report::{RunRecord, render_live};

/// What is shown until the first checkpoint.
const NOTHING_YET: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" \
                           content=\"2\"><title>loadtest</title><p>The run has just begun; the first figures come \
                           within ten seconds.</p></html>";

/// The page, and who feeds it.
#[derive(Debug, Clone, Default)]
pub struct Dashboard {
    latest: Arc<Mutex<Option<Arc<RunRecord>>>>,
}

impl Dashboard {
    /// Serves the page until this process ends, and returns the address that was bound.
    ///
    /// # Errors
    /// When the address cannot be bound, or no thread can be started.
    pub fn serve(&self, address: SocketAddr) -> std::io::Result<SocketAddr> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let bound = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let router = Router::new().route("/", get(page)).with_state(self.clone());
        std::thread::Builder::new()
            .name("dashboard".to_owned())
            .spawn(move || {
                let served = runtime.block_on(async {
                    let listener = TcpListener::from_std(listener)?;
                    axum::serve(listener, router).await
                });
                if let Err(error) = served {
                    tracing::warn!(%error, "the dashboard is no longer served");
                }
            })?;
        Ok(bound)
    }

    /// Shows this from now on.
    pub fn show(&self, record: RunRecord) {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(record));
    }

    fn latest(&self) -> Option<Arc<RunRecord>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn page(State(dashboard): State<Dashboard>) -> Response {
    let Some(record) = dashboard.latest() else {
        return Html(NOTHING_YET).into_response();
    };
    match render_live(&record) {
        // What a browser keeps would be older than the run.
        Ok(page) => ([(header::CACHE_CONTROL, "no-store")], Html(page)).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
