//! The practice server as a process of its own, so that its memory is its own.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const JWT_SECRET: &str = "a secret for measurements, with 32+ bytes";
pub(crate) const API_KEY: &str = "anon";

/// A running server. It ends with its standard input.
pub(crate) struct Server {
    process: Child,
    /// `127.0.0.1:PORT`
    pub(crate) address: String,
}

impl Server {
    pub(crate) async fn start(program: &Path, database_url: &str) -> Result<Self> {
        let mut process = Command::new(program)
            .args([
                "--listen",
                "127.0.0.1:0",
                "--exit-with-stdin",
                "--poll-classconnect",
                "false",
            ])
            .env("PRACTICE_DATABASE_URL", database_url)
            .env("PRACTICE_JWT_SECRET", JWT_SECRET)
            .env("PRACTICE_API_KEY", API_KEY)
            .env("CLASSCONNECT_API_KEY", "none")
            .env(
                "CLASSCONNECT_WEBHOOK_SECRET",
                "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| {
                format!(
                    "starting {}; build it with `cargo build --release`",
                    program.display()
                )
            })?;
        let stdout = process.stdout.take().context("the server has an output")?;
        let line = BufReader::new(stdout).lines().next_line().await?;
        let ready: Value = serde_json::from_str(&line.context("the server ended before it was ready")?)?;
        let url = ready["url"].as_str().context("the ready line names a URL")?;
        Ok(Self {
            address: url.trim_start_matches("http://").to_owned(),
            process,
        })
    }

    /// Resident memory in bytes.
    pub(crate) fn memory(&self) -> Result<u64> {
        let id = self.process.id().context("the server has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: u64 = line
            .and_then(|rest| rest.trim().strip_suffix("kB"))
            .context("the kernel says how much memory a process has")?
            .trim()
            .parse()?;
        Ok(kib * 1_024)
    }

    /// Ends it in an orderly way.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        drop(self.process.stdin.take());
        let status = self.process.wait().await?;
        if !status.success() {
            bail!("the server ended with {status}");
        }
        Ok(())
    }
}

/// A token of this role and user that outlives the measurement.
pub(crate) fn token(role: &str, user: &str) -> Result<String> {
    let claims = json!({"role": role, "sub": user, "aud": "authenticated", "exp": 4_102_444_800_u64});
    let key = EncodingKey::from_secret(JWT_SECRET.as_bytes());
    Ok(jsonwebtoken::encode(&Header::default(), &claims, &key)?)
}
