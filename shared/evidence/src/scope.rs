//! What the entity declares: which projects and environments are in scope, which controls, with which parameters
//! (spec/def/scope). Narrowing the scope is the oldest trick there is, so each version is signed and listed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::fact::FactValue;
use crate::id::{ConnectionName, SourceId};
use crate::manifest::VersionRef;
use crate::text::UntrustedText;

/// A version of the entity's scope, written by it as `scope.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scope {
    /// Counts up with every change to this document.
    pub version: u32,
    /// The legal entity.
    pub entity: UntrustedText,
    /// The projects.
    pub projects: Vec<ScopedProject>,
    /// Where approvals are given: `github`, `slack`, `servicenow`, … An empty list says that there is no such place.
    #[serde(default)]
    pub approval_sources: Vec<String>,
    /// The controls in scope, by their id in the catalogue.
    #[serde(default)]
    pub controls: BTreeMap<String, ScopedControl>,
    /// Parameters of the controls, by the names that the catalogue gives them.
    #[serde(default)]
    pub parameters: BTreeMap<String, FactValue>,
}

/// A signed version of the scope, with the payload of the envelope that it was signed in.
#[derive(Clone, Debug)]
pub struct ScopeInForce {
    /// The scope.
    pub scope: Scope,
    /// The payload of its envelope: `scope.json` of every bundle made under it.
    pub payload: Vec<u8>,
}

impl ScopeInForce {
    /// The version, and the digest of what was signed.
    #[must_use]
    pub fn reference(&self) -> VersionRef {
        VersionRef { version: self.scope.version, sha256: Sha256Digest::of(&self.payload) }
    }
}

/// One project in scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScopedProject {
    /// The connection that knows it.
    pub connection: ConnectionName,
    /// The source's id of the project.
    pub project_id: SourceId,
    /// The name in badge URLs: a connection-like name, unique in the scope.
    pub slug: ConnectionName,
    /// Its name for readers.
    pub name: UntrustedText,
    /// Its production environments. Runs elsewhere are receipts only.
    pub environments: Vec<ScopedEnvironment>,
    /// Unique ids of models that feed key reports.
    #[serde(default)]
    pub key_reports: Vec<String>,
}

/// One production environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScopedEnvironment {
    /// The source's id of the environment.
    pub environment_id: SourceId,
    /// Its name for readers.
    pub name: UntrustedText,
    /// The branch that production runs must be built from.
    #[serde(default)]
    pub branch: Option<String>,
    /// Ids of the jobs in scope; all jobs of the environment when absent.
    #[serde(default)]
    pub jobs: Option<Vec<SourceId>>,
}

/// One control in scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScopedControl {
    /// The entity's own id of the control, as in its risk and control matrix.
    #[serde(default)]
    pub client_control_id: Option<UntrustedText>,
}

impl Scope {
    /// The project and environment of a run, when both are in scope.
    #[must_use]
    pub fn environment_of(
        &self,
        connection: &ConnectionName,
        project: &SourceId,
        environment: &SourceId,
    ) -> Option<(&ScopedProject, &ScopedEnvironment)> {
        let project = self.project_of(connection, project)?;
        let environment = project.environments.iter().find(|e| e.environment_id == *environment)?;
        Some((project, environment))
    }

    /// The project with this id, when it is in scope.
    #[must_use]
    pub fn project_of(&self, connection: &ConnectionName, project: &SourceId) -> Option<&ScopedProject> {
        self.projects.iter().find(|p| p.connection == *connection && p.project_id == *project)
    }
}
