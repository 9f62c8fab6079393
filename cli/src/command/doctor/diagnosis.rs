//! What was found: the document of `clyra doctor --json`. Members are only ever added.
//!
//! `{"findings":[{"level":"ok|warn|problem","area":"…","what":"…","why":"…","toDo":"…"}],"problems":0,"warnings":1,
//! "controls":{"of":18,"testable":[{"id":"CM-05","attributes":["E2"],"inFull":false}],
//! "notYet":[{"missing":"…","controls":["CM-01"],"today":false}],"notApplicable":["CM-18"]}}`

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, and will hurt one day.
    Warn,
    /// It does not work, or is not safe.
    Problem,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// Where: the configuration, the secrets, a connection, …
    pub area: String,
    /// What was found.
    pub what: String,
    /// Why it matters; empty for what is as it should be.
    pub why: String,
    /// What to do; empty for what is as it should be.
    pub to_do: String,
}

/// Findings of one area, in the order in which they were made.
#[derive(Debug)]
pub(super) struct Area {
    name: String,
    pub(super) findings: Vec<Finding>,
}

impl Area {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), findings: Vec::new() }
    }

    pub(super) fn ok(&mut self, what: impl Into<String>) {
        self.add(Level::Ok, what.into(), String::new(), String::new());
    }

    pub(super) fn warn(&mut self, what: impl Into<String>, why: impl Into<String>, to_do: impl Into<String>) {
        self.add(Level::Warn, what.into(), why.into(), to_do.into());
    }

    pub(super) fn problem(&mut self, what: impl Into<String>, why: impl Into<String>, to_do: impl Into<String>) {
        self.add(Level::Problem, what.into(), why.into(), to_do.into());
    }

    /// Whether everything is as it should be.
    pub(super) fn is_fine(&self) -> bool {
        self.findings.iter().all(|finding| finding.level == Level::Ok)
    }

    fn add(&mut self, level: Level, what: String, why: String, to_do: String) {
        self.findings.push(Finding { level, area: self.name.clone(), what, why, to_do });
    }
}

/// Everything that was found.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// In the order in which a deployment is set up.
    pub findings: Vec<Finding>,
    /// How many do not work or are not safe.
    pub problems: usize,
    /// How many will hurt one day.
    pub warnings: usize,
    /// Which controls can be tested; absent when the configuration cannot be read.
    pub controls: Option<Controls>,
}

impl Diagnosis {
    pub(super) fn take(&mut self, area: Area) {
        let count = |level| area.findings.iter().filter(|finding| finding.level == level).count();
        self.problems += count(Level::Problem);
        self.warnings += count(Level::Warn);
        self.findings.extend(area.findings);
    }
}

/// Which controls can be tested with what is connected today.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Controls {
    /// How many the catalogue has.
    pub of: usize,
    /// Those of which at least one attribute can be tested.
    pub testable: Vec<Testable>,
    /// What is missing for the rest, most wanted first.
    pub not_yet: Vec<Missing>,
    /// Those that the scope takes out.
    pub not_applicable: Vec<String>,
}

/// A control that can be tested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Testable {
    /// Its id.
    pub id: String,
    /// The attributes that can be tested.
    pub attributes: Vec<String>,
    /// Whether these are all.
    pub in_full: bool,
}

/// Something that is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Missing {
    /// What.
    pub missing: String,
    /// The controls that need it, wholly or in part.
    pub controls: Vec<String>,
    /// Whether it can be given to this version.
    pub today: bool,
}
