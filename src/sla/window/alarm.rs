//! When a breach that is seen becomes one that is raised, and when it is over. Knows no metric: only what each look
//! showed.

use std::collections::VecDeque;
use std::ops::Range;

/// What one look showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// A breach in these windows, the older first. One look may show two: the newest window, and the one before it, whose
    /// last second is complete by now.
    Breach(Vec<Range<u32>>),
    /// No breach, and clear of the level by the margin that ends one.
    Calm,
    /// Neither: no breach, but too near the level to call it over; or a breach that may be chance.
    Between,
    /// Too few samples to tell.
    Nothing,
}

/// What a look changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// The first window that was seen in breach began with second `from`.
    Raised { from: u32 },
    /// The first calm look was that after second `since` had ended.
    Cleared { since: u32 },
}

/// The rules of one alarm. There is one look a second, and a window for every second that it may end with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    /// Windows that must be in breach; at least one.
    pub(super) needed: u32,
    /// Of the last so many; at least `needed`.
    pub(super) within: u32,
    /// Calm looks in a row that end it; at least one.
    pub(super) calm: u32,
}

/// One alarm: quiet, or raised.
#[derive(Debug, Clone)]
pub(super) struct Alarm {
    rules: Rules,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    /// The latest windows in breach, the oldest first: as many as are needed at most.
    Quiet(VecDeque<Range<u32>>),
    /// Calm looks so far, and the second that had ended at the first of them.
    Raised { calm: u32, since: u32 },
}

impl Alarm {
    pub(super) fn new(rules: Rules) -> Self {
        let needed = rules.needed.max(1);
        Self {
            rules: Rules {
                needed,
                within: rules.within.max(needed),
                calm: rules.calm.max(1),
            },
            state: State::Quiet(VecDeque::new()),
        }
    }

    pub(super) fn is_raised(&self) -> bool {
        matches!(self.state, State::Raised { .. })
    }

    /// Takes the look after second `ended` has passed. Looks must come in order.
    pub(super) fn take(&mut self, ended: u32, seen: Seen) -> Option<Turn> {
        match (&mut self.state, seen) {
            (State::Quiet(breaches), Seen::Breach(windows)) => {
                for window in windows {
                    // Each window counts once, whether it was seen while its last second was filling or after that.
                    if breaches.back().is_some_and(|latest| latest.end >= window.end) {
                        continue;
                    }
                    let end = window.end;
                    breaches.push_back(window);
                    if breaches.len() > self.rules.needed as usize {
                        breaches.pop_front();
                    }
                    let oldest = breaches.front()?;
                    if breaches.len() == self.rules.needed as usize && end - oldest.end < self.rules.within {
                        let from = oldest.start;
                        self.state = State::Raised {
                            calm: 0,
                            since: ended,
                        };
                        return Some(Turn::Raised { from });
                    }
                }
                None
            }
            (State::Quiet(_), Seen::Calm | Seen::Between | Seen::Nothing) => None,
            (State::Raised { calm, since }, Seen::Calm) => {
                if *calm == 0 {
                    *since = ended;
                }
                *calm += 1;
                if *calm < self.rules.calm {
                    return None;
                }
                let since = *since;
                self.state = State::Quiet(VecDeque::new());
                Some(Turn::Cleared { since })
            }
            (State::Raised { calm, .. }, Seen::Breach(_) | Seen::Between) => {
                *calm = 0;
                None
            }
            // Who is not seen is neither well nor ill.
            (State::Raised { .. }, Seen::Nothing) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn breach(window: Range<u32>) -> Seen {
        Seen::Breach(vec![window])
    }

    /// Plays looks written as letters: b = breach, c = calm, m = between, . = nothing. Gives the index of each turn.
    fn play(needed: u32, within: u32, calm: u32, looks: &str) -> (Vec<usize>, Vec<usize>) {
        let mut alarm = Alarm::new(Rules { needed, within, calm });
        let (mut raised, mut cleared) = (Vec::new(), Vec::new());
        for (index, letter) in looks.chars().enumerate() {
            let second = index as u32;
            let seen = match letter {
                'b' => breach(second..second + 1),
                'c' => Seen::Calm,
                'm' => Seen::Between,
                _ => Seen::Nothing,
            };
            match alarm.take(second, seen) {
                Some(Turn::Raised { .. }) => raised.push(index),
                Some(Turn::Cleared { .. }) => cleared.push(index),
                None => {}
            }
        }
        (raised, cleared)
    }

    #[test]
    fn at_first_sight() {
        assert_eq!(play(0, 0, 3, "ccbcccc"), (vec![2], vec![5]));
    }

    #[test]
    fn for_so_long_without_a_break() {
        assert_eq!(play(3, 3, 2, "bbcbbb"), (vec![5], vec![]));
        assert_eq!(play(3, 3, 2, "bb.bb.bb"), (vec![], vec![]));
    }

    #[test]
    fn so_long_in_total_within_a_stretch() {
        // Three of the last five.
        assert_eq!(play(3, 5, 2, "bccbccb"), (vec![], vec![]));
        assert_eq!(play(3, 5, 2, "bcbcb"), (vec![4], vec![]));
    }

    #[test]
    fn over_only_when_calm_long_enough_and_counted_anew_after_that() {
        assert_eq!(play(1, 1, 3, "bccmcccb"), (vec![0, 7], vec![6]));
        assert_eq!(play(1, 1, 3, "bcc.c"), (vec![0], vec![4]));
        // Breaches from before the end do not count towards the next one.
        assert_eq!(play(2, 9, 1, "bbcb"), (vec![1], vec![2]));
    }

    #[test]
    fn it_tells_where_the_first_window_in_breach_began_and_the_first_calm_look() {
        let mut alarm = Alarm::new(Rules {
            needed: 2,
            within: 4,
            calm: 2,
        });
        assert_eq!(alarm.take(10, breach(1..11)), None);
        // The same window, complete by now.
        assert_eq!(alarm.take(11, breach(1..11)), None);
        assert_eq!(
            alarm.take(12, Seen::Breach(vec![2..12, 3..13])),
            Some(Turn::Raised { from: 1 })
        );
        assert!(alarm.is_raised());
        assert_eq!(alarm.take(13, Seen::Calm), None);
        assert_eq!(alarm.take(14, Seen::Calm), Some(Turn::Cleared { since: 13 }));
    }

    proptest! {
        /// Whatever is seen: between two incidents lie as many calm looks as the rules demand, and within one as many
        /// breaches as they demand, so no sequence of looks can make it flap faster.
        #[test]
        fn it_never_flaps_faster_than_the_rules_allow(
            looks in "[bcm.]{0,200}", needed in 1_u32..6, more in 0_u32..10, calm in 1_u32..12,
        ) {
            let (raised, cleared) = play(needed, needed + more, calm, &looks);
            let count = |range: std::ops::RangeInclusive<usize>, letter| {
                looks[range].chars().filter(|look| *look == letter).count()
            };
            prop_assert!(raised.len() == cleared.len() || raised.len() == cleared.len() + 1);
            for (raised, cleared) in raised.iter().zip(&cleared) {
                prop_assert!(raised < cleared);
                prop_assert!(count(raised + 1..=*cleared, 'c') >= calm as usize);
            }
            for (cleared, next) in cleared.iter().zip(raised.iter().skip(1)) {
                prop_assert!(count(cleared + 1..=*next, 'b') >= needed as usize);
            }
            let shortest = (calm + needed) as usize;
            prop_assert!(raised.len() <= looks.len() / shortest + 1);
        }
    }
}
