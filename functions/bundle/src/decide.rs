//! Change or execution: a pure function of a run and of what ran before it.
//!
//! The order of runs is (start, run id), never the order in which we learned of them, and nothing here knows when that
//! was. So whenever an earlier run turns up, the later ones are decided again and come out as if it had always been
//! known.

use clyra_evidence::change::{Anchor, ChangeKind, Component, StateVector};
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::id::{ChangeId, ConnectionName, SourceId};
use serde::{Deserialize, Serialize};

/// One run, as the decision sees it.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The run.
    pub run: &'a SourceId,
    /// Its environment.
    pub environment: &'a SourceId,
    /// Its job.
    pub job: &'a SourceId,
    /// The commit it ran.
    pub git_sha: Option<&'a str>,
    /// The state it ran in; `None` when its manifest was needed and could not be read.
    pub vector: Option<&'a StateVector>,
    /// Whether it executed any node: only then did its state touch production.
    pub executed: bool,
    /// Whether it ran otherwise than its job is defined: any override, variables, an operation, or a full refresh of
    /// tables with history.
    pub overridden: bool,
    /// The environment's latest earlier run that executed a node and whose state is known.
    pub of_environment: Option<Earlier<'a>>,
    /// The same of the job.
    pub of_job: Option<Earlier<'a>>,
    /// The first of the runs between `of_environment` and this one that ran the same commit in a state that could not
    /// be read.
    pub unread_since: Option<&'a SourceId>,
    /// Whether a run of the environment since `of_job` has the same version of dbt: then the drift is already that
    /// run's.
    pub version_seen: bool,
}

/// An earlier run.
#[derive(Clone, Copy, Debug)]
pub struct Earlier<'a> {
    /// The commit it ran.
    pub git_sha: Option<&'a str>,
    /// The state it ran in.
    pub vector: &'a StateVector,
}

/// What a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The environment's first run that we know: what later ones are compared with. No change, no ticket.
    Baseline,
    /// A run that changed nothing.
    Execution,
    /// A run with which changes went live; never empty.
    Changes(Vec<Decided>),
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decided {
    /// Its kind.
    pub kind: ChangeKind,
    /// What it hangs on.
    pub anchor: Vec<String>,
    /// The components of the vector that it explains; empty for an override and where the state could not be read.
    pub components: Vec<Component>,
}

impl Decided {
    fn new(kind: ChangeKind, anchor: &Anchor, components: Vec<Component>) -> Self {
        Self { kind, anchor: anchor.parts(), components }
    }

    /// The change's id.
    #[must_use]
    pub fn change_id(&self, connection: &ConnectionName) -> ChangeId {
        ChangeId::derive(self.kind, connection, &self.anchor)
    }
}

/// Decides.
#[must_use]
pub fn decide(question: &Question<'_>) -> Decision {
    let Some(before) = question.of_environment else {
        // Without an earlier state an override has nothing that it departs from either: connecting a project opens
        // no tickets for what happened before.
        return if question.executed && question.vector.is_some() { Decision::Baseline } else { Decision::Execution };
    };
    let mut changes = Vec::new();
    if question.executed {
        let commit = commit(before.git_sha, question.git_sha);
        match question.vector {
            Some(vector) => of_vector(question, before.vector, vector, commit, &mut changes),
            // Nobody read the state, but somebody wrote a new commit: that is not "nothing changed".
            None if commit == Commit::Other => changes.push(code(question, Vec::new())),
            None => {}
        }
    }
    if question.overridden {
        changes.push(Decided::new(ChangeKind::Override, &Anchor::Run { run: question.run.clone() }, Vec::new()));
    }
    if changes.is_empty() { Decision::Execution } else { Decision::Changes(changes) }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Commit {
    Same,
    Other,
    /// One of the two is not known, so no commit can explain a difference.
    Unknown,
}

fn commit(before: Option<&str>, now: Option<&str>) -> Commit {
    match (before, now) {
        (Some(before), Some(now)) if before == now => Commit::Same,
        (Some(_), Some(_)) => Commit::Other,
        _ => Commit::Unknown,
    }
}

fn of_vector(
    question: &Question<'_>,
    before: &StateVector,
    now: &StateVector,
    commit: Commit,
    changes: &mut Vec<Decided>,
) {
    let of_job = question.of_job.map_or(now, |earlier| earlier.vector);
    let differences = now.differences(before, of_job);
    let in_code: Vec<Component> = differences
        .iter()
        .copied()
        .filter(|component| matches!(component, Component::Manifest | Component::Seeds | Component::Packages))
        .collect();
    if commit == Commit::Other && !in_code.is_empty() {
        changes.push(code(question, in_code));
    } else {
        changes.extend(in_code.into_iter().map(|component| drift(question, component)));
    }
    for component in differences {
        match component {
            Component::DbtVersion if !question.version_seen => changes.push(drift(question, component)),
            Component::Job => changes.push(config(component, format!("job/{}", question.job), now.job)),
            Component::Environment => {
                changes.push(config(component, format!("environment/{}", question.environment), now.environment));
            }
            Component::DbtVersion | Component::Manifest | Component::Seeds | Component::Packages => {}
        }
    }
}

fn code(question: &Question<'_>, components: Vec<Component>) -> Decided {
    let run = question.unread_since.unwrap_or(question.run).clone();
    Decided::new(ChangeKind::Code, &Anchor::FirstRun { environment: question.environment.clone(), run }, components)
}

fn drift(question: &Question<'_>, component: Component) -> Decided {
    let (environment, run) = (question.environment.clone(), question.run.clone());
    Decided::new(ChangeKind::Drift, &Anchor::FirstRunOf { environment, component, run }, vec![component])
}

fn config(component: Component, object: String, digest: Sha256Digest) -> Decided {
    Decided::new(ChangeKind::Config, &Anchor::Object { object, digest }, vec![component])
}

#[cfg(test)]
mod tests;
