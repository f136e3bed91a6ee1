//! What the mock remembers: jobs, the idempotency keys they came with, and submissions it turned away.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::job::Job;

/// Bounds the memory for counting refused tries; beyond it a submission's tries are not told apart.
const REFUSED_SUBMISSIONS_MAX: usize = 100_000;

/// Jobs and idempotency keys, bounded: the oldest job is forgotten with its key.
#[derive(Debug)]
pub(crate) struct Store {
    state: Mutex<State>,
    jobs_max: usize,
}

#[derive(Debug, Default)]
struct State {
    by_id: HashMap<String, Arc<Job>>,
    by_reference: HashMap<String, Vec<Arc<Job>>>,
    by_key: HashMap<String, KeyState>,
    oldest_first: VecDeque<Arc<Job>>,
    refused_tries: HashMap<u64, u32>,
}

#[derive(Debug)]
enum KeyState {
    InFlight { fingerprint: u128 },
    Accepted { fingerprint: u128, job: Arc<Job> },
}

/// What an idempotency key stands for when a request comes with it.
#[derive(Debug)]
pub(crate) enum Claim<'a> {
    /// The key is new and now reserved for this request.
    New(Reservation<'a>),
    /// The same request was accepted before.
    Replay(Arc<Job>),
    /// The same request is being handled right now.
    InFlight,
    /// The key came with another body before.
    Mismatch,
}

/// Holds an idempotency key for one request; released unless the request ends in a job.
#[derive(Debug)]
pub(crate) struct Reservation<'a> {
    store: &'a Store,
    key: String,
    fingerprint: u128,
}

impl Store {
    pub(crate) fn new(jobs_max: usize) -> Self {
        Self {
            state: Mutex::default(),
            jobs_max,
        }
    }

    pub(crate) fn claim(&self, key: &str, fingerprint: u128) -> Claim<'_> {
        let mut state = self.lock();
        match state.by_key.get(key) {
            Some(
                KeyState::InFlight { fingerprint: known }
                | KeyState::Accepted {
                    fingerprint: known, ..
                },
            ) if *known != fingerprint => Claim::Mismatch,
            Some(KeyState::InFlight { .. }) => Claim::InFlight,
            Some(KeyState::Accepted { job, .. }) => Claim::Replay(Arc::clone(job)),
            None => {
                state
                    .by_key
                    .insert(key.to_owned(), KeyState::InFlight { fingerprint });
                Claim::New(Reservation {
                    store: self,
                    key: key.to_owned(),
                    fingerprint,
                })
            }
        }
    }

    pub(crate) fn job(&self, id: &str) -> Option<Arc<Job>> {
        self.lock().by_id.get(id).cloned()
    }

    /// Jobs of one reference, oldest first.
    pub(crate) fn jobs_of(&self, client_reference_id: &str) -> Vec<Arc<Job>> {
        self.lock()
            .by_reference
            .get(client_reference_id)
            .cloned()
            .unwrap_or_default()
    }

    /// How often this submission was turned away so far.
    pub(crate) fn refused_tries(&self, submission: u64) -> u32 {
        self.lock().refused_tries.get(&submission).copied().unwrap_or(0)
    }

    /// Counts one more refused try. `false` when there was no room to remember it.
    pub(crate) fn count_refused_try(&self, submission: u64) -> bool {
        let refused = &mut self.lock().refused_tries;
        if refused.len() >= REFUSED_SUBMISSIONS_MAX && !refused.contains_key(&submission) {
            return false;
        }
        *refused.entry(submission).or_default() += 1;
        true
    }

    /// Each step leaves the maps usable, so a panic elsewhere does not make them wrong.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reservation<'_> {
    /// Remembers the job under its key, id and reference. Returns how many old jobs had to be forgotten.
    pub(crate) fn complete(self, job: Arc<Job>, submission: u64) -> usize {
        let mut state = self.store.lock();
        state.refused_tries.remove(&submission);
        state.by_id.insert(job.id.clone(), Arc::clone(&job));
        state
            .by_reference
            .entry(job.client_reference_id().to_owned())
            .or_default()
            .push(Arc::clone(&job));
        let accepted = KeyState::Accepted {
            fingerprint: self.fingerprint,
            job: Arc::clone(&job),
        };
        state.by_key.insert(self.key.clone(), accepted);
        state.oldest_first.push_back(job);
        let mut forgotten = 0;
        while state.oldest_first.len() > self.store.jobs_max {
            state.forget_oldest();
            forgotten += 1;
        }
        forgotten
    }
}

impl Drop for Reservation<'_> {
    /// A request that was refused, or whose caller hung up, must not block its key.
    fn drop(&mut self) {
        let mut state = self.store.lock();
        if matches!(state.by_key.get(&self.key), Some(KeyState::InFlight { .. })) {
            state.by_key.remove(&self.key);
        }
    }
}

impl State {
    fn forget_oldest(&mut self) {
        let Some(job) = self.oldest_first.pop_front() else {
            return;
        };
        self.by_id.remove(&job.id);
        self.by_key.remove(&job.idempotency_key);
        if let Some(jobs) = self.by_reference.get_mut(job.client_reference_id()) {
            jobs.retain(|other| other.id != job.id);
            if jobs.is_empty() {
                self.by_reference.remove(job.client_reference_id());
            }
        }
    }
}

#[cfg(test)]
mod tests;
