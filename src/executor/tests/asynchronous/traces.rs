//! What requests say of the trace that they belong to.

use std::collections::BTreeSet;

use super::*;
use crate::executor::tests::backend::Happening::{Change, SilentChange};
use crate::plan::Traceparent;

const TASK: &str = r#"
[[journey.steps]]
request = "POST /tasks"
body = { user_id = "{{user_id}}" }
expect = { status = 202 }
"#;

/// A task that names a trace of its own.
const TRACED_BY_ITSELF: &str = r#"
[[journey.steps]]
request = "POST /tasks"
headers = { Traceparent = "00-11111111111111111111111111111111-2222222222222222-01" }
body = { user_id = "{{user_id}}" }
expect = { status = 202 }
"#;

#[tokio::test(start_paused = true)]
async fn every_request_of_an_iteration_is_a_span_of_its_trace() {
    // Nobody hears of the result, so it is polled for: a handshake, a task, and some reads of its row.
    let script = Script::new(&[(100, Change("working")), (7_000, SilentChange("done"))]);
    let plan = scenario("rate = \"1/s\"\nduration = \"2s\"", &[SUBSCRIBE, SUBMIT, AWAIT]);
    let (run, backend) = play(plan, script).await;
    assert_eq!(run.batch.iterations.succeeded, 2);
    let requests = backend.traces();
    for part in ["/realtime/v1/websocket", "/tasks", "/tasks/t0"] {
        assert!(requests.iter().any(|(path, _)| path == part), "{requests:?}");
    }
    let traces = Traces::new(RUN, false);
    let (mut ids, mut spans) = (BTreeSet::new(), BTreeSet::new());
    for (path, headers) in &requests {
        let [header] = headers.as_slice() else {
            panic!("{path} has {headers:?}");
        };
        let [version, id, span, flags] = header.split('-').collect::<Vec<_>>()[..] else {
            panic!("{header}");
        };
        assert_eq!((version, flags), ("00", "00"));
        ids.insert(id.to_owned());
        assert!(spans.insert(span.to_owned()), "{header} came twice");
    }
    let expected: BTreeSet<String> = (0..2).map(|ticket| traces.trace_id(ticket).to_string()).collect();
    assert_eq!(ids, expected, "one trace for each ticket");
}

#[tokio::test(start_paused = true)]
async fn the_flag_is_what_the_scenario_says_and_off_sends_nothing() {
    for (setting, flags) in [
        (Traceparent::Sampled, Some("01")),
        (Traceparent::Unsampled, Some("00")),
        (Traceparent::Off, None),
    ] {
        let mut plan = once(&[SUBSCRIBE, SUBMIT]);
        plan.target.traceparent = setting;
        let (_, backend) = play(plan, Script::new(&[])).await;
        let requests = backend.traces();
        assert_eq!(requests.len(), 2, "{requests:?}");
        for (path, headers) in requests {
            let sent: Vec<&str> = headers
                .iter()
                .filter_map(|header| header.rsplit('-').next())
                .collect();
            assert_eq!(sent, Vec::from_iter(flags), "{path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_header_of_the_scenario_s_own_goes_before() {
    let (_, backend) = play(once(&[TRACED_BY_ITSELF, TASK]), Script::new(&[])).await;
    let requests = backend.traces();
    assert_eq!(
        requests[0].1,
        ["00-11111111111111111111111111111111-2222222222222222-01"]
    );
    let ours = Traces::new(RUN, false).trace_id(0).to_string();
    assert!(requests[1].1[0].contains(&ours), "{requests:?}");
}

#[tokio::test(start_paused = true)]
async fn courses_beside_each_other_have_spans_of_their_own() {
    let parallel = "[[journey.steps]]\nparallel = 3\n[[journey.steps.steps]]\nrequest = \"POST /tasks\"\n\
                    body = { user_id = \"{{user_id}}\" }\nexpect = { status = 202 }\n";
    let (run, backend) = play(once(&[TASK, parallel, TASK]), Script::new(&[])).await;
    assert_eq!(run.batch.iterations.succeeded, 1, "{:?}", run.outcomes());
    let requests = backend.traces();
    let spans: BTreeSet<&str> = requests.iter().map(|(_, headers)| &headers[0][36..52]).collect();
    assert_eq!((requests.len(), spans.len()), (5, 5), "{requests:?}");
}
