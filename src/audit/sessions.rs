//! The sessions of users with patience, joined with what was found about the work that they handed in.
//!
//! A session is completed when its user came to the end and every result was read back as it had been sent: what a user
//! was shown and the target does not hold is nothing that they have completed.

use std::collections::HashSet;

use crate::metrics::{Completion, SessionEnd, SessionRecord};

/// All sessions of the history, and the tickets about whose work something was found.
#[derive(Debug, Default)]
pub struct Sessions {
    ended: Vec<SessionRecord>,
    /// Tickets whose user left: nobody was there to receive what came later.
    left: HashSet<u64>,
    /// Tickets with a result that could not be read back.
    unconfirmed: HashSet<u64>,
    /// Tickets whose work was lost, done twice or given to somebody else.
    violated: HashSet<u64>,
}

/// A session with everything that is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditedSession {
    pub record: SessionRecord,
    pub completed: bool,
    /// Whether something about the user's work gives them reason to complain.
    pub violated: bool,
}

impl Sessions {
    /// Takes in a session of the history.
    pub fn take(&mut self, record: SessionRecord) {
        if record.end.is_left() {
            self.left.insert(record.ticket);
        }
        self.ended.push(record);
    }

    /// Whether a ticket's user left before the end.
    pub fn has_left(&self, ticket: u64) -> bool {
        self.left.contains(&ticket)
    }

    /// A result of this ticket could not be read back.
    pub fn not_confirmed(&mut self, ticket: u64) {
        self.unconfirmed.insert(ticket);
    }

    /// Work of this ticket was lost, done twice or given to somebody else.
    pub fn violated(&mut self, ticket: u64) {
        self.violated.insert(ticket);
    }

    /// The sessions, in the order in which they ended.
    pub fn audited(self) -> Vec<AuditedSession> {
        let (unconfirmed, violated) = (self.unconfirmed, self.violated);
        let audited = self.ended.into_iter().map(|record| AuditedSession {
            completed: record.end == SessionEnd::Reached
                && !unconfirmed.contains(&record.ticket)
                && !violated.contains(&record.ticket),
            violated: violated.contains(&record.ticket),
            record,
        });
        audited.collect()
    }
}

/// How many of the sessions that are judged were completed, and how long that took.
pub fn completion(sessions: &[AuditedSession]) -> Completion {
    let judged = || sessions.iter().filter(|session| !session.record.warm_up);
    let of = |is: fn(&AuditedSession) -> bool| judged().filter(|session| is(session)).count() as u64;
    let mut times: Vec<u64> = judged()
        .filter(|session| session.completed)
        .map(|session| time_ns(&session.record))
        .collect();
    times.sort_unstable();
    let quantile_ms = |quantile: f64| {
        let rank = (quantile * times.len() as f64 - 1e-9).ceil().max(1.0) as usize;
        times.get(rank - 1).map(|ns| *ns as f64 / 1e6)
    };
    let ends: Vec<(u64, Ended)> = judged().map(ended).collect();
    Completion {
        sessions: ends.len() as u64,
        completed: times.len() as u64,
        unconfirmed: of(|session| session.record.end == SessionEnd::Reached && !session.completed),
        running: of(|session| session.record.end == SessionEnd::Unfinished),
        estimate: completing(ends),
        time_p50_ms: quantile_ms(0.5),
        time_p95_ms: quantile_ms(0.95),
    }
}

fn time_ns(record: &SessionRecord) -> u64 {
    record.ended_ns.saturating_sub(record.began_ns)
}

/// An end as the estimate sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Completed,
    /// Ended without being completed.
    Otherwise,
    /// Cut off: it might have ended in any way.
    Censored,
}

fn ended(session: &AuditedSession) -> (u64, Ended) {
    let end = match session.record.end {
        SessionEnd::Unfinished => Ended::Censored,
        _ if session.completed => Ended::Completed,
        _ => Ended::Otherwise,
    };
    (time_ns(&session.record), end)
}

/// The share of sessions that would complete if none were cut off.
///
/// With `nᵢ` sessions under way at the time `tᵢ` of an end, the share of all that is still under way is Kaplan–Meier's
/// `S(t) = Π (1 − dᵢ/nᵢ)` over ends of any kind, and what completes is `Σ S(tᵢ−) · cᵢ/nᵢ` (Aalen & Johansen 1978). What was
/// still under way at the last end is shared out as the ends before were. Without anybody cut off this is the plain share.
/// `None` when nobody was seen to end.
fn completing(mut ends: Vec<(u64, Ended)>) -> Option<f64> {
    ends.sort_unstable_by_key(|(time, _)| *time);
    let mut under_way = ends.len() as f64;
    let (mut still, mut completed, mut otherwise) = (1.0, 0.0, 0.0);
    for group in ends.chunk_by(|left, right| left.0 == right.0) {
        let count = |end: Ended| group.iter().filter(|(_, found)| *found == end).count() as f64;
        let (complete, other) = (count(Ended::Completed), count(Ended::Otherwise));
        completed += still * complete / under_way;
        otherwise += still * other / under_way;
        still *= 1.0 - (complete + other) / under_way;
        // Who is cut off at the same time was still under way when the others ended.
        under_way -= group.len() as f64;
    }
    let seen = completed + otherwise;
    (seen > 0.0).then(|| completed / seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(ticket: u64, seconds: u64, end: SessionEnd) -> SessionRecord {
        SessionRecord {
            ticket,
            warm_up: false,
            began_ns: 5_000_000_000,
            ended_ns: (5 + seconds) * 1_000_000_000,
            end,
            left_at: None,
            complained: false,
        }
    }

    fn found(sessions: Vec<SessionRecord>, unconfirmed: &[u64]) -> Completion {
        let mut all = Sessions::default();
        for record in sessions {
            all.take(record);
        }
        for ticket in unconfirmed {
            all.not_confirmed(*ticket);
        }
        completion(&all.audited())
    }

    #[test]
    fn a_session_is_completed_when_its_results_were_read_back() {
        let sessions = vec![
            session(1, 10, SessionEnd::Reached),
            session(2, 12, SessionEnd::Reached),
            session(3, 3, SessionEnd::LeftWaiting),
            session(4, 4, SessionEnd::LeftAfterError),
            SessionRecord {
                warm_up: true,
                ..session(5, 4, SessionEnd::LeftWaiting)
            },
        ];
        let all = found(sessions.clone(), &[]);
        assert_eq!((all.sessions, all.completed, all.unconfirmed), (4, 2, 0));
        assert_eq!(
            all.estimate,
            Some(0.5),
            "without anybody cut off, the plain share"
        );
        assert_eq!(
            (all.time_p50_ms, all.time_p95_ms),
            (Some(10_000.0), Some(12_000.0))
        );
        let one_missing = found(sessions.clone(), &[2]);
        assert_eq!((one_missing.completed, one_missing.unconfirmed), (1, 1));
        let mut violated = Sessions::default();
        sessions.into_iter().for_each(|record| violated.take(record));
        violated.violated(1);
        assert!(violated.has_left(3) && !violated.has_left(1));
        let audited = violated.audited();
        assert!(audited[0].violated && !audited[0].completed && audited[1].completed);
    }

    #[test]
    fn who_was_cut_off_is_taken_to_end_as_the_others_did() {
        // Worked out by hand. At 2 s, 5 under way: one leaves (0.2). At 3 s one is cut off. At 4 s, 3 under way: one
        // completes (0.8/3). At 6 s, 2 under way: one completes (0.8 · 2/3 · 1/2 = 0.8/3). At 9 s the last is cut off.
        let estimate = found(
            vec![
                session(1, 2, SessionEnd::LeftWaiting),
                session(2, 3, SessionEnd::Unfinished),
                session(3, 4, SessionEnd::Reached),
                session(4, 6, SessionEnd::Reached),
                session(5, 9, SessionEnd::Unfinished),
            ],
            &[],
        );
        assert_eq!((estimate.completed, estimate.running), (2, 2));
        let completed = 0.8 * 2.0 / 3.0;
        let expected = completed / (completed + 0.2);
        assert!(
            (estimate.estimate.unwrap() - expected).abs() < 1e-12,
            "{estimate:?}"
        );
    }

    #[test]
    fn nobody_seen_to_end_gives_no_estimate() {
        assert_eq!(found(Vec::new(), &[]).estimate, None);
        let cut_off = found(vec![session(1, 2, SessionEnd::Unfinished)], &[]);
        assert_eq!((cut_off.estimate, cut_off.completed), (None, 0));
        assert_eq!(cut_off.time_p50_ms, None);
    }
}
