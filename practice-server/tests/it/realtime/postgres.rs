//! Realtime from PostgreSQL's log: every writer is seen, by those whom the database's policies let see it.

use std::time::Duration;

use practice_server::realtime::{FeedMode, HubMetrics};
use practice_server::store::{DatabaseUrl, PostgresUrl};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use throwaway_postgres::{Cluster, Settings, StopMode};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use super::{ALICE, BOB, Client, PATIENCE, join};
use crate::databases::{cluster, migrate, postgres_database};
use crate::events::analysed;
use crate::fixture::{self, Server};

/// A server on a PostgreSQL of its own that follows the log.
pub(super) struct Following {
    pub(super) server: Server,
    url: String,
    stop: watch::Sender<bool>,
    feed: JoinHandle<()>,
}

impl Following {
    pub(super) async fn start(mode: FeedMode) -> Self {
        let url = postgres_database().await;
        let server = Server::start_with(|config| {
            config.database = DatabaseUrl::Postgres(url.clone());
            config.realtime = mode;
        })
        .await;
        Self::follow(server, url.expose().to_owned()).await
    }

    async fn follow(server: Server, url: String) -> Self {
        let feed = server.app.feed().unwrap().clone();
        let live = feed.connect().await.unwrap();
        let (stop, stopped) = watch::channel(false);
        let feed = tokio::spawn(feed.run(live, stopped));
        Self {
            server,
            url,
            stop,
            feed,
        }
    }

    pub(super) async fn stop(self) {
        self.stop.send(true).unwrap();
        self.feed.await.unwrap();
        self.server.stop().await;
    }

    async fn client(&self, vsn: &str) -> Client {
        connect(&self.server, vsn).await
    }

    /// A socket of this user with one channel, live.
    async fn subscribed(&self, user: &str, bindings: Value) -> Client {
        let mut client = self.client("2.0.0").await;
        client.subscribe(user, &bindings).await;
        client
    }

    /// Statements of somebody who does not go through the server.
    async fn run(&self, statements: &str) {
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        if let Err(error) = connection.execute(sqlx::raw_sql(AssertSqlSafe(statements))).await {
            panic!("{error} in {statements}");
        }
        connection.close().await.unwrap();
    }

    /// The same with the real `psql`.
    async fn psql(&self, statements: &str) {
        let output = Command::new(cluster().await.program("psql"))
            .args([
                "--no-psqlrc",
                "--quiet",
                "--set=ON_ERROR_STOP=1",
                "--command",
                statements,
                &self.url,
            ])
            .output()
            .await
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    async fn set_status(&self, session: &str, status: &str) {
        self.run(&format!(
            "UPDATE practice_sessions SET status = '{status}' WHERE id = '{session}'"
        ))
        .await;
    }

    /// The same, and the feed is done with it: policies are judged as they are then, not as they were at the commit.
    async fn set_status_and_wait(&self, session: &str, status: &str) {
        let before = self.server.app.hub().metrics().changes_read;
        self.set_status(session, status).await;
        self.until(|metrics| metrics.changes_read == before + 1).await;
    }

    /// The same where only the database can tell who may see the change: until it has been asked, for its answer is
    /// about the policy of that moment.
    async fn set_status_and_ask(&self, session: &str, status: &str) {
        let before = self.server.app.hub().metrics().policy_questions;
        self.set_status_and_wait(session, status).await;
        self.until(|metrics| metrics.policy_questions == before + 1).await;
    }

    /// Lets the server work until its metrics satisfy the condition.
    async fn until(&self, condition: impl Fn(HubMetrics) -> bool) {
        let reached = async {
            while !condition(self.server.app.hub().metrics()) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, reached)
            .await
            .expect("the metrics within the test's patience");
    }
}

async fn connect(server: &Server, vsn: &str) -> Client {
    let address = server.url.trim_start_matches("http://");
    let stream = TcpStream::connect(address).await.unwrap();
    let key = fixture::API_KEY;
    let url = format!("ws://{address}/realtime/v1/websocket?apikey={key}&vsn={vsn}");
    let (socket, _) = client_async(url, stream).await.unwrap();
    Client { socket }
}

impl Client {
    async fn subscribe(&mut self, user: &str, bindings: &Value) {
        let token = fixture::token(user);
        self.send(&join("realtime:room1", bindings, Some(&token))).await;
        let reply = self.receive().await;
        assert_eq!(reply[4]["status"], "ok", "{reply}");
        assert_eq!(self.receive().await[4]["message"], "Subscribed to PostgreSQL");
    }

    /// The data of the next event.
    async fn change(&mut self) -> Value {
        let event = self.receive().await;
        assert_eq!(event[3], "postgres_changes", "{event}");
        event[4]["data"].clone()
    }

    /// The status in the next event.
    async fn status(&mut self) -> String {
        let data = self.change().await;
        data["record"]["status"].as_str().unwrap().to_owned()
    }
}

fn everything() -> Value {
    json!([{"event": "*", "schema": "public"}])
}

async fn every_writer_is_seen(mode: FeedMode) {
    let following = Following::start(mode).await;
    let mut client = following.subscribed(ALICE, everything()).await;
    let session = following.server.created(ALICE).await;
    let created = client.change().await;
    assert_eq!(
        (&created["type"], &created["record"]["id"]),
        (&json!("INSERT"), &json!(session))
    );
    assert!(
        created["committed_monotonic_ns"].is_u64(),
        "this server committed: {created}"
    );
    assert!(created["commit_timestamp_us"].is_i64());
    assert_eq!(client.status().await, "processing");

    let by_hand = format!("UPDATE practice_sessions SET language = 'de-DE' WHERE id = '{session}'");
    following.psql(&by_hand).await;
    let changed = client.change().await;
    assert_eq!(changed["record"]["language"], "de-DE");
    assert_eq!(changed["old_record"], json!({"id": session}));
    assert_eq!(changed.get("committed_monotonic_ns"), None, "psql committed");
    assert!(changed["commit_timestamp_us"].as_i64() >= created["commit_timestamp_us"].as_i64());
    assert_eq!(
        changed["record"].get("architecture"),
        None,
        "internal columns stay inside"
    );

    following
        .psql(&format!(
            "DELETE FROM classconnect_calls; DELETE FROM practice_sessions WHERE id = '{session}'"
        ))
        .await;
    let deleted = client.change().await;
    assert_eq!(
        (&deleted["type"], &deleted["old_record"]),
        (&json!("DELETE"), &json!({"id": session}))
    );
    following.stop().await;
}

#[tokio::test]
async fn every_writer_is_seen_in_the_streamed_log() {
    every_writer_is_seen(FeedMode::Wal).await;
}

#[tokio::test]
async fn every_writer_is_seen_in_the_polled_log() {
    every_writer_is_seen(FeedMode::Poll).await;
}

#[tokio::test]
async fn nobody_receives_the_rows_of_others() {
    let following = Following::start(FeedMode::Wal).await;
    let (of_alice, of_bob) = (
        following.server.created(ALICE).await,
        following.server.created(BOB).await,
    );
    // Each session's insert, and its update to `processing`: what comes before the subscriptions is not theirs.
    following.until(|metrics| metrics.changes_read == 4).await;
    let sessions = |filter: String| json!([{"event": "*", "schema": "public", "table": "practice_sessions", "filter": filter}]);
    let mut clients = Vec::new();
    for bindings in [
        everything(),
        sessions(format!("id=in.({of_alice},{of_bob})")),
        sessions("status=in.(ready,failed,processing,abandoned)".to_owned()),
    ] {
        clients.push(following.subscribed(ALICE, bindings).await);
    }
    let mut only_bobs = following
        .subscribed(ALICE, sessions(format!("id=eq.{of_bob}")))
        .await;
    let mut of_his_user = following
        .subscribed(ALICE, sessions(format!("user_id=eq.{BOB}")))
        .await;
    following.set_status(&of_bob, "ready").await;
    following.set_status(&of_alice, "ready").await;
    for client in &mut clients {
        assert_eq!(
            client.change().await["record"]["id"],
            of_alice,
            "Bob's change came first"
        );
    }
    // A token of Bob's on the same channel: from here on his rows are seen and Alice's are not.
    for client in clients.iter_mut().chain([&mut only_bobs, &mut of_his_user]) {
        let refresh = json!({"access_token": fixture::token(BOB)});
        client
            .send(&json!(["6", "7", "realtime:room1", "access_token", refresh]))
            .await;
        assert_eq!(client.receive().await[4]["message"], "Subscribed to PostgreSQL");
    }
    following.set_status(&of_alice, "abandoned").await;
    following.set_status(&of_bob, "abandoned").await;
    for client in clients.iter_mut().chain([&mut only_bobs, &mut of_his_user]) {
        assert_eq!(client.change().await["record"]["id"], of_bob);
    }
    following.stop().await;
}

#[tokio::test]
async fn a_changed_policy_or_grant_counts_from_the_next_change() {
    let following = Following::start(FeedMode::Wal).await;
    let of_bob = following.server.created(BOB).await;
    // The insert, and the update to `processing`.
    following.until(|metrics| metrics.changes_read == 2).await;
    let mut alice = following.subscribed(ALICE, everything()).await;
    let policy = "ALTER POLICY practice_sessions_are_read_by_their_user ON practice_sessions USING";
    // Each status is written under another policy; what Alice sees is what the policies let her see.
    following.set_status_and_wait(&of_bob, "ready").await;
    following.run(&format!("{policy} (true)")).await;
    following.set_status_and_wait(&of_bob, "practicing").await;
    // Only the database can tell.
    following
        .run(&format!("{policy} (length(user_id) = 36 AND status = 'analyzing' AND (SELECT auth.jwt() ->> 'sub') LIKE '0a%')"))
        .await;
    following.set_status_and_ask(&of_bob, "ready").await;
    following.set_status_and_ask(&of_bob, "analyzing").await;
    following
        .run(&format!("{policy} (1 / (length(user_id) - 36) > 0)"))
        .await;
    following.set_status_and_ask(&of_bob, "practicing").await;
    following
        .run(&format!("{policy} (true); REVOKE SELECT ON practice_sessions FROM authenticated; GRANT SELECT (id, status) ON practice_sessions TO authenticated"))
        .await;
    following.set_status_and_wait(&of_bob, "ready").await;
    following
        .run("REVOKE SELECT (id) ON practice_sessions FROM authenticated")
        .await;
    following.set_status_and_wait(&of_bob, "practicing").await;
    following
        .run("GRANT SELECT ON practice_sessions TO authenticated; ALTER TABLE practice_sessions DISABLE ROW LEVEL SECURITY")
        .await;
    following.set_status_and_wait(&of_bob, "abandoned").await;

    assert_eq!(alice.status().await, "practicing");
    assert_eq!(alice.status().await, "analyzing");
    let narrow = alice.change().await;
    assert_eq!(narrow["record"], json!({"id": of_bob, "status": "ready"}));
    assert_eq!(narrow["columns"].as_array().unwrap().len(), 2);
    assert_eq!(alice.status().await, "abandoned");
    let metrics = following.server.app.hub().metrics();
    assert_eq!((metrics.policy_questions, metrics.policy_failures), (3, 1));
    assert_eq!(metrics.feed_interruptions, 0);
    following.stop().await;
}

/// A subscriber hears of an interruption, joins again, and goes on.
async fn goes_on_after(following: &Following, client: &mut Client) {
    let error = client.receive().await;
    assert_eq!(
        (&error[3], &error[4]["status"]),
        (&json!("system"), &json!("error")),
        "{error}"
    );
    assert_eq!(
        client.receive().await,
        json!(["6", "6", "realtime:room1", "phx_error", {}])
    );
    following.until(|metrics| metrics.feed_live == 1).await;
    client.subscribe(ALICE, &everything()).await;
    let session = following.server.created(ALICE).await;
    assert_eq!(client.change().await["record"]["id"], session);
    assert_eq!(following.server.app.hub().metrics().feed_interruptions, 1);
}

#[tokio::test]
async fn the_feed_goes_on_when_its_connection_is_ended() {
    let following = Following::start(FeedMode::Wal).await;
    let mut client = following.subscribed(ALICE, everything()).await;
    following
        .run("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = current_database()")
        .await;
    goes_on_after(&following, &mut client).await;
    following.stop().await;
}

#[tokio::test]
async fn the_feed_goes_on_when_its_poller_is_ended() {
    let following = Following::start(FeedMode::Poll).await;
    let mut client = following.subscribed(ALICE, everything()).await;
    following
        .run("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = current_database()")
        .await;
    goes_on_after(&following, &mut client).await;
    following.stop().await;
}

#[tokio::test]
async fn the_slot_ends_with_the_server() {
    let following = Following::start(FeedMode::Wal).await;
    let url = following.url.clone();
    following.stop().await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let gone = async {
        let slots = "SELECT count(*) FROM pg_replication_slots WHERE database = current_database()";
        while sqlx::query_scalar::<_, i64>(slots)
            .fetch_one(&mut connection)
            .await
            .unwrap()
            > 0
        {}
    };
    tokio::time::timeout(PATIENCE, gone)
        .await
        .expect("the slot to go");
}

/// A recording from its submission to its result.
async fn practise(server: &Server) {
    let session = server.practicing(ALICE).await;
    server.submit(ALICE, &session, 0).await;
    assert_eq!(server.dispatch().await, 1);
    let job = server.last_job().await;
    server.deliver(&analysed(&job, 87.5)).await;
}

/// What differs from run to run, named by its order of appearance or left out.
fn comparable(value: &mut Value, ids: &mut Vec<String>) {
    match value {
        Value::String(text) if text.starts_with("https://cdn.example/") => *text = "a recording".to_owned(),
        Value::String(text) if text != ALICE && Uuid::try_parse(text).is_ok() => {
            let known = ids.iter().position(|id| id == text);
            let number = known.unwrap_or_else(|| {
                ids.push(text.clone());
                ids.len() - 1
            });
            *text = format!("id {number}");
        }
        Value::Array(list) => list.iter_mut().for_each(|value| comparable(value, ids)),
        Value::Object(map) => {
            map.retain(|key, _| !key.starts_with("commit"));
            map.values_mut().for_each(|value| comparable(value, ids));
        }
        _ => {}
    }
}

#[tokio::test]
async fn the_same_changes_look_the_same_from_sqlite_and_from_postgresql() {
    let following = Following::start(FeedMode::Wal).await;
    let clock = following.server.clock.clone();
    // Trailing zeros are where two ways to print a time differ.
    let past = u64::try_from(clock.now().unix_us() % 10_000).unwrap();
    clock.advance(Duration::from_micros(10_000 - past));
    let sqlite = Server::start_with(|config| config.clock = clock.clone()).await;
    let mut from_sqlite = connect(&sqlite, "2.0.0").await;
    from_sqlite.subscribe(ALICE, &everything()).await;
    practise(&sqlite).await;
    sqlite.app.hub().close_all().await;
    let mut expected = Vec::new();
    while let Some(Ok(Message::Text(text))) = from_sqlite.receive_frame().await {
        expected.push(serde_json::from_str::<Value>(&text).unwrap()[4]["data"].clone());
    }
    assert!(expected.len() > 8, "{expected:?}");

    let mut from_postgres = following.subscribed(ALICE, everything()).await;
    practise(&following.server).await;
    let (mut ids, mut their_ids) = (Vec::new(), Vec::new());
    for mut expected in expected {
        let mut change = from_postgres.change().await;
        comparable(&mut expected, &mut ids);
        comparable(&mut change, &mut their_ids);
        assert_eq!(change, expected);
    }
    following.stop().await;
}

#[tokio::test]
async fn the_feed_goes_on_when_the_database_has_been_restarted() {
    let cluster = Cluster::start(Settings::default()).await.unwrap();
    migrate(&cluster.url()).await;
    let url = PostgresUrl::parse(&cluster.url()).unwrap();
    let server = Server::start_with(|config| config.database = DatabaseUrl::Postgres(url.clone())).await;
    let following = Following::follow(server, cluster.url()).await;
    let mut client = following.subscribed(ALICE, everything()).await;
    cluster.stop_server(StopMode::Fast).await.unwrap();
    following.until(|metrics| metrics.feed_live == 0).await;
    // Nobody is let in who would then miss what happens.
    let mut late = following.client("2.0.0").await;
    late.send(&join(
        "realtime:room1",
        &everything(),
        Some(&fixture::token(ALICE)),
    ))
    .await;
    let refused = late.receive().await;
    assert_eq!(refused[4]["status"], "error");
    let reason = refused[4]["response"]["reason"].as_str().unwrap();
    assert!(reason.starts_with("InitializingProjectConnection: "), "{reason}");
    cluster.start_server().await.unwrap();
    goes_on_after(&following, &mut client).await;
    following.stop().await;
    cluster.stop().await.unwrap();
}
