//! Where traffic goes when a target has two servers: to the first, or, once it is switched, to the one that stands by. Users who
//! are under way stay where they began.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// One of the two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    First,
    Standby,
}

/// Decides where new users go, and counts those who are under way. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub struct TrafficSwitch(Arc<State>);

#[derive(Debug, Default)]
struct State {
    is_switched: AtomicBool,
    /// By server.
    users: [AtomicU64; 2],
}

/// A user's time at one of the servers: it ends when this is dropped.
#[derive(Debug)]
pub struct Stay {
    traffic: TrafficSwitch,
    server: Server,
}

impl TrafficSwitch {
    /// Where new users go.
    pub fn current(&self) -> Server {
        match self.0.is_switched.load(Ordering::SeqCst) {
            false => Server::First,
            true => Server::Standby,
        }
    }

    /// New users go to the standby from now on.
    pub fn switch(&self) {
        self.0.is_switched.store(true, Ordering::SeqCst);
    }

    /// How many users are under way at a server.
    pub fn users_at(&self, server: Server) -> u64 {
        self.users(server).load(Ordering::SeqCst)
    }

    /// A new user comes.
    pub fn enter(&self) -> Stay {
        loop {
            let server = self.current();
            // Counted first and looked at again afterwards: whoever switches and then finds nobody left can rely on it.
            self.users(server).fetch_add(1, Ordering::SeqCst);
            let stay = Stay {
                traffic: self.clone(),
                server,
            };
            if self.current() == server {
                return stay;
            }
        }
    }

    fn users(&self, server: Server) -> &AtomicU64 {
        match server {
            Server::First => &self.0.users[0],
            Server::Standby => &self.0.users[1],
        }
    }
}

impl Stay {
    /// Where this user is, to their end.
    pub fn server(&self) -> Server {
        self.server
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.traffic.users(self.server).fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_under_way_stays_and_who_comes_after_the_switch_goes_elsewhere() {
        let traffic = TrafficSwitch::default();
        let (first, second) = (traffic.enter(), traffic.enter());
        assert_eq!(
            (first.server(), traffic.users_at(Server::First)),
            (Server::First, 2)
        );
        traffic.clone().switch();
        let third = traffic.enter();
        assert_eq!((third.server(), first.server()), (Server::Standby, Server::First));
        drop(first);
        assert_eq!(traffic.users_at(Server::First), 1);
        drop(second);
        drop(third);
        assert_eq!(
            (traffic.users_at(Server::First), traffic.users_at(Server::Standby)),
            (0, 0)
        );
    }
}
