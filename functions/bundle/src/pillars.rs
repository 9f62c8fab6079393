//! The four governance pillars of a manifest, as concrete facts: nothing in them that the bundle does not show.

use clyra_attest::Attestation;
use clyra_attest::catalogue::Outcome;
use clyra_evidence::fact::{FactValue, Facts};
use clyra_evidence::manifest::Pillars;

/// Did it run, and what failed.
const RELIABILITY: [&str; 9] = [
    "followUp.resolvedByRun",
    "run.finishedAt",
    "run.id",
    "run.nodes.failed",
    "run.nodes.notRun",
    "run.nodes.succeeded",
    "run.retryOf",
    "run.startedAt",
    "run.status",
];

/// What was tested.
const ACCURACY: [&str; 7] = [
    "delta.class",
    "delta.comparable",
    "tests.failed",
    "tests.passed",
    "tests.removed",
    "tests.warned",
    "tests.weakened",
];

/// Who decided.
const OVERSIGHT: [&str; 6] = [
    "run.actor.id",
    "run.actor.type",
    "run.overrides",
    "run.reason.given",
    "run.trigger.causeCategory",
    "override.approvedAt",
];

pub(crate) fn pillars(facts: &Facts, attestation: &Attestation) -> Pillars {
    let mut pillars = Pillars::default();
    copy(facts, &RELIABILITY, &mut pillars.reliability);
    copy(facts, &ACCURACY, &mut pillars.accuracy);
    copy(facts, &OVERSIGHT, &mut pillars.oversight);
    copy(facts, &["sources.connected", "evidence.conflicts"], &mut pillars.transparency);
    let readings = facts.readings.iter().map(|reading| reading.endpoint.clone()).collect::<Vec<_>>();
    pillars.transparency.insert("readings".to_owned(), readings.into());
    let with = |outcome| {
        let controls = attestation.controls.iter().filter(move |control| control.result == outcome);
        controls.map(|control| control.id.clone()).collect::<Vec<_>>()
    };
    pillars.transparency.insert("controls.notTested".to_owned(), with(Outcome::Unknown).into());
    pillars.accuracy.insert("attributes.tested".to_owned(), FactValue::Int(attestation.headline.tested.into()));
    pillars.oversight.insert("controls.exceptions".to_owned(), with(Outcome::Fail).into());
    pillars
}

fn copy(facts: &Facts, names: &[&str], pillar: &mut std::collections::BTreeMap<String, FactValue>) {
    for name in names {
        if let Some(fact) = facts.get(name) {
            pillar.insert((*name).to_owned(), fact.value.clone());
        }
    }
}
