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
