//! Users with patience, in every format.

use super::*;

#[test]
fn users_with_patience_are_in_every_format_and_in_the_file() {
    let original = record(fixture::with_users(20, 50));
    let stored = RunRecord::from_json(&render(Format::Json, &original).unwrap()).unwrap();
    assert_eq!(stored, original);
    let again = stored.judged_again(&stored.criteria().unwrap(), None).unwrap();
    assert_eq!(again, original);
    let users = original.users.as_ref().unwrap();
    assert_eq!((users.sessions.begun, users.sessions.left_waiting), (600, 30));
    assert_eq!(users.expected_tickets, 6.0);
    let abandonment = users.abandonment_rate.unwrap();
    assert_eq!((abandonment.value, abandonment.samples), (0.05, 600));
    assert!(abandonment.low < 0.05 && 0.05 < abandonment.high);
    assert_eq!(users.abandonment_at_target, Some(0.025));
    assert_eq!(users.steps[0].left_waiting, 30);

    let markdown = render(Format::Markdown, &original).unwrap();
    let html = render(Format::Html, &original).unwrap();
    for text in [&markdown, &html] {
        for part in [
            "Simulated: how long users wait",
            "600 sessions begun",
            "2.5 % in excess",
            "half of them within 7.9 s",
            "6 tickets expected if 50 % of them complain",
            "app: 5% leave after 2s, 50% after 10s (Weibull, k = 1.62, λ = 12.5 s)",
            "30 (5 %)",
        ] {
            let plain = text.replace(['\u{202f}', '\\'], "");
            assert!(plain.contains(part), "{part} is not in {text}");
        }
    }
    let terminal = render(Format::Text, &original).unwrap();
    assert!(
        terminal.contains("95 % completed, 5 % left, 2 % with reason to complain, Apdex 0."),
        "{terminal}"
    );
    assert!(html.contains("id=\"users\"") && !html.contains("Abandonment at target"));

    // Without users there is no such section, and files of versions that knew none are read.
    let without = record(fixture::healthy());
    assert!(!render(Format::Html, &without).unwrap().contains("id=\"users\""));
    let json = render(Format::Json, &without).unwrap();
    assert!(!json.contains("\"users\""));
    let older = json.replace("\"abandoned\":0,", "");
    assert_ne!(older, json);
    assert_eq!(RunRecord::from_json(&older).unwrap(), without);
}
