//! Collects the outcomes of a planned list of checks. What nobody recorded has failed.

use std::collections::BTreeMap;

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::text::visible;

use crate::check::CheckId;
use crate::code::Code;
use crate::report::{CheckResult, Counts, Examined, Outcome, REPORT_FORMAT, Report, Verdict, Verifier};

/// Why a check failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) why: String,
    pub(crate) subject: Option<String>,
}

impl Failure {
    pub(crate) fn new(code: Code, why: impl Into<String>) -> Self {
        Self { code, why: why.into(), subject: None }
    }

    pub(crate) fn at(mut self, subject: impl ToString) -> Self {
        self.subject = Some(subject.to_string());
        self
    }
}

/// Longest quotation of a parser's message, in characters: such messages repeat foreign text.
const QUOTED_CHARS_MAX: usize = 160;

/// A parser's message, safe to print: cut, and with codes for what cannot be seen.
pub(crate) fn quoted(message: &impl ToString) -> String {
    visible(&message.to_string()).chars().take(QUOTED_CHARS_MAX).collect()
}

#[derive(Debug)]
pub(crate) struct Examination {
    plan: Vec<CheckId>,
    results: BTreeMap<CheckId, CheckResult>,
    report: Report,
}

impl Examination {
    /// Plans the checks of a report about `bytes`.
    pub(crate) fn begin(examined: Examined, plan: Vec<CheckId>, bytes: &[u8], trust: &[u8]) -> Self {
        let report = Report {
            format: REPORT_FORMAT,
            verifier: Verifier::THIS,
            examined,
            verdict: Verdict::NotIntact,
            sha256: Sha256Digest::of(bytes),
            trust_sha256: Sha256Digest::of(trust),
            requires: None,
            at: None,
            bundle_id: None,
            change_id: None,
            receipt_id: None,
            counts: Counts::default(),
            checks: Vec::new(),
            not_examined: Vec::new(),
        };
        Self { plan, results: BTreeMap::new(), report }
    }

    /// The report's head, to be filled in as it becomes known.
    pub(crate) fn head(&mut self) -> &mut Report {
        &mut self.report
    }

    pub(crate) fn pass(&mut self, id: CheckId, why: impl Into<String>) {
        self.put(id, Outcome::Passed, None, why.into(), None);
    }

    pub(crate) fn fail(&mut self, id: CheckId, failure: Failure) {
        self.put(id, Outcome::Failed, Some(failure.code), failure.why, failure.subject);
    }

    pub(crate) fn not_applicable(&mut self, id: CheckId, code: Code, why: impl Into<String>) {
        self.put(id, Outcome::NotApplicable, Some(code), why.into(), None);
    }

    /// Records either way; whether it passed.
    pub(crate) fn record(&mut self, id: CheckId, result: Result<String, Failure>) -> bool {
        let passed = result.is_ok();
        match result {
            Ok(why) => self.pass(id, why),
            Err(failure) => self.fail(id, failure),
        }
        passed
    }

    fn put(&mut self, id: CheckId, outcome: Outcome, code: Option<Code>, why: String, subject: Option<String>) {
        debug_assert!(self.plan.contains(&id), "{id} is not planned");
        debug_assert!(!self.results.contains_key(&id), "{id} was recorded before");
        self.results.insert(id, CheckResult { id, title: id.title(), outcome, code, why, subject });
    }

    /// The report: the plan in its order, with everything that was not reached as failed.
    pub(crate) fn finish(mut self) -> Report {
        let mut first_failed = None;
        for id in &self.plan {
            let result = self.results.remove(id).unwrap_or_else(|| not_reached(*id, first_failed));
            if result.outcome == Outcome::Failed && first_failed.is_none() {
                first_failed = Some(*id);
            }
            self.report.checks.push(result);
        }
        // A result outside the plan is a fault of this program; it must not get lost, least of all a failure.
        for (id, result) in std::mem::take(&mut self.results) {
            first_failed = first_failed.or((result.outcome == Outcome::Failed).then_some(id));
            self.report.checks.push(result);
        }
        self.report.verdict = if first_failed.is_none() { Verdict::Intact } else { Verdict::NotIntact };
        self.report
    }
}

fn not_reached(id: CheckId, cause: Option<CheckId>) -> CheckResult {
    let why = match cause {
        Some(cause) => format!("Not examined, because {cause} failed."),
        None => "Not examined.".to_owned(),
    };
    let (outcome, code) = (Outcome::Failed, Some(Code::NotExamined));
    CheckResult { id, title: id.title(), outcome, code, why, subject: None }
}
