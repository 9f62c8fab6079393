//! Controls over a population: worst open result first, and nothing green without a census.

use clyra_attest::catalogue::Outcome;
use clyra_attest::{Attestation, Parameters, PeriodError, PeriodItem, PeriodItemError, attest_change, attest_period};
use clyra_evidence::fact::{FactClass, FactValue, Facts};

use crate::cases::{change_id, november, sox};

fn list(items: &[&str]) -> FactValue {
    FactValue::List(items.iter().map(|item| (*item).to_owned()).collect())
}

fn scope() -> Parameters {
    Parameters::new()
        .with("controlsInScope", list(&["CM-05"]))
        .with("populationsInScope", list(&["P2"]))
        .with("approvalSources", list(&["github"]))
        .with("productionBranch", "main")
        .with("reverseEtlInScope", false)
        .with("ticketSystemInScope", false)
}

/// A change of code that CM-05 finds in order, but for what `spoil` does to it.
fn change(name: &str, spoil: impl Fn(&mut Facts)) -> Vec<u8> {
    let mut facts = Facts::new();
    let mut set = |name: &str, value: FactValue| facts.set(name, value, FactClass::Observed, &[]);
    set("change.kind", "code".into());
    set("change.components", list(&["manifest"]));
    set("sources.connected", list(&["dbt_cloud", "github"]));
    for empty in ["run.overrides", "packages.changed", "seeds.unhashed"] {
        set(empty, list(&[]));
    }
    for empty in ["approval.supplementary", "approval.dismissed", "approval.notByPerson"] {
        set(empty, list(&[]));
    }
    for approval in ["approval.ids", "approval.onMergedCommit"] {
        set(approval, list(&["review-1"]));
    }
    for (text, value) in [("run.gitSha", "3f1a9c0e"), ("run.gitBranch", "main"), ("environment.expectedBranch", "main")]
    {
        set(text, value.into());
    }
    for yes in ["git.shaOnProtectedBranch", "delta.comparable", "vector.manifest.changed", "vector.gitSha.changed"] {
        set(yes, true.into());
    }
    for no in ["vector.seeds.changed", "vector.dbtVersion.changed"] {
        set(no, false.into());
    }
    spoil(&mut facts);
    attest_change(sox(), &change_id(name), &facts, &scope()).to_bytes()
}

fn good(name: &str) -> PeriodItem {
    item(&change(name, |_| {}), &[])
}

fn drifted(name: &str, remediated: &[&str]) -> PeriodItem {
    let drift = |facts: &mut Facts| {
        facts.set("change.kind", "drift", FactClass::Observed, &[]);
        facts.set("change.components", list(&["packages"]), FactClass::Observed, &[]);
        facts.set("packages.changed", list(&["dbt_utils"]), FactClass::Observed, &[]);
        facts.set("vector.gitSha.changed", false, FactClass::Observed, &[]);
    };
    item(&change(name, drift), remediated)
}

fn untested(name: &str) -> PeriodItem {
    item(&change(name, |facts| drop(facts.facts.remove("delta.comparable"))), &[])
}

/// A change of configuration, to which CM-05 does not apply.
fn elsewhere(name: &str) -> PeriodItem {
    item(&change(name, |facts| facts.set("change.kind", "config", FactClass::Observed, &[])), &[])
}

fn item(bytes: &[u8], remediated: &[&str]) -> PeriodItem {
    PeriodItem::from_attestation(bytes, remediated.iter().map(|id| (*id).to_owned())).unwrap()
}

fn census(reconciled: &[&str]) -> Facts {
    let mut facts = Facts::new();
    facts.set("census.populationsReconciled", list(reconciled), FactClass::Observed, &[]);
    facts
}

fn attest(facts: &Facts, parameters: &Parameters, items: &[PeriodItem]) -> Attestation {
    attest_period(sox(), &november(), facts, parameters, items).unwrap()
}

/// Result and code of CM-05 and of the whole period, and the counts.
fn check(facts: &Facts, items: &[PeriodItem], control: (Outcome, Option<&str>), counts: [u32; 4]) {
    let attestation = attest(facts, &scope(), items);
    let row = attestation.control("CM-05").unwrap();
    assert_eq!((row.result, row.code.as_ref().map(|code| code.as_str())), control);
    let population = attestation.population.as_ref().unwrap();
    assert_eq!((population.result, population.code.as_ref().map(|code| code.as_str())), control);
    let found = [population.changes, population.without_exception, population.with_exception, population.not_tested];
    assert_eq!(found, counts);
    let counted: u32 = counts[1..].iter().sum();
    assert_eq!(population.not_applicable, population.changes - counted, "the rest is not applicable");
}

#[test]
fn a_reconciled_population_without_exception_passes() {
    check(&census(&["P2"]), &[good("a"), good("b")], (Outcome::Pass, None), [2, 2, 0, 0]);
}

#[test]
fn one_open_exception_decides_the_period_even_without_a_census() {
    let items = [good("a"), drifted("b", &[]), untested("c")];
    check(&census(&["P2"]), &items, (Outcome::Fail, Some("PACKAGE_DRIFT")), [3, 1, 1, 1]);
    check(&Facts::new(), &items, (Outcome::Fail, Some("PACKAGE_DRIFT")), [3, 1, 1, 1]);
}

#[test]
fn without_a_census_nothing_passes() {
    check(&Facts::new(), &[good("a")], (Outcome::Unknown, Some("CENSUS_MISSING")), [1, 1, 0, 0]);
    check(&census(&["P1"]), &[good("a")], (Outcome::Unknown, Some("CENSUS_MISSING")), [1, 1, 0, 0]);
    check(&Facts::new(), &[], (Outcome::Unknown, Some("CENSUS_MISSING")), [0, 0, 0, 0]);
    let mut claimed = census(&["P2"]);
    claimed.set("census.populationsReconciled", list(&["P2"]), FactClass::Claimed, &[]);
    check(&claimed, &[good("a")], (Outcome::Unknown, Some("EVIDENCE_CLAIMED_ONLY")), [1, 1, 0, 0]);
}

#[test]
fn a_change_that_could_not_be_tested_leaves_the_period_unknown() {
    let items = [good("a"), untested("b")];
    check(&census(&["P2"]), &items, (Outcome::Unknown, Some("MANIFEST_MISSING")), [2, 1, 0, 1]);
}

#[test]
fn a_remediated_exception_stays_listed() {
    let items = [good("a"), drifted("b", &["CM-05"])];
    check(&census(&["P2"]), &items, (Outcome::Pass, Some("EXCEPTIONS_REMEDIATED")), [2, 2, 0, 0]);
    let attestation = attest(&census(&["P2"]), &scope(), &items);
    let exceptions = &attestation.control("CM-05").unwrap().changes.as_ref().unwrap().exceptions;
    assert_eq!(exceptions.len(), 1);
    assert!(exceptions[0].remediated && exceptions[0].change_id == change_id("b"));
}

/// Nothing was tested on them, so nothing was found in order either.
#[test]
fn a_change_to_which_no_control_in_scope_applies_is_not_without_exception() {
    check(&census(&["P2"]), &[elsewhere("a"), elsewhere("b")], (Outcome::Na, Some("NO_ITEM")), [2, 0, 0, 0]);
    check(&census(&["P2"]), &[good("a"), elsewhere("b")], (Outcome::Pass, None), [2, 1, 0, 0]);
    let all = [good("a"), drifted("b", &[]), untested("c"), elsewhere("d")];
    check(&census(&["P2"]), &all, (Outcome::Fail, Some("PACKAGE_DRIFT")), [4, 1, 1, 1]);
}

#[test]
fn an_empty_but_reconciled_population_is_not_applicable() {
    check(&census(&["P2"]), &[], (Outcome::Na, Some("NO_ITEM")), [0, 0, 0, 0]);
}

#[test]
fn controls_that_the_scope_does_not_name_stay_unknown_and_are_shown() {
    let attestation = attest(&census(&["P2"]), &scope(), &[good("a")]);
    assert_eq!(attestation.controls.len(), 18);
    let row = attestation.control("CM-07").unwrap();
    assert!(!row.in_scope);
    assert_eq!((row.result, row.code.as_ref().unwrap().as_str()), (Outcome::Unknown, "SCOPE_UNDEFINED"));
    assert_eq!((attestation.headline.tested, attestation.headline.not_tested), (1, 0));
    let row = attestation.control("CM-18").unwrap();
    assert_eq!((row.result, row.code.as_ref().unwrap().as_str()), (Outcome::Na, "NO_TICKET_SYSTEM"));
    let row = attestation.control("CM-13").unwrap();
    assert_eq!((row.result, row.code.as_ref().unwrap().as_str()), (Outcome::Na, "NO_REVERSE_ETL"));
}

#[test]
fn a_control_taken_out_by_name_says_so_at_both_levels() {
    let parameters = scope().with("controlsOutOfScope", list(&["CM-05"]));
    let attestation = attest(&census(&["P2"]), &parameters, &[drifted("a", &[])]);
    let row = attestation.control("CM-05").unwrap();
    assert_eq!((row.result, row.code.as_ref().unwrap().as_str()), (Outcome::Na, "OUT_OF_SCOPE"));
    assert!(row.condition.is_some() && !row.in_scope);
    assert_eq!(attestation.population.as_ref().unwrap().result, Outcome::Unknown, "an empty scope tests nothing");
    let one = attest_change(sox(), &change_id("a"), &Facts::new(), &parameters);
    let row = one.control("CM-05").unwrap();
    assert_eq!((row.result, row.code.as_ref().unwrap().as_str()), (Outcome::Na, "OUT_OF_SCOPE"));
    assert!(row.attributes.iter().all(|attribute| attribute.result == Outcome::Na));
}

#[test]
fn the_order_of_the_changes_does_not_matter() {
    let (a, b) = ([good("a"), drifted("b", &[]), untested("c")], [untested("c"), good("a"), drifted("b", &[])]);
    let facts = census(&["P2"]);
    assert_eq!(attest(&facts, &scope(), &a).to_bytes(), attest(&facts, &scope(), &b).to_bytes());
}

#[test]
fn what_is_no_population_is_refused() {
    let catalogue = sox();
    let twice = [good("a"), drifted("a", &[])];
    let found = attest_period(catalogue, &november(), &Facts::new(), &scope(), &twice);
    assert_eq!(found, Err(PeriodError::Duplicate(change_id("a"))));
    let mut backwards = november();
    backwards.to = "2026-10-31".parse().unwrap();
    let found = attest_period(catalogue, &backwards, &Facts::new(), &scope(), &[]);
    assert_eq!(found, Err(PeriodError::Backwards));
    let period = attest(&Facts::new(), &scope(), &[]).to_bytes();
    assert!(matches!(PeriodItem::from_attestation(&period, []), Err(PeriodItemError::Level)));
    assert!(matches!(PeriodItem::from_attestation(b"{}", []), Err(PeriodItemError::Shape(_))));
    assert!(matches!(PeriodItem::from_attestation(b"{", []), Err(PeriodItemError::Json(_))));
}
