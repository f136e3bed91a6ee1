//! The pipeline that runs a scenario in CI.
//!
//! A run is repeated once when it is INVALID (12): then the test went wrong, not the service. It is never repeated on
//! NO-GO (10) or ROLLBACK (13): a release that fails every second time is not one that passes. Reports are kept
//! whatever the verdict.

/// The CI systems that a pipeline can be written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pipeline {
    GitHub,
    GitLab,
}

impl Pipeline {
    /// The file that the system reads, relative to the repository. GitLab reads one file for everything, so the job
    /// gets a file of its own that `.gitlab-ci.yml` includes.
    pub fn path(self) -> &'static str {
        match self {
            Pipeline::GitHub => ".github/workflows/loadtest.yml",
            Pipeline::GitLab => ".gitlab/loadtest.yml",
        }
    }

    /// What is left to do by hand, as a sentence.
    pub fn next(self) -> &'static str {
        match self {
            Pipeline::GitHub => {
                "Its first step puts `loadtest` on the PATH: adjust it to where you keep the program."
            }
            Pipeline::GitLab => {
                "Add `include: { local: .gitlab/loadtest.yml }` to .gitlab-ci.yml, and adjust the line that puts \
                 `loadtest` on the PATH to where you keep the program."
            }
        }
    }

    /// The pipeline that runs `scenario`.
    pub fn text(self, scenario: &str) -> String {
        match self {
            Pipeline::GitHub => github(scenario),
            Pipeline::GitLab => gitlab(scenario),
        }
    }
}

fn github(scenario: &str) -> String {
    format!(
        r#"# Decides go or no-go with {scenario}. Exit codes: 0 GO, 10 NO-GO, 11 INCONCLUSIVE, 12 INVALID, 13 ROLLBACK.
name: load test

on:
  workflow_dispatch:
  pull_request:

permissions:
  contents: read

jobs:
  loadtest:
    runs-on: ubuntu-latest
    timeout-minutes: 30
    steps:
      - uses: actions/checkout@v4

      # Adjust: a static build of the program can be kept with your other tools.
      - name: Put loadtest on the PATH
        run: command -v loadtest || {{ echo "loadtest is not installed on this runner" >&2; exit 3; }}

      # Annotations, the job's summary and the outputs `verdict` and `report_path` are written by loadtest itself.
      - name: Load test
        id: loadtest
        run: |
          code=0
          loadtest run {scenario} --out loadtest-report || code=$?
          if [ "$code" -eq 12 ]; then
            echo "The run is INVALID: it is repeated once."
            code=0
            loadtest run {scenario} --out loadtest-report-repeated || code=$?
          fi
          exit "$code"
        env:
          GIT_SHA: ${{{{ github.sha }}}}

      - name: Keep the reports
        if: always()
        uses: actions/upload-artifact@v4
        with:
          name: loadtest-report
          path: |
            loadtest-report/
            loadtest-report-repeated/
"#
    )
}

fn gitlab(scenario: &str) -> String {
    format!(
        r#"# Decides go or no-go with {scenario}. Exit codes: 0 GO, 10 NO-GO, 11 INCONCLUSIVE, 12 INVALID, 13 ROLLBACK.
loadtest:
  stage: test
  timeout: 30 minutes
  variables:
    GIT_SHA: $CI_COMMIT_SHA
  before_script:
    # Adjust: a static build of the program can be kept with your other tools.
    - command -v loadtest || {{ echo "loadtest is not installed on this runner" >&2; exit 3; }}
  script:
    - |
      code=0
      loadtest run {scenario} --out loadtest-report || code=$?
      if [ "$code" -eq 12 ]; then
        echo "The run is INVALID: it is repeated once."
        code=0
        loadtest run {scenario} --out loadtest-report-repeated || code=$?
      fi
      exit "$code"
  # Take the # away, and too little evidence (11) is shown in orange and stops nobody.
  # allow_failure:
  #   exit_codes: [11]
  artifacts:
    when: always
    paths:
      - loadtest-report/
      - loadtest-report-repeated/
    reports:
      junit: loadtest-report*/junit.xml
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_repeated_on_invalid_only_and_reports_are_always_kept() {
        for pipeline in [Pipeline::GitHub, Pipeline::GitLab] {
            let text = pipeline.text("scenarios/peak.toml");
            assert_eq!(
                text.matches("loadtest run scenarios/peak.toml").count(),
                2,
                "{text}"
            );
            assert!(text.contains(r#"[ "$code" -eq 12 ]"#), "{text}");
            assert!(!text.contains("-eq 10") && !text.contains("-eq 13"), "{text}");
            assert!(text.contains("always"), "{text}");
            // The verdict must reach the CI system whole.
            assert!(
                text.contains(r#"exit "$code""#) && !text.contains("|| true"),
                "{text}"
            );
        }
        assert!(Pipeline::GitHub.text("s.toml").contains("${{ github.sha }}"));
    }
}
