//! How connections are made: TLS, the version of HTTP, source addresses.

use insta::assert_snapshot;

use super::*;
use crate::plan::{Certificates, HttpVersion, RemoteTarget, TargetKind};

/// A scenario for a target with these keys, and load with those.
fn remote(target: &str, load: &str) -> String {
    format!("name = \"s\"\n[target]\n{target}\n{LOAD}{load}\n{JOURNEY}")
}

fn lowered(target: &str, load: &str) -> RemoteTarget {
    let text = remote(target, load);
    match load_files(&[("s.toml", &text)], &[], &[])
        .unwrap()
        .plan
        .target
        .kind
    {
        TargetKind::Remote(remote) => remote,
        TargetKind::Reference(_) => panic!("a remote target"),
    }
}

#[test]
fn an_address_with_tls_brings_a_realtime_address_with_tls() {
    let target = lowered("base_url = \"https://localhost/api\"", "");
    assert_eq!(target.base_url, "https://localhost/api");
    assert_eq!(target.realtime_url, "wss://localhost/api/realtime/v1/websocket");
    assert_eq!(target.transport.certificates, Certificates::Trusted);
    assert_eq!(target.transport.http_version, HttpVersion::Http1);
    let mixed = "base_url = \"http://localhost\"\nrealtime_url = \"wss://localhost/rt\"";
    assert_eq!(lowered(mixed, "").realtime_url, "wss://localhost/rt");
}

#[test]
fn certificates_version_and_sources_are_what_the_scenario_says() {
    let keys =
        "base_url = \"https://localhost\"\nhttp_version = \"2\"\ntls = { ca_file = \"certificates/ca.pem\" }";
    let transport = lowered(keys, "source_addresses = [\"127.0.0.2\", \"::1\"]").transport;
    assert_eq!(
        transport.certificates,
        Certificates::TrustedOrIssuedBy("certificates/ca.pem".into())
    );
    assert_eq!(transport.http_version, HttpVersion::Http2);
    let expected: Vec<std::net::IpAddr> = ["127.0.0.2", "::1"].map(|text| text.parse().unwrap()).into();
    assert_eq!(transport.source_addresses, expected);

    let unverified = "base_url = \"https://localhost\"\n[target.tls]\ninsecure = true";
    assert_eq!(
        lowered(unverified, "").transport.certificates,
        Certificates::Unverified
    );
    let plan = load_files(&[("s.toml", &remote(unverified, ""))], &[], &[])
        .unwrap()
        .plan;
    assert!(plan.target.is_unverified());
    let report = check(&plan).to_string();
    assert!(
        report
            .contains("WARNING: the target's certificate is not verified (insecure = true in [target.tls])"),
        "{report}"
    );
}

#[test]
fn settings_that_cannot_mean_anything_are_refused() {
    assert_snapshot!(mistakes(&remote("base_url = \"http://localhost\"\ntls = { insecure = true }", "")), @r#"
    s.toml:4:1: `tls` means nothing to a target without TLS; write base_url = "https://…"
      4 | tls = { insecure = true }
        | ^^^
    1 mistake found
    "#);
    let both = "base_url = \"https://localhost\"\ntls = { insecure = true, ca_file = \"ca.pem\" }\nhttp_version = \"3\"";
    assert_snapshot!(mistakes(&remote(both, "")), @r#"
    s.toml:4:26: with insecure = true no certificate is verified, so `ca_file` would change nothing; leave one of them out
      4 | tls = { insecure = true, ca_file = "ca.pem" }
        |                          ^^^^^^^
    s.toml:5:16: expected one of "1.1", "2"; found the text "3"
      5 | http_version = "3"
        |                ^^^
    2 mistakes found
    "#);
    let sources = "source_addresses = [\"127.0.0.2\", \"localhost\", \"0.0.0.0\", \"127.0.0.2\"]";
    assert_snapshot!(mistakes(&remote("base_url = \"http://localhost\"", sources)), @r#"
    s.toml:8:34: this is not an IP address; write one that this machine has, such as "127.0.0.2"
      8 | source_addresses = ["127.0.0.2", "localhost", "0.0.0.0", "127.0.0.2"]
        |                                  ^^^^^^^^^^^
    s.toml:8:47: `0.0.0.0` stands for any address; name one that this machine has
      8 | source_addresses = ["127.0.0.2", "localhost", "0.0.0.0", "127.0.0.2"]
        |                                               ^^^^^^^^^
    s.toml:8:58: `127.0.0.2` is in the list already
      8 | source_addresses = ["127.0.0.2", "localhost", "0.0.0.0", "127.0.0.2"]
        |                                                          ^^^^^^^^^^^
    3 mistakes found
    "#);
    let reference = "server = \"reference\"\nhttp_version = \"2\"\n[target.tls]\ninsecure = true";
    assert_snapshot!(mistakes(&remote(reference, "source_addresses = [\"127.0.0.2\"]")), @r#"
    s.toml:4:1: `http_version` is for a target with `base_url`; the run knows this of its own server
      4 | http_version = "2"
        | ^^^^^^^^^^^^
    s.toml:5:9: `tls` is for a target with `base_url`; the run knows this of its own server
      5 | [target.tls]
        |         ^^^
    s.toml:11:1: `source_addresses` is for a target with `base_url`; the run's own server is reached over loopback
      11 | source_addresses = ["127.0.0.2"]
         | ^^^^^^^^^^^^^^^^
    3 mistakes found
    "#);
}

#[test]
fn tls_does_not_loosen_where_load_may_go() {
    assert_snapshot!(mistakes(&remote("base_url = \"https://staging.example.com\"", "")), @r#"
    s.toml:3:12: load is sent only to this machine unless the scenario allows it; if the owner of `staging.example.com` agrees, add allow_hosts = ["staging.example.com"] to `[target]`
      3 | base_url = "https://staging.example.com"
        |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    1 mistake found
    "#);
}
