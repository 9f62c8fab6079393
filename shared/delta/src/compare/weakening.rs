//! Whether a test lets more through than before.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::artifact::test_facts::{Severity, TestFacts, Threshold};
use crate::compare::reason::Reason;

/// What can be said about a changed test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Weakening {
    /// There is a count of failures that failed or warned before and does less now, or rows are newly left out, or values
    /// are newly accepted.
    Proven,
    /// Filter, arguments or counting changed in a way that only the data could tell. Never read this as "not weaker".
    Undecided,
}

/// The facts in which the two differ.
pub(crate) fn reasons(old: &TestFacts, new: &TestFacts) -> BTreeSet<Reason> {
    [
        (Reason::Severity, old.severity != new.severity),
        (Reason::Where, old.filter != new.filter),
        (Reason::Limit, old.limit != new.limit),
        (Reason::Threshold, (old.warn_if, old.error_if) != (new.warn_if, new.error_if)),
        (Reason::FailCalc, old.fail_calc != new.fail_calc),
    ]
    .into_iter()
    .filter_map(|(reason, differs)| differs.then_some(reason))
    .collect()
}

/// Whether `new` is weaker than `old`; `None` when nothing that decides a failure got weaker.
pub(crate) fn weakening(old: &TestFacts, new: &TestFacts, arguments_changed: bool) -> Option<Weakening> {
    // Whether what one accepts is all that the other accepts too.
    let covers = |a: &TestFacts, b: &TestFacts| a.accepted.as_ref()?.covers(b.accepted.as_ref()?);
    let accepts_more = arguments_changed && covers(old, new) == Some(false);
    if (old.filter.is_none() && new.filter.is_some()) || accepts_more {
        return Some(Weakening::Proven);
    }
    let outcomes = weaker_outcomes(old, new);
    if outcomes == Some(true) {
        return Some(Weakening::Proven);
    }
    // A filter that was taken away lets more rows in; any other change of it is for the data to say.
    let filter_unclear = new.filter.is_some() && old.filter != new.filter;
    let arguments_unclear = arguments_changed && covers(old, new) != Some(true);
    let unclear = filter_unclear || old.fail_calc != new.fail_calc || arguments_unclear || outcomes.is_none();
    unclear.then_some(Weakening::Undecided)
}

/// What a test says of a count of failures, from least to most.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Pass,
    Warn,
    Error,
}

/// Whether some count of failures gets a milder outcome than before; `None` where an expression is not understood.
///
/// All expressions compare with a number, so outcomes change only next to those numbers and limits: trying these
/// counts tries all.
fn weaker_outcomes(old: &TestFacts, new: &TestFacts) -> Option<bool> {
    let same = |facts: &TestFacts| (facts.severity, facts.limit, facts.warn_if, facts.error_if);
    if same(old) == same(new) {
        return Some(false);
    }
    for failures in telling_counts([old, new]) {
        if outcome(new, failures)? < outcome(old, failures)? {
            return Some(true);
        }
    }
    Some(false)
}

fn telling_counts(tests: [&TestFacts; 2]) -> BTreeSet<i64> {
    let mut counts = BTreeSet::from([0, 1, i64::MAX]);
    for test in tests {
        let numbers = [test.warn_if, test.error_if].into_iter().filter_map(|threshold| match threshold {
            Threshold::Compare(_, number) => Some(number),
            Threshold::Other(_) => None,
        });
        let limit = test.limit.and_then(|limit| i64::try_from(limit).ok());
        for number in numbers.chain(limit) {
            counts.extend([number.saturating_sub(1), number, number.saturating_add(1)]);
        }
    }
    counts.retain(|count| *count >= 0);
    counts
}

/// As dbt decides it: error first where the severity allows it, then warn (dbt-core, `task/test.py`).
fn outcome(test: &TestFacts, failures: i64) -> Option<Outcome> {
    // A limit caps the rows that are counted; with another way of counting it caps something else.
    let counted = match test.limit {
        Some(limit) if test.fail_calc.is_none() => failures.min(i64::try_from(limit).unwrap_or(i64::MAX)),
        Some(_) => return None,
        None => failures,
    };
    if test.severity == Severity::Error && test.error_if.is_crossed_by(counted)? {
        return Some(Outcome::Error);
    }
    Some(if test.warn_if.is_crossed_by(counted)? { Outcome::Warn } else { Outcome::Pass })
}

#[cfg(test)]
mod tests {
    use clyra_evidence::digest::Sha256Digest;

    use super::*;

    fn test() -> TestFacts {
        TestFacts {
            attached_node: None,
            column: None,
            test_name: None,
            severity: Severity::Error,
            filter: None,
            limit: None,
            fail_calc: None,
            warn_if: Threshold::DEFAULT,
            error_if: Threshold::DEFAULT,
            accepted: None,
        }
    }

    #[track_caller]
    fn check(old: impl Fn(&mut TestFacts), new: impl Fn(&mut TestFacts), expected: Option<Weakening>) {
        let (mut before, mut after) = (test(), test());
        old(&mut before);
        new(&mut after);
        assert_eq!(weakening(&before, &after, false), expected);
    }

    const PROVEN: Option<Weakening> = Some(Weakening::Proven);
    const UNDECIDED: Option<Weakening> = Some(Weakening::Undecided);

    #[test]
    fn severity_and_thresholds() {
        let error_if = |text: &'static str| move |test: &mut TestFacts| test.error_if = Threshold::parse(text);
        check(|_| {}, |_| {}, None);
        check(|_| {}, |test| test.severity = Severity::Warn, PROVEN);
        check(|test| test.severity = Severity::Warn, |_| {}, None);
        check(|_| {}, error_if(">10"), PROVEN);
        check(error_if(">10"), |_| {}, None);
        check(error_if("> 9"), error_if(">= 10"), None);
        check(error_if(">= 10"), error_if("> 10"), PROVEN);
        check(|_| {}, error_if("> {{ var('x') }}"), UNDECIDED);
        check(|_| {}, |test| test.warn_if = Threshold::parse("> 5"), None);
        check(
            |test| test.severity = Severity::Warn,
            |test| {
                test.severity = Severity::Warn;
                test.warn_if = Threshold::parse("> 5");
            },
            PROVEN,
        );
    }

    #[test]
    fn filters_limits_and_counting() {
        let filter =
            |text: &'static str| move |test: &mut TestFacts| test.filter = Some(Sha256Digest::of(text.as_bytes()));
        check(|_| {}, filter("a"), PROVEN);
        check(filter("a"), |_| {}, None);
        check(filter("a"), filter("b"), UNDECIDED);
        check(|_| {}, |test| test.limit = Some(100), None);
        check(|_| {}, |test| test.limit = Some(0), PROVEN);
        check(
            |test| test.error_if = Threshold::parse("> 10"),
            |test| {
                test.error_if = Threshold::parse("> 10");
                test.limit = Some(5);
            },
            PROVEN,
        );
        check(|_| {}, |test| test.fail_calc = Some(Sha256Digest::of(b"sum(n)")), UNDECIDED);
        assert_eq!(weakening(&test(), &test(), true), UNDECIDED);
    }
}
