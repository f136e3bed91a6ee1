//! The sockets of this machine: how many a run may open, and how many its plan needs.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::plan::{Connections, Plan, StepKind, TargetKind};
use crate::protocol::Origin;

/// Descriptors besides those of virtual users: files, pipes to the children, the runtimes' own, connections of the
/// health check and the audit.
const DESCRIPTORS_RESERVED: u64 = 64;
/// Descriptors that each worker's runtime opens.
const DESCRIPTORS_PER_WORKER: u64 = 8;
/// The local ports that Linux gives to connections, lowest and highest.
const PORT_RANGE_FILE: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// Linux keeps the port of a connection that it closed itself for so long (TIME_WAIT).
const PORT_REST: Duration = Duration::from_secs(60);

/// What this process may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SocketLimits {
    /// Open descriptors.
    pub(super) descriptors: u64,
    /// Local ports of one source address towards one address of the target; `None` where the system does not say.
    pub(super) ports: Option<u64>,
}

/// Why a plan cannot open its sockets.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SocketShortage {
    #[error(
        "the plan may need {needed} open files at once ({vus} virtual users with {per_user} each, and {reserved} for \
         the run itself), but this process may have {allowed}: raise the limit with `ulimit -n {needed}` (the hard limit \
         is set by the administrator), or lower the number of virtual users (`max_vus` or `vus` in [load])"
    )]
    Descriptors {
        needed: u64,
        allowed: u64,
        vus: u32,
        per_user: u64,
        reserved: u64,
    },
    #[error(
        "the plan may need {needed} connections to one address at once ({vus} virtual users with {per_user} each), but \
         {sources} of this machine allow {allowed} ({PORT_RANGE_FILE}): widen the range, name more \
         `source_addresses` in [load], or lower the number of virtual users (`max_vus` or `vus`)"
    )]
    Ports {
        needed: u64,
        allowed: u64,
        vus: u32,
        per_user: u64,
        sources: String,
    },
}

impl SocketLimits {
    /// Raises the limit of open descriptors as far as this process may, children included, and says what the limits
    /// are. A limit that cannot be raised stays as it is.
    pub(super) fn raise() -> Self {
        let limit = getrlimit(Resource::Nofile);
        let raised = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        if limit.current != limit.maximum
            && let Err(error) = setrlimit(Resource::Nofile, raised)
        {
            tracing::warn!(%error, "the limit of open files stays as it is");
        }
        Self {
            // No limit is said by its absence.
            descriptors: getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX),
            ports: std::fs::read_to_string(PORT_RANGE_FILE)
                .ok()
                .and_then(|text| port_range(&text))
                .map(|range| u64::from(*range.end()) - u64::from(*range.start()) + 1),
        }
    }

    /// Makes sure that every virtual user of the plan can have its sockets.
    ///
    /// # Errors
    /// When there are fewer than the plan may need.
    pub(super) fn check(&self, plan: &Plan) -> Result<(), SocketShortage> {
        let vus = plan.load.max_vus;
        let subscribes = plan.steps.iter().any(|step| step.kind == StepKind::Subscribe);
        let per_user = u64::from(plan.connections_of_a_user()) + u64::from(subscribes);
        let reserved = DESCRIPTORS_RESERVED + DESCRIPTORS_PER_WORKER * u64::from(plan.load.workers);
        let needed = u64::from(vus) * per_user + reserved;
        if needed > self.descriptors {
            return Err(SocketShortage::Descriptors {
                needed,
                allowed: self.descriptors,
                vus,
                per_user,
                reserved,
            });
        }
        let per_user = connections_to_one_address(plan);
        let allowed = self.ports_in_all(plan).unwrap_or(u64::MAX);
        let needed = u64::from(vus) * per_user;
        if needed > allowed {
            return Err(SocketShortage::Ports {
                needed,
                allowed,
                vus,
                per_user,
                sources: sources_in_words(plan),
            });
        }
        Ok(())
    }

    /// What to expect of a plan that opens connections faster than ports become free again; `peak_rate` is its
    /// iterations per second at the busiest moment.
    pub(super) fn warning(&self, plan: &Plan, peak_rate: f64) -> Option<String> {
        let ports = self.ports_in_all(plan)?;
        // On loopback the system gives a port away again at once, unless the source address was asked for.
        let is_spared = is_loopback(plan) && source_addresses(plan) == 0;
        if is_spared || plan.load.connections == Connections::PerVirtualUser {
            return None;
        }
        let opened_per_s = peak_rate * connections_to_one_address(plan) as f64;
        let resting = opened_per_s * plan.load.executor.duration().min(PORT_REST).as_secs_f64();
        (resting > ports as f64).then(|| {
            format!(
                "WARNING: at its peak the plan opens {opened_per_s:.0} connections per second, and the port of each rests \
                 for {} s after it; {ports} ports ({}) last for {:.0} per second. Requests beyond that find none. Name \
                 more `source_addresses` in [load], or keep connections (connections = \"per-vu\")",
                PORT_REST.as_secs(),
                sources_in_words(plan),
                ports as f64 / PORT_REST.as_secs_f64()
            )
        })
    }

    /// Local ports towards one address of the target.
    fn ports_in_all(&self, plan: &Plan) -> Option<u64> {
        let sources = source_addresses(plan).max(1);
        self.ports.map(|ports| ports.saturating_mul(sources))
    }
}

/// Descriptors that this process has open now; `None` where the system does not say.
pub(super) fn descriptors_open() -> Option<u64> {
    let entries = std::fs::read_dir("/proc/self/fd").ok()?;
    // Reading the folder takes a descriptor itself.
    Some((entries.count() as u64).saturating_sub(1))
}

fn port_range(text: &str) -> Option<RangeInclusive<u16>> {
    let mut numbers = text.split_whitespace().map(str::parse::<u16>);
    let (lowest, highest) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    (lowest <= highest).then_some(lowest..=highest)
}

/// Connections that one virtual user has to one address: requests and realtime share its ports when they share it.
fn connections_to_one_address(plan: &Plan) -> u64 {
    let subscribes = plan.steps.iter().any(|step| step.kind == StepKind::Subscribe);
    let shared = match &plan.target.kind {
        TargetKind::Reference(_) => true,
        TargetKind::Remote(remote) => {
            let place =
                |url: &str| Origin::parse(url).map(|origin| (origin.host().to_owned(), origin.port()));
            place(&remote.base_url) == place(&remote.realtime_url)
        }
    };
    u64::from(plan.connections_of_a_user()) + u64::from(subscribes && shared)
}

fn is_loopback(plan: &Plan) -> bool {
    match &plan.target.kind {
        TargetKind::Reference(_) => true,
        TargetKind::Remote(remote) => Origin::parse(&remote.base_url).is_some_and(|origin| {
            origin.host().eq_ignore_ascii_case("localhost")
                || origin
                    .host()
                    .parse::<IpAddr>()
                    .is_ok_and(|address| address.is_loopback())
        }),
    }
}

fn sources_in_words(plan: &Plan) -> String {
    match source_addresses(plan) {
        0 | 1 => "the local ports of one source address".to_owned(),
        several => format!("the local ports of {several} source addresses"),
    }
}

fn source_addresses(plan: &Plan) -> u64 {
    match &plan.target.kind {
        TargetKind::Reference(_) => 0,
        TargetKind::Remote(remote) => remote.transport.source_addresses.len() as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{LoadOptions, load};

    fn plan(vus: u32, subscribes: bool) -> Plan {
        let subscribe = if subscribes {
            "[[journey.steps]]\nsubscribe = \"all\"\nchanges = [{ table = \"t\" }]\n"
        } else {
            ""
        };
        let text = format!(
            "name = \"s\"\n[target]\nserver = \"reference\"\n[load]\nexecutor = \"constant-vus\"\nvus = {vus}\n\
             duration = \"1s\"\nworkers = 1\n[[journey]]\nname = \"j\"\n[[journey.steps]]\nrequest = \"GET /\"\n\
             {subscribe}"
        );
        plan_of(&text)
    }

    fn plan_of(text: &str) -> Plan {
        let options = LoadOptions {
            sets: &[],
            seed: None,
            cores: 1,
            environment: &|_| None,
            read: &|_| Ok(text.to_owned()),
        };
        match load(std::path::Path::new("s.toml"), &options) {
            Ok(loaded) => loaded.plan,
            Err(mistakes) => panic!("{mistakes}"),
        }
    }

    fn limits(descriptors: u64, ports: u64) -> SocketLimits {
        SocketLimits {
            descriptors,
            ports: Some(ports),
        }
    }

    #[test]
    fn a_plan_needs_a_descriptor_for_each_socket_and_some_for_the_run() {
        assert_eq!(limits(1_072, 28_232).check(&plan(1_000, false)), Ok(()));
        let shortage = limits(2_071, 28_232).check(&plan(1_000, true)).unwrap_err();
        let sentence = shortage.to_string();
        assert!(
            sentence.contains(
                "may need 2072 open files at once (1000 virtual users with 2 each, and 72 for the run itself)"
            ) && sentence.contains("may have 2071")
                && sentence.contains("`ulimit -n 2072`")
                && sentence.contains("`max_vus`"),
            "{sentence}"
        );
        assert_eq!(limits(2_072, 28_232).check(&plan(1_000, true)), Ok(()));
    }

    #[test]
    fn a_plan_needs_a_port_for_each_socket_to_one_address() {
        assert_eq!(limits(u64::MAX, 2_000).check(&plan(1_000, true)), Ok(()));
        let shortage = limits(u64::MAX, 1_999).check(&plan(1_000, true)).unwrap_err();
        let sentence = shortage.to_string();
        assert!(
            sentence.contains(
                "may need 2000 connections to one address at once (1000 virtual users with 2 each)"
            ) && sentence.contains("the local ports of one source address of this machine allow 1999")
                && sentence.contains("`source_addresses`"),
            "{sentence}"
        );
        let unknown = SocketLimits {
            descriptors: u64::MAX,
            ports: None,
        };
        assert_eq!(unknown.check(&plan(100_000, true)), Ok(()));
    }

    #[test]
    fn a_plan_that_opens_connections_faster_than_ports_rest_is_warned_of() {
        let limits = limits(u64::MAX, 28_232);
        let remote = |host: &str, more: &str| {
            let text = format!(
                "name = \"s\"\n[target]\nbase_url = \"http://{host}\"\nallow_hosts = [\"192.0.2.1\"]\n[load]\n\
                 executor = \"constant-arrival-rate\"\nrate = \"600/s\"\nduration = \"90s\"\n{more}\n[[journey]]\n\
                 name = \"j\"\nsteps = [{{ request = \"GET /\" }}]\n"
            );
            plan_of(&text)
        };
        let warning = limits.warning(&remote("192.0.2.1", ""), 600.0).unwrap();
        assert!(
            warning.contains("opens 600 connections per second")
                && warning
                    .contains("28232 ports (the local ports of one source address) last for 471 per second"),
            "{warning}"
        );
        assert_eq!(limits.warning(&remote("192.0.2.1", ""), 470.0), None);
        let two = "source_addresses = [\"192.0.2.7\", \"192.0.2.8\"]";
        assert_eq!(limits.warning(&remote("192.0.2.1", two), 600.0), None);
        let kept = "connections = \"per-vu\"";
        assert_eq!(limits.warning(&remote("192.0.2.1", kept), 600.0), None);
        // On this machine ports do not rest, unless their address was asked for.
        assert_eq!(limits.warning(&remote("127.0.0.1", ""), 6_000.0), None);
        let bound = remote("127.0.0.1", "source_addresses = [\"127.0.0.2\"]");
        assert!(limits.warning(&bound, 600.0).is_some());
    }

    #[test]
    fn the_range_of_ports_is_read_as_linux_writes_it() {
        assert_eq!(port_range("32768\t60999\n"), Some(32_768..=60_999));
        for text in ["", "32768", "60999 32768", "a b"] {
            assert_eq!(port_range(text), None, "{text:?}");
        }
    }

    #[test]
    fn this_process_has_limits_and_descriptors() {
        let limits = SocketLimits::raise();
        let open = descriptors_open().unwrap();
        assert!(open >= 3 && open <= limits.descriptors, "{open}, {limits:?}");
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum, "the soft limit is the hard one now");
    }
}
