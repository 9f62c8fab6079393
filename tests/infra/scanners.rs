//! cfn-lint and checkov, installed by `make tools`. Without them the tests fail: nothing is skipped.

use std::process::Command;

use crate::template::root;

fn run(tool: &str, arguments: &[&str]) {
    let program = root().join(".tools/emulated/bin").join(tool);
    let output = Command::new(&program)
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}. `make tools` installs it.", program.display()));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{tool}:\n{said}");
}

#[test]
fn cfn_lint_reports_nothing() {
    run("cfn-lint", &["--non-zero-exit-code", "informational", "infra/template.yaml"]);
}

#[test]
fn checkov_reports_only_what_is_accepted_with_a_reason() {
    let scan =
        ["-f", "infra/template.yaml", "--framework", "cloudformation", "--compact", "--quiet", "--skip-download"];
    run("checkov", &[&["--config-file", "infra/.checkov.yaml"], scan.as_slice()].concat());
    let accepted = std::fs::read_to_string(root().join("infra/.checkov.yaml")).unwrap();
    let reasons = std::fs::read_to_string(root().join("infra/README.md")).unwrap();
    for id in accepted.lines().filter_map(|line| line.trim().strip_prefix("- CKV_AWS_")) {
        let named =
            reasons.lines().any(|line| line.starts_with("| CKV_AWS_") && line.split('|').nth(1).unwrap().contains(id));
        assert!(named, "infra/README.md does not say why CKV_AWS_{id} is accepted");
    }
}
