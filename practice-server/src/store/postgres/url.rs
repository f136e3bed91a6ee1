//! Where a PostgreSQL database is, password included, and how to show it without.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;

use crate::config::Secret;

/// What connections are called in `pg_stat_activity`.
const APPLICATION_NAME: &str = "practice-server";

/// What every connection asks of the server. A server may have other defaults; the units of work rely on these. The
/// timeouts are the last resort for what the program's own ones did not end.
const SESSION_SETTINGS: [(&str, &str); 4] = [
    ("default_transaction_isolation", "read committed"),
    ("lock_timeout", "5s"),
    ("statement_timeout", "10s"),
    ("idle_in_transaction_session_timeout", "15s"),
];

/// A URL such as `postgres://user:password@host:5432/database`. Neither `Debug` nor `Display` shows the password.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(Secret);

impl PostgresUrl {
    /// # Errors
    /// A text that is not such a URL. The sentence does not repeat it, since it may hold a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |reason: &str| {
            Err(format!(
                "{reason}; write postgres://USER@HOST:PORT/DATABASE, with the password, if there is one, after USER:"
            ))
        };
        if !["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| text.starts_with(scheme))
        {
            return wrong("it does not begin with postgres://");
        }
        match PgConnectOptions::from_str(text) {
            Ok(options) if options.get_database().is_none_or(str::is_empty) => wrong("it names no database"),
            Ok(_) => Ok(Self(Secret::new(text))),
            Err(_) => wrong("it is not a valid URL of a PostgreSQL database"),
        }
    }

    /// How to connect, with the settings that every connection of this server has.
    pub fn connect_options(&self) -> PgConnectOptions {
        self.options()
            .application_name(APPLICATION_NAME)
            .options(SESSION_SETTINGS)
            .disable_statement_logging()
    }

    /// The URL with everything in it, for the one who must connect by other means.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The password alone, for a connection that sqlx does not make. Empty when there is none.
    pub fn password(&self) -> Secret {
        let url = reqwest::Url::parse(self.0.expose()).ok();
        let in_front = url.as_ref().and_then(reqwest::Url::password);
        let decoded = in_front.map(|text| percent_decode_str(text).decode_utf8_lossy().into_owned());
        let as_parameter = || {
            let mut parameters = url.as_ref()?.query_pairs();
            parameters.find_map(|(name, value)| (name == "password").then(|| value.into_owned()))
        };
        // Where sqlx looks as well.
        let from_environment = || std::env::var("PGPASSWORD").ok();
        let password = as_parameter().or(decoded).or_else(from_environment);
        Secret::new(password.unwrap_or_default())
    }

    fn options(&self) -> PgConnectOptions {
        // It was parsed before, when this value was made.
        PgConnectOptions::from_str(self.0.expose()).unwrap_or_default()
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = self.options();
        write!(f, "postgres://{}@", options.get_username())?;
        match options.get_socket() {
            Some(folder) => write!(f, "{}", folder.display())?,
            None => write!(f, "{}:{}", options.get_host(), options.get_port())?,
        }
        write!(f, "/{}", options.get_database().unwrap_or_default())
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_shows_the_password() {
        let url = PostgresUrl::parse("postgres://app:hunter2@db.example:6543/practice").unwrap();
        assert_eq!(url.to_string(), "postgres://app@db.example:6543/practice");
        assert!(!format!("{url:?}").contains("hunter2"));
    }

    #[test]
    fn the_password_is_read_as_it_was_meant() {
        for (url, password) in [
            ("postgres://app:h%40nter%2F2@h/d", "h@nter/2"),
            ("postgres://app@h/d?password=a%20b", "a b"),
            ("postgres:///d?host=/run/postgresql&user=app&password=x", "x"),
        ] {
            assert_eq!(PostgresUrl::parse(url).unwrap().password().expose(), password);
        }
    }

    #[test]
    fn what_is_no_such_url_is_refused_without_repeating_it() {
        for wrong in [
            "mysql://app:hunter2@h/d",
            "postgres://app:hunter2@h:port/d",
            "postgres://app:hunter2@h:5432",
            "postgres",
        ] {
            let sentence = PostgresUrl::parse(wrong).unwrap_err();
            assert!(!sentence.contains("hunter2"), "{sentence}");
        }
    }
}
