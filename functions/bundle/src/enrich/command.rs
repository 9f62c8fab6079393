//! Command lines of dbt, as far as control needs them: the verb, and whether flags stand in the job's definition.

use std::collections::BTreeSet;

use clyra_evidence::text::UntrustedText;
use serde::{Deserialize, Serialize};

/// What a command does to the warehouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verb {
    /// `build`, `run`, `test`, `seed`, `snapshot`, `clone`, `retry`: nodes are executed.
    Executes,
    /// `run-operation`.
    Operation,
    /// `source freshness`.
    Freshness,
    /// Everything else: `docs`, `compile`, `deps`, …
    Other,
}

/// A command, without its arguments' values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Command {
    /// What it does.
    pub(crate) verb: Verb,
    /// The macro of a `run-operation`.
    pub(crate) operation: Option<String>,
    /// `--full-refresh` or `-f`.
    pub(crate) full_refresh: bool,
    /// Names of the variables given.
    pub(crate) vars: BTreeSet<String>,
}

/// Most variable names that are kept of one command.
const VARS_MAX: usize = 100;

impl Command {
    /// Reads `dbt build --select x`; `None` where no dbt is called.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace().skip_while(|word| *word != "dbt" && *word != "dbtf");
        words.next()?;
        let words: Vec<&str> = words.collect();
        // Global flags may stand before the verb, with values after them: the verb is the first word that is one.
        let at = words.iter().position(|word| KNOWN.contains(word));
        let verb = match at.map(|at| words[at]) {
            Some("build" | "run" | "test" | "seed" | "snapshot" | "clone" | "retry") => Verb::Executes,
            Some("run-operation") => Verb::Operation,
            Some("source") if words.iter().any(|word| matches!(*word, "freshness" | "snapshot-freshness")) => {
                Verb::Freshness
            }
            _ => Verb::Other,
        };
        let operation = match (verb, at) {
            (Verb::Operation, Some(at)) => words[at + 1..].iter().find(|word| !word.starts_with('-')),
            _ => None,
        };
        Some(Self {
            verb,
            operation: operation.map(|name| UntrustedText::new(name).as_untrusted().to_owned()),
            full_refresh: words.iter().any(|word| matches!(*word, "--full-refresh" | "-f")),
            vars: vars(text),
        })
    }
}

const KNOWN: [&str; 16] = [
    "build",
    "run",
    "test",
    "seed",
    "snapshot",
    "clone",
    "retry",
    "run-operation",
    "docs",
    "source",
    "compile",
    "parse",
    "ls",
    "list",
    "deps",
    "debug",
];

/// Names before a colon in what follows `--vars`: JSON and YAML in flow or block form.
fn vars(text: &str) -> BTreeSet<String> {
    let Some((_, rest)) = text.split_once("--vars") else { return BTreeSet::new() };
    let rest = rest.split(" --").next().unwrap_or_default();
    let mut names = BTreeSet::new();
    for part in rest.split(['{', ',', '\n']) {
        let Some((name, _)) = part.split_once(':') else { continue };
        let name = name.trim_matches([' ', '=', '\'', '"', '\\']);
        if !name.is_empty() && names.len() < VARS_MAX {
            names.insert(UntrustedText::new(name).as_untrusted().to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_command_does() {
        for (text, verb, operation, full_refresh, vars) in [
            ("dbt build", Verb::Executes, None, false, vec![]),
            ("dbt --no-use-colors build --select state:modified+", Verb::Executes, None, false, vec![]),
            ("dbt run -f", Verb::Executes, None, true, vec![]),
            (
                "dbt build --full-refresh --vars '{\"a\": 1, b: x}' --select y:z",
                Verb::Executes,
                None,
                true,
                vec!["a", "b"],
            ),
            ("dbt run --vars 'cutoff: 2026-01-01'", Verb::Executes, None, false, vec!["cutoff"]),
            ("dbt run-operation --args '{x: 1}' drop_all", Verb::Operation, Some("'{x:"), false, vec![]),
            ("dbt run-operation drop_all --args '{x: 1}'", Verb::Operation, Some("drop_all"), false, vec![]),
            ("dbt docs generate", Verb::Other, None, false, vec![]),
            ("dbt source freshness", Verb::Freshness, None, false, vec![]),
            ("dbt --quiet source freshness --select x", Verb::Freshness, None, false, vec![]),
            ("dbt source --help", Verb::Other, None, false, vec![]),
        ] {
            let command = Command::parse(text).unwrap();
            assert_eq!(command.verb, verb, "{text}");
            assert_eq!(command.operation.as_deref(), operation, "{text}");
            assert_eq!(command.full_refresh, full_refresh, "{text}");
            assert_eq!(command.vars.iter().map(String::as_str).collect::<Vec<_>>(), vars, "{text}");
        }
        assert_eq!(Command::parse("git clone x"), None);
    }
}
