//! What the entity's scope says: parameters by name, quoted in every result that used them.

use std::collections::BTreeMap;

use clyra_evidence::fact::FactValue;
use clyra_evidence::id::{ConnectionName, SourceId};
use clyra_evidence::scope::{Scope, ScopedProject};
use clyra_evidence::text::UntrustedText;

use crate::catalogue::Catalogue;
use crate::expression::has_type;

/// The parameter that the environments of the scope state.
const PRODUCTION_BRANCH: &str = "productionBranch";

/// The parameter that says whether the scope has owner rules.
const OWNERS_DECLARED: &str = "ownersDeclared";

/// The entity's values, as one version of its scope gives them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    values: BTreeMap<String, FactValue>,
    client_control_ids: BTreeMap<String, UntrustedText>,
    scope_version: Option<u32>,
}

/// A value of the scope that the catalogue cannot take. It counts as not given; a process should refuse to start on it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// The catalogue knows no parameter of this name.
    #[error("the catalogue has no parameter {0:?}")]
    Unknown(String),
    /// The value has another type than the parameter.
    #[error("parameter {0:?} has a value of another type")]
    Type(String),
    /// A control that the catalogue does not have.
    #[error("the catalogue has no control {0:?}")]
    Control(String),
}

impl Parameters {
    /// Nothing said: every parameter without a default is unknown.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The parameters of one change: those of its project, with the branch of its environment.
    #[must_use]
    pub fn of_change(scope: &Scope, connection: &ConnectionName, project: &SourceId, environment: &SourceId) -> Self {
        let mut parameters = Self::from_scope(scope, scope.project_of(connection, project));
        let found = scope.environment_of(connection, project, environment);
        parameters.set_branch(found.and_then(|(_, environment)| environment.branch.as_ref()));
        parameters
    }

    /// The parameters of a project under a version of the scope.
    ///
    /// `approvalSources`, `controlsInScope`, `keyReports`, `ownersDeclared` and `productionBranch` come from the scope's own members, the
    /// rest from its `parameters`; the members win. The branch is the one that all environments of the project share.
    #[must_use]
    pub fn from_scope(scope: &Scope, project: Option<&ScopedProject>) -> Self {
        let mut values = scope.parameters.clone();
        let controls = scope.controls.keys().cloned().collect::<Vec<_>>();
        values.insert("approvalSources".to_owned(), FactValue::List(scope.approval_sources.clone()));
        values.insert("controlsInScope".to_owned(), FactValue::List(controls));
        match scope.owners {
            Some(_) => values.insert(OWNERS_DECLARED.to_owned(), true.into()),
            None => values.remove(OWNERS_DECLARED),
        };
        if let Some(project) = project.filter(|project| !project.key_reports.is_empty()) {
            values.insert("keyReports".to_owned(), FactValue::List(project.key_reports.clone()));
        }
        let ids =
            scope.controls.iter().filter_map(|(id, control)| Some((id.clone(), control.client_control_id.clone()?)));
        let mut parameters = Self { values, client_control_ids: ids.collect(), scope_version: Some(scope.version) };
        let environments = project.map(|project| project.environments.as_slice()).unwrap_or_default();
        let first = environments.first().and_then(|environment| environment.branch.as_ref());
        parameters.set_branch(first.filter(|_| environments.iter().all(|one| one.branch.as_ref() == first)));
        parameters
    }

    fn set_branch(&mut self, branch: Option<&String>) {
        match branch {
            Some(branch) => self.values.insert(PRODUCTION_BRANCH.to_owned(), branch.as_str().into()),
            None => self.values.remove(PRODUCTION_BRANCH),
        };
    }

    /// Adds a value.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<FactValue>) -> Self {
        self.values.insert(name.to_owned(), value.into());
        self
    }

    /// The value that the entity gave.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&FactValue> {
        self.values.get(name)
    }

    /// The entity's own id of a control.
    #[must_use]
    pub fn client_control_id(&self, control: &str) -> Option<&UntrustedText> {
        self.client_control_ids.get(control)
    }

    /// The version of the scope.
    #[must_use]
    pub fn scope_version(&self) -> Option<u32> {
        self.scope_version
    }

    /// Everything in the scope that this catalogue cannot take.
    #[must_use]
    pub fn problems(&self, catalogue: &Catalogue) -> Vec<ParameterError> {
        let mut problems = Vec::new();
        for (name, value) in &self.values {
            match catalogue.parameter(name) {
                None => problems.push(ParameterError::Unknown(name.clone())),
                Some(parameter) if !has_type(value, parameter.value_type) => {
                    problems.push(ParameterError::Type(name.clone()));
                }
                Some(_) => {}
            }
        }
        for list in ["controlsInScope", "controlsOutOfScope"] {
            if let Some(FactValue::List(ids)) = self.values.get(list) {
                let unknown = ids.iter().filter(|id| catalogue.control(id).is_none());
                problems.extend(unknown.map(|id| ParameterError::Control(id.clone())));
            }
        }
        problems
    }
}
