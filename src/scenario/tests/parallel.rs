//! `parallel`: steps that one user takes several times at once.

use insta::assert_snapshot;

use super::*;
use crate::plan::Step;

#[test]
fn steps_at_once_are_lowered_and_need_a_connection_each() {
    let text = with_steps(
        r#"[[journey.steps]]
parallel = 3
[[journey.steps.steps]]
request = "POST /rows"
body = { n = "{{repetition}}" }
save = { row = "/id" }
[[journey.steps.steps]]
request = "GET /rows/{{row}}"
"#,
    );
    let loaded = load_files(&[("s.toml", &text)], &[], &[]);
    let plan = loaded.unwrap_or_else(|mistakes| panic!("{mistakes}")).plan;
    let [Step::Parallel { times: 3, steps }] = plan.journeys[0].steps.as_slice() else {
        panic!("three courses");
    };
    assert_eq!(steps.len(), 2);
    assert_eq!(plan.connections_of_a_user(), 4);
    let checked = check(&plan);
    // Six requests, in the time of two.
    assert_eq!(checked.requests_per_user, 6.0);
}

#[test]
fn what_belongs_to_no_single_course_stands_before_or_after() {
    let text = with_steps(
        r#"[[journey.steps]]
request = "POST /users"
[[journey.steps]]
subscribe = "rows"
changes = [{ table = "rows" }]
[[journey.steps]]
parallel = 1
steps = [{ request = "GET /" }]
[[journey.steps]]
parallel = 2
[[journey.steps.steps]]
request = "POST /rows"
save = { row = "/id" }
feedback = { table = "rows", where = { id = "1" } }
[[journey.steps.steps]]
await = { table = "rows", where = { id = "1" } }
[[journey.steps.steps]]
subscribe = "more"
changes = [{ table = "rows" }]
[[journey.steps.steps]]
parallel = 2
steps = [{ request = "GET /" }]
"#,
    );
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:16:12: expected a number of 2 or more; found the number 1
      16 | parallel = 1
         |            ^
    s.toml:23:1: `feedback` cannot stand within `parallel`; put it before or after
      23 | feedback = { table = "rows", where = { id = "1" } }
         | ^^^^^^^^
    s.toml:25:1: `await` cannot stand within `parallel`; put it before or after
      25 | await = { table = "rows", where = { id = "1" } }
         | ^^^^^
    s.toml:27:1: `subscribe` cannot stand within `parallel`; put it before or after
      27 | subscribe = "more"
         | ^^^^^^^^^
    s.toml:30:1: `parallel` cannot stand within `parallel`; put it before or after
      30 | parallel = 2
         | ^^^^^^^^
    5 mistakes found
    "#);
    let text = with_steps(
        r#"[[journey.steps]]
parallel = 2
steps = [{ request = "POST /rows", save = { row = "/id" } }]
[[journey.steps]]
request = "GET /rows/{{row}}"
"#,
    );
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:14:11: no step before this one saves `row` (known here: `user_id`, `ticket`, `transcript`, `recording_url`)
      14 | request = "GET /rows/{{row}}"
         |           ^^^^^^^^^^^^^^^^^^^
    1 mistake found
    "#);
}
