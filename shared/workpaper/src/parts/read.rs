//! From the files of a bundle to parts. Nothing is checked here: that is a verifier's work, done before or beside this.

use clyra_attest::attestation::Attestation;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::envelope::Envelope;
use clyra_evidence::fact::Facts;
use clyra_evidence::id::BundleId;
use clyra_evidence::layout::BundleFile;
use clyra_evidence::manifest::DefManifest;
use clyra_evidence::receipt::DataReceipt;
use clyra_evidence::statement::{PredicateName, SpecBase, Statement};
use clyra_evidence::strict_json;
use clyra_evidence::zip;
use serde::de::DeserializeOwned;

use super::{Around, Delta, IntegrityOutcome, LogPosition, Parts, Sealed, Tested};

/// The framework whose attestation a work paper shows.
const FRAMEWORK: &str = "sox";

/// Why no work paper can be made of a bundle.
#[derive(Debug, thiserror::Error)]
pub enum ReadPartsError {
    /// Not a canonical zip.
    #[error("the bundle is not a canonical zip")]
    Zip(#[from] zip::ZipError),
    /// A file that every bundle has is missing.
    #[error("the bundle has no {0}")]
    Missing(&'static str),
    /// A file is not what its place says.
    #[error("the {0} of the bundle cannot be read")]
    Malformed(&'static str),
}

impl Parts {
    /// Takes from a zip what a work paper shows; `integrity`, `newest_revision` and `around` are set by the
    /// caller.
    ///
    /// # Errors
    /// When it is no bundle, or lacks manifest, facts or attestation.
    pub fn read(zip_bytes: &[u8], base: &SpecBase) -> Result<Self, ReadPartsError> {
        let mut found = Found::default();
        for (path, bytes) in zip::read(zip_bytes)? {
            // A bundle may hold files that this version does not know.
            if let Ok(file) = path.as_str().parse() {
                found.take(&file, bytes, base)?;
            }
        }
        found.receipts.sort_by_key(|receipt| receipt.receipt_id);
        let (manifest, keyid, bundle_id) = found.manifest.ok_or(ReadPartsError::Missing("manifest"))?;
        Ok(Self {
            manifest,
            facts: found.facts.ok_or(ReadPartsError::Missing("facts"))?,
            attestation: found.attestation.ok_or(ReadPartsError::Missing("attestation"))?,
            delta: found.delta,
            tested: found.tested,
            receipts: found.receipts,
            sealed: Some(Sealed { bundle_id, zip_sha256: Sha256Digest::of(zip_bytes), keyid }),
            integrity: IntegrityOutcome::NotChecked,
            log: LogPosition::NotLogged,
            newest_revision: None,
            around: Around::default(),
        })
    }
}

#[derive(Default)]
struct Found {
    manifest: Option<(DefManifest, clyra_evidence::key::KeyId, BundleId)>,
    facts: Option<Facts>,
    attestation: Option<Attestation>,
    delta: Option<Delta>,
    tested: Option<Tested>,
    receipts: Vec<DataReceipt>,
}

impl Found {
    fn take(&mut self, file: &BundleFile, bytes: &[u8], base: &SpecBase) -> Result<(), ReadPartsError> {
        match file {
            BundleFile::Manifest => {
                let envelope = envelope(bytes, "manifest")?;
                let manifest = statement(&envelope, base, PredicateName::DefManifest, "manifest")?;
                let bundle_id = BundleId::of_manifest(envelope.unverified_payload());
                self.manifest = Some((manifest, envelope.keyid(), bundle_id));
            }
            BundleFile::Receipt(_) => {
                let envelope = envelope(bytes, "receipts")?;
                self.receipts.push(statement(&envelope, base, PredicateName::DataReceipt, "receipts")?);
            }
            BundleFile::Attestation(framework) if framework.as_str() == FRAMEWORK => {
                let envelope = envelope(bytes, "attestation")?;
                self.attestation = Some(statement(&envelope, base, PredicateName::AttestationSox, "attestation")?);
            }
            BundleFile::Facts => self.facts = Some(document(bytes, "facts")?),
            BundleFile::SemanticDelta => self.delta = Some(document(bytes, "delta")?),
            BundleFile::TestResults => self.tested = Some(document(bytes, "test results")?),
            BundleFile::Attestation(_)
            | BundleFile::WarehouseAnchor
            | BundleFile::Scope
            | BundleFile::WorkPaper
            | BundleFile::Readme => {}
        }
        Ok(())
    }
}

fn envelope(bytes: &[u8], what: &'static str) -> Result<Envelope, ReadPartsError> {
    Envelope::from_bytes(bytes).map_err(|_| ReadPartsError::Malformed(what))
}

fn statement<T: DeserializeOwned>(
    envelope: &Envelope,
    base: &SpecBase,
    name: PredicateName,
    what: &'static str,
) -> Result<T, ReadPartsError> {
    let statement: Result<Statement<T>, _> = Statement::from_payload(base, name, envelope.unverified_payload());
    statement.map(|statement| statement.predicate).map_err(|_| ReadPartsError::Malformed(what))
}

fn document<T: DeserializeOwned>(bytes: &[u8], what: &'static str) -> Result<T, ReadPartsError> {
    let json = strict_json::parse(bytes).map_err(|_| ReadPartsError::Malformed(what))?;
    serde_json::from_value(json).map_err(|_| ReadPartsError::Malformed(what))
}
