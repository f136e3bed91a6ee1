//! The scenario files of the suite that measures load tools side by side stay valid.

use crate::program::{loadtest, output, repository};

#[tokio::test]
async fn every_scenario_of_the_side_by_side_suite_is_valid() {
    let mut checked = 0;
    for entry in std::fs::read_dir(repository("benches/peers/scenarios")).unwrap() {
        let path = entry.unwrap().path();
        let said = output(
            loadtest()
                .arg("check")
                .arg(&path)
                .env("PEER_URL", "http://127.0.0.1:1")
                .env("PEER_TEXT", "text")
                .env("PRACTICE_API_KEY", "key")
                .env("PRACTICE_JWT_SECRET", "0123456789abcdef0123456789abcdef"),
        )
        .await;
        assert_eq!(said.code, Some(0), "{}: {}", path.display(), said.stderr);
        checked += 1;
    }
    assert_eq!(checked, 5);
}
