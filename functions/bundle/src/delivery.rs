//! A receipt as this step reads it: first the signature, then the facts.

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::envelope::ENVELOPE_BYTES_MAX;
use clyra_evidence::fact::{FactClass, FactValue, Reading};
use clyra_evidence::id::{ReceiptId, Source, SourceId};
use clyra_evidence::object_key::ObjectKey;
use clyra_evidence::receipt::{DataReceipt, Mark};
use clyra_evidence::text::UntrustedText;
use clyra_ports::step::StepError;
use clyra_verify::verify_receipt;

use crate::Bundler;
use crate::fault::{later, of_store, park};

/// A receipt that `clyra-verify` found in order: signed by a key in force, with the id that follows from it.
#[derive(Clone, Debug)]
pub(crate) struct VerifiedReceipt {
    /// What it says.
    pub(crate) receipt: DataReceipt,
    /// Its envelope file.
    pub(crate) envelope: Vec<u8>,
    /// SHA-256 of the delivery's body.
    pub(crate) body: Sha256Digest,
}

impl Bundler {
    /// Reads a receipt and checks it as anybody would.
    pub(crate) async fn receipt(&self, id: &ReceiptId) -> Result<VerifiedReceipt, StepError> {
        let key = ObjectKey::Receipt(*id);
        let bytes = self.deps.reader.get(&key, ENVELOPE_BYTES_MAX).await.map_err(of_store)?;
        let bytes = bytes.ok_or_else(|| later("RECEIPT_MISSING", format!("{key} is not in the store"), None))?;
        let refused = |why: &str| park("RECEIPT_NOT_AUTHENTIC", format!("{key}: {why}"));
        let verified = verify_receipt(&bytes, &self.deps.trust).into_result();
        let (signed, _) = verified.map_err(|report| refused(&format!("{:?}", report.first_failure())))?;
        let signed = signed.into_inner();
        if signed.receipt.receipt_id != *id {
            return Err(refused("it is the receipt of something else"));
        }
        Ok(VerifiedReceipt { receipt: signed.receipt, envelope: bytes.to_vec(), body: signed.body_sha256 })
    }
}

impl VerifiedReceipt {
    /// Whether it tells of a run of dbt at all.
    pub(crate) fn run(&self) -> Option<SourceId> {
        let readable = !self.receipt.marks.contains(&Mark::Unreadable);
        (self.receipt.source == Source::DbtCloud && readable).then(|| self.id("runId")).flatten()
    }

    /// An id among the facts.
    pub(crate) fn id(&self, name: &str) -> Option<SourceId> {
        match self.receipt.facts.get(name)? {
            FactValue::Text(text) => text.parse().ok(),
            FactValue::Int(number) => u64::try_from(*number).ok().map(SourceId::from),
            FactValue::Null | FactValue::Bool(_) | FactValue::List(_) => None,
        }
    }

    /// A name among the facts.
    pub(crate) fn name(&self, name: &str) -> Option<UntrustedText> {
        match self.receipt.facts.get(name)? {
            FactValue::Text(text) => (!text.is_empty()).then(|| UntrustedText::new(text)),
            FactValue::Null | FactValue::Bool(_) | FactValue::Int(_) | FactValue::List(_) => None,
        }
    }

    /// Whether it says that the run has ended for good, artifacts included. A census reads runs that have.
    pub(crate) fn ends_the_run(&self) -> bool {
        self.receipt.event_type == "job.run.completed" || self.receipt.class != FactClass::Delivered
    }

    /// Whether it reached us within a day of being sent.
    pub(crate) fn in_time(&self) -> bool {
        self.receipt.class == FactClass::Delivered && !self.receipt.marks.contains(&Mark::Late)
    }

    /// What an auditor asks of it.
    pub(crate) fn reading(&self) -> Reading {
        let delivered = self.receipt.class == FactClass::Delivered;
        Reading {
            id: String::new(),
            source: self.receipt.source,
            connection: self.receipt.connection.clone(),
            class: self.receipt.class,
            endpoint: if delivered { "webhook" } else { "census" }.to_owned(),
            at: self.receipt.received_at,
            principal: if delivered { "webhook-signature" } else { "api-read" }.to_owned(),
            sha256: self.body,
            receipt_id: Some(self.receipt.receipt_id),
        }
    }
}
