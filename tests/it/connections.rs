//! Connections as users have them: TLS, HTTP/2, kept or new, from several addresses.

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::Duration;

use axum::http::Version;
use serde_json::Value;
use tokio::process::Command;

use crate::encrypted::{Authority, Witness, front_of};
use crate::host::until;
use crate::program::{Ended, Run, loadtest, reasons, scenario};
use crate::servers::{API_KEY, Deployment, JWT_SECRET};

const HTTP1: &[&str] = &["http/1.1"];
const HTTP2: &[&str] = &["h2"];

/// The authority that this machine trusts, whatever is installed on it.
static TRUSTED: LazyLock<Authority> = LazyLock::new(|| Authority::named(TRUSTED_NAME));
const TRUSTED_NAME: &str = "The authority that this machine trusts";

/// Runs a scenario of these tests against `url`.
async fn run_against(name: &str, url: &str, sets: &[&str]) -> Ended {
    let mut command = loadtest();
    command
        .env("SSL_CERT_FILE", TRUSTED.ca_file())
        .env("TARGET_URL", url)
        .env("TARGET_API_KEY", API_KEY)
        .env("TARGET_JWT_SECRET", JWT_SECRET);
    let arguments: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
    Run::start_with(command, &scenario(name), &arguments)
        .await
        .end()
        .await
}

fn ca_file(path: &Path) -> String {
    format!("target.tls.ca_file={}", path.display())
}

/// The run could not start; the sentence that says why.
#[track_caller]
fn could_not_start(ended: &Ended) -> String {
    assert_eq!(ended.said.code, Some(3), "{}", ended.said.stderr);
    assert!(
        !ended.out().join("run.json").exists(),
        "nothing was measured, so nothing is reported"
    );
    ended.said.stderr.lines().last().unwrap().to_owned()
}

#[tokio::test]
async fn requests_sockets_and_questions_beside_the_load_all_go_over_tls() {
    let deployment = Deployment::start().await;
    let authority = Authority::new();
    let front = front_of(deployment.url(), authority.acceptor(&["localhost"], HTTP1)).await;
    let url = format!("https://localhost:{}", front.port());
    let ended = run_against("deployment", &url, &[&ca_file(&authority.ca_file())]).await;
    let record = ended.record(0, "GO");
    // Twelve learners wait for results that come over their realtime sockets, and the audit read every one back.
    assert_eq!(record["requests"]["failed"], 0);
    let most = |name: &str| record["generator"][name].as_u64().unwrap();
    assert!(
        most("descriptors_peak") <= most("descriptors_max"),
        "{}",
        record["generator"]
    );
    assert_eq!(record["generator"]["polls"], 0, "{}", record["generator"]);
    assert!(
        record["metrics"]["feedback_latency"]["count"]
            .as_u64()
            .unwrap_or(0)
            > 0
            || record["metrics"]["realtime_latency"]["count"]
                .as_u64()
                .unwrap_or(0)
                > 0,
        "{}",
        record["metrics"]
    );
    // The deployment dates its answers by this host's clocks, whoever stands before it.
    assert!(
        ended.said.stderr.contains("it runs on this host"),
        "{}",
        ended.said.stderr
    );
    assert_eq!(record["plan"]["realtime_is_upper_bound"], false);
    assert!(record["audit"]["completed"].as_u64().unwrap() > 0);
    assert_eq!(record["audit"]["completed"], record["audit"]["accepted"]);
    assert!(
        !ended.said.stderr.contains("not verified"),
        "{}",
        ended.said.stderr
    );
    deployment.stop().await;
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_ends_the_run_before_it_begins() {
    let authority = Authority::new();
    let witness = Witness::secure(authority.acceptor(&["localhost"], HTTP1)).await;
    let url = format!("https://localhost:{}", witness.address.port());
    for sets in [&[][..], &["target.health=/look"]] {
        let sentence = could_not_start(&run_against("connections", &url, sets).await);
        assert!(
            sentence.contains(&format!("localhost:{}", witness.address.port()))
                && sentence.contains("issued by an authority that this machine does not trust")
                && sentence.contains("[target.tls] ca_file = \"…\""),
            "{sentence}"
        );
    }
    assert_eq!(witness.seen(), []);

    // One that only calls itself as a trusted one does is not trusted either.
    let namesake = Authority::named(TRUSTED_NAME).acceptor(&["localhost"], HTTP1);
    let witness = Witness::secure(namesake).await;
    let url = format!("https://localhost:{}", witness.address.port());
    let sentence = could_not_start(&run_against("connections", &url, &[]).await);
    assert!(
        sentence.contains("not signed by the authority of that name") && sentence.contains("ca_file"),
        "{sentence}"
    );

    // Nothing needs to be said of an authority that the machine trusts.
    let known = Witness::secure(TRUSTED.acceptor(&["localhost"], HTTP1)).await;
    let url = format!("https://localhost:{}", known.address.port());
    run_against("connections", &url, &[]).await.record(0, "GO");
}

#[tokio::test]
async fn a_certificate_for_another_name_or_time_is_told_as_such() {
    let authority = Authority::new();
    let ca = ca_file(&authority.ca_file());
    let other = Witness::secure(authority.acceptor(&["other.example"], HTTP1)).await;
    let url = format!("https://localhost:{}", other.address.port());
    let sentence = could_not_start(&run_against("connections", &url, &[&ca]).await);
    assert!(
        sentence.contains("not for the name `localhost`") && sentence.contains("other.example"),
        "{sentence}"
    );
    let old = Witness::secure(authority.expired(&["localhost"])).await;
    let url = format!("https://localhost:{}", old.address.port());
    let sentence = could_not_start(&run_against("connections", &url, &[&ca]).await);
    assert!(sentence.contains("its certificate has expired"), "{sentence}");
    assert_eq!((other.seen(), old.seen()), (vec![], vec![]));
}

#[tokio::test]
async fn an_address_without_tls_and_a_file_without_certificates_are_told_as_such() {
    let witness = Witness::plain().await;
    let url = format!("https://localhost:{}", witness.address.port());
    let sentence = could_not_start(&run_against("connections", &url, &["target.tls.insecure=true"]).await);
    assert!(sentence.contains("does not speak TLS on this port"), "{sentence}");
    let empty = ca_file(&scenario("connections"));
    let sentence = could_not_start(&run_against("connections", &url, &[&empty]).await);
    assert!(
        sentence.contains("connections.toml, holds no certificate"),
        "{sentence}"
    );
}

#[tokio::test]
async fn any_certificate_is_believed_only_when_the_scenario_says_so_and_the_run_shows_it() {
    let authority = Authority::new();
    let witness = Witness::secure(authority.expired(&["other.example"])).await;
    let url = format!("https://localhost:{}", witness.address.port());
    let ended = run_against("connections", &url, &["target.tls.insecure=true"]).await;
    let record = ended.record(0, "GO");
    assert!(
        ended
            .said
            .stderr
            .contains("WARNING: the target's certificate is not verified"),
        "{}",
        ended.said.stderr
    );
    let target = record["target"]["description"].as_str().unwrap();
    assert!(target.ends_with("(certificate not verified)"), "{target}");
    assert!(witness.seen().len() as u64 >= record["requests"]["total"].as_u64().unwrap());
}

/// Every request came as `version`, over as many connections as users or iterations have.
#[track_caller]
fn assert_connections(witness: &Witness, record: &Value, version: Version, per_iteration: bool) {
    let seen = witness.seen();
    assert_eq!(Some(seen.len() as u64), record["requests"]["total"].as_u64());
    assert!(seen.iter().all(|request| request.version == version), "{seen:?}");
    let connections = witness.connections();
    let iterations = record["iterations"]["started"].as_u64().unwrap() as usize;
    assert!(iterations > 3, "users come back: {iterations}");
    if per_iteration {
        assert_eq!(connections.len(), iterations);
        assert!(connections.values().all(|requests| *requests == 2));
    } else {
        assert_eq!(connections.len(), 3, "one for each virtual user");
    }
}

#[tokio::test]
async fn connections_with_tls_are_kept_or_made_anew_as_the_scenario_says() {
    let authority = Authority::new();
    let ca = ca_file(&authority.ca_file());
    for (connections, per_iteration) in [("per-vu", false), ("per-iteration", true)] {
        // A server that would rather speak HTTP/2 is asked for HTTP/1.1 all the same.
        let witness = Witness::secure(authority.acceptor(&["127.0.0.1"], &["h2", "http/1.1"])).await;
        let url = format!("https://{}", witness.address);
        let connections = format!("load.connections={connections}");
        let ended = run_against("connections", &url, &[&ca, &connections]).await;
        let record = ended.record(0, "GO");
        assert_connections(&witness, &record, Version::HTTP_11, per_iteration);
    }
}

#[tokio::test]
async fn http_2_is_agreed_on_by_alpn_over_tls() {
    let authority = Authority::new();
    let ca = ca_file(&authority.ca_file());
    let version = "target.http_version=\"2\"";
    let witness = Witness::secure(authority.acceptor(&["localhost"], &["h2", "http/1.1"])).await;
    let url = format!("https://localhost:{}", witness.address.port());
    let record = run_against("connections", &url, &[&ca, version])
        .await
        .record(0, "GO");
    assert_connections(&witness, &record, Version::HTTP_2, false);

    // The health check speaks it as well; a server that does not is told of.
    let strict = Witness::secure(authority.acceptor(&["localhost"], HTTP2)).await;
    let url = format!("https://localhost:{}", strict.address.port());
    let asked = run_against("connections", &url, &[&ca, version, "target.health=/look"]).await;
    asked.record(0, "GO");
    for protocols in [HTTP1, &[]] {
        let old = Witness::secure(authority.acceptor(&["localhost"], protocols)).await;
        let url = format!("https://localhost:{}", old.address.port());
        let sentence = could_not_start(&run_against("connections", &url, &[&ca, version]).await);
        assert!(
            sentence.contains("does not speak HTTP/2") && sentence.contains("http_version = \"1.1\""),
            "{sentence}"
        );
    }
}

#[tokio::test]
async fn http_2_without_tls_is_spoken_by_prior_knowledge() {
    let witness = Witness::plain().await;
    let url = format!("http://{}", witness.address);
    let sets = [
        "target.http_version=\"2\"",
        "load.connections=per-iteration",
        "target.health=/look",
    ];
    let ended = run_against("connections", &url, &sets).await;
    let record = ended.record(0, "GO");
    assert_eq!(record["requests"]["failed"], 0);
    assert!(
        witness
            .seen()
            .iter()
            .all(|request| request.version == Version::HTTP_2),
        "{:?}",
        witness.seen()
    );
}

#[tokio::test]
async fn connections_leave_from_the_source_addresses_in_turn() {
    let witness = Witness::plain().await;
    let url = format!("http://{}", witness.address);
    let ended = run_against(
        "connections",
        &url,
        &[r#"load.source_addresses=["127.0.0.2", "127.0.0.3"]"#],
    )
    .await;
    ended.record(0, "GO");
    let sources: HashSet<IpAddr> = witness.seen().iter().map(|seen| seen.peer.ip()).collect();
    let expected = ["127.0.0.2", "127.0.0.3"].map(|text| text.parse().unwrap());
    assert_eq!(sources, HashSet::from(expected));

    let misfit = run_against("connections", &url, &[r#"load.source_addresses=["::1"]"#]).await;
    let sentence = could_not_start(&misfit);
    assert!(
        sentence.contains("`source_addresses` has ::1, but 127.0.0.1 has no IPv6 address"),
        "{sentence}"
    );
    let foreign = run_against("connections", &url, &[r#"load.source_addresses=["192.0.2.1"]"#]).await;
    let sentence = could_not_start(&foreign);
    assert!(
        sentence.contains(
            "`source_addresses` has 192.0.2.1, which connections of this machine cannot leave from"
        ),
        "{sentence}"
    );
}

#[tokio::test]
async fn a_plan_that_this_process_has_too_few_sockets_for_is_refused_before_it_begins() {
    let limited = |descriptors: u32| {
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"")])
            .arg(env!("CARGO_BIN_EXE_loadtest"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .env("TARGET_URL", "http://127.0.0.1:9");
        command
    };
    // 64 for the run, 8 for its worker, 30 for its users.
    let sets = ["--set", "load.vus=30", "--set", "load.workers=1"];
    let refused = Run::start_with(limited(101), &scenario("connections"), &sets)
        .await
        .end()
        .await;
    let sentence = could_not_start(&refused);
    assert!(
        sentence.contains(
            "may need 102 open files at once (30 virtual users with 1 each, and 72 for the run itself)"
        ) && sentence.contains("this process may have 101")
            && sentence.contains("`ulimit -n 102`"),
        "{sentence}"
    );
    // With one more the sockets suffice, and what is missing then is the target.
    let started = Run::start_with(limited(102), &scenario("connections"), &sets)
        .await
        .end()
        .await;
    let sentence = could_not_start(&started);
    assert!(sentence.contains("Connection refused"), "{sentence}");
}

/// For so long the generator can open no file and no socket.
const EXHAUSTION: Duration = Duration::from_millis(400);

#[tokio::test]
async fn a_generator_that_runs_out_of_descriptors_blames_itself() {
    let witness = Witness::plain().await;
    let mut command = loadtest();
    command.env("TARGET_URL", format!("http://{}", witness.address));
    let sets = [
        "--set",
        "load.connections=per-iteration",
        "--set",
        "load.duration=3s",
    ];
    let run = Run::start_with(command, &scenario("connections"), &sets).await;
    until("the load is on", || (witness.seen().len() > 20).then_some(())).await;
    let before = run.process().limit_open_files(Some(1));
    tokio::time::sleep(EXHAUSTION).await;
    run.process().limit_open_files(before);
    let ended = run.end().await;
    let record = ended.record(12, "INVALID");
    let outcomes: HashSet<&str> = record["failures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|failure| failure["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, HashSet::from(["generator"]), "{}", record["failures"]);
    assert_eq!(record["sla"][0]["status"], "FAIL", "{}", record["sla"][0]);
    assert!(
        reasons(&record).contains("The generator had no socket for"),
        "{}",
        reasons(&record)
    );
}
