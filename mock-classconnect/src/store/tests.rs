//! Idempotency keys, and what is forgotten when memory is full.

use classconnect_api::SentenceExtractionRequest;

use super::*;
use crate::clock::Moment;
use crate::decision::Draws;
use crate::job::JobInput;
use crate::plan::Plan;

fn job(key: &str, reference: &str) -> Arc<Job> {
    let input = JobInput::Extraction(SentenceExtractionRequest {
        client_reference_id: reference.to_owned(),
        webhook_url: String::new(),
        transcript: "Hi.".to_owned(),
        language: "en-US".to_owned(),
    });
    Arc::new(Job::accept(
        input.clone(),
        reqwest::Url::parse("http://127.0.0.1/hook").unwrap(),
        key.to_owned(),
        Draws::new(1, input.kind(), input.submission_key()),
        Arc::new(Plan::default()),
        Moment {
            monotonic_ns: 0,
            unix_us: 0,
        },
    ))
}

fn accept(store: &Store, key: &str, reference: &str) -> (Arc<Job>, usize) {
    let job = job(key, reference);
    let Claim::New(reservation) = store.claim(key, 1) else {
        panic!("{key} is not new")
    };
    let forgotten = reservation.complete(Arc::clone(&job), 9);
    (job, forgotten)
}

#[test]
fn a_key_is_in_flight_until_its_request_ends_and_then_replays() {
    let store = Store::new(10);
    let Claim::New(reservation) = store.claim("k", 1) else {
        panic!("not new")
    };
    assert!(matches!(store.claim("k", 1), Claim::InFlight));
    assert!(matches!(store.claim("k", 2), Claim::Mismatch));
    assert!(matches!(store.claim("other", 1), Claim::New(_)));

    let job = job("k", "ref");
    assert_eq!(reservation.complete(Arc::clone(&job), 9), 0);
    assert!(matches!(store.claim("k", 1), Claim::Replay(known) if known.id == job.id));
    assert!(matches!(store.claim("k", 2), Claim::Mismatch));
}

#[test]
fn a_request_that_ends_without_a_job_frees_its_key() {
    let store = Store::new(10);
    drop(store.claim("k", 1));
    assert!(matches!(store.claim("k", 2), Claim::New(_)));
}

#[test]
fn the_oldest_job_is_forgotten_with_its_key_and_reference() {
    let store = Store::new(2);
    let (first, _) = accept(&store, "k1", "shared");
    let (second, _) = accept(&store, "k2", "shared");
    let (_, forgotten) = accept(&store, "k3", "own");
    assert_eq!(forgotten, 1);
    assert!(store.job(&first.id).is_none());
    assert!(matches!(store.claim("k1", 1), Claim::New(_)));
    let left: Vec<String> = store.jobs_of("shared").iter().map(|job| job.id.clone()).collect();
    assert_eq!(left, std::slice::from_ref(&second.id));
    assert_eq!(store.jobs_of("nobody").len(), 0);
}

#[test]
fn refused_tries_are_counted_until_the_submission_is_accepted() {
    let store = Store::new(10);
    assert_eq!(store.refused_tries(9), 0);
    assert!(store.count_refused_try(9) && store.count_refused_try(9));
    assert_eq!(store.refused_tries(9), 2);
    accept(&store, "k", "ref");
    assert_eq!(store.refused_tries(9), 0);
}
