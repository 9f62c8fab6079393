//! What no webhook told: a receipt of our own reading, honest about its class, so that the run takes the same way as
//! every other.

use std::collections::BTreeMap;

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::fact::{FactClass, FactValue};
use clyra_evidence::id::{ConnectionName, ReceiptId, Source, SourceId};
use clyra_evidence::receipt::{
    Authentication, AuthenticationMethod, DataReceipt, Identity, IdentityKind, ReceiptStatement,
};
use clyra_evidence::time::Timestamp;
use clyra_ports::step::StepError;

use crate::listing::ListedRun;
use crate::{Census, fault};

/// The event type of a receipt that a census made.
const OBSERVED_RUN: &str = "run.observed";

impl Census {
    /// Stores a receipt for a run that only the source told of.
    pub(crate) async fn fill(
        &self,
        connection: &ConnectionName,
        account: &SourceId,
        place: (&SourceId, &SourceId),
        run: &ListedRun,
        now: Timestamp,
    ) -> Result<ReceiptId, StepError> {
        let receipt = receipt(connection, account, place, run, now);
        let id = receipt.receipt_id;
        let receipt = ReceiptStatement { receipt, body: Sha256Digest::of(&run.entry) };
        self.deps.recorder.record(receipt).await.map_err(fault::of_record)?;
        Ok(id)
    }
}

fn receipt(
    connection: &ConnectionName,
    account: &SourceId,
    (project, environment): (&SourceId, &SourceId),
    run: &ListedRun,
    now: Timestamp,
) -> DataReceipt {
    // One receipt per state that the list showed: a run that was still going is read again when it has ended.
    let identity = format!("run/{account}/{}/{}", run.run_id, run.status);
    let ended = run.finished_at.or(run.started_at).unwrap_or(now);
    let class = FactClass::of_reading(now, ended);
    let time = |at: Option<Timestamp>| at.map_or(FactValue::Null, FactValue::from);
    let id = |id: &SourceId| FactValue::from(id.as_str());
    let facts = BTreeMap::from([
        ("accountId".to_owned(), id(account)),
        ("environmentId".to_owned(), id(environment)),
        ("eventType".to_owned(), FactValue::from(OBSERVED_RUN)),
        ("jobId".to_owned(), run.job_id.as_ref().map_or(FactValue::Null, id)),
        ("projectId".to_owned(), id(project)),
        ("runFinishedAt".to_owned(), time(run.finished_at)),
        ("runId".to_owned(), id(&run.run_id)),
        ("runStartedAt".to_owned(), time(run.started_at)),
        ("runStatusCode".to_owned(), FactValue::Int(i64::try_from(run.status).unwrap_or_default())),
    ]);
    DataReceipt {
        receipt_id: ReceiptId::derive(Source::DbtCloud, connection, &identity),
        source: Source::DbtCloud,
        connection: connection.clone(),
        identity: Identity { kind: IdentityKind::ObservedObject, value: identity },
        authentication: Authentication { method: AuthenticationMethod::ApiRead, header: None, secret: None },
        received_at: now,
        source_time: run.finished_at.or(run.started_at),
        class,
        marks: Vec::new(),
        body_bytes: run.entry.len() as u64,
        event_type: OBSERVED_RUN.to_owned(),
        facts,
        critical: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_a_day_later_is_called_reconstructed() {
        let at = |text: &str| text.parse::<Timestamp>().ok();
        let run = ListedRun {
            run_id: 7.into(),
            job_id: None,
            status: 10,
            started_at: at("2026-11-18T10:00:00Z"),
            finished_at: at("2026-11-18T10:05:00Z"),
            trigger: String::new(),
            entry: b"{}".to_vec(),
        };
        let class = |now: &str| {
            let connection = ConnectionName::default_connection();
            receipt(&connection, &1.into(), (&2.into(), &3.into()), &run, at(now).unwrap()).class
        };
        assert_eq!(class("2026-11-19T10:05:00Z"), FactClass::Observed);
        assert_eq!(class("2026-11-19T10:05:01Z"), FactClass::Reconstructed);
    }
}
