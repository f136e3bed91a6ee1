//! Risks that somebody has accepted: a target may be missed without deciding the verdict, up to a day.

use jiff::civil::Date;

/// A target whose miss was accepted beforehand, by whom, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// The target that may be missed, as [`super::Condition::name`] says it: `response_time{submit_recording} p99`.
    /// Without its limit, which may change while the risk is the same.
    pub target: String,
    /// Why it may be missed.
    pub reason: String,
    /// Who answers for that.
    pub owner: String,
    /// The last day (UTC) on which it holds.
    pub expires: Date,
}

impl Waiver {
    /// Whether it still holds on `day`: its last day is one of them.
    pub fn holds_on(&self, day: Date) -> bool {
        day <= self.expires
    }

    /// What to say of it once its last day is over.
    pub fn void_sentence(&self) -> String {
        format!(
            "the waiver of {} by {} is void: it held until {}",
            self.target, self.owner, self.expires
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_day_is_part_of_it() {
        let waiver = Waiver {
            target: "error_rate".to_owned(),
            reason: "a known defect".to_owned(),
            owner: "the release manager".to_owned(),
            expires: Date::constant(2026, 12, 31),
        };
        assert!(waiver.holds_on(Date::constant(2026, 12, 31)));
        assert!(!waiver.holds_on(Date::constant(2027, 1, 1)));
    }
}
