//! What listeners are told of a run.

use super::*;
use crate::clock::Moment;
use crate::metrics::Outcome;
use crate::plan::StepId;
use crate::run::ProgressMode;

fn exposition() -> Exposition {
    Exposition::named("peak", &["create", "submit"])
}

fn request(step: u16, taken_ms: u64, outcome: Outcome) -> Sample {
    let at = Moment::from_nanos(1_000_000_000);
    Sample::Request(RequestSample {
        step: StepId(step),
        ticket: 1,
        warm_up: false,
        intended: at,
        dispatched: at,
        sent: at,
        done: at.plus(std::time::Duration::from_millis(taken_ms)),
        outcome,
    })
}

/// The value of a line of the exposition.
fn value(text: &str, line: &str) -> Option<f64> {
    text.lines()
        .find_map(|candidate| candidate.strip_prefix(line)?.trim().parse().ok())
}

#[test]
fn requests_are_counted_by_step_and_result_and_timed_when_they_were_answered() {
    let exposition = exposition();
    let figures = Figures {
        exposition: Some(exposition.clone()),
        export: None,
    };
    figures.take_batch(&Batch {
        samples: vec![
            request(0, 30, Outcome::Ok),
            request(0, 30, Outcome::Status(500)),
            request(1, 170, Outcome::Ok),
        ],
        iterations: Iterations {
            started: 3,
            failed: 1,
            ..Iterations::default()
        },
        ..Batch::default()
    });
    figures.take_second(2, Some(7), &mut Progress::new(ProgressMode::None));
    figures.take_incident(IncidentKind::Alert);
    let text = exposition.text().unwrap();
    let labelled = |name: &str, labels: &str| value(&text, &format!("{name}{{scenario=\"peak\",{labels}}}"));
    assert_eq!(
        labelled("loadtest_requests_total", "step=\"create\",outcome=\"failed\""),
        Some(1.0),
        "{text}"
    );
    assert_eq!(
        labelled("loadtest_response_time_seconds_count", "step=\"create\""),
        Some(1.0)
    );
    assert_eq!(
        labelled(
            "loadtest_response_time_seconds_bucket",
            "le=\"0.15\",step=\"submit\""
        ),
        Some(0.0)
    );
    assert_eq!(
        labelled(
            "loadtest_response_time_seconds_bucket",
            "le=\"0.2\",step=\"submit\""
        ),
        Some(1.0)
    );
    assert_eq!(
        labelled("loadtest_iterations_total", "outcome=\"started\""),
        Some(3.0)
    );
    assert_eq!(
        value(&text, "loadtest_virtual_users{scenario=\"peak\"}"),
        Some(2.0)
    );
    assert_eq!(
        value(&text, "loadtest_results_pending{scenario=\"peak\"}"),
        Some(7.0)
    );
    assert_eq!(
        labelled("loadtest_incidents_total", "policy=\"alert\""),
        Some(1.0)
    );
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn a_scraper_gets_the_figures() {
    use http_body_util::{BodyExt, Empty};
    use hyper::body::Bytes;
    use hyper_util::rt::TokioIo;

    let bound = exposition().serve(([127, 0, 0, 1], 0).into()).await.unwrap();
    let stream = tokio::net::TcpStream::connect(bound).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = hyper::Request::get("/metrics")
        .header("host", "metrics")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()["content-type"],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(body.ends_with(b"# EOF\n"));
}
