//! What the writer costs: whole journeys at the store, without HTTP, ClassConnect or sockets.
//!
//! The figure is the process's CPU time, user and system, and not the time that passes: it is what a share of a core
//! is paid for, and it does not change with what else the machine is doing. The journeys of a batch take each step
//! together, as many jobs as there are journeys, which is what a commit then carries at most.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot do its work has nothing to measure"
)]

#[path = "../tests/it/events.rs"]
#[expect(dead_code, reason = "the tests send more kinds of events")]
mod events;

use std::time::Duration;

use classconnect_api::{AttemptType, WebhookEvent};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use practice_server::clock::Clock;
use practice_server::domain::{
    AudioUrl, Language, Recording, RecordingTarget, SessionId, Transcript, UserId,
};
use practice_server::legacy::Architectures;
use practice_server::metrics::{LegacyMetrics, Metrics};
use practice_server::realtime::{CommitMoments, Hub, HubConfig};
use practice_server::service::{
    Accepted, ClaimCalls, CompleteCall, HandleWebhookResults, IdempotencyKey, IdempotentRequest,
    PracticeService,
};
use practice_server::store::{CallCompletion, ClaimedCall, DatabaseUrl, PoolSettings, Store, StoreContext};
use rustix::time::{ClockId, clock_gettime};

use self::events::{Job, analysed, extracted, improved};

const SENTENCES: [&str; 3] = ["One two three.", "Four five six.", "Seven eight nine."];
/// Per journey: creating, starting and three recordings, each with the end of its call and its webhook.
const WRITE_JOBS: u64 = 5 * 3;

/// CPU time of all threads of this process.
fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(now.tv_sec).unwrap_or_default(),
        u32::try_from(now.tv_nsec).unwrap_or_default(),
    )
}

/// A store in a temporary file, and the actions on it.
struct Practice {
    store: Store,
    service: PracticeService,
    clock: Clock,
}

impl Practice {
    async fn open() -> Self {
        let clock = Clock::system();
        let context = StoreContext {
            hub: Hub::new(HubConfig::new("0123456789abcdef0123456789abcdef", "anon")),
            metrics: Metrics::new(),
            clock: clock.clone(),
            commits: CommitMoments::default(),
            pool: PoolSettings::default(),
        };
        let store = Store::open(&DatabaseUrl::SqliteTemporary, context).await.unwrap();
        Self {
            service: PracticeService::new(
                store.clone(),
                Duration::from_secs(900),
                Architectures::direct_only("this is SQLite", LegacyMetrics::default()),
            ),
            store,
            clock,
        }
    }

    /// `count` journeys from the creation of their sessions to the last result.
    async fn journeys(&self, count: u32) {
        let users: Vec<UserId> = (0..count)
            .map(|n| UserId::parse(&format!("user-{n}")).unwrap())
            .collect();
        let created = join_all(users.iter().map(|user| self.create(user))).await;
        let sessions: Vec<SessionId> = created
            .iter()
            .map(|answer| answer.session_id.parse().unwrap())
            .collect();
        self.results(count, |job| improved(job, &SENTENCES.join(" ")))
            .await;
        let start = |(user, session): (&UserId, &SessionId)| {
            self.service
                .start_practice(user.clone(), *session, Some(request()))
        };
        for started in join_all(users.iter().zip(&sessions).map(start)).await {
            started.unwrap();
        }
        self.results(count, |job| extracted(job, &SENTENCES)).await;
        for sentence in 0..3 {
            let submit =
                |(user, session): (&UserId, &SessionId)| self.submit(user.clone(), *session, sentence);
            for submitted in join_all(users.iter().zip(&sessions).map(submit)).await {
                drop(submitted);
            }
            self.results(count, |job| analysed(job, 88.5)).await;
        }
    }

    async fn create(&self, user: &UserId) -> Accepted {
        let transcript = Transcript::parse(SENTENCES.join(" ")).unwrap();
        let language = Language::parse("en-US".to_owned()).unwrap();
        self.service
            .create_practice_session(user.clone(), transcript, language, Some(request()))
            .await
            .unwrap()
    }

    async fn submit(&self, user: UserId, session: SessionId, sentence: u32) -> Accepted {
        let recording = Recording {
            target: RecordingTarget::parse(AttemptType::Sentence, Some(sentence), None).unwrap(),
            audio_url: AudioUrl::parse("https://cdn.example/recording.webm".to_owned()).unwrap(),
        };
        self.service
            .submit_recording(user, session, recording, Some(request()))
            .await
            .unwrap()
    }

    /// Claims the calls that are due, records that each was accepted, and applies what its webhook brings.
    async fn results(&self, count: u32, event: impl Fn(&Job) -> WebhookEvent) {
        let lease = Duration::from_secs(30);
        let claimed = self
            .store
            .write(ClaimCalls { limit: count, lease })
            .await
            .unwrap()
            .output;
        assert_eq!(claimed.len(), count as usize);
        let jobs: Vec<Job> = claimed.iter().map(job).collect();
        let accepted = claimed.into_iter().zip(&jobs).map(|(claimed, job)| {
            let completion = CallCompletion::Accepted {
                job_id: job.job_id.clone(),
                poll_at: self.clock.now().plus(lease),
            };
            self.store.write(CompleteCall { claimed, completion })
        });
        for completed in join_all(accepted).await {
            completed.unwrap();
        }
        let deliver = |job: &Job| {
            let event = event(job);
            self.store.write(HandleWebhookResults {
                webhook_id: format!("msg_{}", job.job_id),
                webhook_timestamp: 1_795_306_960,
                payload: serde_json::to_string(&event).unwrap(),
                event,
            })
        };
        for delivered in join_all(jobs.iter().map(deliver)).await {
            delivered.unwrap();
        }
    }
}

fn job(claimed: &ClaimedCall) -> Job {
    Job {
        job_id: format!("job_{}", claimed.call.id),
        client_reference_id: claimed.call.client_reference_id(),
    }
}

/// Every client sends a key with each request.
fn request() -> IdempotentRequest {
    let key = IdempotencyKey::parse(&uuid::Uuid::new_v4().to_string()).unwrap();
    IdempotentRequest::new(key, "POST", "/", b"{}")
}

fn journeys(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut group = criterion.benchmark_group("cpu_time_of_journeys_at_the_store");
    group.sample_size(10);
    for count in [1_u32, 4, 32] {
        let practice = runtime.block_on(Practice::open());
        group.throughput(Throughput::Elements(u64::from(count) * WRITE_JOBS));
        group.bench_function(format!("{count}_at_once"), |bencher| {
            bencher.iter_custom(|iterations| {
                let before = cpu_time();
                runtime.block_on(async {
                    for _ in 0..iterations {
                        practice.journeys(count).await;
                    }
                });
                cpu_time().saturating_sub(before)
            });
        });
        runtime.block_on(practice.store.close());
    }
    group.finish();
}

criterion_group!(benches, journeys);
criterion_main!(benches);
