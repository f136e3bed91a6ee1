//! A second server beside the first, on the same database: traffic is switched to it, and the first is stopped when its users
//! have left (blue-green).

use std::time::Duration;

use super::children::Leash;
use super::forwarder::Forwarder;
use super::probe::TargetProbe;
use crate::protocol::{Dialing, Server, TrafficSwitch};

/// How often users who are left are counted, and their numbers told.
const COUNT_EVERY: Duration = Duration::from_secs(1);
/// Numbers that are told; of a longer drain, the last ones.
const COUNTS_MAX: usize = 40;
/// How long the first server may take to end in order: it finishes its open calls.
const END_PATIENCE: Duration = Duration::from_secs(15);

/// How connections to the standby are made, and who goes there. Cloning shares the latter.
#[derive(Debug, Clone)]
pub struct StandbyEndpoints {
    pub http: Dialing,
    pub realtime: Dialing,
    pub traffic: TrafficSwitch,
}

/// The standby, ready to take over.
#[derive(Debug)]
pub struct Standby {
    pub(super) traffic: TrafficSwitch,
    /// Asks the standby.
    pub(super) probe: TargetProbe,
    /// Lets the first server go.
    pub(super) first: Leash,
    /// Kept until the run is over: ClassConnect delivers through it.
    pub(super) _forwarder: Forwarder,
}

impl Standby {
    /// Asks the standby, which has metrics of its own.
    pub fn probe(&self) -> &TargetProbe {
        &self.probe
    }

    /// Whether traffic goes to it.
    pub fn has_taken_over(&self) -> bool {
        self.traffic.current() == Server::Standby
    }

    /// What is needed to switch, for another thread.
    pub(super) fn changeover(&self) -> Changeover {
        Changeover {
            traffic: self.traffic.clone(),
            first: self.first.clone(),
        }
    }
}

/// Switches traffic. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Changeover {
    traffic: TrafficSwitch,
    first: Leash,
}

impl Changeover {
    /// Whether new users go to the standby.
    pub(super) fn is_done(&self) -> bool {
        self.traffic.current() == Server::Standby
    }

    /// Sends new users to the standby, waits until the last one has left the first server, and stops that.
    ///
    /// # Errors
    /// A sentence, when users are still there after `patience` (the first server then goes on), or the server does not end.
    pub(super) async fn switch(&self, patience: Duration) -> Result<String, String> {
        self.traffic.switch();
        let mut left = vec![self.traffic.users_at(Server::First)];
        let drained = tokio::time::timeout(patience, async {
            while self.traffic.users_at(Server::First) > 0 {
                tokio::time::sleep(COUNT_EVERY).await;
                left.push(self.traffic.users_at(Server::First));
            }
        })
        .await;
        let course = course(&left);
        if drained.is_err() {
            return Err(format!(
                "users were still at the first server after {} s, so it was not stopped; {course}",
                patience.as_secs_f64()
            ));
        }
        self.first.let_go();
        match tokio::time::timeout(END_PATIENCE, self.first.ended()).await {
            Ok(how) => Ok(format!("{course}; then the first server ended ({how})")),
            Err(_) => Err(format!(
                "{course}; but the first server did not end within {} s",
                END_PATIENCE.as_secs()
            )),
        }
    }
}

/// How many users were left, second by second.
fn course(left: &[u64]) -> String {
    let from = left.len().saturating_sub(COUNTS_MAX);
    let counts: Vec<String> = left[from..].iter().map(u64::to_string).collect();
    let before = if from > 0 { "…, " } else { "" };
    format!(
        "new users go to the standby; users left at the first server, each second: {before}{}",
        counts.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changeover() -> (Changeover, tokio::sync::watch::Sender<Option<String>>) {
        let (ended, first) = Leash::of_nobody();
        let traffic = TrafficSwitch::default();
        (Changeover { traffic, first }, ended)
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_server_is_stopped_when_its_last_user_has_left() {
        let (changeover, ended) = changeover();
        let stays = [changeover.traffic.enter(), changeover.traffic.enter()];
        let leash = changeover.first.clone();
        let users = tokio::spawn(async move {
            let [one, other] = stays;
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            drop(one);
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert!(!leash.was_let_go(), "somebody is still there");
            drop(other);
            // As the server ends when its standard input does.
            ended.send(Some("exit status: 0".to_owned())).unwrap();
        });
        let said = changeover.switch(Duration::from_secs(30)).await.unwrap();
        users.await.unwrap();
        assert_eq!(
            said,
            "new users go to the standby; users left at the first server, each second: 2, 2, 1, 0; then the first server ended \
             (exit status: 0)"
        );
        assert!(changeover.first.was_let_go());
        assert_eq!(changeover.traffic.enter().server(), Server::Standby);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_with_users_is_not_stopped() {
        let (changeover, _ended) = changeover();
        let _stay = changeover.traffic.enter();
        let said = changeover.switch(Duration::from_millis(2_500)).await.unwrap_err();
        assert_eq!(
            said,
            "users were still at the first server after 2.5 s, so it was not stopped; new users go to the standby; users left at \
             the first server, each second: 1, 1, 1"
        );
        assert!(!changeover.first.was_let_go());
    }
}
