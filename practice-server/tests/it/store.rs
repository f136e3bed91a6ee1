//! The conformance suite: what every storage backend must do.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use practice_server::clock::Clock;
use practice_server::domain::{
    Attempt, AudioUrl, Call, CallId, CallState, Language, Recording, RecordingTarget, Refusal, Session,
    SessionStatus, SubmissionKind, Transcript, UserId,
};
use practice_server::metrics::Metrics;
use practice_server::realtime::{Operation, Table};
use practice_server::service::{ClaimCalls, CompleteCall, Completed};
use practice_server::store::{
    Abort, CallCompletion, Committed, Entity, Store, StoreError, Transaction, Transition, TransitionCause, Tx,
};
use serde_json::json;
use tokio::sync::oneshot;

use crate::databases::{Backend, Database, context, on_every_backend};

on_every_backend!(
    a_transaction_happens_wholly_or_not_at_all,
    a_job_that_fails_does_not_spoil_the_others,
    changes_carry_the_row_and_the_moment_of_the_commit,
    constraints_hold,
    everything_ends_once,
    a_call_is_claimed_by_one_dispatcher_at_a_time,
    only_the_holder_of_the_lease_completes_a_call,
    a_closed_store_is_unavailable,
);

struct Opened {
    store: Store,
    clock: Clock,
    metrics: Metrics,
    _database: Database,
}

impl Opened {
    async fn new(backend: Backend) -> Self {
        let (clock, metrics) = (Clock::manual(), Metrics::new());
        let database = backend.database().await;
        let store = Store::open(&database.url, context(&clock, &metrics))
            .await
            .unwrap();
        Self {
            store,
            clock,
            metrics,
            _database: database,
        }
    }

    fn session(&self) -> Session {
        let transcript = Transcript::parse("Hello there.".to_owned()).unwrap();
        Session::new(
            user(),
            transcript,
            Language::parse("en-US".to_owned()).unwrap(),
            self.clock.now(),
        )
    }

    fn call(&self, session: &Session) -> Call {
        Call {
            id: CallId::random(),
            kind: SubmissionKind::TranscriptImprovements,
            session_id: session.id,
            attempt_id: None,
            payload: json!({ "transcript": "Hello there." }),
            state: CallState::Ready,
            attempts: 0,
            polls: 0,
            job_id: None,
            deadline_at: self.clock.now().plus(Duration::from_secs(900)),
            created_at: self.clock.now(),
        }
    }

    async fn write(&self, steps: Vec<Step>) -> Result<Committed<()>, Abort> {
        self.store.write(Steps(steps)).await
    }

    /// Lets the writes queue behind a job that holds the writer, and then lets them happen.
    async fn write_together<T>(&self, writes: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
        let (entered, is_entered) = oneshot::channel();
        let (release, released) = oneshot::channel();
        let hold = Hold(Arc::new(Mutex::new(Some((entered, released)))));
        let holding = async { drop(self.store.write(hold).await) };
        let queueing = async {
            is_entered.await.unwrap();
            let mut writes = pin!(join_all(writes));
            let mut queued = 0.0;
            // Each look polls the writes, and polling is what queues them.
            while queued < 100.0 {
                assert!(futures_util::poll!(writes.as_mut()).is_pending());
                tokio::task::yield_now().await;
                self.store.refresh_gauges();
                queued = self.figure("db_writer_queue_depth");
            }
            release.send(()).unwrap();
            writes.await
        };
        tokio::join!(holding, queueing).1
    }

    fn figure(&self, series: &str) -> f64 {
        let text = self.metrics.render().unwrap();
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.unwrap().parse().unwrap()
    }

    async fn enqueued(&self) -> Call {
        let session = self.session();
        let call = self.call(&session);
        self.write(vec![Step::InsertSession(session), Step::InsertCall(call.clone())])
            .await
            .unwrap();
        call
    }
}

/// Keeps the writer busy until it is released. The channels are for the one time that it is run.
#[derive(Clone)]
struct Hold(Arc<Mutex<Option<Channels>>>);

type Channels = (oneshot::Sender<()>, oneshot::Receiver<()>);

impl Transaction for Hold {
    const NAME: &'static str = "test_hold";

    type Output = ();

    async fn run(self, _tx: &mut Tx<'_>) -> Result<(), Abort> {
        let (entered, released) = self.0.lock().unwrap().take().unwrap();
        entered.send(()).unwrap();
        released.await.unwrap();
        Ok(())
    }
}

fn user() -> UserId {
    UserId::parse("user-1").unwrap()
}

/// One write of a test's transaction.
#[derive(Clone)]
enum Step {
    InsertSession(Session),
    UpdateSession(Session),
    InsertAttempt(Attempt),
    InsertCall(Call),
    Transition(Transition),
    Refuse,
}

#[derive(Clone)]
struct Steps(Vec<Step>);

impl Transaction for Steps {
    const NAME: &'static str = "test_steps";

    type Output = ();

    async fn run(self, tx: &mut Tx<'_>) -> Result<(), Abort> {
        for step in self.0 {
            match step {
                Step::InsertSession(session) => tx.insert_session(&session).await?,
                Step::UpdateSession(session) => tx.update_session(&session).await?,
                Step::InsertAttempt(attempt) => tx.insert_attempt(&attempt).await?,
                Step::InsertCall(call) => tx.insert_call(&call).await?,
                Step::Transition(transition) => tx.record_transition(&transition).await?,
                Step::Refuse => return Err(Refusal::conflict("because the test says so").into()),
            }
        }
        Ok(())
    }
}

#[track_caller]
fn assert_constraint(result: Result<Committed<()>, Abort>) {
    match result {
        Err(Abort::Store(StoreError::Constraint { .. })) => {}
        other => panic!("expected a violated constraint, not {other:?}"),
    }
}

async fn a_transaction_happens_wholly_or_not_at_all(backend: Backend) {
    let opened = Opened::new(backend).await;
    let session = opened.session();
    let refused = opened
        .write(vec![Step::InsertSession(session.clone()), Step::Refuse])
        .await;
    assert!(
        matches!(refused, Err(Abort::Refused(Refusal::Conflict { .. }))),
        "{refused:?}"
    );
    assert_eq!(opened.store.session_of(&user(), session.id).await.unwrap(), None);
    opened
        .write(vec![Step::InsertSession(session.clone())])
        .await
        .unwrap();
    assert_eq!(
        opened.store.session_of(&user(), session.id).await.unwrap(),
        Some(session.clone())
    );
    let stranger = UserId::parse("user-2").unwrap();
    assert_eq!(
        opened.store.session_of(&stranger, session.id).await.unwrap(),
        None
    );
}

async fn a_job_that_fails_does_not_spoil_the_others(backend: Backend) {
    let opened = Opened::new(backend).await;
    let taken = opened.session();
    opened
        .write(vec![Step::InsertSession(taken.clone())])
        .await
        .unwrap();
    let sessions: Vec<Session> = (0..100).map(|_| opened.session()).collect();
    let jobs = sessions.iter().enumerate().map(|(n, session)| {
        let mut steps = vec![Step::InsertSession(session.clone())];
        match n % 10 {
            3 => steps.push(Step::InsertSession(taken.clone())),
            7 => steps.push(Step::Refuse),
            _ => {}
        }
        opened.write(steps)
    });
    let results = match backend {
        Backend::Sqlite => opened.write_together(jobs).await,
        Backend::Postgres => join_all(jobs).await,
    };
    for (n, (session, result)) in sessions.iter().zip(results).enumerate() {
        let stored = opened
            .store
            .session_of(&user(), session.id)
            .await
            .unwrap()
            .is_some();
        assert_eq!(result.is_ok(), stored, "job {n}: {result:?}");
        assert_eq!(stored, !matches!(n % 10, 3 | 7), "job {n}: {result:?}");
    }
    if backend == Backend::Sqlite {
        // One commit for the row that was there, one for the job that held the writer, one for the hundred.
        assert_eq!(opened.figure("db_commit_group_size_count"), 3.0);
        assert_eq!(opened.figure("db_commit_group_size_sum"), 102.0);
    }
}

async fn changes_carry_the_row_and_the_moment_of_the_commit(backend: Backend) {
    let opened = Opened::new(backend).await;
    let before = practice_server::clock::monotonic_ns();
    let mut session = opened.session();
    let steps = vec![
        Step::InsertSession(session.clone()),
        Step::UpdateSession(session.clone()),
    ];
    let first = opened.write(steps).await.unwrap().changes;
    let operations: Vec<Operation> = first.iter().map(|change| change.operation).collect();
    assert_eq!(operations, [Operation::Insert, Operation::Update]);
    session.progress.attempt_count = 1;
    let second = opened
        .write(vec![Step::UpdateSession(session.clone())])
        .await
        .unwrap()
        .changes;
    for change in first.iter().chain(second.iter()) {
        assert_eq!(change.table, Table::PracticeSessions);
        assert_eq!(change.record.as_ref().unwrap()["user_id"], "user-1");
        assert!(change.committed_monotonic_ns > Some(before));
        assert_eq!(change.committed_unix_us, opened.clock.now().unix_us());
    }
    assert_eq!(first[0].old_record, None);
    let key = second[0].old_record.clone().unwrap();
    assert_eq!(
        serde_json::Value::Object(key),
        json!({ "id": session.id.to_string() })
    );
    assert!(first[1].committed_monotonic_ns <= second[0].committed_monotonic_ns);
    let stored = opened
        .store
        .session_of(&user(), session.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(second[0].record, Some(stored.record()));
}

async fn constraints_hold(backend: Backend) {
    let opened = Opened::new(backend).await;
    let mut session = opened.session();
    opened
        .write(vec![Step::InsertSession(session.clone())])
        .await
        .unwrap();
    assert_constraint(opened.write(vec![Step::InsertSession(session.clone())]).await);

    let recording = Recording {
        target: RecordingTarget::FullTranscript,
        audio_url: AudioUrl::parse("https://cdn.example/a.webm".to_owned()).unwrap(),
    };
    let attempt = Attempt::new(&session, recording.clone(), opened.clock.now());
    opened
        .write(vec![Step::InsertAttempt(attempt.clone())])
        .await
        .unwrap();
    assert_constraint(opened.write(vec![Step::InsertAttempt(attempt)]).await);
    // A failure must say why.
    session.status = SessionStatus::Failed;
    assert_constraint(opened.write(vec![Step::UpdateSession(session.clone())]).await);
    let mut orphan = Attempt::new(&session, recording, opened.clock.now());
    orphan.session_id = opened.session().id;
    assert_constraint(opened.write(vec![Step::InsertAttempt(orphan)]).await);

    let call = opened.call(&session);
    opened.write(vec![Step::InsertCall(call)]).await.unwrap();
    let second_under_way = opened.call(&session);
    assert_constraint(opened.write(vec![Step::InsertCall(second_under_way)]).await);
}

async fn everything_ends_once(backend: Backend) {
    let opened = Opened::new(backend).await;
    let end = |cause| {
        Step::Transition(Transition {
            submission_id: None,
            entity: Entity::Submission,
            entity_id: "one".to_owned(),
            from_status: Some("awaiting"),
            to_status: "done",
            is_terminal: true,
            cause,
        })
    };
    opened.write(vec![end(TransitionCause::Webhook)]).await.unwrap();
    assert_constraint(opened.write(vec![end(TransitionCause::Poll)]).await);
    let rows = opened.store.transitions_of("one").await.unwrap();
    assert_eq!((rows.len(), rows[0].cause.as_str()), (1, "webhook"));
}

async fn a_call_is_claimed_by_one_dispatcher_at_a_time(backend: Backend) {
    let opened = Opened::new(backend).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(opened.enqueued().await.id);
    }
    let claim = |limit| {
        opened.store.write(ClaimCalls {
            limit,
            lease: Duration::from_secs(30),
        })
    };
    let (first, second) = tokio::join!(claim(3), claim(3));
    let (first, second) = (first.unwrap().output, second.unwrap().output);
    assert_eq!((first.len(), second.len()), (3, 2));
    let mut claimed: Vec<CallId> = first.iter().chain(&second).map(|claim| claim.call.id).collect();
    claimed.sort();
    ids.sort();
    assert_eq!(claimed, ids);
    assert!(first.iter().chain(&second).all(|claim| claim.call.attempts == 1));
    assert_eq!(claim(3).await.unwrap().output, Vec::new());
}

async fn only_the_holder_of_the_lease_completes_a_call(backend: Backend) {
    let opened = Opened::new(backend).await;
    let call = opened.enqueued().await;
    let claimed = opened
        .store
        .write(ClaimCalls {
            limit: 1,
            lease: Duration::from_secs(30),
        })
        .await
        .unwrap()
        .output;
    let holder = claimed.into_iter().next().unwrap();
    let mut thief = holder.clone();
    thief.lease_token = "stolen".to_owned();
    let accepted = |claimed| {
        let poll_at = opened.clock.now().plus(Duration::from_secs(10));
        let completion = CallCompletion::Accepted {
            job_id: "job_1".to_owned(),
            poll_at,
        };
        opened.store.write(CompleteCall { claimed, completion })
    };
    assert_eq!(accepted(thief).await.unwrap().output, Completed::Fenced);
    assert_eq!(
        opened.store.call(call.id).await.unwrap().unwrap().state,
        CallState::Leased
    );
    assert_eq!(accepted(holder.clone()).await.unwrap().output, Completed::Written);
    assert_eq!(
        accepted(holder).await.unwrap().output,
        Completed::Fenced,
        "a completion counts once"
    );
    let stored = opened.store.call(call.id).await.unwrap().unwrap();
    assert_eq!(
        (stored.state, stored.job_id.as_deref()),
        (CallState::Awaiting, Some("job_1"))
    );
}

async fn a_closed_store_is_unavailable(backend: Backend) {
    let opened = Opened::new(backend).await;
    let session = opened.session();
    opened
        .write(vec![Step::InsertSession(session.clone())])
        .await
        .unwrap();
    opened.store.close().await;
    let write = opened.write(vec![Step::UpdateSession(session.clone())]).await;
    assert!(
        matches!(write, Err(Abort::Store(StoreError::Unavailable { .. }))),
        "{write:?}"
    );
    let read = opened.store.session_of(&user(), session.id).await;
    assert!(matches!(read, Err(StoreError::Unavailable { .. })), "{read:?}");
}
