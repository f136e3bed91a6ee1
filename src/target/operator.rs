//! What an operator of the target does beside the load: requests, statements on its database, programs of the user's.

use std::time::Duration;

use super::command;
use super::probe::TargetProbe;
use super::sql;
use super::standby::{Changeover, Standby};
use crate::identity::Identities;
use crate::plan::{ActionRequest, CommandDeed, DatabaseUrl, SqlDeed};

/// Longest sentence about a deed, in characters: it stands in a report, beside others.
const SENTENCE_LENGTH_MAX: usize = 600;

/// The target's address, for programs.
const BASE_URL: &str = "LOADTEST_BASE_URL";
/// The address of the target's database, with its password: for programs whose scenario names it.
const DATABASE_URL: &str = "LOADTEST_DATABASE_URL";
/// A token of the target's operator: for programs whose scenario names it.
const OPERATOR_TOKEN: &str = "LOADTEST_OPERATOR_TOKEN";

/// An operator of the target. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Operator {
    probe: TargetProbe,
    identities: Identities,
    /// `None` when the run does not know the target's database.
    database: Option<DatabaseUrl>,
    /// The second server and the way to it; `None` for a target with one server.
    standby: Option<(TargetProbe, Changeover)>,
}

impl Operator {
    pub(super) fn new(probe: TargetProbe, identities: Identities, database: Option<String>) -> Self {
        Self {
            probe,
            identities,
            database: database.map(DatabaseUrl::new),
            standby: None,
        }
    }

    /// An operator who can switch traffic to a second server.
    pub(super) fn with_standby(self, standby: &Standby) -> Self {
        Self {
            standby: Some((standby.probe().clone(), standby.changeover())),
            ..self
        }
    }

    /// An operator with connections of their own, for another thread.
    pub fn apart(&self) -> Self {
        let standby = self.standby.as_ref();
        Self {
            probe: self.probe.apart(),
            standby: standby.map(|(probe, changeover)| (probe.apart(), changeover.clone())),
            ..self.clone()
        }
    }

    /// The server that new users go to: the first one may be gone by now.
    fn serving(&self) -> &TargetProbe {
        match &self.standby {
            Some((probe, changeover)) if changeover.is_done() => probe,
            Some(_) | None => &self.probe,
        }
    }

    /// Sends a request. The sentence says what was answered.
    ///
    /// # Errors
    /// A sentence, when there is no answer or it is not 2xx.
    pub async fn request(&self, request: &ActionRequest) -> Result<String, String> {
        self.serving().act(request).await
    }

    /// Runs statements on the target's database.
    ///
    /// # Errors
    /// A sentence, when they are not done.
    pub async fn sql(&self, deed: &SqlDeed) -> Result<String, String> {
        match &self.database {
            Some(database) => sql::run(database, deed).await,
            // The scenario is refused before it comes to this.
            None => Err("the run does not know the target's database".to_owned()),
        }
    }

    /// Sends new users to the target's second server, and stops the first when its users have left.
    ///
    /// # Errors
    /// A sentence, when they have not left within `patience`, or the server does not end.
    pub async fn switch_to_standby(&self, patience: Duration) -> Result<String, String> {
        match &self.standby {
            Some((_, changeover)) => changeover.switch(patience).await,
            // The scenario is refused before it comes to this.
            None => Err("the target has no second server".to_owned()),
        }
    }

    /// Runs a program. It always knows the target's address, and what else its scenario names.
    ///
    /// # Errors
    /// A sentence, when it does not end with status 0 in time.
    pub async fn command(&self, deed: &CommandDeed) -> Result<String, String> {
        let database = self.database.as_ref().map(|url| url.expose().to_owned());
        let on_request = [
            (DATABASE_URL, database),
            (OPERATOR_TOKEN, self.identities.operator_token()),
        ];
        let mut given = vec![(BASE_URL, self.serving().base_url().to_owned())];
        for (name, value) in on_request {
            if let Some(value) = value
                && deed.environment.iter().any(|named| named == name)
            {
                given.push((name, value));
            }
        }
        command::run(deed, &given).await
    }
}

/// A text from outside as a part of a sentence: one line of bounded length, without what could garble a terminal.
pub(super) fn in_one_line(text: &str) -> String {
    plain(text)
        .take(SENTENCE_LENGTH_MAX)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// As [`in_one_line`], by the end of the text: what a program said last is why it ended.
pub(super) fn end_in_one_line(text: &str) -> String {
    let skipped = text.chars().count().saturating_sub(SENTENCE_LENGTH_MAX);
    plain(text).skip(skipped).collect::<String>().trim().to_owned()
}

fn plain(text: &str) -> impl Iterator<Item = char> {
    text.chars().map(|c| if c.is_control() { ' ' } else { c })
}
