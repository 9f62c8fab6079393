//! The conformance cases: one fault each, with the check and the code that must tell it.
//!
//! The paths are explicit because the tests include this file from elsewhere.

#[path = "cases/documents.rs"]
mod documents;
#[path = "cases/files.rs"]
mod files;
#[path = "cases/manifests.rs"]
mod manifests;
#[path = "cases/signatures.rs"]
mod signatures;
#[path = "cases/zips.rs"]
mod zips;

use std::collections::BTreeMap;

use clyra_verify::Code;

use crate::sample::{Sample, pretty};

/// One case: `bundle.zip` against `trust.json`.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// What is wrong, in a line or two.
    pub(crate) why: &'static str,
    pub(crate) zip: Vec<u8>,
    pub(crate) trust: Vec<u8>,
    /// The first check that fails, and its code; `None` for a bundle that is intact.
    pub(crate) fails: Option<(&'static str, Code)>,
}

/// A case that is refused.
fn refused(name: &'static str, check: &'static str, code: Code, why: &'static str, zip: Vec<u8>) -> Case {
    Case { name, why, zip, trust: Sample::new().trust_bytes(), fails: Some((check, code)) }
}

/// A case that is intact.
fn intact(name: &'static str, why: &'static str, zip: Vec<u8>) -> Case {
    Case { name, why, zip, trust: Sample::new().trust_bytes(), fails: None }
}

/// All cases.
pub(crate) fn all() -> Vec<Case> {
    [documents::cases(), files::cases(), manifests::cases(), signatures::cases(), zips::cases()]
        .into_iter()
        .flatten()
        .collect()
}

#[derive(serde::Serialize)]
struct Expect {
    verdict: &'static str,
    check: Option<&'static str>,
    code: Option<Code>,
}

/// The files of all cases, by path under `spec/vectors`.
pub(crate) fn files() -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for case in all() {
        assert_eq!(case.name.ends_with("_fail"), case.fails.is_some(), "{}", case.name);
        let verdict = if case.fails.is_some() { "not_intact" } else { "intact" };
        let (check, code) = (case.fails.map(|(check, _)| check), case.fails.map(|(_, code)| code));
        let mut put = |file: &str, bytes| files.insert(format!("{}/{file}", case.name), bytes);
        put("bundle.zip", case.zip);
        put("trust.json", case.trust);
        put("expect.json", pretty(&Expect { verdict, check, code }));
        put("README.md", format!("{}\n", case.why).into_bytes());
    }
    files
}
