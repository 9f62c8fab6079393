//! The warehouse anchor of a change's run: the ids that the run names, and what the warehouse says of them before the bundle
//! is sealed.
//!
//! A warehouse that does not answer holds nothing up: the client gives up within its time limit, the anchor stays `claimed`
//! and says why. What one revision confirmed is not asked again for the next.

use std::collections::BTreeMap;
use std::sync::Arc;

use clyra_delta::artifact::manifest::ManifestProjection;
use clyra_delta::artifact::run_results::{QueryIds, RunResults};
use clyra_delta::warehouse_anchor::{Answered, LookedUp, WarehouseAnchor, Window};
use clyra_evidence::actor::ActorCommitment;
use clyra_evidence::fact::FactClass;
use clyra_evidence::text::UntrustedText;
use clyra_ports::identity_store::Account;
use clyra_ports::index::RunRecord;
use clyra_ports::step::StepError;
use clyra_warehouse::{Answer, AskedWarehouse, LookUpError};

use crate::fault::of_table;
use crate::work::Work;

impl Work<'_> {
    /// The anchor of a run by its last results; `None` where it names no id and no warehouse was asked where it stands.
    /// `earlier` is the anchor of the revision before.
    pub(crate) async fn anchor(
        &self,
        run: &RunRecord,
        results: &[Arc<RunResults>],
        after: Option<&ManifestProjection>,
        earlier: Option<&WarehouseAnchor>,
    ) -> Result<Option<WarehouseAnchor>, StepError> {
        let Some(results) = results.last() else { return Ok(None) };
        let adapter = after.and_then(|manifest| manifest.metadata().adapter_type.as_deref());
        let mut anchor = WarehouseAnchor::of(results, adapter);
        if let Some(known) = earlier.filter(|known| says_all_of(known, &anchor)) {
            return Ok(Some(known.clone()));
        }
        if let Some(warehouse) = self.warehouse_of(run, &anchor) {
            let window = Window { from: run.started_at, to: run.finished_at.unwrap_or(self.now) };
            self.ask(warehouse, &mut anchor, results, window).await?;
        }
        Ok((!anchor.anchors.is_empty() || anchor.looked_up.is_some()).then_some(anchor))
    }

    /// The warehouse of the run's project, else that of its whole connection, whose system is the adapter's.
    fn warehouse_of(&self, run: &RunRecord, anchor: &WarehouseAnchor) -> Option<&AskedWarehouse> {
        let adapter = anchor.adapter_type.as_ref()?.as_untrusted();
        let fits = |warehouse: &&AskedWarehouse| {
            let of_project = warehouse.project.as_ref().is_none_or(|project| *project == run.project.id);
            warehouse.connection == *self.connection && warehouse.system == adapter && of_project
        };
        self.deps().warehouses.iter().filter(fits).max_by_key(|warehouse| warehouse.project.is_some())
    }

    async fn ask(
        &self,
        warehouse: &AskedWarehouse,
        anchor: &mut WarehouseAnchor,
        results: &RunResults,
        window: Window,
    ) -> Result<(), StepError> {
        let mut looked_up = LookedUp {
            warehouse: warehouse.system.to_owned(),
            host: UntrustedText::new(&warehouse.host),
            principal: warehouse.principal.clone(),
            at: self.now,
            reason: None,
        };
        if anchor.anchors.is_empty() {
            match warehouse.history.position(window).await {
                Ok(Some(position)) => anchor.stand_at(looked_up, position),
                Ok(None) => {}
                Err(error) => {
                    looked_up.reason = Some(error.code().to_owned());
                    anchor.looked_up = Some(looked_up);
                }
            }
            return Ok(());
        }
        let queries: Vec<QueryIds> = anchor.anchors.iter().map(|anchor| anchor.query.clone()).collect();
        let mut users = Users { work: self, warehouse, known: BTreeMap::new() };
        let mut answers = Vec::with_capacity(queries.len());
        for answer in warehouse.history.look_up(&queries, window).await {
            answers.push(users.answered(answer).await?);
        }
        anchor.look_up(looked_up, results, window, answers);
        Ok(())
    }
}

/// Whether an earlier anchor of the same results is confirmed, so that asking again could only lose it.
fn says_all_of(earlier: &WarehouseAnchor, now: &WarehouseAnchor) -> bool {
    earlier.class == FactClass::Confirmed
        && earlier.run_results_sha256 == now.run_results_sha256
        && earlier.adapter_type == now.adapter_type
}

/// The users of one warehouse, each committed to once.
struct Users<'a> {
    work: &'a Work<'a>,
    warehouse: &'a AskedWarehouse,
    known: BTreeMap<String, Option<ActorCommitment>>,
}

impl Users<'_> {
    async fn answered(&mut self, answer: Answer) -> Result<Answered, StepError> {
        Ok(match answer {
            Ok(found) => {
                let user = match found.user {
                    Some(name) => self.commitment(name).await?,
                    None => None,
                };
                Answered::Said(clyra_delta::warehouse_anchor::Said { user, ..found.said })
            }
            Err(LookUpError::NotFound) => Answered::NotFound,
            Err(error) => Answered::Not(error.code()),
        })
    }

    async fn commitment(&mut self, name: UntrustedText) -> Result<Option<ActorCommitment>, StepError> {
        let id = name.as_untrusted().to_owned();
        if let Some(known) = self.known.get(&id) {
            return Ok(*known);
        }
        let namespace = format!("{}/{}/user", self.warehouse.system, self.warehouse.host);
        let mut key = [0; 32];
        self.work.deps().entropy.fill(&mut key)?;
        let account = Account { namespace, id: id.clone(), name };
        let commitment = self.work.deps().identities.commit(&account, key).await.map_err(of_table)?;
        self.known.insert(id, commitment);
        Ok(commitment)
    }
}
