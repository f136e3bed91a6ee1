//! When a row change was committed, on our own clock: what a realtime latency begins with.

use crate::clock::Moment;
use crate::protocol::ChangeFrame;

/// By what clock the target's commits are dated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitClock {
    /// The target runs on this host: its events carry the host's monotonic clock, as ours do.
    ThisHost,
    /// The target's wall clock was compared with our monotonic one: it is this many nanoseconds ahead.
    Compared { ahead_ns: i64 },
    /// The target's clock says nothing to us.
    Unknown,
}

impl CommitClock {
    /// The moment at which the change was committed; `None` when nobody here can tell.
    pub(super) fn committed(self, change: &ChangeFrame<'_>) -> Option<Moment> {
        match self {
            CommitClock::ThisHost => change.committed_monotonic_ns.map(Moment::from_nanos),
            CommitClock::Compared { ahead_ns } => {
                let text = change.commit_timestamp?.as_str()?;
                let committed: jiff::Timestamp = text.parse().ok()?;
                let ours_ns = committed.as_nanosecond() - i128::from(ahead_ns);
                u64::try_from(ours_ns).ok().map(Moment::from_nanos)
            }
            CommitClock::Unknown => None,
        }
    }

    /// The moment of the commit's record in the database's log, which only a target on this host says on our clock.
    pub(super) fn recorded(self, change: &ChangeFrame<'_>) -> Option<Moment> {
        (self == CommitClock::ThisHost)
            .then_some(change.commit_record_monotonic_ns)
            .flatten()
            .map(Moment::from_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Frame, decode};

    const CHANGE: &str = concat!(
        r#"["1",null,"realtime:room","postgres_changes",{"ids":[1],"data":{"schema":"public","table":"sessions","#,
        r#""type":"UPDATE","commit_timestamp":"2026-01-02T03:04:05.250Z","record":{"id":"s"},"#,
        r#""committed_monotonic_ns":7000000000,"commit_record_monotonic_ns":6000000000,"errors":null}}]"#,
    );

    fn committed(clock: CommitClock, text: &str) -> (Option<u64>, Option<u64>) {
        let Frame::Change(change) = decode(text) else {
            panic!("{text} is a change");
        };
        (
            clock.committed(&change).map(Moment::as_nanos),
            clock.recorded(&change).map(Moment::as_nanos),
        )
    }

    #[test]
    fn a_commit_is_dated_by_the_clock_that_is_known() {
        assert_eq!(
            committed(CommitClock::ThisHost, CHANGE),
            (Some(7_000_000_000), Some(6_000_000_000))
        );
        // At 03:04:00 over there our own clock showed 9 s.
        let there: jiff::Timestamp = "2026-01-02T03:04:00Z".parse().unwrap();
        let ahead_ns = i64::try_from(there.as_nanosecond()).unwrap() - 9_000_000_000;
        assert_eq!(
            committed(CommitClock::Compared { ahead_ns }, CHANGE),
            (Some(14_250_000_000), None),
            "the monotonic clock of another host means nothing here"
        );
        assert_eq!(committed(CommitClock::Unknown, CHANGE), (None, None));
    }

    #[test]
    fn a_change_that_does_not_say_when_has_no_moment() {
        let silent = CHANGE
            .replace("committed_monotonic_ns", "x")
            .replace("commit_timestamp", "y")
            .replace("commit_record_monotonic_ns", "z");
        for clock in [CommitClock::ThisHost, CommitClock::Compared { ahead_ns: 0 }] {
            assert_eq!(committed(clock, &silent).0, None, "{clock:?}");
        }
        let nonsense = CHANGE.replace("2026-01-02T03:04:05.250Z", "yesterday");
        assert_eq!(
            committed(CommitClock::Compared { ahead_ns: 0 }, &nonsense).0,
            None
        );
    }
}
