//! Less evidence is never greener: taking a fact away or weakening it turns a result into unknown or leaves it.

use clyra_attest::catalogue::{Level, Outcome};
use clyra_attest::expression::ValueType;
use clyra_attest::{Attestation, Parameters};
use clyra_evidence::fact::{FactClass, FactValue, Facts};
use proptest::prelude::*;

use crate::cases::{Situation, case_files, sox};

/// What weaker evidence may do: nothing, or make it unknown; an exception may also be shown by another rule.
fn check_not_greener(before: &Attestation, after: &Attestation, what: &str) {
    for (before, after) in before.controls.iter().zip(&after.controls) {
        let greener = after.result == Outcome::Pass && before.result != Outcome::Pass;
        assert!(!greener, "{what}: {} was {:?} and now has no exception", before.id, before.result);
        for (a, b) in before.attributes.iter().zip(&after.attributes) {
            let same = (a.result, &a.code) == (b.result, &b.code);
            let both_fail = a.result == Outcome::Fail && b.result == Outcome::Fail;
            assert!(
                same || both_fail || b.result == Outcome::Unknown,
                "{what}: {} {} from {:?} {:?} to {:?} {:?}",
                before.id,
                a.id,
                a.result,
                a.code,
                b.result,
                b.code
            );
        }
    }
}

#[test]
fn no_case_gets_greener_by_losing_a_fact() {
    let catalogue = sox();
    let mut lost = 0;
    for file in case_files() {
        for situation in file.situations() {
            let before = situation.attest(catalogue);
            for name in situation.facts.facts.keys() {
                let mut facts = situation.facts.clone();
                facts.facts.remove(name);
                let parameters = situation.parameters.clone();
                let less = Situation { level: situation.level, facts, parameters };
                check_not_greener(&before, &less.attest(catalogue), &format!("{} without {name}", file.control));
                lost += 1;
            }
        }
    }
    assert!(lost > 3_000, "the cases hold {lost} facts");
}

/// Parameters of an entity that has said everything, one way and the other.
fn scopes() -> [Parameters; 3] {
    let of = |bool: bool, items: &[&str]| {
        sox().parameters().iter().fold(Parameters::new(), |all, row| {
            let value = match row.value_type {
                ValueType::Bool => FactValue::Bool(bool),
                ValueType::List if row.name == "controlsOutOfScope" => FactValue::List(Vec::new()),
                ValueType::List => FactValue::List(items.iter().map(|item| (*item).to_owned()).collect()),
                ValueType::Int | ValueType::String | ValueType::Time => value(row.value_type, 1),
            };
            all.with(&row.name, value)
        })
    };
    [Parameters::new(), of(true, &["github", "P2"]), of(false, &[])]
}

fn check_nothing_passes(facts: &Facts, what: &str) {
    for (n, parameters) in scopes().into_iter().enumerate() {
        for level in [Level::Change, Level::Period] {
            let attestation = Situation { level, facts: facts.clone(), parameters: parameters.clone() }.attest(sox());
            for control in &attestation.controls {
                for attribute in &control.attributes {
                    let place = format!("{} {}, {level:?}, scope {n}, {what}", control.id, attribute.id);
                    assert_ne!(attribute.result, Outcome::Pass, "{place}");
                }
                assert_ne!(control.result, Outcome::Pass, "{}, {level:?}, scope {n}, {what}", control.id);
            }
        }
    }
}

#[test]
fn nothing_passes_on_no_facts_at_all() {
    check_nothing_passes(&Facts::new(), "no facts");
}

/// That a source is connected, or is not, is no evidence of anything.
#[test]
fn nothing_passes_on_what_is_connected() {
    let all = ["dbt_cloud", "github", "slack", "servicenow", "jira", "hightouch", "warehouse"];
    for kind in ["code", "drift", "override", "config", "sync", "warehouse"] {
        for connected in [&all[..0], &all[..1], &all[..]] {
            let mut facts = Facts::new();
            let connected: Vec<_> = connected.iter().map(|name| (*name).to_owned()).collect();
            let what = format!("{kind} with {connected:?}");
            facts.set("change.kind", kind, FactClass::Observed, &[]);
            facts.set("sources.connected", connected, FactClass::Observed, &[]);
            check_nothing_passes(&facts, &what);
        }
    }
}

/// Any situation at all: a value of its type, or none, for each fact and parameter of the catalogue.
fn situation() -> impl Strategy<Value = Situation> {
    let catalogue = sox();
    let facts: Vec<_> = catalogue.facts().iter().map(|row| (row.name.clone(), row.value_type, row.nullable)).collect();
    let parameters: Vec<_> = catalogue.parameters().iter().map(|row| (row.name.clone(), row.value_type)).collect();
    let choices = (
        any::<bool>(),
        prop::collection::vec(0_usize..24, facts.len()),
        prop::collection::vec(0_usize..24, parameters.len()),
        prop::sample::select(vec!["code", "drift", "override", "config", "sync", "warehouse"]),
    );
    choices.prop_map(move |(change, fact_choices, parameter_choices, kind)| {
        let mut given = Facts::new();
        for ((name, value_type, nullable), choice) in facts.iter().zip(fact_choices) {
            let null = *nullable && choice % 6 == 5;
            let value = if null { FactValue::Null } else { value(*value_type, choice) };
            if choice != 23 {
                given.set(name, value, FactClass::Observed, &[]);
            }
        }
        given.set("change.kind", kind, FactClass::Observed, &[]);
        let level = if change { Level::Change } else { Level::Period };
        let set = parameters.iter().zip(parameter_choices).filter(|(_, choice)| *choice < 18);
        let with = |all: Parameters, ((name, value_type), choice): (&(String, ValueType), usize)| {
            all.with(name, value(*value_type, choice))
        };
        let parameters = set.fold(Parameters::new(), with);
        Situation { level, facts: given, parameters }
    })
}

fn value(value_type: ValueType, choice: usize) -> FactValue {
    let lists: [&[&str]; 4] = [&[], &["github"], &["github", "person-a"], &["CM-05", "P2", "warehouse"]];
    match value_type {
        ValueType::Bool => FactValue::Bool(choice.is_multiple_of(2)),
        ValueType::Int => FactValue::Int([0, 1, 2, 30][choice % 4]),
        ValueType::String => FactValue::from(["success", "github", "person-a", "api", "documentation"][choice % 5]),
        ValueType::Time => FactValue::Text(format!("2026-11-02T10:0{}:00.000Z", choice % 6)),
        ValueType::List => FactValue::List(lists[choice % 4].iter().map(|text| (*text).to_owned()).collect()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_situation_gets_greener_by_weaker_evidence(
        situation in situation(),
        fates in prop::collection::vec(0_usize..12, 140),
    ) {
        let catalogue = sox();
        let before = situation.attest(catalogue);
        let mut facts = situation.facts.clone();
        for (name, fate) in situation.facts.facts.keys().zip(fates) {
            let class = match fate {
                0 => { facts.facts.remove(name); continue }
                1 => FactClass::Claimed,
                2 => FactClass::Delivered,
                3 => FactClass::Reconstructed,
                _ => continue,
            };
            if let Some(fact) = facts.facts.get_mut(name) {
                fact.class = class;
            }
        }
        let less = Situation { level: situation.level, facts, parameters: situation.parameters.clone() };
        check_not_greener(&before, &less.attest(catalogue), "some situation");
    }

    #[test]
    fn the_same_situation_gives_the_same_bytes_in_any_order(situation in situation()) {
        let catalogue = sox();
        let bytes = situation.attest(catalogue).to_bytes();
        let members: Vec<_> = situation.facts.facts.iter().map(|(name, fact)| {
            format!("{}:{}", serde_json::to_string(name).unwrap(), serde_json::to_string(fact).unwrap())
        }).collect();
        let reversed = members.into_iter().rev().collect::<Vec<_>>().join(",");
        let facts = serde_json::from_str(&format!("{{\"facts\":{{{reversed}}},\"readings\":[]}}")).unwrap();
        let again = Situation { level: situation.level, facts, parameters: situation.parameters.clone() };
        prop_assert_eq!(again.attest(catalogue).to_bytes(), bytes);
    }
}
