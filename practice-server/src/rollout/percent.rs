//! Who is served by which architecture. Pure: a user and a percentage decide.

use std::fmt;

use crate::chance;
use crate::domain::{Architecture, UserId};

/// Separates this choice from every other that is made of a user's id. Changing it would move users between the
/// architectures, so it stays.
const PURPOSE: &[u8] = b"direct_percent";

/// How many of a hundred users are served by direct calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirectPercent(u8);

impl DirectPercent {
    /// Nobody: every user is served by the trigger architecture.
    pub const NOBODY: Self = Self(0);
    /// Everybody, which is where the roll-out ends.
    pub const EVERYBODY: Self = Self(100);

    /// # Errors
    /// A number above 100.
    pub fn try_new(percent: u64) -> Result<Self, String> {
        u8::try_from(percent)
            .ok()
            .filter(|percent| *percent <= 100)
            .map(Self)
            .ok_or_else(|| format!("{percent} is no percentage; write a whole number from 0 to 100"))
    }

    pub fn get(self) -> u8 {
        self.0
    }

    /// Whether the trigger architecture serves anybody.
    pub fn is_everybody(self) -> bool {
        self == Self::EVERYBODY
    }

    /// The architecture in which this user's new sessions begin. A user keeps their place among the hundred, so whoever
    /// is served directly at one percentage is served directly at every higher one.
    pub fn architecture_of(self, user: &UserId) -> Architecture {
        if place_of(user) < self.0 {
            Architecture::Direct
        } else {
            Architecture::Trigger
        }
    }
}

impl fmt::Display for DirectPercent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The user's place, from 0 to 99.
fn place_of(user: &UserId) -> u8 {
    let hash = chance::hash(0, &[PURPOSE, user.as_str().as_bytes()]);
    u8::try_from(hash % 100).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn user(text: &str) -> UserId {
        UserId::parse(text).unwrap()
    }

    fn percent(number: u64) -> DirectPercent {
        DirectPercent::try_new(number).unwrap()
    }

    proptest! {
        #[test]
        fn who_is_direct_stays_direct_when_the_share_grows(id in "[!-~]{1,128}", low in 0_u64..=100, more in 0_u64..=100) {
            let user = user(&id);
            let high = (low + more).min(100);
            if percent(low).architecture_of(&user) == Architecture::Direct {
                prop_assert_eq!(percent(high).architecture_of(&user), Architecture::Direct);
            }
            prop_assert_eq!(percent(low).architecture_of(&user), percent(low).architecture_of(&user));
        }

        #[test]
        fn nobody_and_everybody_mean_what_they_say(id in "[!-~]{1,128}") {
            let user = user(&id);
            prop_assert_eq!(DirectPercent::NOBODY.architecture_of(&user), Architecture::Trigger);
            prop_assert_eq!(DirectPercent::EVERYBODY.architecture_of(&user), Architecture::Direct);
        }
    }

    #[test]
    fn the_share_is_about_what_was_asked_for() {
        for share in [1, 10, 50, 90] {
            let direct = (0..20_000)
                .filter(|n| {
                    percent(share).architecture_of(&user(&format!("user-{n}"))) == Architecture::Direct
                })
                .count();
            let expected = 200 * usize::try_from(share).unwrap();
            assert!(
                direct.abs_diff(expected) < 300,
                "{direct} of 20000 users are direct at {share} %"
            );
        }
    }

    #[test]
    fn a_users_place_never_moves() {
        // Fixed values: a different hash would silently move everybody in the middle of a roll-out.
        let places =
            ["user-1", "user-2", "7f3b1a52-0000-4000-8000-000000000000"].map(|id| place_of(&user(id)));
        assert_eq!(places, [27, 1, 35]);
    }

    #[test]
    fn more_than_everybody_is_refused() {
        assert!(DirectPercent::try_new(101).unwrap_err().contains("0 to 100"));
        assert_eq!(DirectPercent::try_new(100), Ok(DirectPercent::EVERYBODY));
    }
}
