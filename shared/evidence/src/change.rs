//! Changes: rows of a population, with ids that never move, and the state vector that decides whether there is one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::id::{ChangeId, ConnectionName, SourceId};

/// What kind of change; each belongs to one population of the audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Code on the production branch: a merged pull request, a push, or the first run of a new commit.
    Code,
    /// A difference of the state vector that no code change explains.
    Drift,
    /// A production run with an override, variables, an operation or a full refresh.
    Override,
    /// A job, environment or ruleset was edited.
    Config,
    /// A reverse-ETL definition was edited.
    Sync,
    /// DDL or DML outside the pipeline.
    Warehouse,
}

impl ChangeKind {
    /// The kind in ids and documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Drift => "drift",
            Self::Override => "override",
            Self::Config => "config",
            Self::Sync => "sync",
            Self::Warehouse => "warehouse",
        }
    }
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a change hangs on: never anything that a later fact could alter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// A merged pull request of `owner/name`.
    PullRequest {
        /// `owner/name`.
        repository: String,
        /// Its number.
        number: u64,
    },
    /// The first run of an environment with new code: what a `code` change hangs on while no repository is connected.
    FirstRun {
        /// The environment.
        environment: SourceId,
        /// The run.
        run: SourceId,
    },
    /// The first run of an environment with another value of one component, without a new commit.
    FirstRunOf {
        /// The environment.
        environment: SourceId,
        /// The component that drifted; each drifts for its own reason, so each is a change of its own.
        component: Component,
        /// The run.
        run: SourceId,
    },
    /// One run.
    Run {
        /// The run.
        run: SourceId,
    },
    /// A version of a configured object.
    Object {
        /// What and which, for example `job/123`.
        object: String,
        /// SHA-256 of its definition.
        digest: Sha256Digest,
    },
}

impl Anchor {
    /// The parts, as the id joins them.
    #[must_use]
    pub fn parts(&self) -> Vec<String> {
        match self {
            Self::PullRequest { repository, number } => vec![repository.clone(), number.to_string()],
            Self::FirstRun { environment, run } => vec![environment.to_string(), run.to_string()],
            Self::FirstRunOf { environment, component, run } => {
                vec![environment.to_string(), component.as_str().to_owned(), run.to_string()]
            }
            Self::Run { run } => vec![run.to_string()],
            Self::Object { object, digest } => vec![object.clone(), digest.to_string()],
        }
    }

    /// The id of the change of `kind` that hangs on this anchor.
    #[must_use]
    pub fn change_id(&self, kind: ChangeKind, connection: &ConnectionName) -> ChangeId {
        ChangeId::derive(kind, connection, &self.parts())
    }
}

impl ChangeId {
    /// The id of the change of `kind` that hangs on the anchor with these parts.
    #[must_use]
    pub fn derive(kind: ChangeKind, connection: &ConnectionName, anchor_parts: &[String]) -> Self {
        let anchor = anchor_parts.join("/");
        let text = format!("clyra/change/v0\n{kind}\n{connection}\n{anchor}");
        Self::from_digest(Sha256Digest::of(text.as_bytes()))
    }
}

/// The state that a production run ran in: a change exists if and only if a component differs from the last state.
///
/// `job` and `dbt_version` are compared with the job's last run, the others with the environment's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StateVector {
    /// Nodes, macros and tests of the root project: raw code and unrendered configuration.
    pub manifest: Sha256Digest,
    /// Seed files.
    pub seeds: Sha256Digest,
    /// Nodes and macros of the installed packages.
    pub packages: Sha256Digest,
    /// The version of dbt that ran.
    pub dbt_version: String,
    /// The job's commands, target, schedule and settings.
    pub job: Sha256Digest,
    /// The environment's branch, version, credential id and connection id.
    pub environment: Sha256Digest,
}

/// One component of the state vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Component {
    /// [`StateVector::manifest`].
    Manifest,
    /// [`StateVector::seeds`].
    Seeds,
    /// [`StateVector::packages`].
    Packages,
    /// [`StateVector::dbt_version`].
    DbtVersion,
    /// [`StateVector::job`].
    Job,
    /// [`StateVector::environment`].
    Environment,
}

impl Component {
    /// All components, in the order of documents.
    pub const ALL: [Self; 6] =
        [Self::Manifest, Self::Seeds, Self::Packages, Self::DbtVersion, Self::Job, Self::Environment];

    /// The name in documents and anchors.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Seeds => "seeds",
            Self::Packages => "packages",
            Self::DbtVersion => "dbtVersion",
            Self::Job => "job",
            Self::Environment => "environment",
        }
    }
}

/// The text names no component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a component of the state vector")]
pub struct ParseComponentError;

impl FromStr for Component {
    type Err = ParseComponentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|component| component.as_str() == text).ok_or(ParseComponentError)
    }
}

impl StateVector {
    /// The components that differ, given the environment's last vector and the job's.
    #[must_use]
    pub fn differences(&self, of_environment: &Self, of_job: &Self) -> Vec<Component> {
        let differs = |component: &Component| match component {
            Component::Manifest => self.manifest != of_environment.manifest,
            Component::Seeds => self.seeds != of_environment.seeds,
            Component::Packages => self.packages != of_environment.packages,
            Component::Environment => self.environment != of_environment.environment,
            Component::DbtVersion => self.dbt_version != of_job.dbt_version,
            Component::Job => self.job != of_job.job,
        };
        Component::ALL.into_iter().filter(differs).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_their_construction() {
        let anchor = Anchor::FirstRun { environment: 1234.into(), run: 70_471_820_000_123.into() };
        let id = anchor.change_id(ChangeKind::Code, &ConnectionName::default_connection());
        let text = b"clyra/change/v0\ncode\ndefault\n1234/70471820000123";
        assert_eq!(*id.digest(), Sha256Digest::of(text));
    }

    #[test]
    fn job_and_version_are_compared_with_the_job_and_the_rest_with_the_environment() {
        let vector = |n: u8| {
            let digest = Sha256Digest::of(&[n]);
            let dbt_version = format!("1.{n}");
            StateVector {
                manifest: digest,
                seeds: digest,
                packages: digest,
                dbt_version,
                job: digest,
                environment: digest,
            }
        };
        let now = vector(1);
        assert_eq!(now.differences(&vector(1), &vector(1)), []);
        assert_eq!(now.differences(&vector(1), &vector(2)), [Component::DbtVersion, Component::Job]);
        use Component::{Environment, Manifest, Packages, Seeds};
        assert_eq!(now.differences(&vector(2), &vector(1)), [Manifest, Seeds, Packages, Environment]);
    }
}
