//! What follows a delivery attempt: pure.

use std::time::Duration;

use crate::ledger::Response;
use crate::plan::PlanDuration;

/// The endpoint says that it is gone for good.
const GONE: u16 = 410;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FollowUp {
    Acknowledged,
    RetryAfter(Duration),
    GiveUp,
}

/// Only 2xx is success: a redirect is a failure like any other. 410 ends the delivery at once. `attempt` counts
/// from 1.
pub(crate) fn follow_up(response: &Response, attempt: u32, schedule: &[PlanDuration]) -> FollowUp {
    match response {
        Response::Status(200..=299) => FollowUp::Acknowledged,
        Response::Status(GONE) => FollowUp::GiveUp,
        Response::Status(_) | Response::TransportError(_) => {
            let retry = usize::try_from(attempt)
                .ok()
                .and_then(|attempt| schedule.get(attempt.checked_sub(1)?));
            retry.map_or(FollowUp::GiveUp, |pause| FollowUp::RetryAfter(pause.get()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_2xx_acknowledges_and_410_ends_it() {
        let schedule = ["1s", "5s"].map(|text| text.parse::<PlanDuration>().unwrap());
        let (one, five) = (Duration::from_secs(1), Duration::from_secs(5));
        let table = [
            (Response::Status(200), 1, FollowUp::Acknowledged),
            (Response::Status(204), 3, FollowUp::Acknowledged),
            (Response::Status(199), 1, FollowUp::RetryAfter(one)),
            (Response::Status(302), 1, FollowUp::RetryAfter(one)),
            (Response::Status(401), 1, FollowUp::RetryAfter(one)),
            (Response::Status(503), 2, FollowUp::RetryAfter(five)),
            (Response::Status(503), 3, FollowUp::GiveUp),
            (Response::Status(410), 1, FollowUp::GiveUp),
            (
                Response::TransportError("timed out".into()),
                2,
                FollowUp::RetryAfter(five),
            ),
            (Response::TransportError("timed out".into()), 3, FollowUp::GiveUp),
        ];
        for (response, attempt, expected) in table {
            assert_eq!(
                follow_up(&response, attempt, &schedule),
                expected,
                "{response:?}, attempt {attempt}"
            );
        }
        assert_eq!(follow_up(&Response::Status(500), 1, &[]), FollowUp::GiveUp);
    }
}
