//! Measures once a second how long the run's threads waited for a core, and how much of the cores went to processes that
//! are no part of the run.
//!
//! All of it stands in `/proc`: the CPU time of a process and of the children that it has waited for (`stat`), the
//! children of a thread (`children`), and for how long a thread could have run and did not (`schedstat`). Where any of
//! that is missing, nothing is known, and nobody is blamed.

use std::collections::HashMap;
use std::time::Duration;

use super::host_meter::read;
use super::workers::THREAD_NAME;
use crate::metrics::{Contention, CoreWait};

/// More processes than a run ever starts. Beyond them the account would not be whole.
const PROCESSES_MAX: usize = 512;

/// Compares each reading with the one before.
#[derive(Debug)]
pub(super) struct ContentionMeter {
    before: Option<Reading>,
}

/// What the files say at one moment; all counters grow.
#[derive(Debug, Clone, Default, PartialEq)]
struct Reading {
    /// CPU time of all programs of the machine, in ticks. What interrupts took is nobody's.
    used: u64,
    /// The part of the run.
    own: u64,
    workers: HashMap<u32, Waited>,
    servers: HashMap<u32, Waited>,
}

/// How long a thread has waited for a core since it was started, and how often it was given one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Waited {
    time: Duration,
    runs: u64,
}

impl ContentionMeter {
    /// A meter whose first comparison begins now, when all programs of the machine have used so many ticks.
    pub(super) fn start(used: u64) -> Self {
        Self {
            before: Reading::take(std::process::id(), used),
        }
    }

    /// What has happened since the last time; `None` where the kernel does not say all of it.
    pub(super) fn read(&mut self, used: u64) -> Option<Contention> {
        let now = Reading::take(std::process::id(), used);
        let found = now
            .as_ref()
            .zip(self.before.as_ref())
            .and_then(|(now, before)| now.since(before));
        self.before = now;
        found
    }
}

impl Reading {
    /// Takes `root`, whose workers are looked at, and all that descends from it for the run.
    fn take(root: u32, used: u64) -> Option<Self> {
        // Without this, a child would be taken for somebody else's.
        read(format!("/proc/{root}/task/{root}/children"))?;
        let mut reading = Self {
            used,
            ..Self::default()
        };
        let mut processes = vec![root];
        let mut next = 0;
        while let Some(&process) = processes.get(next) {
            next += 1;
            // A process that has ended meanwhile is in its parent's account, or will be in a moment.
            let Some(stat) = read(format!("/proc/{process}/stat")) else {
                continue;
            };
            reading.own += process_ticks(&stat)?;
            for thread in threads(process) {
                let folder = format!("/proc/{process}/task/{thread}");
                processes.extend(children(&folder));
                let among = match process == root {
                    false => &mut reading.servers,
                    true if is_worker(&folder) => &mut reading.workers,
                    true => continue,
                };
                among.extend(waited_by(&folder).map(|waited| (thread, waited)));
            }
            if processes.len() > PROCESSES_MAX {
                return None;
            }
        }
        Some(reading)
    }

    fn since(&self, before: &Self) -> Option<Contention> {
        let used = self.used.checked_sub(before.used).filter(|used| *used > 0)?;
        let own = self.own.saturating_sub(before.own);
        let workers = longest(&self.workers, &before.workers);
        let servers = longest(&self.servers, &before.servers);
        Some(Contention {
            others: used.saturating_sub(own) as f64 / used as f64,
            worker: workers.of_a_second(),
            server: servers.of_a_second(),
        })
    }
}

impl Waited {
    fn of_a_second(self) -> CoreWait {
        let runs = u32::try_from(self.runs.max(1)).unwrap_or(u32::MAX);
        CoreWait {
            total: self.time,
            mean: self.time / runs,
        }
    }
}

/// The thread that waited longest between two readings.
fn longest(now: &HashMap<u32, Waited>, before: &HashMap<u32, Waited>) -> Waited {
    let grown = now.iter().filter_map(|(thread, now)| {
        let before = before.get(thread)?;
        Some(Waited {
            time: now.time.saturating_sub(before.time),
            runs: now.runs.saturating_sub(before.runs),
        })
    });
    grown.max_by_key(|waited| waited.time).unwrap_or_default()
}

/// The threads of a process; none when it has ended.
fn threads(process: u32) -> Vec<u32> {
    let entries = std::fs::read_dir(format!("/proc/{process}/task"));
    let names = entries.into_iter().flatten().filter_map(Result::ok);
    names
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// The processes that a thread has started; none when it has ended.
fn children(folder: &str) -> Vec<u32> {
    let text = read(format!("{folder}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|id| id.parse().ok()).collect()
}

fn waited_by(folder: &str) -> Option<Waited> {
    read(format!("{folder}/schedstat")).and_then(|text| waited(&text))
}

fn is_worker(folder: &str) -> bool {
    read(format!("{folder}/comm")).is_some_and(|name| name.starts_with(THREAD_NAME))
}

/// `utime`, `stime`, `cutime` and `cstime`, the 14th to 17th field of a process's `stat`. The second, its name, may hold
/// anything, but no closing bracket follows it.
fn process_ticks(text: &str) -> Option<u64> {
    let (_, fields) = text.rsplit_once(')')?;
    let ticks: Vec<u64> = fields
        .split_whitespace()
        .skip(11)
        .take(4)
        .map(|number| number.parse().ok())
        .collect::<Option<_>>()?;
    (ticks.len() == 4).then(|| ticks.iter().sum())
}

/// The second and third number of `schedstat`: nanoseconds spent waiting for a core, and how often one was given.
fn waited(text: &str) -> Option<Waited> {
    let mut numbers = text.split_whitespace().skip(1).map(|number| number.parse().ok());
    Some(Waited {
        time: Duration::from_nanos(numbers.next()??),
        runs: numbers.next()??,
    })
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};

    use super::*;

    #[test]
    fn the_files_are_read_as_linux_writes_them() {
        let stat = "77 (a (strange) name) S 1 77 77 0 -1 4194560 9 9 9 9 100 20 3 4 20 0 1 0 55";
        assert_eq!(process_ticks(stat), Some(127));
        let found = Waited {
            time: Duration::from_nanos(87_430),
            runs: 12,
        };
        assert_eq!(waited("858258 87430 12\n"), Some(found));
        for text in ["", "1 (name) S 1 2", "1 2", "a b c"] {
            assert_eq!(process_ticks(text), None, "{text:?}");
        }
        for text in ["", "1", "1 2", "a b c"] {
            assert_eq!(waited(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_thread_that_waited_longest_stands_for_all() {
        let waited = |thread, ms, runs| {
            let time = Duration::from_millis(ms);
            (thread, Waited { time, runs })
        };
        let before = Reading {
            used: 1_000,
            own: 500,
            workers: [waited(1, 100, 10), waited(2, 100, 10)].into(),
            servers: [waited(7, 0, 0)].into(),
        };
        let now = Reading {
            used: 1_160,
            own: 540,
            workers: [waited(1, 700, 40), waited(2, 110, 90), waited(3, 9_000, 1)].into(),
            servers: [waited(7, 40, 20)].into(),
        };
        let found = now.since(&before).unwrap();
        let expected = Contention {
            others: 0.75,
            worker: CoreWait {
                total: Duration::from_millis(600),
                mean: Duration::from_millis(20),
            },
            server: CoreWait {
                total: Duration::from_millis(40),
                mean: Duration::from_millis(2),
            },
        };
        assert_eq!(
            found, expected,
            "a thread that is new has no wait to compare with"
        );
        assert_eq!(now.since(&now), None, "nobody used anything");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_a_child_uses_is_its_parents_own() {
        // The parent does nothing but wait.
        let work = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; read -r _";
        let mut parent = std::process::Command::new("/bin/sh")
            .args(["-c", "sh -c \"$1\"; echo ended; read -r _; exit 0", "sh", work])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = parent.stdin.take().unwrap();
        let mut output = BufReader::new(parent.stdout.take().unwrap()).lines();
        assert_eq!(output.next().unwrap().unwrap(), "done");
        let during = Reading::take(parent.id(), 0).unwrap();
        assert!(during.own > 0, "{during:?}");
        assert_eq!(during.servers.len(), 1, "the child's only thread");
        assert!(during.workers.is_empty(), "the parent's thread drives no load");
        writeln!(input).unwrap();
        assert_eq!(output.next().unwrap().unwrap(), "ended");
        let after = Reading::take(parent.id(), 0).unwrap();
        assert!(
            after.own >= during.own,
            "a child that has ended stays in the account"
        );
        assert!(after.servers.is_empty());
        drop(input);
        assert!(parent.wait().unwrap().success());
    }
}
