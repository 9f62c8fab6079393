//! From the store to a work paper: read, check, resolve names, compose.

use bytes::Bytes;
use clyra_attach::InForceError;
use clyra_evidence::id::ChangeId;
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_evidence::text::UntrustedText;
use clyra_evidence::zip::ZIP_BYTES_MAX;
use clyra_ports::evidence_store::{EvidenceReader, StoreError, newest};
use clyra_ports::table::TableError;
use clyra_verify::bundle::Options;
use clyra_verify::verify_bundle;
use clyra_workpaper::names::Person;
use clyra_workpaper::parts::{Around, IntegrityOutcome, Parts, ReadPartsError, Ticket, TrustFingerprint};
use clyra_workpaper::{Names, WorkPaper};

use crate::handler::Deps;
use crate::population;

/// Where the trust file is missing, verification says so by itself on reading these bytes.
const NO_TRUST: &[u8] = b"";

/// Why there is no paper.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PaperError {
    /// No such change or revision.
    #[error("no such bundle")]
    Absent,
    /// The store or the identity store cannot be read now.
    #[error("a store cannot be read")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What is stored cannot be shown. An operator must look.
    #[error("the bundle cannot be shown")]
    Unreadable(#[source] ReadPartsError),
}

impl From<StoreError> for PaperError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

impl From<TableError> for PaperError {
    fn from(error: TableError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

/// The paper of a change: of `revision`, or of the newest.
pub(crate) async fn of(deps: &Deps, change: ChangeId, revision: Option<u32>) -> Result<WorkPaper, PaperError> {
    let newest = newest_revision(deps.reader.as_ref(), change).await?.ok_or(PaperError::Absent)?;
    let key = ObjectKey::Bundle(change, revision.unwrap_or(newest));
    let zip = deps.reader.get(&key, ZIP_BYTES_MAX).await?.ok_or(PaperError::Absent)?;
    let trust_file = newest_trust(deps.reader.as_ref()).await?;
    let trust = trust_file.as_deref().unwrap_or(NO_TRUST);
    let mut parts = Parts::read(&zip, &deps.config.spec_base).map_err(PaperError::Unreadable)?;
    let report = verify_bundle(&zip, trust, &Options::default());
    parts.integrity = IntegrityOutcome::of(report.report(), change, deps.clock.now());
    parts.newest_revision = Some(newest);
    let header = &parts.manifest.change;
    parts.around = Around {
        population: population::row_of(deps, trust, header).await?,
        census: population::census_of(deps, trust, header).await?,
        ticket: ticket(deps, change).await?,
        retention: deps.config.retention,
        trust: trust_file.as_deref().map(TrustFingerprint::of),
    };
    let known = |commitment| async move {
        let account = deps.identities.resolve(&commitment).await?;
        Ok::<_, TableError>(account.map(|account| Person::of_account(account.name, &account.namespace, &account.id)))
    };
    let names = Names::resolve(&parts, &deps.config.sources, known).await?;
    Ok(WorkPaper::from_parts(&parts, &names))
}

/// The change's ticket: the first that any target has.
async fn ticket(deps: &Deps, change: ChangeId) -> Result<Option<Ticket>, TableError> {
    for target in &deps.config.targets {
        let record = deps.ledger.ticket(target.as_str(), &change).await?;
        if let Some((number, created_at)) = record.and_then(|record| Some((record.number?, record.opened_at))) {
            return Ok(Some(Ticket { number: UntrustedText::new(&number), created_at }));
        }
    }
    Ok(None)
}

/// The newest revision of a change.
async fn newest_revision(reader: &dyn EvidenceReader, change: ChangeId) -> Result<Option<u32>, StoreError> {
    let revision = |key: &ObjectKey| if let ObjectKey::Bundle(_, n) = key { Some(*n) } else { None };
    Ok(newest(reader, &ObjectPrefix::BundlesOf(change), revision).await?.map(|(revision, _)| revision))
}

/// The newest trust file; `None` also when the way to it from the first one does not hold: then nothing is trusted.
pub(crate) async fn newest_trust(reader: &dyn EvidenceReader) -> Result<Option<Bytes>, StoreError> {
    match clyra_attach::newest_trust(reader).await {
        Ok(trust) => Ok(trust.map(|trust| trust.envelope)),
        Err(InForceError::Store(error)) => Err(error),
        Err(broken) => {
            tracing::error!(error = %broken, "the trust files do not count");
            Ok(None)
        }
    }
}
