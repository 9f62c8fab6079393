//! From the parts of a bundle to the words of a work paper.

mod changed;
mod matrix;
pub(crate) mod people;
mod timeline;

#[cfg(test)]
pub(crate) use changed::ROWS_MAX;
use clyra_attest::catalogue::Outcome;
use clyra_attest::{Attestation, Catalogue};
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::manifest::ChangeMark;

use crate::model::{
    Appendix, CheckRow, ClientControl, CommitmentRow, EntryRow, Footer, Header, Headline, Integrity, IntegrityState,
    Population, ReadingRow, Scope, WORK_PAPER_TYPE, WorkPaper, zip_file_name,
};
use crate::names::Names;
use crate::parts::{IntegrityOutcome, LogPosition, Parts};
use crate::shown::Shown;
use crate::words::{self, ResultWord, count};

impl WorkPaper {
    /// Says in words what `parts` hold, with the persons and addresses that `names` knows.
    #[must_use]
    pub fn from_parts(parts: &Parts, names: &Names) -> Self {
        let catalogue = Catalogue::sox_cm();
        let people = people::People::of(parts, names);
        let (controls, not_applicable) = matrix::matrix(parts, &catalogue, &people);
        let participants = people.participants();
        Self {
            document_type: WORK_PAPER_TYPE,
            header: header(parts),
            headline: headline(&parts.attestation, &catalogue),
            scope: scope(parts, &controls),
            timeline: timeline::timeline(parts, names, &people),
            exceptions: matrix::exceptions(&controls),
            controls,
            not_applicable,
            changed: changed::changed(parts),
            population: population(parts),
            integrity: integrity(parts),
            readings: readings(parts),
            appendix: appendix(parts, people.commitments()),
            footer: footer(parts),
            people: participants,
        }
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
    }
}

fn headline(attestation: &Attestation, catalogue: &Catalogue) -> Headline {
    let counted = &attestation.headline;
    let exceptions = match counted.exceptions {
        0 => "no exception noted".to_owned(),
        n => format!("{} noted", count(n.into(), "exception", "exceptions")),
    };
    let not_tested = match counted.not_tested {
        0 => String::new(),
        n => format!("; {n} not tested{}", not_tested_reasons(attestation, catalogue)),
    };
    let tested = count(counted.tested.into(), "attribute", "attributes");
    let sentence = if counted.tested == 0 {
        format!("No attribute tested{not_tested}; {} not applicable.", counted.not_applicable)
    } else {
        format!("{tested} tested, {exceptions}{not_tested}; {} not applicable.", counted.not_applicable)
    };
    Headline {
        sentence: Shown::new(sentence),
        tested: counted.tested.into(),
        exceptions: counted.exceptions.into(),
        not_tested: counted.not_tested.into(),
        not_applicable: counted.not_applicable.into(),
    }
}

/// The reasons for not testing, most frequent first, without the sentence's end.
fn not_tested_reasons(attestation: &Attestation, catalogue: &Catalogue) -> String {
    let mut reasons: Vec<(usize, &str)> = Vec::new();
    for attribute in attestation.controls.iter().flat_map(|control| &control.attributes) {
        let Some(code) = attribute.code.as_ref().filter(|_| attribute.result == Outcome::Unknown) else { continue };
        let text = catalogue.reason(code).unwrap_or(code.as_str());
        match reasons.iter_mut().find(|(_, known)| *known == text) {
            Some((n, _)) => *n += 1,
            None => reasons.push((1, text)),
        }
    }
    reasons.sort_by_key(|(n, _)| std::cmp::Reverse(*n));
    let sentence = |(n, text): &(usize, &str)| format!("{n}: {}", lower_first(text.trim_end_matches('.')));
    let mut parts: Vec<String> = reasons.iter().take(REASONS_MAX).map(sentence).collect();
    if reasons.len() > REASONS_MAX {
        parts.push("others: section 4".to_owned());
    }
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join("; ")) }
}

/// Most reasons in the headline; a reader who wants all reads the matrix.
const REASONS_MAX: usize = 3;

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
    let untested = |control: &&crate::model::Control| control.result == ResultWord::NotTested;
    let (warehouse, others): (Vec<_>, Vec<_>) =
        controls.iter().filter(untested).partition(|control| control.id.as_str() == "CM-15");
    let mut not_examined = Vec::new();
    let direct = clyra_evidence::change::ChangeKind::Warehouse != change.kind;
    if direct || !warehouse.is_empty() {
        not_examined.push("changes made directly in the warehouse (CM-15)".to_owned());
    }
    if !others.is_empty() {
        let list: Vec<_> =
            others.iter().map(|control| format!("{} ({})", lower_first(control.title.as_str()), control.id)).collect();
        not_examined.push(list.join(", "));
    }
    not_examined.push("access, operations and development controls outside the catalogue".to_owned());
    Scope { what: Shown::new(what), not_examined: Shown::new(format!("Not examined: {}.", not_examined.join("; "))) }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    // An abbreviation keeps its capitals.
    let abbreviation = text.chars().nth(1).is_some_and(|c| c.is_uppercase());
    match chars.next() {
        Some(first) if !abbreviation => first.to_lowercase().chain(chars).collect(),
        _ => text.to_owned(),
    }
}

fn population(parts: &Parts) -> Population {
    let change = &parts.manifest.change;
    let (id, lists) = words::population(change.kind);
    let (count, census) = match &parts.census {
        None => (
            "stated by the period attestation; none read here".to_owned(),
            "no census result was read with this paper".to_owned(),
        ),
        Some(census) => (
            format!("{}; this is row {}", census.changes, census.row),
            match census.reconciled_to {
                Some(day) => format!("reconciled to {} up to {day}", words::source(change.source)),
                None => "not reconciled yet".to_owned(),
            },
        ),
    };
    Population {
        id,
        lists,
        row: Shown::new(format!("{} {} · {}", change.kind, change.anchor.join("/"), change.connection)),
        count: Shown::new(count),
        census: Shown::new(census),
    }
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
    Integrity { state, line: Shown::new(line), log, checks }
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
