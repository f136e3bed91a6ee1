//! Publishes the messages of the log in their order: whose commit it was, who may see it, who gets it.

use std::ops::AddAssign;
use std::time::Duration;

use tokio::time::timeout;
use uuid::Uuid;

use super::FeedError;
use super::changes::{Event, Follower, Moments};
use super::pgoutput::{Begin, Message, decode};
use crate::clock;
use crate::realtime::access::{AccessRules, Judge, Question, Verdict, read_rules};
use crate::realtime::change::{Change, Table};
use crate::realtime::commits::CommitMoments;
use crate::realtime::hub::Hub;
use crate::realtime::registry::Recipient;

/// Longest wait for the database's answer about rules or rows. All later changes wait as long.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// What became of one message, or of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Published {
    /// Row changes of published tables.
    pub(super) changes: usize,
    /// Channels that got one of them.
    pub(super) deliveries: usize,
}

impl AddAssign for Published {
    fn add_assign(&mut self, other: Self) {
        self.changes += other.changes;
        self.deliveries += other.deliveries;
    }
}

/// Publishes the messages of one stream.
pub(super) struct Publisher {
    hub: Hub,
    commits: CommitMoments,
    judge: Judge,
    follower: Follower,
    /// When the transaction that is being read was committed, once it has been looked up.
    moments: Option<Moments>,
}

impl Publisher {
    pub(super) fn new(hub: Hub, commits: CommitMoments, judge: Judge) -> Self {
        Self {
            hub,
            commits,
            judge,
            follower: Follower::default(),
            moments: None,
        }
    }

    /// Whether a transaction's messages are still coming.
    pub(super) fn is_inside_transaction(&self) -> bool {
        self.follower.transaction().is_some()
    }

    /// Reads the rules and lets subscribers in.
    pub(super) async fn go_live(&mut self) -> Result<(), FeedError> {
        let rules = self.rules().await?;
        self.hub.feed_is_live(rules);
        Ok(())
    }

    /// Reads the rules again.
    pub(super) async fn refresh_rules(&mut self) -> Result<(), FeedError> {
        let rules = self.rules().await?;
        self.hub.set_rules(rules);
        Ok(())
    }

    async fn rules(&mut self) -> Result<AccessRules, FeedError> {
        let doing = "reading who may see what";
        answer(doing, read_rules(self.judge.connection())).await
    }

    pub(super) async fn take_bytes(&mut self, bytes: &[u8]) -> Result<Published, FeedError> {
        self.take(decode(bytes)?).await
    }

    pub(super) async fn take(&mut self, message: Message<'_>) -> Result<Published, FeedError> {
        let mut published = Published::default();
        match self.follower.follow(message)? {
            Event::Nothing => {}
            Event::Committed => self.moments = None,
            // PostgreSQL announces a table again after its privileges or policies have changed.
            Event::Announced => self.refresh_rules().await?,
            Event::Changed(row) => {
                let Some(begin) = self.follower.transaction() else {
                    return Ok(published);
                };
                let moments = match self.moments {
                    Some(moments) => moments,
                    None => *self.moments.insert(self.moments_of(begin).await),
                };
                published.changes = 1;
                published.deliveries = self.publish(&row.into_change(begin, moments)).await?;
            }
        }
        Ok(published)
    }

    async fn moments_of(&self, begin: Begin) -> Moments {
        let returned_ns = self.commits.moment_of(begin.xid).await;
        // Both clocks are read now, so that a clock that was set meanwhile does no harm.
        let age_us = clock::unix_us().saturating_sub(begin.committed_unix_us);
        let recorded_ns = clock::monotonic_ns().saturating_add_signed(age_us.saturating_mul(-1_000));
        Moments {
            returned_ns,
            recorded_ns,
        }
    }

    /// The number of channels that got the change.
    async fn publish(&mut self, change: &Change) -> Result<usize, FeedError> {
        let selection = self.hub.select(change);
        let mut recipients = selection.visible;
        if !selection.undecided.is_empty() {
            recipients.extend(self.judged(change, selection.undecided).await?);
        }
        self.hub.deliver(change, &recipients);
        self.hub.counters().changes_read.increment();
        Ok(recipients.len())
    }

    /// Those whom the database lets see the row.
    async fn judged(
        &mut self,
        change: &Change,
        undecided: Vec<Recipient>,
    ) -> Result<Vec<Recipient>, FeedError> {
        let key = change.row().and_then(|row| row.get(Table::KEY)?.as_str());
        let Some(key) = key.and_then(|key| Uuid::try_parse(key).ok()) else {
            return Ok(Vec::new());
        };
        let clients: Vec<_> = undecided
            .iter()
            .map(|recipient| recipient.channel.identity.clone())
            .collect();
        let question = Question {
            table: change.table,
            key,
            clients: &clients,
        };
        let doing = "asking who may see a row";
        let said = answer(doing, self.judge.ask(&question)).await?;
        let counters = self.hub.counters();
        counters.policy_questions.add(said.asked);
        counters.policy_failures.add(said.failed);
        let visible = undecided.into_iter().zip(said.verdicts);
        Ok(visible
            .filter_map(|(recipient, verdict)| (verdict == Verdict::Visible).then_some(recipient))
            .collect())
    }

    pub(super) async fn close(self) {
        self.judge.close().await;
    }
}

/// Waits for the database, but not for ever. A session that was left in the middle of an answer is not used again: the
/// error ends the feed's session with it.
async fn answer<T>(
    doing: &'static str,
    asking: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, FeedError> {
    match timeout(ANSWER_TIMEOUT, asking).await {
        Ok(answer) => answer.map_err(FeedError::database(doing)),
        Err(_) => Err(FeedError::Silent {
            doing,
            limit: ANSWER_TIMEOUT,
            advice: "simplify the policies of the published tables, or relieve the database",
        }),
    }
}
