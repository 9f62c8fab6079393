//! Who has to approve, who did, and what the exit code says of it.

use crate::run::{diff, state, written};

const RULES: &str = r#"
approvers:
  group:finance: ["@juniper/finance-leads", "@Ana-Lima"]
  "@juniper/finance-leads": ["@ana-lima", "@jueri"]
  exposure:monthly_close: ["slack:U02"]
"#;

#[test]
fn required_approvals_are_compared_with_those_that_were_given() {
    let folder = tempfile::tempdir().unwrap();
    let rules = written(folder.path(), "owners.yaml", RULES);
    let rules = rules.to_str().unwrap();
    let told = |more: &[&str]| diff(&state("base"), &state("revenue_logic"), more);
    let cases: [(&str, Vec<&str>); 5] = [
        ("by_default", vec![]),
        ("nobody_approved", vec!["--approved-by", ""]),
        ("rules", vec!["--owners", rules]),
        ("one_approved", vec!["--owners", rules, "--approved-by", "@ANA-LIMA"]),
        ("all_approved", vec!["--owners", rules, "--approved-by", "jueri, slack:U02"]),
    ];
    for (name, more) in cases {
        let run = told(&more);
        assert_eq!((run.code, run.err.as_str()), (1, ""), "{name}");
        let part = run.out.split("\nAPPROVALS").nth(1).unwrap_or_default();
        insta::assert_snapshot!(format!("approvals_{name}"), part);
    }
    for form in [&["--markdown"][..], &["--html", "-"]] {
        let run = told(&[&["--owners", rules, "--approved-by", "@ana-lima"], form].concat());
        assert!(run.out.contains("approved") && run.out.contains("any of"), "{}", run.out);
    }
}

#[test]
fn code_owners_are_asked_and_lines_that_are_not_understood_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), "CODEOWNERS", "models/ @juniper/data\nmodels/marts/ @ana-lima\n[x @nobody\n");
    let run = diff(&state("base"), &state("revenue_logic"), &["--codeowners", file.to_str().unwrap()]);
    insta::assert_snapshot!(run.out.split("\nAPPROVALS").nth(1).unwrap_or_default());
}

#[test]
fn the_exit_code_is_for_what_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let rules = written(folder.path(), "owners.yaml", RULES);
    let rules = rules.to_str().unwrap();
    let cases: [(&str, &[&str], i32); 8] = [
        ("revenue_logic", &["--fail-on", "behavioural"], 1),
        ("revenue_logic", &["--fail-on", "breaking"], 0),
        ("model_added_removed", &["--fail-on", "breaking"], 1),
        ("docs_only", &["--fail-on", "governance"], 0),
        ("docs_only", &["--fail-on", "documentation"], 1),
        ("base", &["--fail-on", "cosmetic"], 0),
        ("revenue_logic", &["--fail-on", "breaking,missing-approval", "--owners", rules, "--approved-by", "@jueri"], 1),
        (
            "revenue_logic",
            &["--fail-on", "missing-approval", "--owners", rules, "--approved-by", "@jueri,slack:U02"],
            0,
        ),
    ];
    for (to, more, code) in cases {
        let run = diff(&state("base"), &state(to), more);
        assert_eq!(run.code, code, "{to} {more:?}: {run:?}");
    }
    let run = diff(&state("base"), &state("revenue_logic"), &["--fail-on", "missing-approval"]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("no approvals are named"), "{run:?}");
}

#[test]
fn files_of_owners_that_cannot_be_read_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (state("base"), state("revenue_logic"));
    for (text, why) in [
        ("approvers: 7", "owners.yaml were not read"),
        ("approvers: {group:finance: [ana@example.com]}", "no e-mail address"),
        ("approver: {}", "unknown field"),
    ] {
        let rules = written(folder.path(), "owners.yaml", text);
        let run = diff(&from, &to, &["--owners", rules.to_str().unwrap()]);
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.err.split_whitespace().collect::<Vec<_>>().join(" ").contains(why), "{run:?}");
    }
    let run = diff(&from, &to, &["--codeowners", "no/such/CODEOWNERS"]);
    assert!(run.code == 2 && run.err.contains("name the repository's CODEOWNERS file"), "{run:?}");
}
