//! The work paper: everything that a reader is told, in the order in which it is told, already in words.
//!
//! It is also the JSON that is served beside page and PDF, which is why it is written but never read back.

mod tested;

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::id::{BundleId, ChangeId};
use clyra_evidence::key::KeyId;
use clyra_evidence::time::Timestamp;
use serde::Serialize;

use crate::shown::Shown;
use crate::words::ResultWord;

pub use tested::{Tested, TestedRow};

/// The `documentType` of the paper as JSON.
pub const WORK_PAPER_TYPE: &str = "https://clyra.io/spec/work_paper/v0";

/// The work paper of one change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkPaper {
    /// [`WORK_PAPER_TYPE`].
    pub document_type: &'static str,
    /// Whose change, which, and by what it was put together.
    pub header: Header,
    /// The counts that stand above everything else; attributes are counted.
    pub headline: Headline,
    /// What this is, and what was not examined.
    pub scope: Scope,
    /// What happened when.
    pub timeline: Vec<Event>,
    /// The controls with something tested or not tested, in the catalogue's order.
    pub controls: Vec<Control>,
    /// What does not apply, with the condition.
    pub not_applicable: Vec<NotApplicable>,
    /// Who took part.
    pub people: Vec<Participant>,
    /// What changed.
    pub changed: Changed,
    /// What its tests show; absent where that is not known.
    pub tested: Option<Tested>,
    /// The list that the change is a row of.
    pub population: Population,
    /// The exceptions, with room for management's response.
    pub exceptions: Vec<Exception>,
    /// Whether the evidence is as it was sealed.
    pub integrity: Integrity,
    /// Where each fact comes from.
    pub readings: Vec<ReadingRow>,
    /// For those who check by themselves.
    pub appendix: Appendix,
    /// What stands at the foot of each printed sheet.
    pub footer: Footer,
}

/// Whose change, which, and by what it was put together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// What stands above all the rest, where the evidence may not be relied on to stay.
    pub banner: Option<&'static str>,
    /// The legal entity.
    pub entity: Shown,
    /// The kind of change and the project, for a heading.
    pub title: Shown,
    /// The kind of change.
    pub kind: &'static str,
    /// The tool that told of it.
    pub system: Shown,
    /// The project.
    pub project: Shown,
    /// The environment.
    pub environment: Shown,
    /// Its id.
    pub change_id: ChangeId,
    /// The entity's own control ids, beside ours.
    pub client_controls: Vec<ClientControl>,
    /// This revision.
    pub revision: u32,
    /// The newest revision, when it is known to be another.
    pub newer_revision: Option<u32>,
    /// Marks such as `emergency`.
    pub marks: Vec<&'static str>,
    /// When the change went live.
    pub live_at: Option<Timestamp>,
    /// When the evidence was put together.
    pub produced_at: Timestamp,
    /// The tool and its version.
    pub tool: Shown,
    /// The catalogue and its version.
    pub catalogue: Shown,
    /// The entity's scope and its version.
    pub scope: Shown,
    /// The ticket and when it was created beside the change's going live, where it is known.
    pub ticket: Option<Shown>,
}

/// The entity's id of a control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientControl {
    /// Our id.
    pub control: Shown,
    /// Theirs.
    pub client: Shown,
}

/// Counts of attributes, over the controls that the entity's scope names; over all where it names none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Headline {
    /// In a sentence.
    pub sentence: Shown,
    /// What is noted of the other controls.
    pub outside: Option<Shown>,
    /// With a result.
    pub tested: u64,
    /// Of these, with an exception.
    pub exceptions: u64,
    /// Not tested.
    pub not_tested: u64,
    /// Not applicable.
    pub not_applicable: u64,
}

/// Two sentences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// What this is.
    pub what: Shown,
    /// What was not examined.
    pub not_examined: Shown,
}

/// One line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// What happened.
    pub what: Shown,
    /// Who did it.
    pub actor: Shown,
    /// When, by the clock of the source.
    pub source_time: Option<Timestamp>,
    /// When we were told.
    pub received_at: Option<Timestamp>,
    /// The object at the source.
    pub object: Shown,
    /// Its page at the source.
    pub link: Option<String>,
    /// How we know.
    pub class: &'static str,
}

/// One control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Control {
    /// Its id in the catalogue.
    pub id: Shown,
    /// The entity's id of it.
    pub client_id: Option<Shown>,
    /// Its title.
    pub title: Shown,
    /// Whether the entity's scope puts it in.
    pub in_scope: bool,
    /// The result.
    pub result: ResultWord,
    /// The parameters used: the control as the entity wrote it.
    pub parameters: Vec<Parameter>,
    /// Its attributes.
    pub attributes: Vec<Attribute>,
}

/// A parameter as it was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Parameter {
    /// Its name.
    pub name: Shown,
    /// Its value.
    pub value: Shown,
    /// Whose value it is.
    pub origin: &'static str,
}

/// One attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attribute {
    /// Its id in the control.
    pub id: Shown,
    /// What was asked.
    pub text: Shown,
    /// The result.
    pub result: ResultWord,
    /// The reason in words.
    pub reason: Shown,
    /// The reason's code, for programs.
    pub code: Option<Shown>,
    /// The facts that the rule read.
    pub facts: Vec<FactLine>,
    /// The evidence file.
    pub evidence: Shown,
    /// How to look it up in the source.
    pub in_the_source: Shown,
    /// What would remedy an exception.
    pub remedy: Option<Shown>,
    /// What would make an attribute testable that was not tested.
    pub testable: Option<Shown>,
}

/// A fact as a rule read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FactLine {
    /// Its name.
    pub name: Shown,
    /// Its value, or that it was not read.
    pub value: Shown,
    /// How we know it, or why it did not count; absent for what was not read.
    pub class: Option<&'static str>,
    /// The readings it rests on.
    pub readings: Vec<Shown>,
}

/// Something that does not apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotApplicable {
    /// The control.
    pub control: Shown,
    /// Its title.
    pub title: Shown,
    /// The attributes, when only some of the control.
    pub attributes: Vec<Shown>,
    /// The condition.
    pub condition: Shown,
}

/// Somebody who took part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Participant {
    /// In which parts.
    pub roles: Vec<&'static str>,
    /// The name, where it is known.
    pub name: Option<Shown>,
    /// Title or team.
    pub title: Shown,
    /// The account.
    pub account: Shown,
    /// The subject in the entity's directory.
    pub directory_id: Shown,
    /// Whether the account was active on the day.
    pub active: Shown,
    /// The commitment in the evidence; absent for what is no person.
    pub commitment: Option<Shown>,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    /// In a sentence.
    pub summary: Shown,
    /// Whether behaviour can differ.
    pub class: &'static str,
    /// The resources.
    pub rows: Vec<ChangedRow>,
    /// How many more there are.
    pub omitted: u64,
    /// Key reports that are downstream.
    pub key_reports: Shown,
    /// The states that were compared.
    pub states: Vec<Shown>,
}

/// One resource that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangedRow {
    /// `model`, `test`, `package`, …
    pub resource: Shown,
    /// Its id at the source.
    pub name: Shown,
    /// `added`, `removed`, `changed`, `weakened`.
    pub change: Shown,
    /// `behavioural` or `documentation`.
    pub class: Shown,
    /// Why it counts as changed.
    pub reasons: Shown,
}

/// The list that the change is a row of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Population {
    /// Its id.
    pub id: &'static str,
    /// What it lists.
    pub lists: &'static str,
    /// The row.
    pub row: Shown,
    /// How many rows.
    pub count: Shown,
    /// How far it was reconciled.
    pub census: Shown,
    /// The signed documents that this rests on, by their names in the store.
    pub documents: Vec<Shown>,
}

/// One exception.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exception {
    /// Control and attribute.
    pub reference: Shown,
    /// What was asked.
    pub asked: Shown,
    /// What was found.
    pub found: Shown,
    /// What would remedy it.
    pub remedy: Shown,
}

/// Whether the evidence is as it was sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Integrity {
    /// `intact`, `not intact`, or `not checked here`.
    pub state: IntegrityState,
    /// In one line.
    pub line: Shown,
    /// The log position in words.
    pub log: Shown,
    /// What keeps the evidence from being removed.
    pub retention: Shown,
    /// Check by check, for the appendix.
    pub checks: Vec<CheckRow>,
}

/// Whether the evidence is as it was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum IntegrityState {
    /// Every required check held.
    Intact,
    /// One did not hold.
    NotIntact,
    /// Nobody checked.
    NotChecked,
}

impl IntegrityState {
    /// For readers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intact => "intact",
            Self::NotIntact => "not intact",
            Self::NotChecked => "not checked here",
        }
    }
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckRow {
    /// What.
    pub name: Shown,
    /// `held`, `did not hold`, `not applicable`.
    pub held: &'static str,
    /// Why.
    pub detail: Shown,
}

/// Where a fact comes from: who was asked or told, where, when, and which bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadingRow {
    /// Its id in facts.json.
    pub id: Shown,
    /// The tool and the connection.
    pub source: Shown,
    /// Webhook, or method and path.
    pub endpoint: Shown,
    /// When it was received.
    pub received_at: Timestamp,
    /// With which credential, by name.
    pub principal: Shown,
    /// How strong it is.
    pub class: &'static str,
    /// SHA-256 of the bytes.
    pub sha256: Sha256Digest,
}

/// For those who check by themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Appendix {
    /// The id of the bundle, once it is sealed.
    pub bundle_id: Option<BundleId>,
    /// SHA-256 of the zip, once it is sealed.
    pub zip_sha256: Option<Sha256Digest>,
    /// The key that signed the manifest.
    pub keyid: Option<KeyId>,
    /// The root over the entries.
    pub tree_root: Sha256Digest,
    /// SHA-256 of the trust file by which the bundle was checked.
    pub trust_sha256: Option<Sha256Digest>,
    /// Its serial.
    pub trust_serial: Option<u64>,
    /// The name under which the zip is downloaded.
    pub file_name: String,
    /// The command that checks it.
    pub command: String,
    /// The files of the bundle.
    pub entries: Vec<EntryRow>,
    /// Commitments of the persons above, who are named nowhere in the evidence.
    pub commitments: Vec<CommitmentRow>,
}

/// One file of the bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryRow {
    /// Its path.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its digest.
    pub sha256: Sha256Digest,
}

/// A commitment with the name that it resolves to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CommitmentRow {
    /// The name or account.
    pub person: Shown,
    /// The commitment.
    pub commitment: Shown,
}

/// What stands at the foot of each printed sheet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Footer {
    /// Of what the digest is.
    pub label: &'static str,
    /// The digest.
    pub sha256: Sha256Digest,
    /// The time, UTC.
    pub time: Timestamp,
}

impl WorkPaper {
    /// The paper as JSON.
    ///
    /// # Errors
    /// Never in practice: all members are text, numbers and lists of them.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

/// The name under which the zip of a revision is downloaded: ASCII, short, and sorted by change.
#[must_use]
pub fn zip_file_name(change: &ChangeId, revision: u32) -> String {
    let id = change.to_string();
    format!("clyra-{}-{revision}.zip", &id[..12])
}
