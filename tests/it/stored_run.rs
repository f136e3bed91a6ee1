//! The commands beside `run`, on a run of these tests: `report`, `judge`, `check`, `schema`, `--help`; and that no
//! secret is anywhere in what it left.

use std::path::Path;
use std::sync::{Arc, Weak};

use serde_json::Value;
use tokio::sync::Mutex;

use crate::program::{Ended, Run, loadtest, repository, say, scenario, shipped};
use crate::servers::{self, Deployment};

/// A run that several tests look at, and the secrets that its children were given.
struct Stored {
    ended: Ended,
    secrets: Vec<String>,
}

impl Stored {
    fn file(&self) -> String {
        self.ended.out().join("run.json").display().to_string()
    }
}

/// The run of the tests that look at one at the same time; it is removed with the last of them.
async fn stored() -> Arc<Stored> {
    static STORED: Mutex<Weak<Stored>> = Mutex::const_new(Weak::new());
    let mut place = STORED.lock().await;
    if let Some(stored) = place.upgrade() {
        return stored;
    }
    let run = Run::start(&scenario("quick"), &[]).await;
    run.accepts(1).await;
    let server = run.child("practice-server");
    let secrets = servers::SECRETS.map(|(name, _)| server.variable(name).unwrap());
    let visible = [server, run.child("mock-classconnect")].map(|child| child.arguments().join(" "));
    for secret in &secrets {
        assert!(
            visible.iter().all(|arguments| !arguments.contains(secret)),
            "arguments are visible to everybody on the host"
        );
    }
    let ended = run.end().await;
    ended.record(0, "GO");
    let stored = Arc::new(Stored {
        ended,
        secrets: secrets.into(),
    });
    *place = Arc::downgrade(&stored);
    stored
}

/// Every file of the output folder and all that was said, by name.
fn everything(ended: &Ended) -> Vec<(String, String)> {
    let mut texts = vec![
        ("standard output".to_owned(), ended.said.stdout.clone()),
        ("standard error".to_owned(), ended.said.stderr.clone()),
    ];
    for entry in std::fs::read_dir(ended.out()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        texts.push((
            path.display().to_string(),
            String::from_utf8_lossy(&bytes).into_owned(),
        ));
    }
    texts
}

fn assert_absent(secrets: &[String], ended: &Ended) {
    let texts = everything(ended);
    assert!(texts.len() > 5, "the folder has files");
    for secret in secrets {
        assert!(secret.len() > 16, "long enough not to be there by chance");
        // Webhook secrets have a prefix that says nothing.
        let secret = secret.trim_start_matches("whsec_");
        for (place, text) in &texts {
            assert!(!text.contains(secret), "{place} holds a secret");
        }
    }
}

#[tokio::test]
async fn no_secret_is_in_what_a_run_leaves() {
    let stored = stored().await;
    assert_absent(&stored.secrets, &stored.ended);
}

#[tokio::test]
async fn a_deployment_of_ones_own_is_tested_without_telling_its_secrets() {
    let deployment = Deployment::start().await;
    let mut command = loadtest();
    command
        .env("TARGET_URL", deployment.url())
        .env("TARGET_API_KEY", servers::API_KEY)
        .env("TARGET_JWT_SECRET", servers::JWT_SECRET);
    let ended = Run::start_with(command, &scenario("deployment"), &[])
        .await
        .end()
        .await;
    deployment.stop().await;
    let record = ended.record(0, "GO");
    assert_eq!(record["target"]["built_in"], false);
    assert_eq!(record["requests"]["failed"], 0, "{}", ended.said.stdout);
    assert_eq!(record["iterations"]["failed"], 0, "{}", ended.said.stdout);
    assert_absent(
        &[servers::API_KEY.to_owned(), servers::JWT_SECRET.to_owned()],
        &ended,
    );
}

#[tokio::test]
async fn a_report_made_again_is_the_report_that_the_run_wrote() {
    let stored = stored().await;
    let run = stored.file();
    let scratch = tempfile::tempdir().unwrap();
    for (format, name) in [
        ("markdown", "report.md"),
        ("html", "report.html"),
        ("json", "run.json"),
    ] {
        let copy = scratch.path().join(name);
        let out = copy.display().to_string();
        let said = say(&["report", &run, "--format", format, "--out", &out]).await;
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        assert!(
            std::fs::read_to_string(&copy).unwrap() == stored.ended.file(name),
            "{name} differs"
        );
        let said = say(&["report", &run, "--format", format]).await;
        assert_eq!(said.stdout.trim_end(), stored.ended.file(name).trim_end());
    }
    let text = say(&["report", &run]).await;
    assert_eq!(text.code, Some(0));
    // The run printed the same, and the folder after it.
    assert!(stored.ended.said.stdout.starts_with(&text.stdout));
}

#[tokio::test]
async fn a_file_that_is_no_run_is_refused_in_a_sentence() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("empty.json");
    std::fs::write(&path, "{}").unwrap();
    let path = path.display().to_string();
    for command in ["report", "judge"] {
        let said = say(&[command, &path]).await;
        assert_eq!(said.code, Some(2));
        assert!(
            said.stderr.contains("it is not a run of this tool"),
            "{}",
            said.stderr
        );
        assert_eq!(said.stdout, "");
    }
}

async fn judge_by(targets: &str, run: &str) -> crate::program::Said {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("sla.toml");
    std::fs::write(&path, targets).unwrap();
    say(&["judge", run, "--sla", &path.display().to_string()]).await
}

#[tokio::test]
async fn a_stored_run_is_judged_again() {
    let stored = stored().await;
    let run = stored.file();
    let same = say(&["judge", &run]).await;
    assert_eq!(same.code, Some(0), "{}", same.stdout);
    assert!(stored.ended.said.stdout.starts_with(&same.stdout));

    // No request is answered in a microsecond.
    let tighter = judge_by("response_time = { p95 = \"<= 1us\" }\n", &run).await;
    assert_eq!(tighter.code, Some(10), "{}", tighter.stdout);
    assert!(tighter.stdout.contains("NO-GO"), "{}", tighter.stdout);

    let broken = judge_by("response_time = { p95 = \"<= 1\" }\nspeed = \"high\"\n", &run).await;
    assert_eq!(broken.code, Some(2));
    assert!(
        broken.stderr.contains("unknown key `speed`") && broken.stderr.contains("2 mistakes found"),
        "{}",
        broken.stderr
    );
    assert_eq!(broken.stdout, "");
}

#[tokio::test]
async fn a_certified_verdict_can_be_required() {
    let stored = stored().await;
    // Some seconds of load meet their targets, and prove none of them.
    let judged = say(&["judge", &stored.file(), "--require", "certified"]).await;
    assert_eq!(judged.code, Some(11), "{}", judged.stdout);
    let banner = judged.stdout.trim_end().lines().last();
    assert_eq!(banner, Some("INCONCLUSIVE (certified)"), "{}", judged.stdout);
    assert!(
        judged.stdout.contains("would settle it: measure for"),
        "{}",
        judged.stdout
    );

    // That is known before a run, and where the target is written.
    let smoke = shipped("smoke").display().to_string();
    let refused = say(&["check", &smoke, "--require", "certified"]).await;
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""));
    let targets = repository("scenarios/sla.toml");
    let place = format!(
        "{}:3:25: `response_time p95 <= 150ms` cannot be certified",
        targets.display()
    );
    assert!(refused.stderr.contains(&place), "{}", refused.stderr);
    let release = shipped("release").display().to_string();
    assert_eq!(
        say(&["check", &release, "--require", "certified"]).await.code,
        Some(0)
    );
}

#[tokio::test]
async fn every_shipped_scenario_is_valid_and_its_plan_can_be_read() {
    for entry in std::fs::read_dir(repository("scenarios")).unwrap() {
        let path = entry.unwrap().path();
        let is_scenario = path.extension().is_some_and(|extension| extension == "toml")
            && path != repository("scenarios/sla.toml");
        if !is_scenario {
            continue;
        }
        let said = say(&["check", &path.display().to_string()]).await;
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        for part in [
            "users per second",
            "requests per second",
            "users at once",
            "duration",
            "may fail",
        ] {
            assert!(said.stdout.contains(part), "{}: {}", path.display(), said.stdout);
        }
    }
    let set = say(&[
        "check",
        &shipped("smoke").display().to_string(),
        "--set",
        "load.rate=7/s",
    ])
    .await;
    assert!(set.stdout.contains("7.0 at the peak"), "{}", set.stdout);
}

#[tokio::test]
async fn the_schema_knows_every_table_of_a_scenario() {
    let said = say(&["schema"]).await;
    assert_eq!(said.code, Some(0));
    let schema: Value = serde_json::from_str(&said.stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for name in ["smoke", "failing-server", "lost-webhooks"] {
        let text = std::fs::read_to_string(Path::new(&shipped(name))).unwrap();
        let scenario: Value = toml::from_str(&text).unwrap();
        assert!(validator.is_valid(&scenario), "{name}");
        for table in scenario.as_object().unwrap().keys() {
            assert!(schema["properties"][table].is_object(), "{table}");
        }
    }
    let broken: Value = toml::from_str(&std::fs::read_to_string(scenario("broken")).unwrap()).unwrap();
    assert!(!validator.is_valid(&broken));
}

#[tokio::test]
async fn help_names_the_commands_and_their_exit_codes() {
    let help = say(&["--help"]).await;
    assert_eq!(help.code, Some(0));
    for command in ["run", "check", "report", "judge", "schema", "serve"] {
        assert!(
            help.stdout
                .lines()
                .any(|line| line.trim_start().starts_with(command)),
            "{command}: {}",
            help.stdout
        );
        let own = say(&[command, "--help"]).await;
        assert_eq!(own.code, Some(0));
        assert!(own.stdout.contains("Usage: loadtest"), "{}", own.stdout);
        let codes: &[&str] = match command {
            "run" | "judge" => &[
                "GO",
                "NO-GO",
                "INCONCLUSIVE",
                "INVALID",
                "ROLLBACK",
                "INTERRUPTED",
            ],
            "check" | "report" => &["Exit codes:", "    2  "],
            _ => &[],
        };
        for code in codes {
            assert!(
                own.stdout.contains(code),
                "{command} --help has no {code}: {}",
                own.stdout
            );
        }
    }
}
