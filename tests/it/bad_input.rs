//! What cannot work is refused with a clear sentence and the right exit code, before anything is started.

use std::net::TcpListener;

use crate::program::{loadtest, output, repository, say, scenario, shipped};
use crate::servers::{self, SECRETS};

fn text(path: std::path::PathBuf) -> String {
    path.display().to_string()
}

#[tokio::test]
async fn every_mistake_of_a_scenario_is_told_at_once() {
    let scratch = tempfile::tempdir().unwrap();
    let (out, broken) = (text(scratch.path().join("out")), text(scenario("broken")));
    let ran = say(&["run", &broken, "--out", &out]).await;
    let checked = say(&["check", &broken]).await;
    for said in [&ran, &checked] {
        assert_eq!(said.code, Some(2));
        assert_eq!(said.stdout, "");
        for (place, what) in [
            ("2:1", "unknown key `colour`"),
            ("9:8", "a rate with its unit"),
            ("10:12", "\"parsecs\" is not a unit of time"),
            ("11:11", "a number of 1 or more"),
            ("15:9", "the list is empty"),
            ("18:25", "the comparison points the wrong way"),
        ] {
            let place = format!("{broken}:{place}: ");
            let told = said.stderr.lines().find_map(|line| line.strip_prefix(&place));
            assert!(
                told.is_some_and(|told| told.contains(what)),
                "{place}{what}:\n{}",
                said.stderr
            );
        }
        assert!(said.stderr.ends_with("6 mistakes found\n"), "{}", said.stderr);
    }
    assert!(
        !scratch.path().join("out").exists(),
        "nothing is started, so nothing is written"
    );
}

#[tokio::test]
async fn what_is_typed_wrong_is_a_usage_error() {
    let smoke = text(shipped("smoke"));
    for (arguments, sentence) in [
        (vec!["run", "no-such-file.toml"], "no-such-file.toml"),
        (vec!["run", &smoke, "--loudly"], "unexpected argument '--loudly'"),
        (
            vec!["run", &smoke, "--set", "load.rate"],
            "KEY=VALUE, such as load.max_vus=500",
        ),
        (vec!["run", &smoke, "--set", "load.rat=5/s"], "unknown key `rat`"),
        (vec!["run", &smoke, "--expect", "YES"], "write one of GO, NO-GO"),
        (
            vec!["check", &smoke, "--set", "target.jwt_secret=abc"],
            "set it in the environment instead",
        ),
        (vec!["fly"], "unrecognized subcommand 'fly'"),
        (
            vec!["report", "Cargo.toml"],
            "Cargo.toml: the file is not a readable run",
        ),
        (
            vec!["judge", "no-such-run.json"],
            "cannot read the run no-such-run.json",
        ),
        (vec!["schema", "junit"], "invalid value 'junit'"),
        (vec!["schema", "run", "--markdown"], "--markdown is for scenarios"),
    ] {
        let said = output(loadtest().args(&arguments).current_dir(repository(""))).await;
        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.stderr);
        assert!(
            said.stderr.contains(sentence),
            "{arguments:?} should say {sentence:?}: {}",
            said.stderr
        );
        assert_eq!(said.stdout, "", "{arguments:?}");
    }
}

#[tokio::test]
async fn an_output_folder_that_cannot_be_written_ends_the_run_before_it_begins() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    let said = say(&[
        "run",
        &text(scenario("quick")),
        "--out",
        &text(file.join("below")),
    ])
    .await;
    assert_eq!(said.code, Some(3), "{}", said.stderr);
    assert!(
        said.stderr.contains("cannot create the output folder") && said.stderr.contains("--out"),
        "{}",
        said.stderr
    );
    assert_eq!(said.stdout, "");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "mine");
}

#[tokio::test]
async fn an_unreachable_target_is_told_once_and_nothing_is_measured() {
    let (address, taken) = servers::free_address();
    // Nobody listens there any more.
    drop(taken);
    let scratch = tempfile::tempdir().unwrap();
    let mut command = loadtest();
    command
        .args(["run", &text(scenario("deployment")), "--out"])
        .arg(scratch.path().join("out"))
        .env("TARGET_URL", format!("http://{address}"))
        .env("TARGET_API_KEY", "key-of-nobody")
        .env("TARGET_JWT_SECRET", "secret-of-nobody-that-is-long-enough");
    let said = output(&mut command).await;
    assert_eq!(said.code, Some(3), "{}", said.stderr);
    let sentence = said.stderr.lines().last().unwrap();
    assert!(
        sentence.starts_with(&format!(
            "the target is not up: http://{address}/readyz cannot be reached: Connection refused"
        )),
        "{sentence}"
    );
    assert_eq!(
        sentence.matches("refused").count(),
        1,
        "the reason is told once: {sentence}"
    );
    assert!(!scratch.path().join("out/run.json").exists());
}

#[tokio::test]
async fn an_occupied_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for server in ["practice-server", "mock-classconnect"] {
        let said = output(
            loadtest()
                .args(["serve", server, "--listen", &address])
                .envs(SECRETS),
        )
        .await;
        assert_eq!(said.code, Some(3), "{server}: {}", said.stderr);
        assert!(
            said.stderr.contains(&format!("cannot listen on {address}")),
            "{server}: {}",
            said.stderr
        );
        assert_eq!(said.stdout, "", "{server} is not ready");
    }
}
