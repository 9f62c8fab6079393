//! Warehouses: does each answer the one question that the server has for it? It is asked about a query that nobody ran.

use std::sync::Arc;

use clyra_config::{Warehouse, WarehouseSystem};
use clyra_delta::artifact::run_results::QueryIds;
use clyra_delta::warehouse_anchor::Window;
use clyra_embedded::secrets::VariableSecrets;
use clyra_evidence::text::UntrustedText;
use clyra_outbound::Outbound;
use clyra_ports::clock::Clock;
use clyra_warehouse::{AskedWarehouse, LookUpError};

use super::diagnosis::Area;

/// An id that has the form of one and that no query has.
const NOBODYS_QUERY: &str = "00000000-0000-0000-0000-000000000000";
const NOBODYS_JOB: &str = "clyra-doctor";

/// Long enough ago that every history would be complete, in milliseconds: three hours.
const AGO_MS: i64 = 3 * 60 * 60 * 1_000;

pub(super) async fn examine(
    outbound: &Outbound,
    warehouse: &Warehouse,
    secrets: &VariableSecrets,
    clock: &Arc<dyn Clock>,
) -> Area {
    let mut area = Area::new(format!("warehouse ({warehouse})"));
    let asked = match clyra_attach::warehouse(warehouse, secrets, outbound, clock).await {
        Ok(asked) => asked,
        Err(why) => {
            area.problem(
                format!("{} cannot be asked", warehouse.host),
                format!("{why}; clyra serve does not start with it"),
                "see secrets above; correct the entry under warehouses:",
            );
            return area;
        }
    };
    let at = clock.now().plus_ms(-AGO_MS);
    match ask(&asked, warehouse, Window { from: at, to: at }).await {
        Ok(said) => area.ok(format!("{} {said}", warehouse.host)),
        Err(error) => not_told(&error, warehouse, &mut area),
    }
    area
}

/// What it answers, in words; it has answered when it does not know a query that nobody ran.
async fn ask(asked: &AskedWarehouse, warehouse: &Warehouse, window: Window) -> Result<String, LookUpError> {
    if let Some(position) = asked.history.position(window).await? {
        return Ok(format!("says where it stands ({})", position.wal_lsn.for_terminal()));
    }
    let query = match &warehouse.system {
        WarehouseSystem::Bigquery { service_account, .. } => QueryIds {
            job_id: Some(UntrustedText::new(NOBODYS_JOB)),
            // A service account belongs to the project that its address names.
            project_id: service_account.split(['@', '.']).nth(1).map(UntrustedText::new),
            ..QueryIds::default()
        },
        WarehouseSystem::Snowflake { .. } | WarehouseSystem::Databricks { .. } | WarehouseSystem::Postgres { .. } => {
            QueryIds { query_id: Some(UntrustedText::new(NOBODYS_QUERY)), ..QueryIds::default() }
        }
    };
    match asked.history.look_up(&[query], window).await.pop() {
        Some(Err(error)) if error != LookUpError::NotFound => Err(error),
        _ => Ok("answers for its query history".to_owned()),
    }
}

fn not_told(error: &LookUpError, warehouse: &Warehouse, area: &mut Area) {
    let what = format!("{} does not answer for its query history ({})", warehouse.host, error.code());
    let why = "the ids that runs name stay claimed, and bundles say why";
    match error {
        LookUpError::Later { .. } => {
            area.warn(what, why, "check that it is reachable from here, then run doctor again")
        }
        LookUpError::NotPermitted { .. } | LookUpError::NotFound | LookUpError::NotKept => area.problem(
            what,
            why,
            format!("check {} and the grants of its user: docs/warehouse.md has them", warehouse.system.credential()),
        ),
    }
}
