//! Processes of this host, as `/proc` shows them.

use std::time::Duration;

use rustix::process::{
    Pid, Resource, Rlimit, Signal, getrlimit, kill_process, kill_process_group, prlimit, test_kill_process,
};

/// Pause between two looks at something that will be so in a moment.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Nothing here takes longer, however busy the machine is.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Waits for `what`, and says so when it never comes.
pub(crate) async fn within<T>(what: &str, longest: Duration, wait: impl Future<Output = T>) -> T {
    match tokio::time::timeout(longest, wait).await {
        Ok(value) => value,
        Err(_) => panic!("waited {longest:?} in vain: {what}"),
    }
}

/// Looks again and again until there is something to see.
pub(crate) async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    within(what, LONGEST_WAIT, async {
        loop {
            if let Some(seen) = look() {
                return seen;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    })
    .await
}

/// A process, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process(Pid);

impl Process {
    pub(crate) fn new(id: u32) -> Self {
        Self(Pid::from_raw(i32::try_from(id).unwrap()).unwrap())
    }

    fn file(self, name: &str) -> std::io::Result<Vec<u8>> {
        std::fs::read(format!("/proc/{}/{name}", self.0.as_raw_nonzero()))
    }

    /// The processes that it has started and that still run.
    pub(crate) fn children(self) -> Vec<Process> {
        let numbers = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let name = entry.ok()?.file_name();
            name.to_str()?.parse::<u32>().ok()
        });
        numbers
            .map(Process::new)
            .filter(|process| process.parent() == Some(self))
            .collect()
    }

    /// The fields of `/proc/<pid>/stat` after the command, which may itself hold spaces: state, parent, …
    fn stat(self) -> Option<Vec<String>> {
        let stat = String::from_utf8_lossy(&self.file("stat").ok()?).into_owned();
        let (_, fields) = stat.rsplit_once(')')?;
        Some(fields.split_whitespace().map(str::to_owned).collect())
    }

    fn parent(self) -> Option<Process> {
        let parent = self.stat()?.get(1)?.parse::<u32>().ok()?;
        (parent != 0).then(|| Process::new(parent))
    }

    /// Its arguments, the program's path first.
    pub(crate) fn arguments(self) -> Vec<String> {
        texts(&self.file("cmdline").unwrap_or_default())
    }

    /// The value of a variable of its environment.
    pub(crate) fn variable(self, name: &str) -> Option<String> {
        texts(&self.file("environ").ok()?)
            .into_iter()
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
    }

    /// Whether it has not ended; one that has ended and that nobody has waited for yet has ended as well.
    pub(crate) fn is_running(self) -> bool {
        test_kill_process(self.0).is_ok()
            && self
                .stat()
                .is_some_and(|fields| !matches!(fields.first().map(String::as_str), Some("Z" | "X")))
    }

    /// Sets how many files it may have open, and says how many it might have had.
    pub(crate) fn limit_open_files(self, limit: Option<u64>) -> Option<u64> {
        let before = prlimit(
            Some(self.0),
            Resource::Nofile,
            Rlimit {
                current: limit,
                maximum: getrlimit(Resource::Nofile).maximum,
            },
        );
        before.unwrap().current
    }

    pub(crate) fn signal(self, signal: Signal) {
        kill_process(self.0, signal).unwrap();
    }

    /// Signals its whole process group, as a terminal does.
    pub(crate) fn signal_group(self, signal: Signal) {
        kill_process_group(self.0, signal).unwrap();
    }
}

fn texts(bytes: &[u8]) -> Vec<String> {
    bytes
        .split(|byte| *byte == 0)
        .filter(|text| !text.is_empty())
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .collect()
}
