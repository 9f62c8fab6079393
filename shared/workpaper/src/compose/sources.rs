//! Which tool a fact comes from, and whether that tool is connected.

use clyra_attest::Catalogue;
use clyra_attest::attestation::{AttributeResult, FactState};
use clyra_evidence::fact::{FactValue, Facts};

/// The tools that were connected when the change went live.
pub(super) struct Sources<'a> {
    catalogue: &'a Catalogue,
    /// Their names in facts; `None` when nobody said.
    connected: Option<&'a [String]>,
}

impl<'a> Sources<'a> {
    pub(super) fn of(catalogue: &'a Catalogue, facts: &'a Facts) -> Self {
        let connected = match facts.get("sources.connected").map(|fact| &fact.value) {
            Some(FactValue::List(list)) => Some(list.as_slice()),
            Some(FactValue::Null | FactValue::Bool(_) | FactValue::Int(_) | FactValue::Text(_)) | None => None,
        };
        Self { catalogue, connected }
    }

    /// The tool that tells `fact`, when it is known not to be connected.
    pub(super) fn missing(&self, fact: &str) -> Option<&'static str> {
        let (tool, names) = tool(&self.catalogue.fact(fact)?.source)?;
        let connected = self.connected?;
        (!names.iter().any(|name| connected.iter().any(|known| known == name))).then_some(tool)
    }

    /// The first tool that is not connected and tells a fact that `attribute` lacks.
    pub(super) fn missing_for(&self, attribute: &AttributeResult) -> Option<&'static str> {
        let mut absent = attribute.facts.iter().filter(|fact| fact.state == FactState::Absent);
        absent.find_map(|fact| self.missing(&fact.name))
    }

    /// Whether the tool of this name is connected, as far as anybody said.
    pub(super) fn has(&self, name: &str) -> bool {
        self.connected.is_some_and(|connected| connected.iter().any(|known| known == name))
    }
}

/// The tool behind a source of the catalogue, for readers, and the names under which it may be connected. What Clyra
/// derives comes from no tool of its own.
fn tool(source: &str) -> Option<(&'static str, &'static [&'static str])> {
    match source {
        "dbt" => Some(("dbt Cloud", &["dbt_cloud"])),
        "github" | "repository" => Some(("GitHub", &["github"])),
        "hightouch" => Some(("Hightouch", &["hightouch"])),
        "warehouse" => Some(("the warehouse", &["warehouse"])),
        "ticket" => Some(("the ticket system", &["servicenow", "jira"])),
        "approval" => Some(("a source of approvals, such as GitHub", &["github", "slack", "servicenow", "jira"])),
        _ => None,
    }
}
