//! A program of the user's that takes part in a run: run without a shell, with little of this process's environment, for a
//! limited time, and with a limited ear for what it says.

use std::collections::VecDeque;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use super::operator::end_in_one_line;
use crate::plan::CommandDeed;

/// What every program needs and no secret is kept in. Everything else has to be named.
const HARMLESS: [&str; 8] = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "TERM"];
/// The end of what a program says that is kept, in bytes.
const OUTPUT_BYTES_MAX: usize = 4_096;
/// Lines of it that are told.
const LINES_MAX: usize = 6;
/// How long what a program said may still be on its way when the program has ended. A child of its own may keep the pipe open
/// for ever.
const OUTPUT_GRACE: Duration = Duration::from_millis(500);
/// A shorter value is too common in ordinary text to be blotted out of it.
const SECRET_LENGTH_MIN: usize = 4;

/// Runs the program to its end. `given` are variables that the run itself makes, such as the target's address.
///
/// # Errors
/// A sentence, when the program cannot be started, ends with another status than 0, or takes too long.
pub(super) async fn run(deed: &CommandDeed, given: &[(&'static str, String)]) -> Result<String, String> {
    let Some((program, arguments)) = deed.arguments.split_first() else {
        return Err("there is no program to run".to_owned());
    };
    let named: Vec<(String, String)> = deed
        .environment
        .iter()
        .filter(|name| given.iter().all(|(made, _)| *made != name.as_str()))
        .filter_map(|name| Some((name.clone(), std::env::var(name).ok()?)))
        .collect();
    let harmless = HARMLESS
        .iter()
        .filter_map(|name| Some((*name, std::env::var_os(name)?)));
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(folder_of(deed))
        .env_clear()
        .envs(harmless)
        .envs(given.iter().map(|(name, value)| (name, value)))
        .envs(named.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Of its own, so that whatever it starts can be ended with it.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("the program cannot be started: {error}"))?;
    let mut group = Group::of(child.id());
    let said = Arc::new(Mutex::new(Tail::default()));
    let output = listen(child.stdout.take(), Arc::clone(&said));
    let errors = listen(child.stderr.take(), Arc::clone(&said));
    let listeners = async {
        tokio::join!(output, errors);
    };
    tokio::pin!(listeners);
    let mut heard_all = false;
    let ended = tokio::time::timeout(deed.timeout, async {
        loop {
            tokio::select! {
                status = child.wait() => return status,
                () = &mut listeners, if !heard_all => heard_all = true,
            }
        }
    })
    .await;
    let status = match ended {
        Err(_) => {
            // The group goes with its guard.
            drop(group);
            let said = words(&said, &named, given);
            return Err(format!(
                "it was ended because it took longer than {} s; {said}",
                deed.timeout.as_secs_f64()
            ));
        }
        Ok(Err(error)) => return Err(format!("the program's end cannot be waited for: {error}")),
        Ok(Ok(status)) => status,
    };
    if !heard_all {
        let _ = tokio::time::timeout(OUTPUT_GRACE, &mut listeners).await;
    }
    // What it has started and left behind on purpose, a server say, is no business of this run.
    group.spare();
    let said = words(&said, &named, given);
    if status.success() {
        Ok(format!("ended with status 0; {said}"))
    } else {
        Err(format!("it ended with {status}; {said}"))
    }
}

/// Where the program is started: the scenario's folder.
fn folder_of(deed: &CommandDeed) -> &Path {
    match deed.folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => &deed.folder,
    }
}

/// Ends a group of processes when it is dropped: whoever gives up on a program gives up on all of it.
struct Group(Option<Pid>);

impl Group {
    fn of(leader: Option<u32>) -> Self {
        let leader = leader.and_then(|id| i32::try_from(id).ok());
        Self(leader.and_then(Pid::from_raw))
    }

    fn spare(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // A group that has ended by itself meanwhile is what is wanted.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

/// The end of what was said.
#[derive(Debug, Default)]
struct Tail {
    bytes: VecDeque<u8>,
    /// Whether there was more before.
    is_cut: bool,
}

impl Tail {
    fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        let too_many = self.bytes.len().saturating_sub(OUTPUT_BYTES_MAX);
        self.is_cut |= too_many > 0;
        self.bytes.drain(..too_many);
    }

    /// What was said. Where it was cut, a secret may have been cut in two: the longest end of one of `secrets` that it
    /// begins with is left out, because nobody could recognise it as part of a secret later.
    fn text(&self, secrets: &[(&str, &str)]) -> String {
        let bytes: Vec<u8> = self.bytes.iter().copied().collect();
        let rest = |secret: &[u8]| (0..secret.len()).find_map(|from| bytes.strip_prefix(&secret[from..]));
        let ends = secrets.iter().filter_map(|(_, value)| rest(value.as_bytes()));
        let kept = ends
            .filter(|_| self.is_cut)
            .min_by_key(|kept| kept.len())
            .unwrap_or(&bytes);
        String::from_utf8_lossy(kept).into_owned()
    }
}

async fn listen(pipe: Option<impl AsyncRead + Unpin>, said: Arc<Mutex<Tail>>) {
    let Some(mut pipe) = pipe else { return };
    let mut buffer = [0; 1_024];
    // A pipe that breaks has nothing more to say.
    while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
        said.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .add(&buffer[..read]);
    }
}

/// The last lines, without the values of variables that the program was given by name.
fn words(said: &Mutex<Tail>, named: &[(String, String)], given: &[(&'static str, String)]) -> String {
    let named = named.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let given = given.iter().map(|(name, value)| (*name, value.as_str()));
    let mut secrets: Vec<(&str, &str)> = named
        .chain(given)
        .filter(|(_, value)| value.len() >= SECRET_LENGTH_MIN)
        .collect();
    // The longest first: a shorter one within it would leave the rest of it to be read.
    secrets.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
    let mut text = said.lock().unwrap_or_else(PoisonError::into_inner).text(&secrets);
    for (name, value) in secrets {
        text = text.replace(value, &format!("${{{name}}}"));
    }
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    if lines.is_empty() {
        return "it said nothing".to_owned();
    }
    let last = lines[lines.len().saturating_sub(LINES_MAX)..].join("; ");
    format!("it said: {}", end_in_one_line(&last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deed(arguments: &[&str], environment: &[&str], timeout: Duration) -> CommandDeed {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        CommandDeed {
            arguments: texts(arguments),
            folder: std::env::temp_dir(),
            environment: texts(environment),
            timeout,
            shown: arguments.join(" "),
        }
    }

    /// Not a time to wait but an end to waiting for what will not come.
    const NEVER: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_program_runs_in_its_folder_with_what_it_was_given_and_nothing_else() {
        let given = [("LOADTEST_BASE_URL", "http://127.0.0.1:1".to_owned())];
        let environment = run(&deed(&["env"], &[], NEVER), &given).await.unwrap();
        // The address itself is blotted out: what a program is given by name may be a secret.
        assert!(
            environment.contains("LOADTEST_BASE_URL=${LOADTEST_BASE_URL}"),
            "{environment}"
        );
        assert!(environment.contains("PATH="), "{environment}");
        // This process has it from cargo, and nobody named it.
        assert!(std::env::var("CARGO_MANIFEST_DIR").is_ok());
        assert!(!environment.contains("CARGO_MANIFEST_DIR"), "{environment}");
        let named = run(&deed(&["env"], &["CARGO_MANIFEST_DIR"], NEVER), &given).await;
        assert!(
            named
                .unwrap()
                .contains("CARGO_MANIFEST_DIR=${CARGO_MANIFEST_DIR}")
        );
        let folder = run(&deed(&["pwd"], &[], NEVER), &[]).await.unwrap();
        let expected = std::env::temp_dir().canonicalize().unwrap();
        assert_eq!(
            folder,
            format!("ended with status 0; it said: {}", expected.display())
        );
    }

    #[tokio::test]
    async fn what_it_says_is_bounded_and_told_by_its_end() {
        let script = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; printf 'last\\033[31m'";
        let said = run(&deed(&["sh", "-c", script], &[], NEVER), &[]).await.unwrap();
        assert_eq!(
            said,
            "ended with status 0; it said: line 19995; line 19996; line 19997; line 19998; line 19999; last [31m"
        );
        let long = format!("{}the end", "x".repeat(9_000));
        let long = run(&deed(&["printf", &long], &[], NEVER), &[]).await.unwrap();
        assert!(long.len() < 700 && long.ends_with("xthe end"), "{long}");
    }

    /// What is told of a program that said this and was given these secrets.
    fn told(output: &str, secrets: &[(&str, &str)]) -> String {
        let said = Mutex::new(Tail::default());
        said.lock().unwrap().add(output.as_bytes());
        let named: Vec<(String, String)> = secrets
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        words(&said, &named, &[])
    }

    #[test]
    fn a_secret_that_was_cut_in_two_is_not_told_in_part() {
        let secrets = [
            ("KEY", "sesame-open-sesame"),
            ("TOKEN", "a-longer-one-that-was-never-said"),
        ];
        // What follows is little to tell and much to keep, so that the beginning of what is kept is told.
        let cut_before =
            |left: usize, end: &str| format!("{}{end}", "\n".repeat(OUTPUT_BYTES_MAX - left - end.len()));
        for left in [1, 6, 13, 17, 18] {
            let said = format!("before sesame-open-sesame{}", cut_before(left, "the end"));
            assert_eq!(
                told(&said, &secrets),
                "it said: the end",
                "{left} bytes were left"
            );
        }
        // What is no end of a secret is told in full.
        let said = format!("before open-doors now{}", cut_before(14, "the end"));
        assert!(
            told(&said, &secrets).starts_with("it said: open-doors now"),
            "{said}"
        );
    }

    #[test]
    fn a_secret_within_another_does_not_leave_its_rest() {
        let secrets = [("SHORT", "sesame"), ("LONG", "sesame-open")];
        assert_eq!(told("sesame-open sesame", &secrets), "it said: ${LONG} ${SHORT}");
    }

    #[tokio::test]
    async fn a_program_that_fails_or_cannot_be_found_says_why() {
        let script = "echo on the way; echo no such thing >&2; exit 3";
        let failed = run(&deed(&["sh", "-c", script], &[], NEVER), &[])
            .await
            .unwrap_err();
        assert!(
            failed.starts_with("it ended with exit status: 3; it said: "),
            "{failed}"
        );
        assert!(failed.contains("no such thing"), "{failed}");
        let absent = run(&deed(&["no-such-program-here"], &[], NEVER), &[]).await;
        let absent = absent.unwrap_err();
        assert!(absent.starts_with("the program cannot be started: "), "{absent}");
        let silent = run(&deed(&["false"], &[], NEVER), &[]).await.unwrap_err();
        assert_eq!(silent, "it ended with exit status: 1; it said nothing");
    }

    #[tokio::test]
    async fn a_program_that_takes_too_long_is_ended_with_all_that_it_has_started() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        run(&deed(&["mkfifo", &pipe.display().to_string()], &[], NEVER), &[])
            .await
            .unwrap();
        // The grandchild holds the pipe open for longer than any test lasts: its end is the pipe's end.
        let (closed, hears) = tokio::sync::oneshot::channel();
        let listening = pipe.clone();
        std::thread::spawn(move || {
            let _ = closed.send(std::fs::read(listening).map(|read| read.len()));
        });
        let script = format!("echo begun; sleep 600 3>{} & wait", pipe.display());
        let limit = Duration::from_secs(2);
        let late = run(&deed(&["sh", "-c", &script], &[], limit), &[])
            .await
            .unwrap_err();
        assert_eq!(
            late,
            "it was ended because it took longer than 2 s; it said: begun"
        );
        let ended = tokio::time::timeout(NEVER, hears).await;
        assert_eq!(ended.expect("the grandchild lives on").unwrap().unwrap(), 0);
    }
}
