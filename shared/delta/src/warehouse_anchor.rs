//! The `warehouse_anchor` document (spec/def/warehouse_anchor.schema.json): under which ids the warehouse would know what
//! a run did. The run says so itself, so the class is `claimed` until somebody looks an id up.

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::fact::FactClass;
use clyra_evidence::text::UntrustedText;
use serde::{Deserialize, Serialize};

use crate::artifact::run_results::{QueryIds, RunResults};

/// The query ids that one invocation of dbt reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WarehouseAnchor {
    /// How the ids came to us: `claimed` from a run's results.
    pub class: FactClass,
    /// The adapter, which says where to look; null where the manifest is not at hand.
    pub adapter_type: Option<UntrustedText>,
    /// The invocation; null where the results do not tell.
    pub invocation_id: Option<UntrustedText>,
    /// SHA-256 of the `run_results.json`.
    pub run_results_sha256: Sha256Digest,
    /// How many nodes ran; those without an anchor gave no id.
    pub nodes_executed: u64,
    /// How many ids were left out for being longer than 200 characters.
    pub ids_omitted: u64,
    /// The anchors, by unique id.
    pub anchors: Vec<Anchor>,
}

/// The query of one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Anchor {
    /// The node.
    pub unique_id: UntrustedText,
    /// How the warehouse names the last query of the node.
    #[serde(flatten)]
    pub query: QueryIds,
    /// Rows written; null where the adapter does not tell.
    pub rows_affected: Option<i64>,
}

impl WarehouseAnchor {
    /// What a run's results claim. `adapter_type` is that of the manifest of the same invocation.
    #[must_use]
    pub fn of(run: &RunResults, adapter_type: Option<&str>) -> Self {
        let executed = || run.nodes.iter().filter(|node| node.status.is_executed());
        let anchor = |node: &crate::artifact::run_results::NodeResult| Anchor {
            unique_id: UntrustedText::new(&node.unique_id),
            query: node.query.clone(),
            rows_affected: node.rows_affected,
        };
        Self {
            class: FactClass::Claimed,
            adapter_type: adapter_type.or(run.metadata.adapter_type.as_deref()).map(UntrustedText::new),
            invocation_id: run.metadata.invocation_id.as_deref().map(UntrustedText::new),
            run_results_sha256: run.sha256,
            nodes_executed: executed().count() as u64,
            ids_omitted: run.nodes.iter().filter(|node| node.query_id_dropped).count() as u64,
            anchors: executed().filter(|node| node.query.has_id()).map(anchor).collect(),
        }
    }
}
