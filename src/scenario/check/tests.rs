//! The shipped peak scenario, worked out by hand.

use std::path::Path;

use insta::assert_snapshot;

use super::super::{LoadOptions, load, read_file};
use super::*;

/// A scenario with this load, whose users do one thing and think for 2 s.
fn with_load(load_keys: &str) -> CheckReport {
    let text = format!(
        "name = \"s\"\n[target]\nserver = \"reference\"\n[load]\n{load_keys}\n[[journey]]\nname = \"j\"\n\
         steps = [{{ request = \"GET /\" }}, {{ think = \"2s\" }}]\n[sla]\nerror_rate = \"< 1%\"\navailability = \">= 99%\"\n[rollback]\nwindow = \"5s\"\nerror_rate = \"> 5%\"\n"
    );
    let loaded = load(
        Path::new("s.toml"),
        &LoadOptions {
            sets: &[],
            seed: None,
            cores: 2,
            environment: &|_| None,
            read: &|_| Ok(text.clone()),
        },
    );
    match loaded {
        Ok(loaded) => check(&loaded.plan),
        Err(diagnostics) => panic!("{diagnostics}"),
    }
}

fn shipped(name: &str, sets: &[(&str, &str)]) -> CheckReport {
    let sets: Vec<(String, String)> = sets
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/{name}.toml"));
    let loaded = load(
        &path,
        &LoadOptions {
            sets: &sets,
            seed: None,
            cores: 2,
            environment: &|_| None,
            read: &read_file,
        },
    );
    match loaded {
        Ok(loaded) => check(&loaded.plan),
        Err(diagnostics) => panic!("{diagnostics}"),
    }
}

#[test]
fn the_peak_comes_to_what_the_stages_say() {
    let report = shipped("peak", &[]);
    // 15 s of ramp bring 300 users, 60 s of plateau 2400, 5 s of decline 100; the ramp is warm-up.
    assert_eq!(
        (report.users.round(), report.users_measured.round()),
        (2800.0, 2500.0)
    );
    // One session, one start, three recordings.
    assert_eq!(report.requests_per_user, 5.0);
    assert!(!report.pool_is_too_small());
    assert_snapshot!(report.to_string(), @r#"
    Scenario peak

      users per second     40.0 at the peak, 35.0 on average (ramping-arrival-rate)
      users in all         2800, of which 2500 are judged
      requests per second  200.0 at the peak, 175.0 on average (5.0 per user)
      users at once        403 at the peak, of 2000 virtual users
      duration             1m20s (15s warm-up, 1m5s measured), then at most 30s of drain: 1m50s in all

      target                                         samples  may fail  can it be decided?
      response_time p95 <= 150ms                       12500       625  yes
      error_rate < 1%                                  12500       124  yes
      availability >= 99.9%                               65         0  yes, but a single failure misses it
      realtime_latency p95 < 50ms                      22500      1125  yes
      webhook_processing p95 < 2s                      12500       625  yes
      webhook_success >= 99.5%                         12500        62  yes
      response_time{submit_recording} p99 <= 150ms      7500        75  yes

    Users at once are arrivals times the time of a journey (10.066s): its mean think times and the mean delays
    of its results, with answers that take no time. A slower target has more users at once.
    "#);
}

#[test]
fn a_release_can_certify_every_target() {
    let report = shipped("release", &[]);
    assert_eq!(report.mode, JudgeMode::Certified);
    for target in &report.targets {
        // A single failure may be bad luck: every target leaves room for more than one burst.
        assert_eq!(target.decision, Decision::Possible, "{}", target.target);
        assert!(
            target.failures_allowed.is_some_and(|allowed| allowed >= 60),
            "{target:?}"
        );
    }
    assert_snapshot!(report.to_string(), @r#"
    Scenario release

      users per second     40.0 at the peak, 38.8 on average (ramping-arrival-rate)
      users in all         12400, of which 12100 are judged
      requests per second  200.0 at the peak, 193.8 on average (5.0 per user)
      users at once        403 at the peak, of 2000 virtual users
      duration             5m20s (15s warm-up, 5m5s measured), then at most 30s of drain: 5m50s in all

      target                                         samples  may fail  can it be decided?
      response_time p95 <= 150ms                       60500      2625  yes
      error_rate < 1%                                  60500       420  yes
      realtime_latency p95 < 50ms                     108900      4911  yes
      webhook_processing p95 < 2s                      60500      2625  yes
      webhook_success >= 99.5%                         60500       171  yes
      response_time{submit_recording} p99 <= 150ms     36300       219  yes
      availability >= 99.5%                            60500       171  yes

    Users at once are arrivals times the time of a journey (10.066s): its mean think times and the mean delays
    of its results, with answers that take no time. A slower target has more users at once.

    Certified: a target is met only when the bound of its 95 % confidence meets it. "may fail" is what such
    a pass allows when failures come in bursts, 20 of them counting as one; of scattered ones it allows more.
    "#);
}

#[test]
fn a_pool_below_the_users_at_once_is_warned_of() {
    let report = shipped("peak", &[("load.max_vus", "100")]);
    assert!(report.pool_is_too_small());
    assert!(report.to_string().contains("WARNING"), "{report}");
}

#[test]
fn a_short_run_says_which_targets_it_can_hardly_decide() {
    let report = shipped("smoke", &[]);
    assert_snapshot!(report.to_string(), @r#"
    Scenario smoke

      users per second     5.0 at the peak, 5.0 on average (constant-arrival-rate)
      users in all         25, of which 25 are judged
      requests per second  25.0 at the peak, 25.0 on average (5.0 per user)
      users at once        23 at the peak, of 100 virtual users
      duration             5s (0s warm-up, 5s measured), then at most 10s of drain: 15s in all

      target                                         samples  may fail  can it be decided?
      response_time p95 <= 150ms                         125         6  yes
      error_rate < 1%                                    125         1  yes
      availability >= 99.9%                                5         0  yes, but a single failure misses it
      realtime_latency p95 < 50ms                        225        11  yes
      webhook_processing p95 < 2s                        125         6  yes
      webhook_success >= 99.5%                           125         0  yes, but a single failure misses it
      response_time{submit_recording} p99 <= 150ms        75         0  hardly: with fewer than 100 samples this is their maximum

    Users at once are arrivals times the time of a journey (4.58s): its mean think times and the mean delays
    of its results, with answers that take no time. A slower target has more users at once.
    "#);
}

#[test]
fn a_fixed_number_of_iterations_has_a_length_that_only_the_run_shows() {
    let report = with_load("executor = \"per-vu-iterations\"\nvus = 10\niterations = 20\nwarm_up = \"4s\"");
    assert_eq!(report.iterations, Some((200, Duration::from_secs(40))));
    assert_eq!((report.users, report.users_measured), (200.0, 180.0));
    assert_eq!(report.iterations_cut_off(), None);
    assert_snapshot!(report.to_string(), @r"
    Scenario s

      users per second     5.0 at the peak, 5.0 on average (per-vu-iterations)
      users in all         200, of which 180 are judged
      requests per second  5.0 at the peak, 5.0 on average (1.0 per user)
      users at once        10 at the peak, of 10 virtual users
      duration             known afterwards: 40s or more (4s warm-up), at most 10m, then at most 30s of drain: 10m30s in all at most

      target                samples  may fail  can it be decided?
      error_rate < 1%           180         1  yes
      availability >= 99%         –         –  yes

    Users at once are arrivals times the time of a journey (2s): its mean think times and the mean delays
    of its results, with answers that take no time. A slower target has more users at once.
    ");
}

#[test]
fn iterations_that_cannot_begin_in_time_are_warned_of() {
    let report =
        with_load("executor = \"shared-iterations\"\nvus = 10\niterations = 200\nmax_duration = \"30s\"");
    assert_eq!(report.iterations_cut_off(), Some(50));
    assert!(
        report.to_string().contains("WARNING: about 50 iterations"),
        "{report}"
    );
}
