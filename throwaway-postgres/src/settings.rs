//! The settings of the server: what a caller may choose, and what is always so.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::Error;

/// What can be chosen about a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The folder of the server programs to use; `None` looks on `PATH` and in the distributions' usual folders.
    pub binaries: Option<PathBuf>,
    /// How many connections the server accepts, three of them for superusers only (PostgreSQL's own default: 100).
    pub max_connections: u32,
    /// Server settings (name, value) that go after the crate's own and so override them. The value is written as a
    /// quoted string, which PostgreSQL reads as any type.
    pub extra: Vec<(String, String)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            binaries: None,
            max_connections: 100,
            extra: Vec::new(),
        }
    }
}

/// What every throw-away server has in common; the durability settings are left at PostgreSQL's defaults, which are on.
const ALWAYS: [(&str, &str); 12] = [
    ("listen_addresses", "127.0.0.1"),
    // Changes are read from the write-ahead log, by several readers at once.
    ("wal_level", "logical"),
    ("max_replication_slots", "24"),
    ("max_wal_senders", "24"),
    // A reader that stands still must not fill the disk.
    ("max_slot_wal_keep_size", "1GB"),
    // Results must not depend on the host's language or time zone.
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("lc_messages", "C"),
    // What a client did wrong is told to the client. In the log it would grow without bound under load, and statements
    // hold users' data.
    ("log_min_messages", "log"),
    ("log_min_error_statement", "panic"),
    ("log_checkpoints", "off"),
    ("cluster_name", "throwaway"),
];

impl Settings {
    /// # Errors
    /// A name or a value that the configuration file cannot hold.
    pub(crate) fn check(&self) -> Result<(), Error> {
        for (name, value) in &self.extra {
            let refuse = |reason| {
                Err(Error::Setting {
                    name: name.clone(),
                    reason,
                })
            };
            let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
            if name.is_empty() || !name.bytes().all(is_name_byte) {
                return refuse("a name consists of letters, digits, `_` and `.`");
            }
            if value.chars().any(char::is_control) {
                return refuse("its value holds a control character");
            }
        }
        Ok(())
    }

    /// The lines for the end of `postgresql.conf`: of two lines with one name, PostgreSQL takes the later.
    pub(crate) fn lines(&self, socket_folder: &str) -> String {
        let max_connections = self.max_connections.to_string();
        let own = [
            ("unix_socket_directories", socket_folder),
            ("max_connections", &max_connections),
        ];
        let extra = self
            .extra
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let mut lines = String::from("\n# Of this cluster:\n");
        for (name, value) in ALWAYS.into_iter().chain(own).chain(extra) {
            // In quoted values of the file both are special, whatever standard_conforming_strings says.
            let value = value.replace('\\', "\\\\").replace('\'', "''");
            // Writing to a String cannot fail.
            let _ = writeln!(lines, "{name} = '{value}'");
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> Settings {
        Settings {
            extra: vec![(name.to_owned(), value.to_owned())],
            ..Settings::default()
        }
    }

    #[test]
    fn values_are_quoted_and_the_callers_come_last() {
        let lines = with("work_mem", r"it's a \ value").lines("/tmp/a'b");
        assert!(
            lines.contains("unix_socket_directories = '/tmp/a''b'\n"),
            "{lines}"
        );
        assert!(lines.contains("max_connections = '100'\n"), "{lines}");
        assert!(lines.ends_with("work_mem = 'it''s a \\\\ value'\n"), "{lines}");
    }

    #[test]
    fn what_the_file_cannot_hold_is_refused() {
        assert!(with("auto_explain.log_min_duration", "-1").check().is_ok());
        for (name, value) in [
            ("", "1"),
            ("work mem", "1"),
            ("a='b'\nc", "1"),
            ("work_mem", "1\nfsync = off"),
        ] {
            assert!(
                matches!(with(name, value).check(), Err(Error::Setting { .. })),
                "{name:?} = {value:?}"
            );
        }
    }

    #[test]
    fn durability_stays_on() {
        let lines = Settings::default().lines("/tmp/sockets");
        for name in ["fsync", "synchronous_commit", "full_page_writes"] {
            assert!(!lines.contains(name), "{lines}");
        }
    }
}
