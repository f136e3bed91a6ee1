//! `[[waiver]]`: which target may be missed, who says so, and until when.

use insta::assert_snapshot;

use super::*;
use crate::plan::Waiver;

const SLA: &str = "[sla]\nerror_rate = \"< 1%\"\nresponse_time = { p95 = \"<= 150ms\" }\n\
                   [sla.step.home]\nresponse_time = { p99 = \"<= 300ms\" }\n";

fn with_waivers(waivers: &str) -> String {
    format!("{HEAD}{LOAD}{JOURNEY}{SLA}{waivers}")
}

#[test]
fn a_waiver_names_a_target_as_the_targets_are_named() {
    let text = with_waivers(
        "[[waiver]]\ntarget = \"response_time{home}  p99\"\nreason = \"the cache is cold\"\nowner = \"M. Weber\"\n\
         expires = \"2026-12-31\"\n\
         [[waiver]]\ntarget = \"error_rate\"\nreason = \"a known defect\"\nowner = \"release team\"\n\
         expires = 2027-01-15\n",
    );
    let loaded = load_files(&[("s.toml", &text)], &[], &[]);
    let plan = loaded.unwrap_or_else(|mistakes| panic!("{mistakes}")).plan;
    let waiver = |target: &str, reason: &str, owner: &str, expires: &str| Waiver {
        target: target.to_owned(),
        reason: reason.to_owned(),
        owner: owner.to_owned(),
        expires: expires.parse().unwrap(),
    };
    assert_eq!(
        plan.criteria.waivers,
        [
            waiver(
                "response_time{home} p99",
                "the cache is cold",
                "M. Weber",
                "2026-12-31"
            ),
            waiver("error_rate", "a known defect", "release team", "2027-01-15"),
        ]
    );
}

#[test]
fn mistakes_of_waivers_are_told_at_their_places() {
    let text = with_waivers(
        r#"[[waiver]]
target = "response_time p99"
reason = "x"
owner = "y"
expires = "2026-12-31"
[[waiver]]
target = "error_rate"
reason = " "
owner = "y"
expires = "31.12.2026"
[[waiver]]
target = "error_rate"
reason = "x"
owner = "y"
expires = 2026-12-31T10:00:00Z
[[waiver]]
target = "error_rate"
reason = "x"
expires = "2026-12-31"
[[waiver]]
target = "error_rate"
reason = "x"
owner = "y"
expires = "2026-12-31"
until = "2026-12-31"
"#,
    );
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:17:10: no target of `[sla]` is named `response_time p99`; did you mean `response_time p95`? (targets: `response_time p95`, `error_rate`, `response_time{home} p99`)
      17 | target = "response_time p99"
         |          ^^^^^^^^^^^^^^^^^^^
    s.toml:23:10: the reason of a waiver is a line of 1 to 200 characters
      23 | reason = " "
         |          ^^^
    s.toml:25:11: `31.12.2026` is not a date; write the last day of the waiver as 2026-12-31
      25 | expires = "31.12.2026"
         |           ^^^^^^^^^^^^
    s.toml:30:11: `2026-12-31T10:00:00Z` is not a date; write the last day of the waiver as 2026-12-31
      30 | expires = 2026-12-31T10:00:00Z
         |           ^^^^^^^^^^^^^^^^^^^^
    s.toml:31:1: `owner` is missing in `waiver`
      31 | [[waiver]]
         | ^^^^^^^^^^
    s.toml:40:1: unknown key `until` in `waiver` (known keys: `expires`, `owner`, `reason`, `target`)
      40 | until = "2026-12-31"
         | ^^^^^
    6 mistakes found
    "#);
}

#[test]
fn nothing_is_said_about_targets_that_have_mistakes_of_their_own() {
    let text = format!(
        "{HEAD}{LOAD}{JOURNEY}[sla]\nerror_rate = \"1%\"\n[[waiver]]\ntarget = \"error_rate\"\nreason = \"x\"\n\
         owner = \"y\"\nexpires = \"2026-12-31\"\n"
    );
    let told = mistakes(&text);
    assert!(
        told.contains("1 mistake found") && told.contains("comparison"),
        "{told}"
    );
}
