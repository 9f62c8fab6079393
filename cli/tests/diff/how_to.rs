//! docs/diff.md is true: its commands run, its example is the answer, its workflow is one.

use serde_json::Value;

use crate::run::{Run, diff, state, written};

const PAGE: &str = include_str!("../../../docs/diff.md");

/// The blocks of one language.
fn blocks(language: &str) -> impl Iterator<Item = &str> {
    let fence = format!("```{language}\n");
    let found: Vec<&str> = PAGE.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    found.into_iter()
}

/// Runs a script in a folder with the two manifests of the example, and `clyra` on its path.
fn run(script: &str, arguments: &[&str]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    for (side, name) in [("old", "base"), ("new", "revenue_logic")] {
        std::fs::create_dir(folder.path().join(side)).unwrap();
        std::fs::copy(state(name), folder.path().join(side).join("manifest.json")).unwrap();
    }
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_clyra")).parent().unwrap();
    let path = format!("{}:{}", program.display(), env!("PATH"));
    let mut bash = std::process::Command::new("bash");
    let output = bash.args(arguments).args(["-c", script]).current_dir(&folder).env("PATH", path).output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    Run { code: output.status.code().unwrap(), out, err }
}

#[test]
fn its_first_command_gives_its_example() {
    let command = blocks("sh").next().unwrap();
    let run = run(command, &[]);
    assert_eq!((run.code, run.err.as_str()), (1, ""));
    assert_eq!(blocks("text").next().unwrap(), run.out, "docs/diff.md shows what its command gives");
}

#[test]
fn its_owner_rules_are_some() {
    let folder = tempfile::tempdir().unwrap();
    let rules = written(folder.path(), "owners.yaml", blocks("yaml").next().unwrap());
    let run = diff(&state("base"), &state("revenue_logic"), &["--owners", rules.to_str().unwrap()]);
    assert_eq!((run.code, run.err.as_str()), (1, ""));
    assert!(run.out.contains("by @ana-lima"), "{}", run.out);
}

#[test]
fn its_options_exist() {
    let help = crate::run::clyra(&["diff", "--help"], b"").out;
    let named: Vec<&str> = PAGE.split("`--").skip(1).map(|rest| rest.split(['`', ' ']).next().unwrap()).collect();
    assert!(named.len() > 4);
    for option in named {
        assert!(help.contains(&format!("--{option}")), "docs/diff.md names --{option}, and clyra diff has none");
    }
    for code in 0..3 {
        assert!(PAGE.contains(&format!("| {code} | ")), "{code}");
    }
    assert_eq!(diff(&state("base"), &state("base"), &[]).code, 0);
}

#[test]
fn its_scripts_and_its_workflow_are_well_formed() {
    let workflow: Value = serde_saphyr::from_str(blocks("yaml").last().unwrap()).unwrap();
    let steps = workflow["jobs"]["diff"]["steps"].as_array().unwrap();
    let of_workflow: Vec<String> = steps.iter().filter_map(|step| step["run"].as_str().map(str::to_owned)).collect();
    assert!(of_workflow.iter().any(|script| script.contains("clyra diff")));
    for script in of_workflow.into_iter().chain(blocks("sh").map(str::to_owned)) {
        let run = run(&script, &["-n"]);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{script}");
    }
}
