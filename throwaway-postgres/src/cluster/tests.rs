//! Real clusters: started, stopped, killed. Each takes a second or two.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::*;

/// The process id of the server, from its own file.
fn server_pid(folder: &Path) -> String {
    let file = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap();
    file.lines().next().unwrap().to_owned()
}

fn is_listening(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// Another server may hold the port by now, but not one of this folder.
fn is_gone(folder: &Path, pid: &str) -> bool {
    let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    !folder.exists() && !command.contains(folder.to_str().unwrap())
}

/// Looks until it holds, for half a minute at most.
async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let look = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(10));
        while !holds() {
            ticks.tick().await;
        }
    };
    assert!(
        tokio::time::timeout(Duration::from_secs(30), look).await.is_ok(),
        "{what} did not happen within half a minute"
    );
}

async fn connect(url: &str) -> sqlx::PgConnection {
    use sqlx::Connection as _;
    sqlx::PgConnection::connect(url).await.unwrap()
}

async fn ask(connection: &mut sqlx::PgConnection, question: &'static str) -> String {
    sqlx::query_scalar(question).fetch_one(connection).await.unwrap()
}

#[tokio::test]
async fn it_starts_serves_and_leaves_nothing() {
    let cluster = Cluster::start(Settings {
        binaries: None,
        max_connections: 17,
        extra: vec![("application_name".to_owned(), "it's \\ me".to_owned())],
    })
    .await
    .unwrap();
    let mut connection = connect(&cluster.url()).await;
    let version = ask(&mut connection, "SELECT current_setting('server_version')").await;
    assert!(version.starts_with(cluster.version()), "{version}");
    for (question, answer) in [
        ("SHOW wal_level", "logical"),
        ("SHOW fsync", "on"),
        ("SHOW synchronous_commit", "on"),
        ("SHOW full_page_writes", "on"),
        ("SHOW listen_addresses", "127.0.0.1"),
        ("SHOW max_connections", "17"),
        ("SHOW application_name", "it's \\ me"),
        ("SHOW server_encoding", "UTF8"),
        ("SHOW timezone", "UTC"),
        // Nobody gets in without the password.
        (
            "SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules",
            "scram-sha-256",
        ),
    ] {
        assert_eq!(ask(&mut connection, question).await, answer, "{question}");
    }
    for (question, at_least) in [("max_replication_slots", 20), ("max_wal_senders", 20)] {
        let slots: String = sqlx::query_scalar("SELECT current_setting($1)")
            .bind(question)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert!(slots.parse::<u32>().unwrap() >= at_least, "{question} = {slots}");
    }
    let name = "a name, %2F -- with \"everything\"";
    cluster.create_database(name).await.unwrap();
    let mut other = connect(&cluster.url_of(name)).await;
    assert_eq!(ask(&mut other, "SELECT current_database()::text").await, name);
    let again = cluster.create_database(name).await.unwrap_err().to_string();
    assert!(again.contains("already exists"), "{again}");

    let (folder, pid) = (cluster.folder().to_path_buf(), server_pid(cluster.folder()));
    assert!(!folder.join("password").exists());
    cluster.stop().await.unwrap();
    assert!(is_gone(&folder, &pid));
}

#[tokio::test]
async fn a_stopped_server_comes_back_with_its_port_and_its_data() {
    let cluster = Cluster::start(Settings::default()).await.unwrap();
    let mut connection = connect(&cluster.url()).await;
    sqlx::query("CREATE TABLE kept (number integer)")
        .execute(&mut connection)
        .await
        .unwrap();
    for (number, mode) in [(1_i64, StopMode::Fast), (2, StopMode::Immediate)] {
        sqlx::query("INSERT INTO kept VALUES ($1)")
            .bind(number)
            .execute(&mut connection)
            .await
            .unwrap();
        cluster.stop_server(mode).await.unwrap();
        assert!(!is_listening(cluster.port()));
        assert!(matches!(
            cluster.stop_server(mode).await,
            Err(Error::NotStopped { .. })
        ));
        cluster.start_server().await.unwrap();
        connection = connect(&cluster.url()).await;
        let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM kept")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(kept, number);
    }
    assert!(
        matches!(cluster.start_server().await, Err(Error::NotStarted { .. })),
        "it runs"
    );
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_port_that_was_taken_during_the_outage_is_named() {
    let cluster = Cluster::start(Settings::default()).await.unwrap();
    cluster.stop_server(StopMode::Fast).await.unwrap();
    let taken = std::net::TcpListener::bind(("127.0.0.1", cluster.port())).unwrap();
    let error = cluster.start_server().await.unwrap_err();
    assert!(
        matches!(error, Error::PortTaken { port } if port == cluster.port()),
        "{error}"
    );
    drop(taken);
    cluster.start_server().await.unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_setting_that_the_server_refuses_is_told_in_its_words() {
    let settings = Settings {
        extra: vec![("shared_buffers".to_owned(), "plenty".to_owned())],
        ..Settings::default()
    };
    let error = Cluster::start(settings).await.unwrap_err().to_string();
    assert!(error.starts_with("cannot start PostgreSQL on port "), "{error}");
    assert!(
        error.contains(r#"invalid value for parameter "shared_buffers": "plenty""#),
        "{error}"
    );
}

#[tokio::test]
async fn dropping_it_removes_it() {
    let cluster = Cluster::start(Settings::default()).await.unwrap();
    let (folder, pid) = (cluster.folder().to_path_buf(), server_pid(cluster.folder()));
    drop(cluster);
    eventually("removal after the drop", || is_gone(&folder, &pid)).await;
}

#[tokio::test]
async fn a_stop_does_without_the_guardian() {
    let mut cluster = Cluster::start(Settings::default()).await.unwrap();
    let (folder, pid) = (cluster.folder().to_path_buf(), server_pid(cluster.folder()));
    cluster.kill_guardian();
    cluster.stop().await.unwrap();
    assert!(is_gone(&folder, &pid));
}

#[tokio::test]
async fn what_a_crash_of_both_left_is_removed_by_the_next_start_and_nothing_else_is() {
    let mut crashed = Cluster::start(Settings::default()).await.unwrap();
    let (folder, pid) = (crashed.folder().to_path_buf(), server_pid(crashed.folder()));
    crashed.kill_guardian();
    // Its pipe and its lock close, as they would at the end of a process; there is nobody left to notice.
    drop(crashed);
    assert!(folder.exists() && !is_gone(&folder, &pid));

    let first = Cluster::start(Settings::default()).await.unwrap();
    // Another test's start may have been first; then it was skipped here.
    eventually("removal by the next start", || is_gone(&folder, &pid)).await;
    let second = Cluster::start(Settings::default()).await.unwrap();
    assert!(is_listening(first.port()), "a cluster in use is left alone");
    second.stop().await.unwrap();
    first.stop().await.unwrap();
}

#[tokio::test]
async fn a_left_folder_with_the_number_of_another_process_costs_that_process_nothing() {
    let user = ServerUser::choose().await.unwrap();
    let folder = Folder::create(&user).unwrap();
    let path = folder.path().to_path_buf();
    let mut bystander = user
        .command("/bin/sh")
        .args(["-c", "read -r _"])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    fs::create_dir(path.join("data")).unwrap();
    fs::write(path.join("data/postmaster.pid"), format!("{}\n", bystander.id())).unwrap();
    if let Some((uid, gid)) = user.stand_in() {
        std::os::unix::fs::chown(path.join("data"), Some(uid), Some(gid)).unwrap();
    }
    drop(folder);
    folder::sweep(&user, &Binaries::find(None).await.unwrap().program("pg_ctl")).await;
    // Another test's start may be at it already; then it was skipped here.
    eventually("removal by the sweep", || !path.exists()).await;
    assert_eq!(bystander.try_wait().unwrap(), None, "it still runs");
    drop(bystander.stdin.take());
    bystander.wait().unwrap();
}

/// Runs twice: as a test, and as the process that the test kills. That one is this same program, told so by the
/// environment.
#[tokio::test]
async fn a_killed_process_leaves_nothing() {
    use tokio::io::{AsyncBufReadExt, BufReader};

    const ROLE: &str = "THROWAWAY_POSTGRES_TEST_VICTIM";
    if std::env::var_os(ROLE).is_some() {
        let cluster = Cluster::start(Settings::default()).await.unwrap();
        println!("\ncluster {}", cluster.folder().display());
        std::future::pending::<()>().await;
    }
    let mut victim = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--nocapture",
            "cluster::tests::a_killed_process_leaves_nothing",
        ])
        .env(ROLE, "1")
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let folder = loop {
        let line = lines
            .next_line()
            .await
            .unwrap()
            .expect("the victim starts a cluster");
        if let Some(folder) = line.strip_prefix("cluster ") {
            break PathBuf::from(folder);
        }
    };
    let pid = server_pid(&folder);
    assert!(!is_gone(&folder, &pid), "it runs");
    // SIGKILL: nothing of the victim gets to run any more.
    victim.kill().await.unwrap();
    eventually("removal after the kill", || is_gone(&folder, &pid)).await;
}

#[tokio::test]
async fn the_password_is_in_the_address_only() {
    let cluster = Cluster::start(Settings::default()).await.unwrap();
    let shown = format!("{cluster:?}");
    let url = cluster.url();
    let password = url.split([':', '@']).nth(2).unwrap();
    assert_eq!(password.len(), 32, "{password}");
    assert!(!shown.contains(password), "{shown}");
    let commands = fs::read_to_string(format!("/proc/{}/cmdline", server_pid(cluster.folder())));
    assert!(!commands.unwrap_or_default().contains(password));
    cluster.stop().await.unwrap();
}
