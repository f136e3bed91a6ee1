//! Reads what the kernel says about the machine, once a second. Every file may be missing: on another system than Linux, in
//! a container, or for want of the right to read it.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::contention::ContentionMeter;
use crate::clock::Moment;
use crate::metrics::HostSecond;

/// None of these files is longer; what is, is not one of them.
const FILE_BYTES_MAX: u64 = 256 * 1024;
const CPU_TIMES: &str = "/proc/stat";
const CPU_PRESSURE: &str = "/proc/pressure/cpu";
const DISK_PRESSURE: &str = "/proc/pressure/io";
const MEMORY: &str = "/proc/self/statm";
const SOCKETS: &str = "/proc/net/sockstat";
const CONTROL_GROUP: &str = "/proc/self/cgroup";
/// Where control groups are mounted, of the second version and of the first.
const CONTROL_GROUPS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/cpu"];

/// Compares each reading with the one before.
#[derive(Debug)]
pub(super) struct HostMeter {
    /// Where the control group counts its throttling.
    throttling: Option<PathBuf>,
    /// `None` where processes of the target's cannot be told from others.
    contention: Option<ContentionMeter>,
    before: Reading,
}

/// What the files say at one moment; all counters grow.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Reading {
    at: Moment,
    cpu: Option<CpuTimes>,
    /// Time in which some task waited for a core.
    waiting: Option<Duration>,
    /// Time in which some task waited for a disk.
    waiting_for_disk: Option<Duration>,
    /// Time in which the control group had nothing left.
    throttled: Option<Duration>,
}

/// Ticks of all cores together since the machine was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CpuTimes {
    busy: u64,
    /// The part of it that programs used; what interrupts took is nobody's.
    programs: u64,
    idle: u64,
    stolen: u64,
}

impl HostMeter {
    /// A meter whose first comparison begins at `now`. Who had the cores is only asked where it `can_tell_others`: where no
    /// process of the target's is one that this process has not started.
    pub(super) fn start(now: Moment, can_tell_others: bool) -> Self {
        let throttling = throttling_file();
        let before = Reading::take(now, throttling.as_deref());
        let cpu = before.cpu.filter(|_| can_tell_others);
        Self {
            contention: cpu.map(|cpu| ContentionMeter::start(cpu.programs)),
            before,
            throttling,
        }
    }

    /// What has happened since the last time.
    pub(super) fn read(&mut self, now: Moment) -> HostSecond {
        let reading = Reading::take(now, self.throttling.as_deref());
        let mut second = reading.since(&self.before);
        self.before = reading;
        let meter = self.contention.as_mut().zip(reading.cpu);
        second.contention = meter.and_then(|(meter, cpu)| meter.read(cpu.programs));
        second.memory = read(MEMORY).and_then(|text| resident(&text));
        let sockets = read(SOCKETS).and_then(|text| tcp_sockets(&text));
        second.sockets = sockets.map(|(in_use, _)| in_use);
        second.sockets_resting = sockets.map(|(_, resting)| resting);
        second
    }
}

impl Reading {
    fn take(at: Moment, throttling: Option<&Path>) -> Self {
        Self {
            at,
            cpu: read(CPU_TIMES).and_then(|text| cpu_times(&text)),
            waiting: read(CPU_PRESSURE).and_then(|text| some_waited(&text)),
            waiting_for_disk: read(DISK_PRESSURE).and_then(|text| some_waited(&text)),
            throttled: throttling.and_then(read).and_then(|text| throttled(&text)),
        }
    }

    fn since(&self, before: &Reading) -> HostSecond {
        let passed = self.at.since(before.at).as_secs_f64();
        let share = |now: Option<Duration>, before: Option<Duration>| {
            let grown = now?.saturating_sub(before?).as_secs_f64();
            (passed > 0.0).then(|| grown / passed)
        };
        let cpu = self.cpu.zip(before.cpu).and_then(|(now, before)| {
            let grown = |of: fn(&CpuTimes) -> u64| of(&now).saturating_sub(of(&before)) as f64;
            let (busy, stolen) = (grown(|times| times.busy), grown(|times| times.stolen));
            let all = busy + stolen + grown(|times| times.idle);
            (all > 0.0).then(|| (busy / all, stolen / all))
        });
        HostSecond {
            busy: cpu.map(|(busy, _)| busy),
            stolen: cpu.map(|(_, stolen)| stolen),
            waiting: share(self.waiting, before.waiting),
            waiting_for_disk: share(self.waiting_for_disk, before.waiting_for_disk),
            throttled: share(self.throttled, before.throttled),
            ..HostSecond::default()
        }
    }
}

/// The beginning of a file; `None` when it cannot be read.
pub(super) fn read(path: impl AsRef<Path>) -> Option<String> {
    let mut text = String::new();
    File::open(path)
        .ok()?
        .take(FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .ok()?;
    Some(text)
}

/// The first line of `/proc/stat`: user nice system idle iowait irq softirq steal, in ticks. What guests used is part of
/// `user` already.
fn cpu_times(text: &str) -> Option<CpuTimes> {
    let numbers = text.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = numbers
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    let [
        user,
        nice,
        system,
        idle,
        waiting,
        interrupts,
        soft_interrupts,
        stolen,
    ] = *ticks.first_chunk()?;
    let programs = user + nice + system;
    Some(CpuTimes {
        busy: programs + interrupts + soft_interrupts,
        programs,
        idle: idle + waiting,
        stolen,
    })
}

/// The total of the line `some`: microseconds in which at least one task waited.
fn some_waited(text: &str) -> Option<Duration> {
    let line = text.lines().find(|line| line.starts_with("some "))?;
    let total = line
        .split_whitespace()
        .find_map(|part| part.strip_prefix("total="))?;
    total.parse().ok().map(Duration::from_micros)
}

/// `throttled_usec` of the second version of control groups, `throttled_time` (nanoseconds) of the first.
fn throttled(text: &str) -> Option<Duration> {
    text.lines().find_map(|line| {
        let (name, number) = line.split_once(' ')?;
        let number = number.trim().parse().ok()?;
        match name {
            "throttled_usec" => Some(Duration::from_micros(number)),
            "throttled_time" => Some(Duration::from_nanos(number)),
            _ => None,
        }
    })
}

/// The path of this process's group in its hierarchy, from a line such as `0::/user.slice/run.scope`.
fn group_path(text: &str) -> Option<&str> {
    let mut lines = text.lines().filter_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let counts_cpu = controllers.is_empty() || controllers.split(',').any(|name| name == "cpu");
        counts_cpu.then_some(path)
    });
    lines.next()
}

/// The file that counts this process's throttling: that of its own group, or of what a container shows as the root.
fn throttling_file() -> Option<PathBuf> {
    let group = read(CONTROL_GROUP);
    let group = group.as_deref().and_then(group_path).unwrap_or("/");
    CONTROL_GROUPS
        .iter()
        .flat_map(|root| [format!("{root}{group}/cpu.stat"), format!("{root}/cpu.stat")])
        .map(PathBuf::from)
        .find(|path| read(path).and_then(|text| throttled(&text)).is_some())
}

/// The second number of `statm`, resident pages, in bytes.
fn resident(text: &str) -> Option<u64> {
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(rustix::param::page_size() as u64)
}

/// TCP sockets in use and in TIME_WAIT, from the line `TCP: inuse 9 orphan 0 tw 3 alloc 11 mem 2`.
fn tcp_sockets(text: &str) -> Option<(u64, u64)> {
    let line = text.lines().find_map(|line| line.strip_prefix("TCP: "))?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let value = |name: &str| {
        let pair = words.chunks_exact(2).find(|pair| pair[0] == name)?;
        pair[1].parse().ok()
    };
    Some((value("inuse")?, value("tw")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_read_as_linux_writes_them() {
        let times = CpuTimes {
            busy: 10 + 1 + 5 + 2 + 3,
            programs: 10 + 1 + 5,
            idle: 100 + 7,
            stolen: 4,
        };
        let text = "cpu  10 1 5 100 7 2 3 4 6 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
        assert_eq!(cpu_times(text), Some(times));
        assert_eq!(
            some_waited("some avg10=1.00 avg60=0.10 avg300=0.00 total=123456\nfull avg10=0.00 total=9\n"),
            Some(Duration::from_micros(123_456))
        );
        let second_version = "usage_usec 5\nnr_periods 3\nnr_throttled 1\nthrottled_usec 70000\n";
        assert_eq!(throttled(second_version), Some(Duration::from_millis(70)));
        let first_version = "nr_periods 3\nnr_throttled 1\nthrottled_time 80000000\n";
        assert_eq!(throttled(first_version), Some(Duration::from_millis(80)));
        assert_eq!(
            group_path("0::/user.slice/run.scope\n"),
            Some("/user.slice/run.scope")
        );
        assert_eq!(
            group_path("5:memory:/a\n4:cpu,cpuacct:/b\n"),
            Some("/b"),
            "of the first version"
        );
        let pages = rustix::param::page_size() as u64;
        assert_eq!(resident("5000 120 30 1 0 200 0\n"), Some(120 * pages));
        assert_eq!(
            tcp_sockets("sockets: used 9\nTCP: inuse 7 orphan 0 tw 3 alloc 11 mem 2\nUDP: inuse 1 mem 0\n"),
            Some((7, 3))
        );
    }

    #[test]
    fn what_is_no_such_file_says_nothing() {
        for text in [
            "",
            "cpu",
            "cpu  1 2",
            "cpu  a b c d e f g h",
            "some",
            "TCP: inuse x tw 1",
            "5000",
        ] {
            assert_eq!(cpu_times(text), None, "{text:?}");
            assert_eq!(some_waited(text), None, "{text:?}");
            assert_eq!(throttled(text), None, "{text:?}");
            assert_eq!(tcp_sockets(text), None, "{text:?}");
        }
        for text in ["", "5000", "5000 many"] {
            assert_eq!(resident(text), None, "{text:?}");
        }
        assert_eq!(read("/nowhere/at/all"), None);
    }

    #[test]
    fn shares_are_of_the_time_between_two_readings() {
        let reading = |at_ms: u64, busy, idle, stolen, waited_ms| Reading {
            at: Moment::from_nanos(at_ms * 1_000_000),
            cpu: Some(CpuTimes {
                busy,
                programs: busy,
                idle,
                stolen,
            }),
            waiting: Some(Duration::from_millis(waited_ms)),
            waiting_for_disk: Some(Duration::from_millis(waited_ms / 2)),
            throttled: None,
        };
        let second = reading(3_000, 160, 130, 10, 1_500).since(&reading(1_000, 100, 100, 0, 500));
        assert_eq!(second.busy, Some(0.6));
        assert_eq!(second.stolen, Some(0.1));
        assert_eq!((second.waiting, second.waiting_for_disk), (Some(0.5), Some(0.25)));
        assert_eq!(second.throttled, None);
        // Two readings at one moment say nothing.
        let none = reading(0, 1, 1, 0, 0).since(&reading(0, 1, 1, 0, 0));
        assert_eq!((none.busy, none.waiting), (None, None));
    }
}
