//! Every request is measured and logged, by route and not by path, so that ids do not multiply the series.

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;

use crate::app::App;
use crate::clock::Stopwatch;
use crate::metrics::RequestLabels;

pub(super) async fn observe(
    State(app): State<App>,
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let started = Stopwatch::start();
    let method = method_label(request.method());
    let response = next.run(request).await;
    let seconds = started.elapsed_seconds();
    let route = path.as_ref().map_or("none", MatchedPath::as_str);
    let status = response.status().as_u16();
    tracing::info!(method, route, status, seconds, "request");
    let labels = RequestLabels {
        method: method.to_owned(),
        route: route.to_owned(),
        status,
    };
    app.metrics()
        .http_request_duration
        .get_or_create(&labels)
        .observe(seconds);
    response
}

/// Clients may invent methods; the label must not.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
