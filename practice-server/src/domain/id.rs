//! Identifiers of rows. Each is a UUID with a type of its own, so that one cannot be passed for another.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::Refusal;

macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident, $field:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// A new random id.
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }

            /// The id as a database that knows UUIDs stores it.
            pub fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl FromStr for $name {
            type Err = Refusal;

            fn from_str(text: &str) -> Result<Self, Refusal> {
                Uuid::parse_str(text).map(Self).map_err(|_| Refusal::invalid($field, "must be a UUID"))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

row_id!(
    /// A row of `practice_sessions`.
    SessionId,
    "session_id"
);
row_id!(
    /// A row of `practice_attempts`.
    AttemptId,
    "attempt_id"
);
row_id!(
    /// A row of `classconnect_calls`: one submission to ClassConnect, under one idempotency key.
    CallId,
    "call_id"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_a_round_trip_and_nonsense_is_refused() {
        let id = SessionId::random();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("not-a-uuid".parse::<SessionId>().is_err());
        assert!("".parse::<AttemptId>().is_err());
    }
}
