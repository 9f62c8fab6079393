//! `facts.json`: whether it can be read, and whether each fact rests on something that is in the bundle.

use std::collections::{BTreeMap, BTreeSet};

use clyra_evidence::fact::Facts;
use clyra_evidence::id::ReceiptId;
use clyra_evidence::layout::BundleFile;
use clyra_evidence::strict_json;
use clyra_evidence::zip::EntryPath;

use crate::check::CheckId;
use crate::code::Code;
use crate::examination::{Examination, Failure, quoted};

/// Records the check of the facts; gives them when they passed.
pub(crate) fn check(listed: &[ReceiptId], files: &BTreeMap<EntryPath, &[u8]>, exam: &mut Examination) -> Option<Facts> {
    let path = BundleFile::Facts.path();
    let Some(bytes) = files.get(&path) else {
        exam.not_applicable(CheckId::Facts, Code::Absent, "The bundle holds no facts.");
        return None;
    };
    match read(bytes).and_then(|facts| rests(&facts, listed).map(|()| facts)) {
        Ok(facts) => {
            exam.pass(CheckId::Facts, format!("Facts: {}, readings: {}.", facts.facts.len(), facts.readings.len()));
            Some(facts)
        }
        Err(failure) => {
            exam.fail(CheckId::Facts, failure.at(path));
            None
        }
    }
}

fn read(bytes: &[u8]) -> Result<Facts, Failure> {
    let malformed = |why: String| Failure::new(Code::FactsMalformed, why);
    let document = strict_json::parse(bytes)
        .map_err(|_| malformed("It is not JSON in UTF-8 with unique member names.".to_owned()))?;
    serde_json::from_value(document)
        .map_err(|error| malformed(format!("A member is missing or has another form: {}.", quoted(&error))))
}

fn rests(facts: &Facts, listed: &[ReceiptId]) -> Result<(), Failure> {
    let listed: BTreeSet<ReceiptId> = listed.iter().copied().collect();
    let mut readings = BTreeSet::new();
    for reading in &facts.readings {
        if !readings.insert(reading.id.as_str()) {
            let why = format!("The reading \"{}\" stands more than once.", quoted(&reading.id));
            return Err(Failure::new(Code::FactsReadingUnknown, why));
        }
        if let Some(receipt) = reading.receipt_id.filter(|receipt| !listed.contains(receipt)) {
            let why = format!("A reading names the receipt {receipt}, which the manifest does not.");
            return Err(Failure::new(Code::FactsReceiptUnknown, why));
        }
    }
    for (name, fact) in &facts.facts {
        if let Some(id) = fact.from.iter().find(|id| !readings.contains(id.as_str())) {
            let why = format!("The fact \"{}\" rests on \"{}\", which is no reading.", quoted(name), quoted(id));
            return Err(Failure::new(Code::FactsReadingUnknown, why));
        }
    }
    Ok(())
}
