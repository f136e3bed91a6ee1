//! Mistakes about the load: what belongs to which executor, and how many users it needs.

use insta::assert_snapshot;

use super::*;

#[test]
fn an_executor_tells_its_own_keys() {
    let text = format!("{HEAD}[load]\nexecutor = \"ramping-vus\"\nrate = \"5/s\"\n{JOURNEY}");
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:4:2: `stages` is missing: the executor `ramping-vus` needs it
      4 | [load]
        |  ^^^^
    s.toml:6:1: `rate` means nothing to the executor `ramping-vus`, which takes `stages`, `start_vus`
      6 | rate = "5/s"
        | ^^^^
    2 mistakes found
    "#);
    let text = format!(
        "{HEAD}[load]\nexecutor = \"ramping-arrival-rate\"\nstages = [{{ target = 5, duration = \"1s\" }}]\nmax_vus = 0\n{JOURNEY}"
    );
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:6:22: a stage of `ramping-arrival-rate` needs a rate with its unit: "5/s"
      6 | stages = [{ target = 5, duration = "1s" }]
        |                      ^
    s.toml:7:11: expected a number of 1 or more; found the number 0
      7 | max_vus = 0
        |           ^
    2 mistakes found
    "#);
    let text = format!(
        "{HEAD}[load]\nexecutor = \"ramping-vus\"\nstages = [{{ target = 0, duration = \"1s\" }}]\n{JOURNEY}"
    );
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:6:1: every stage has zero virtual users: nobody would come
      6 | stages = [{ target = 0, duration = "1s" }]
        | ^^^^^^
    1 mistake found
    "#);
    let text = format!("{HEAD}[load]\nexecutor = \"ramping-vus\"\nstages = []\n{JOURNEY}");
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:6:10: the list is empty; it needs at least one item
      6 | stages = []
        |          ^^
    1 mistake found
    "#);
}

#[test]
fn a_list_that_is_too_long_is_told_its_limit() {
    let address = "\"127.0.0.1\", ".repeat(1_025);
    let said = mistakes(&format!("{HEAD}{LOAD}source_addresses = [{address}]\n{JOURNEY}"));
    assert!(said.contains("the list takes no more than 1024 items"), "{said}");
    assert!(said.contains("1 mistake found"), "{said}");
}

#[test]
fn a_fixed_number_of_iterations_is_one_that_users_can_take() {
    let load = |keys: &str| format!("{HEAD}[load]\n{keys}\n{JOURNEY}");
    let text = load("executor = \"per-vu-iterations\"\nvus = 1001\niterations = 1000\nduration = \"5s\"");
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:7:14: 1001 virtual users make 1001000 iterations in all; at most 1000000 are possible, and `constant-vus` with a `duration` has no such limit
      7 | iterations = 1000
        |              ^^^^
    s.toml:8:1: `duration` means nothing to the executor `per-vu-iterations`, which takes `vus`, `iterations`, `max_duration`
      8 | duration = "5s"
        | ^^^^^^^^
    2 mistakes found
    "#);
    let text = load("executor = \"shared-iterations\"\nvus = 5\niterations = 4\nmax_duration = \"0s\"");
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:7:14: 5 virtual users cannot share fewer iterations than they are: some would have nothing to do
      7 | iterations = 4
        |              ^
    s.toml:8:16: the duration must be longer than zero
      8 | max_duration = "0s"
        |                ^^^^
    2 mistakes found
    "#);
    let text = load("executor = \"shared-iterations\"\nvus = 5\nmax_duration = \"10s\"\nwarm_up = \"10s\"");
    assert_snapshot!(mistakes(&text), @r"
    s.toml:4:2: `iterations` is missing: the executor `shared-iterations` needs it
      4 | [load]
        |  ^^^^
    1 mistake found
    ");
    let text = load("executor = \"shared-iterations\"\nvus = 5\niterations = 5\nwarm_up = \"10m\"");
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:8:11: the warm-up of 10m leaves nothing of the load's 10m to be measured
      8 | warm_up = "10m"
        |           ^^^^^
    1 mistake found
    "#);
}

#[test]
fn every_worker_has_a_user() {
    let load = |keys: &str| format!("{HEAD}[load]\n{keys}\n{JOURNEY}");
    let text = load("executor = \"constant-vus\"\nvus = 2\nduration = \"5s\"\nworkers = 3");
    assert_snapshot!(mistakes(&text), @r"
    s.toml:8:11: there are more workers than virtual users (2): a worker without a user would drop all that falls to it
      8 | workers = 3
        |           ^
    1 mistake found
    ");
    let text = load("executor = \"constant-vus\"\nvus = 2\nduration = \"5s\"");
    let workers = |cores| {
        let options = LoadOptions {
            sets: &[],
            seed: None,
            cores,
            environment: &|_| None,
            read: &|_| Ok(text.clone()),
        };
        super::super::load(Path::new("s.toml"), &options)
            .unwrap()
            .plan
            .load
            .workers
    };
    // One less than there are cores, as far as there are users.
    assert_eq!([1, 2, 3, 8].map(workers), [1, 1, 2, 2]);
}
