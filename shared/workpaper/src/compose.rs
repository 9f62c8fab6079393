//! From the parts of a bundle to the words of a work paper.

mod changed;
mod headline;
mod matrix;
pub(crate) mod people;
mod population;
mod sources;
mod tested;
mod timeline;

pub(crate) use changed::ROWS_MAX;
use clyra_attest::Catalogue;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::manifest::ChangeMark;

use crate::model::{
    Appendix, CheckRow, ClientControl, CommitmentRow, EntryRow, Footer, Header, Integrity, IntegrityState, ReadingRow,
    Scope, WORK_PAPER_TYPE, WorkPaper, zip_file_name,
};
use crate::names::Names;
use crate::parts::{IntegrityOutcome, LogPosition, Parts, Ticket, retention};
use crate::shown::Shown;
use crate::words::{self, ResultWord};

impl WorkPaper {
    /// Says in words what `parts` hold, with the persons and addresses that `names` knows.
    #[must_use]
    pub fn from_parts(parts: &Parts, names: &Names) -> Self {
        let catalogue = Catalogue::sox_cm();
        let people = people::People::of(parts, names);
        let sources = sources::Sources::of(&catalogue, &parts.facts);
        let (controls, not_applicable) = matrix::matrix(parts, &catalogue, &people, &sources);
        let all = !headline::scope_names_controls(&parts.attestation.controls);
        let participants = people.participants();
        let mut paper = Self {
            document_type: WORK_PAPER_TYPE,
            header: header(parts),
            headline: headline::headline(parts, &sources),
            scope: scope(parts, &controls),
            timeline: timeline::timeline(parts, names, &people),
            exceptions: matrix::exceptions(&controls, all),
            controls,
            not_applicable,
            changed: changed::changed(parts),
            tested: tested::tested(parts),
            population: population::population(parts, &sources),
            integrity: integrity(parts),
            readings: readings(parts),
            appendix: appendix(parts, people.commitments()),
            footer: footer(parts),
            people: participants,
        };
        if let Some(ticket) = &parts.around.ticket {
            paper.name_ticket(ticket);
        }
        paper
    }

    /// Names the ticket: it is known only once it is opened, when the rest of the paper has been made.
    pub fn name_ticket(&mut self, ticket: &Ticket) {
        let timing = ticket.created_at.map(|at| format!(", {}", words::record_timing(self.header.live_at, at)));
        let number = Shown::from(&ticket.number);
        self.header.ticket = Some(Shown::new(format!("{number}{}", timing.unwrap_or_default())));
    }
}

fn header(parts: &Parts) -> Header {
    let (manifest, change) = (&parts.manifest, &parts.manifest.change);
    let attestation = &parts.attestation;
    let project = Shown::from(&change.project.name);
    let environment = Shown::from(&change.environment.name);
    let kind = words::kind(change.kind);
    let client = |control: &clyra_attest::attestation::ControlResult| {
        let client = control.client_control_id.as_ref().map(Shown::from)?;
        Some(ClientControl { control: Shown::new(&control.id), client })
    };
    let mut marks: Vec<_> = change.marks.iter().map(|mark: &ChangeMark| words::mark(*mark)).collect();
    marks.dedup();
    Header {
        banner: parts.around.retention.filter(|kept| kept.is_trial()).map(|_| retention::TRIAL),
        entity: (&manifest.entity).into(),
        title: Shown::new(format!("{kind}: {project}, {environment}")),
        kind,
        system: Shown::new(format!("{} (connection {})", words::source(change.source), change.connection)),
        project: Shown::new(format!("{project} (id {})", change.project.id)),
        environment: Shown::new(format!("{environment} (id {})", change.environment.id)),
        change_id: change.change_id,
        client_controls: attestation.controls.iter().filter_map(client).collect(),
        revision: manifest.revision,
        newer_revision: parts.newest_revision.filter(|newest| *newest > manifest.revision),
        marks,
        live_at: change.live_at,
        produced_at: manifest.produced_at,
        tool: Shown::new(format!("{} {}", manifest.producer.name, manifest.producer.version)),
        catalogue: Shown::new(format!("{} {}", attestation.catalogue.id, attestation.catalogue.version)),
        scope: match &manifest.scope {
            Some(scope) => Shown::new(format!("version {}", scope.version)),
            None => Shown::new("none declared"),
        },
        ticket: None,
    }
}

fn scope(parts: &Parts, controls: &[crate::model::Control]) -> Scope {
    let change = &parts.manifest.change;
    let live = match change.live_at {
        Some(at) => format!("first run in production at {}", words::time(at)),
        None => "not seen running in production".to_owned(),
    };
    let what = format!(
        "This paper documents one change, {} in {}, {live}, tested attribute by attribute on facts read from {}.",
        Shown::from(&change.project.name),
        Shown::from(&change.environment.name),
        words::source(change.source),
    );
    let untested = |control: &&crate::model::Control| !not_tested(control).is_empty();
    let (warehouse, others): (Vec<_>, Vec<_>) =
        controls.iter().filter(untested).partition(|control| control.id.as_str() == "CM-15");
    let mut not_examined = Vec::new();
    let direct = clyra_evidence::change::ChangeKind::Warehouse != change.kind;
    if direct || !warehouse.is_empty() {
        not_examined.push("changes made directly in the warehouse (CM-15)".to_owned());
    }
    if !others.is_empty() {
        let list: Vec<_> =
            others.iter().map(|control| format!("{} {}", control.id, ranges(&not_tested(control)))).collect();
        not_examined.push(list.join(", "));
    }
    not_examined.push("access, operations and development controls outside the catalogue".to_owned());
    Scope { what: Shown::new(what), not_examined: Shown::new(format!("Not examined: {}.", not_examined.join("; "))) }
}

/// The attributes of a control that were not tested.
fn not_tested(control: &crate::model::Control) -> Vec<&str> {
    let untested = |attribute: &&crate::model::Attribute| attribute.result == ResultWord::NotTested;
    control.attributes.iter().filter(untested).map(|attribute| attribute.id.as_str()).collect()
}

/// `D1–D3, D5`: ids in a row, of one letter, as a range.
fn ranges(ids: &[&str]) -> String {
    let number = |id: &str| -> Option<(char, u32)> {
        let mut chars = id.chars();
        Some((chars.next()?, chars.as_str().parse().ok()?))
    };
    let follows = |a: &str, b: &str| match (number(a), number(b)) {
        (Some((letter, n)), Some((other, next))) => letter == other && n + 1 == next,
        _ => false,
    };
    let runs = ids.chunk_by(|a, b| follows(a, b)).map(|run| match run {
        [first, .., last] => format!("{first}–{last}"),
        few => few.join(", "),
    });
    runs.collect::<Vec<_>>().join(", ")
}

fn integrity(parts: &Parts) -> Integrity {
    let log = match parts.log {
        LogPosition::NotLogged => Shown::new("not logged yet"),
        LogPosition::Leaf(index) => Shown::new(format!("leaf {index}")),
    };
    let (state, line, checks) = match &parts.integrity {
        IntegrityOutcome::NotChecked => (
            IntegrityState::NotChecked,
            "Not checked here: this paper is part of the bundle that it documents. Check the bundle with the command in \
             appendix B."
                .to_owned(),
            Vec::new(),
        ),
        IntegrityOutcome::Checked { at, verifier, intact, checks } => {
            let rows = checks.iter().map(|check| CheckRow {
                name: Shown::new(&check.name),
                held: check.held.as_str(),
                detail: (&check.detail).into(),
            });
            let state = if *intact { IntegrityState::Intact } else { IntegrityState::NotIntact };
            let what = if *intact { "Intact: signature and file digests" } else { "Not intact: see appendix B; signature and file digests" };
            (state, format!("{what} checked {} by {verifier}; {log}.", words::time(*at)), rows.collect())
        }
    };
    let retention = match parts.around.retention {
        Some(kept) => Shown::new(kept.in_words(parts.manifest.produced_at)),
        None => Shown::new("stated where the bundle is served"),
    };
    Integrity { state, line: Shown::new(line), log, retention, checks }
}

fn readings(parts: &Parts) -> Vec<ReadingRow> {
    let row = |reading: &clyra_evidence::fact::Reading| ReadingRow {
        id: Shown::new(&reading.id),
        source: Shown::new(format!("{} ({})", words::source(reading.source), reading.connection)),
        endpoint: Shown::new(&reading.endpoint),
        received_at: reading.at,
        principal: Shown::new(&reading.principal),
        class: words::class(reading.class),
        sha256: reading.sha256,
    };
    parts.facts.readings.iter().map(row).collect()
}

fn appendix(parts: &Parts, commitments: Vec<CommitmentRow>) -> Appendix {
    let manifest = &parts.manifest;
    let file_name = zip_file_name(&manifest.change.change_id, manifest.revision);
    let sealed = parts.sealed.as_ref();
    let entry = |entry: &clyra_evidence::manifest::Entry| EntryRow {
        path: entry.path.to_string(),
        size: entry.size,
        sha256: entry.sha256,
    };
    Appendix {
        bundle_id: sealed.map(|sealed| sealed.bundle_id),
        zip_sha256: sealed.map(|sealed| sealed.zip_sha256),
        keyid: sealed.map(|sealed| sealed.keyid),
        tree_root: manifest.tree.root,
        trust_sha256: parts.around.trust.map(|trust| trust.sha256),
        trust_serial: parts.around.trust.and_then(|trust| trust.serial),
        command: format!("clyra verify {file_name} --trust clyra-trust.json --explain"),
        file_name,
        entries: manifest.entries.iter().map(entry).collect(),
        commitments,
    }
}

fn footer(parts: &Parts) -> Footer {
    let time = parts.manifest.produced_at;
    match &parts.sealed {
        Some(sealed) => Footer { label: "bundle SHA-256", sha256: sealed.zip_sha256, time },
        // The paper inside a bundle cannot know the bundle's digest: it names what it shows.
        None => Footer { label: "attestation SHA-256", sha256: Sha256Digest::of(&parts.attestation.to_bytes()), time },
    }
}
