//! The first scenario.

/// What was answered; each value has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub name: String,
    pub url: String,
    /// `GET /api/items`.
    pub request: String,
    pub rate: String,
    pub duration: String,
    pub response_time: String,
    pub error_rate: String,
}

impl Service {
    /// The host of the address when it is not this machine: load goes to others only when the scenario says so.
    fn remote_host(&self) -> Option<&str> {
        let rest = self.url.split_once("://")?.1;
        let authority = rest.split('/').next()?;
        let host = match authority.strip_prefix('[') {
            Some(v6) => v6.split(']').next()?,
            None => authority.split(':').next()?,
        };
        let local = host == "localhost" || host == "::1" || host.starts_with("127.");
        (!local).then_some(host)
    }
}

/// The scenario as a commented file, which is to stand at `path`.
pub fn scenario_text(service: &Service, path: &str) -> String {
    let Service {
        name,
        url,
        request,
        rate,
        duration,
        response_time,
        error_rate,
    } = service;
    let allow = match service.remote_host() {
        Some(host) => format!(
            "# Load goes to hosts of others only when they are named here. Have their owner's consent.\n\
             allow_hosts = [\"{host}\"]\n"
        ),
        None => String::new(),
    };
    format!(
        r#"# Run it:      loadtest run {path}
# Look first:  loadtest check {path}
# Every key:   loadtest schema --markdown, or docs/scenario-reference.md
# Completion and explanations in an editor that knows TOML: write `loadtest schema` to scenario.schema.json beside this
# file, and make `#:schema ./scenario.schema.json` the first line of this one.

name = "{name}"
description = "A first look at {url}"

[target]
base_url = "{url}"
{allow}# Named in the report, so that a verdict can be told to belong to a version.
version = "${{GIT_SHA:-}}"
# Asked before the load starts; a run against a service that is down measures nothing.
# health = "/healthz"
# Secrets come from the environment only: api_key, jwt_secret, tokens_file.
# api_key = "${{API_KEY}}"

[load]
# New users per second, whether the service keeps up or not: a slow service cannot slow the measurement down with it.
executor = "constant-arrival-rate"
rate = "{rate}"
duration = "{duration}"
# At most so many users at once. An arrival that finds none free counts as a failure of the run's plan.
max_vus = 500
# How long requests under way are waited for after the load.
drain = "10s"

[[journey]]
name = "visit"

[[journey.steps]]
request = "{request}"
name = "first_request"
expect = {{ status = 200 }}
# A value of the answer can be kept for the steps that follow:
# save = {{ item_id = "/items/0/id" }}

# Users pause between requests. Take the `#` away for a second step.
# [[journey.steps]]
# think = {{ distribution = "lognormal", median = "800ms", p99 = "3s" }}
#
# [[journey.steps]]
# request = "GET /api/items/{{{{item_id}}}}"
# name = "second_request"
# expect = {{ status = 200 }}

# What the run is judged by: GO when all of it holds.
[sla]
response_time = {{ p95 = "<= {response_time}" }}
error_rate = "< {error_rate}"

# Looked at each second over the last 10 s. An alert is reported; a rollback threshold ends the run with ROLLBACK.
[alerts]
window = "10s"
error_rate = "> 2%"

[rollback]
window = "10s"
error_rate = "> 20%"
"#
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::init::Answer;
    use crate::scenario::{self, LoadOptions};

    fn load(text: &str) -> Result<scenario::Loaded, scenario::Diagnostics> {
        let read = |_: &Path| Ok(text.to_owned());
        let options = LoadOptions {
            sets: &[],
            seed: None,
            cores: 2,
            environment: &|_| None,
            read: &read,
        };
        scenario::load(Path::new("first.toml"), &options)
    }

    #[test]
    fn what_is_written_can_be_run() {
        for url in [
            "http://127.0.0.1:8080",
            "https://shop.example/base",
            "http://[::1]:80",
        ] {
            let given = Answer {
                url: Some(url.to_owned()),
                ..Answer::default()
            };
            let text = scenario_text(&given.complete().unwrap(), "first.toml");
            let loaded = load(&text).unwrap_or_else(|diagnostics| panic!("{diagnostics}\n{text}"));
            assert_eq!(loaded.plan.criteria.targets.len(), 2);
            assert_eq!(text.contains("allow_hosts"), url.contains("example"), "{text}");
        }
    }

    /// A reader takes the marks of a comment away; what is left must be right as well.
    #[test]
    fn what_is_commented_out_is_right_too() {
        let text = scenario_text(&Answer::default().complete().unwrap(), "first.toml");
        let uncommented: String = text
            .lines()
            .map(|line| {
                let code = [
                    "# save",
                    "# [[",
                    "# think",
                    "# request",
                    "# name",
                    "# expect",
                    "# health",
                ];
                match code.iter().any(|start| line.starts_with(start)) {
                    true => format!("{}\n", &line[2..]),
                    false => format!("{line}\n"),
                }
            })
            .collect();
        let loaded = load(&uncommented).unwrap_or_else(|diagnostics| panic!("{diagnostics}\n{uncommented}"));
        assert_eq!(loaded.plan.journeys[0].steps.len(), 3);
    }
}
