//! The files of a bundle, from what is known of one change.

use std::collections::BTreeMap;

use clyra_attest::{Attestation, Parameters, attest_change};
use clyra_delta::compare::SemanticDelta;
use clyra_delta::results::document::TestResults;
use clyra_delta::warehouse_anchor::WarehouseAnchor;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::envelope::Envelope;
use clyra_evidence::fact::Facts;
use clyra_evidence::id::{BundleId, Framework};
use clyra_evidence::layout::BundleFile;
use clyra_evidence::manifest::{ChangeHeader, DEF_FORMAT, DefManifest, Entry, Producer, Tree};
use clyra_evidence::statement::{PredicateName, Statement, Subject, SubjectDigest};
use clyra_evidence::time::Timestamp;
use clyra_evidence::zip::EntryPath;
use clyra_ports::signer;
use clyra_ports::step::StepError;
use clyra_workpaper::parts::{Around, IntegrityOutcome, LogPosition, Parts};
use clyra_workpaper::{Names, WorkPaper};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::delivery::VerifiedReceipt;
use crate::fault::{of_json, of_signer, park};
use crate::{Deps, pillars, readme};

/// What a bundle is made from.
#[derive(Debug)]
pub(crate) struct Contents<'a> {
    pub(crate) header: &'a ChangeHeader,
    pub(crate) revision: u32,
    pub(crate) predecessor: Option<BundleId>,
    pub(crate) produced_at: Timestamp,
    pub(crate) receipts: &'a [VerifiedReceipt],
    pub(crate) facts: &'a Facts,
    pub(crate) delta: Option<&'a SemanticDelta>,
    pub(crate) tests: Option<&'a TestResults>,
    pub(crate) anchor: Option<&'a WarehouseAnchor>,
}

/// A bundle that was made.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) id: BundleId,
    pub(crate) zip: Vec<u8>,
}

type Files = BTreeMap<EntryPath, (Vec<u8>, &'static str)>;

/// Makes the files, signs what is signed, and encodes the zip.
pub(crate) async fn bundle(deps: &Deps, contents: &Contents<'_>) -> Result<Made, StepError> {
    let mut files = Files::new();
    for verified in contents.receipts {
        add(&mut files, &BundleFile::Receipt(verified.receipt.receipt_id), verified.envelope.clone());
    }
    add(&mut files, &BundleFile::Facts, serde_json::to_vec(contents.facts).map_err(of_json)?);
    if let Some(delta) = contents.delta {
        add(&mut files, &BundleFile::SemanticDelta, serde_json::to_vec(delta).map_err(of_json)?);
    }
    if let Some(tests) = contents.tests {
        add(&mut files, &BundleFile::TestResults, serde_json::to_vec(tests).map_err(of_json)?);
    }
    if let Some(anchor) = contents.anchor {
        let digest = SubjectDigest { sha256: anchor.run_results_sha256 };
        let subject = vec![Subject { name: "run_results.json".to_owned(), digest }];
        let envelope = sign(deps, PredicateName::WarehouseAnchor, subject, anchor).await?;
        add(&mut files, &BundleFile::WarehouseAnchor, envelope.to_bytes());
    }
    let attestation = attest(deps, contents);
    let framework: Framework = attestation.framework.parse().map_err(|error| park("CATALOGUE_FRAMEWORK", error))?;
    let rests_on = [BundleFile::Facts, BundleFile::SemanticDelta].into_iter().filter_map(|file| {
        let (bytes, _) = files.get(&file.path())?;
        Some(Subject { name: file.to_string(), digest: SubjectDigest { sha256: Sha256Digest::of(bytes) } })
    });
    let envelope = sign(deps, PredicateName::AttestationSox, rests_on.collect(), attestation.clone()).await?;
    add(&mut files, &BundleFile::Attestation(framework), envelope.to_bytes());
    if let Some(scope) = &deps.config.scope {
        add(&mut files, &BundleFile::Scope, scope.payload.clone());
    }
    add(&mut files, &BundleFile::Readme, readme::text(contents.header).into_bytes());
    finish(deps, contents, attestation, files).await
}

/// The attestation of a change over its facts: the same facts give the same bytes.
pub(crate) fn attest(deps: &Deps, contents: &Contents<'_>) -> Attestation {
    let parameters = parameters(deps, contents.header);
    attest_change(&deps.catalogue, &contents.header.change_id, contents.facts, &parameters)
}

/// The entity's parameters for the project of a change.
pub(crate) fn parameters(deps: &Deps, header: &ChangeHeader) -> Parameters {
    match &deps.config.scope {
        Some(scope) => {
            Parameters::of_change(&scope.scope, &header.connection, &header.project.id, &header.environment.id)
        }
        None => Parameters::new(),
    }
}

async fn finish(
    deps: &Deps,
    contents: &Contents<'_>,
    attestation: Attestation,
    mut files: Files,
) -> Result<Made, StepError> {
    let without_paper = manifest(deps, contents, &attestation, &files);
    let paper = work_paper(contents, without_paper, attestation.clone(), &files)?;
    add(&mut files, &BundleFile::WorkPaper, paper);
    let payload = manifest(deps, contents, &attestation, &files)
        .into_statement(&deps.config.spec_base)
        .to_payload()
        .map_err(of_json)?;
    let id = BundleId::of_manifest(&payload);
    let envelope = signer::seal(deps.signer.as_ref(), &deps.config.spec_base, payload).await.map_err(of_signer)?;
    let mut all: BTreeMap<EntryPath, Vec<u8>> = files.into_iter().map(|(path, (bytes, _))| (path, bytes)).collect();
    all.insert(BundleFile::Manifest.path(), envelope.to_bytes());
    let zip = clyra_evidence::zip::write(&all).map_err(|error| park("BUNDLE_TOO_LARGE", error))?;
    Ok(Made { id, zip })
}

fn manifest(deps: &Deps, contents: &Contents<'_>, attestation: &Attestation, files: &Files) -> DefManifest {
    let entries: Vec<Entry> =
        files.iter().map(|(path, (bytes, media_type))| Entry::of(path.clone(), bytes, media_type)).collect();
    let mut receipts: Vec<_> = contents.receipts.iter().map(|verified| verified.receipt.receipt_id).collect();
    receipts.sort();
    DefManifest {
        format: DEF_FORMAT.to_owned(),
        entity: deps.config.entity().clone(),
        change: contents.header.clone(),
        revision: contents.revision,
        predecessor: contents.predecessor,
        produced_at: contents.produced_at,
        producer: Producer {
            name: "clyra".to_owned(),
            version: deps.config.producer_version.clone(),
            catalogue: format!("{}@{}", deps.catalogue.id(), deps.catalogue.digest()),
        },
        scope: deps.config.scope.as_ref().map(clyra_evidence::scope::ScopeInForce::reference),
        receipts,
        tree: Tree::over(&entries),
        entries,
        pillars: pillars::pillars(contents.facts, attestation),
        critical: Vec::new(),
    }
}

/// The work paper that stands in the bundle: commitments instead of names, because nothing here can be taken back.
fn work_paper(
    contents: &Contents<'_>,
    manifest: DefManifest,
    attestation: Attestation,
    files: &Files,
) -> Result<Vec<u8>, StepError> {
    let delta = read_back(files, &BundleFile::SemanticDelta)?;
    let tested = read_back(files, &BundleFile::TestResults)?;
    let mut receipts: Vec<_> = contents.receipts.iter().map(|verified| verified.receipt.clone()).collect();
    receipts.sort_by_key(|receipt| receipt.receipt_id);
    let parts = Parts {
        manifest,
        facts: contents.facts.clone(),
        attestation,
        delta,
        tested,
        receipts,
        sealed: None,
        integrity: IntegrityOutcome::NotChecked,
        log: LogPosition::NotLogged,
        newest_revision: None,
        around: Around::default(),
    };
    let paper = WorkPaper::from_parts(&parts, &Names::none());
    clyra_workpaper::pdf::file(&paper).map_err(|error| park("WORK_PAPER_NOT_DRAWN", error))
}

/// A plain file as a reader of the bundle reads it.
fn read_back<T: DeserializeOwned>(files: &Files, file: &BundleFile) -> Result<Option<T>, StepError> {
    let bytes = files.get(&file.path());
    bytes.map(|(bytes, _)| serde_json::from_slice(bytes)).transpose().map_err(of_json)
}

async fn sign<P: Serialize>(
    deps: &Deps,
    name: PredicateName,
    subject: Vec<Subject>,
    predicate: P,
) -> Result<Envelope, StepError> {
    let base = &deps.config.spec_base;
    let payload = Statement::new(base, name, subject, predicate).to_payload().map_err(of_json)?;
    signer::seal(deps.signer.as_ref(), base, payload).await.map_err(of_signer)
}

fn add(files: &mut Files, file: &BundleFile, bytes: Vec<u8>) {
    files.insert(file.path(), (bytes, file.media_type()));
}
