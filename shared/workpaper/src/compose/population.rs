//! The list that the change is a row of, and how far that list was reconciled to its source.

use clyra_evidence::change::ChangeKind;

use crate::model::Population;
use crate::parts::{Parts, RunCensus};
use crate::shown::Shown;
use crate::words::{self, count};

use super::sources::Sources;

pub(super) fn population(parts: &Parts, sources: &Sources<'_>) -> Population {
    let change = &parts.manifest.change;
    let (id, lists) = words::population(change.kind);
    let around = &parts.around;
    let count = match &around.population {
        None => "stated by the attestation of a period; none that lists this change was read here".to_owned(),
        Some(place) => {
            let (one, many) = words::rows(change.kind);
            format!(
                "{} live from {} to {}; this is row {} by time of going live, then change id",
                count(place.rows, one, many),
                place.from,
                place.to,
                place.row
            )
        }
    };
    let documents = [
        around.population.as_ref().map(|place| Shown::new(&place.document)),
        around.census.as_ref().map(|census| Shown::new(&census.document)),
    ];
    Population {
        id,
        lists,
        row: Shown::new(format!("{} {} · {}", change.kind, change.anchor.join("/"), change.connection)),
        count: Shown::new(count),
        census: Shown::new(reconciliation(parts, sources)),
        documents: documents.into_iter().flatten().collect(),
    }
}

/// The census of runs, which covers every change that a run made live, and the change's own population beside it.
fn reconciliation(parts: &Parts, sources: &Sources<'_>) -> String {
    let change = &parts.manifest.change;
    let source = words::source(change.source);
    let mut sentences = vec![match &parts.around.census {
        None => "No census of runs (P2) was read with this paper.".to_owned(),
        Some(census) => of_runs(census, source),
    }];
    let unless = |name: &str, tool: &str| {
        if sources.has(name) {
            "not reconciled yet".to_owned()
        } else {
            format!("not reconciled, {tool} is not connected")
        }
    };
    match change.kind {
        ChangeKind::Drift | ChangeKind::Override => {}
        ChangeKind::Code => sentences.push(format!("P1: {}.", unless("github", "GitHub"))),
        ChangeKind::Config => {
            sentences.push("P3: not reconciled, no daily census of configuration is made.".to_owned())
        }
        ChangeKind::Sync => sentences.push(format!("P4: {}.", unless("hightouch", "Hightouch"))),
        ChangeKind::Warehouse => sentences.push(format!("P6: {}.", unless("warehouse", "the warehouse"))),
    }
    sentences.join(" ")
}

fn of_runs(census: &RunCensus, source: &str) -> String {
    let filled = if census.filled > 0 { format!(" + {} filled", census.filled) } else { String::new() };
    let outcome = if census.reconciled {
        "reconciled".to_owned()
    } else if census.open == 0 {
        "not reconciled, the list could not be read to its end".to_owned()
    } else {
        format!("not reconciled, {} open", count(census.open, "difference", "differences"))
    };
    format!("P2 on {}: {source} lists {}, held {}{filled}; {outcome}.", census.day, census.listed, census.held)
}
