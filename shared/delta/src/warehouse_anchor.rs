//! The `warehouse_anchor` document (spec/def/warehouse_anchor.schema.json): under which ids the warehouse would know what
//! a run did. The run says so itself, so the class is `claimed` until somebody looks the ids up; then the document holds what
//! the warehouse says beside what the run says.

mod look_up;

use std::collections::BTreeMap;

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::fact::FactClass;
use clyra_evidence::text::UntrustedText;
use serde::{Deserialize, Serialize};

pub use self::look_up::{Difference, LookUp, LookedUp, Outcome, Position, QueryStatus, Said, StatementKind, Window};

use crate::artifact::run_results::{NodeResult, QueryIds, RunResults};

/// The query ids that one invocation of dbt reports, and what the warehouse says of them where it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WarehouseAnchor {
    /// `claimed`: the run says so. `confirmed`: the warehouse was asked about every id and nothing differs. Without any id,
    /// the class of the position.
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
    /// Which warehouse was asked; absent where none was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub looked_up: Option<LookedUp>,
    /// Where the warehouse stood when it was asked, for one that keeps no query ids; absent for others.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub position: Option<Position>,
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
    /// What came of asking the warehouse; absent where nobody asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub look_up: Option<LookUp>,
}

impl WarehouseAnchor {
    /// What a run's results claim. `adapter_type` is that of the manifest of the same invocation.
    #[must_use]
    pub fn of(run: &RunResults, adapter_type: Option<&str>) -> Self {
        let executed = || run.nodes.iter().filter(|node| node.status.is_executed());
        let anchor = |node: &NodeResult| Anchor {
            unique_id: UntrustedText::new(&node.unique_id),
            query: node.query.clone(),
            rows_affected: node.rows_affected,
            look_up: None,
        };
        Self {
            class: FactClass::Claimed,
            adapter_type: adapter_type.or(run.metadata.adapter_type.as_deref()).map(UntrustedText::new),
            invocation_id: run.metadata.invocation_id.as_deref().map(UntrustedText::new),
            run_results_sha256: run.sha256,
            nodes_executed: executed().count() as u64,
            ids_omitted: run.nodes.iter().filter(|node| node.query_id_dropped).count() as u64,
            looked_up: None,
            position: None,
            anchors: executed().filter(|node| node.query.has_id()).map(anchor).collect(),
        }
    }
    /// Puts what the warehouse said beside what the run said: `answers` in the order of the anchors, where an error is the
    /// reason why there is none. `run` is the one that the anchors were taken from, and `window` the time it ran in.
    pub fn look_up(
        &mut self,
        looked_up: LookedUp,
        run: &RunResults,
        window: Window,
        answers: impl IntoIterator<Item = Answered>,
    ) {
        let claims: BTreeMap<&str, &NodeResult> =
            run.nodes.iter().map(|node| (node.unique_id.as_str(), node)).collect();
        for (anchor, answer) in self.anchors.iter_mut().zip(answers) {
            let node = claims.get(anchor.unique_id.as_untrusted());
            let succeeded = node.and_then(|node| look_up::query_succeeded(node.status));
            anchor.look_up = Some(LookUp::of(succeeded, anchor.rows_affected, window, answer));
        }
        self.looked_up = Some(looked_up);
        self.class = self.judged();
    }

    /// Notes where the warehouse stood.
    pub fn stand_at(&mut self, looked_up: LookedUp, position: Position) {
        self.looked_up = Some(looked_up);
        self.position = Some(position);
        self.class = self.judged();
    }

    fn judged(&self) -> FactClass {
        let confirmed = |anchor: &Anchor| anchor.look_up.as_ref().is_some_and(|l| l.outcome == Outcome::Confirmed);
        match &self.position {
            Some(position) if self.anchors.is_empty() => position.class,
            _ if !self.anchors.is_empty() && self.anchors.iter().all(confirmed) => FactClass::Confirmed,
            _ => FactClass::Claimed,
        }
    }
}

/// The answer for one anchor: what the warehouse says, that it knows no such query, or why nobody can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// The warehouse knows the query.
    Said(Said),
    /// The warehouse knows no such query.
    NotFound,
    /// The warehouse did not tell; a stable code, such as `WAREHOUSE_UNAVAILABLE`.
    Not(&'static str),
}
