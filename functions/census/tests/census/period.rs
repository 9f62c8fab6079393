//! What an attestation of a period rests on.

use clyra_attest::attestation::Subject;
use clyra_evidence::fact::{FactClass, FactValue};
use clyra_evidence::object_key::{DayOf, ObjectKey};
use clyra_fn_census::Attested;
use serde_json::json;

use crate::dbt::{Instead, Run, SUCCESS};
use crate::house::{House, connection, day};

fn list(house: &[&str]) -> FactValue {
    FactValue::List(house.iter().map(|text| (*text).to_owned()).collect())
}

async fn attest(house: &House, from: &str, to: &str) -> Attested {
    let slug = "finance-core".parse().unwrap();
    house.census.attest(&connection(), &slug, day(from), day(to)).await.unwrap().unwrap()
}

#[tokio::test]
async fn the_facts_of_a_period_rest_on_its_census_days() {
    let house = House::at("2026-11-20T00:15:00Z");
    for text in ["2026-11-18", "2026-11-19"] {
        house.count(text).await;
    }
    house.count("2026-11-18").await;
    let attested = attest(&house, "2026-11-18", "2026-11-19").await;
    let (facts, censuses) = house.facts(&attested).await;
    assert_eq!(censuses, ["census/default/5/2026-11-18/2.json", "census/default/5/2026-11-19/1.json"]);
    let readings: Vec<&str> = facts.readings.iter().map(|reading| reading.endpoint.as_str()).collect();
    assert_eq!(readings, censuses);
    let classes: Vec<FactClass> = facts.readings.iter().map(|reading| reading.class).collect();
    assert_eq!(classes, [FactClass::Reconstructed, FactClass::Observed], "one was asked for more than a day later");
    for (name, fact) in &facts.facts {
        let (class, from) = if name.starts_with("evidence.") {
            (FactClass::Observed, vec![])
        } else {
            (FactClass::Reconstructed, vec!["r1", "r2"])
        };
        assert_eq!((fact.class, &fact.from), (class, &from.iter().map(|id| (*id).to_owned()).collect()), "{name}");
    }
    let value = |name: &str| facts.get(name).unwrap().value.clone();
    assert_eq!(value("period.days"), FactValue::Int(2));
    assert_eq!(value("census.days"), FactValue::Int(2));
    assert_eq!(value("census.populationsReconciled"), list(&["P2"]));

    let again = attest(&house, "2026-11-18", "2026-11-19").await;
    assert_eq!((again.key, again.envelope), (attested.key, attested.envelope), "the same is not signed twice");
}

#[tokio::test]
async fn a_period_is_reconciled_only_when_every_day_is() {
    for (name, instead, revision_that_does_not_hold, days, reconciled) in [
        ("whole", Instead::Nothing, false, 2, true),
        ("a day that does not tie out", Instead::CutShort, false, 2, false),
        ("a census that does not hold", Instead::Nothing, true, 1, false),
    ] {
        let house = House::at("2026-11-20T00:15:00Z");
        house.dbt.put(Run::at(1, "2026-11-18T10:00:00Z"));
        house.count("2026-11-18").await;
        house.dbt.meets([instead]);
        house.count("2026-11-19").await;
        if revision_that_does_not_hold {
            let of = DayOf { connection: connection(), environment: 5.into(), day: day("2026-11-19") };
            house.put(&ObjectKey::CensusDay(of, 2), b"{}").await;
        }
        let (facts, _) = house.facts(&attest(&house, "2026-11-18", "2026-11-19").await).await;
        let value = |name: &str| facts.get(name).unwrap().value.clone();
        assert_eq!(value("census.days"), FactValue::Int(days), "{name}");
        let expected = if reconciled { list(&["P2"]) } else { list(&[]) };
        assert_eq!(value("census.populationsReconciled"), expected, "{name}");
    }
    let house = House::at("2026-11-20T00:15:00Z");
    house.count("2026-11-19").await;
    let (facts, _) = house.facts(&attest(&house, "2026-11-17", "2026-11-19").await).await;
    assert_eq!(facts.get("census.populationsReconciled").unwrap().value, list(&[]), "two days without a census");
}

#[tokio::test]
async fn a_conflict_stands_in_the_period_of_its_run() {
    let house = House::at("2026-11-20T00:15:00Z");
    let run = Run::at(1, "2026-11-19T10:00:00Z");
    house.dbt.put(run.clone());
    let (id, _) = house.receive(&run, "completed", SUCCESS).await;
    house.receive(&run, "completed", 20).await;
    house.deal().await;
    house.count("2026-11-18").await;
    house.count("2026-11-19").await;
    for (from, to, expected) in
        [("2026-11-18", "2026-11-19", vec![id.to_string()]), ("2026-11-18", "2026-11-18", vec![])]
    {
        let (facts, _) = house.facts(&attest(&house, from, to).await).await;
        assert_eq!(facts.get("evidence.conflicts").unwrap().value, FactValue::List(expected), "{from} to {to}");
    }
}

#[tokio::test]
async fn a_period_begins_and_ends_where_the_scope_says() {
    let quarter = json!(null);
    let month = json!({"kind": "calendarMonth"});
    let since = json!({"kind": "since", "from": "2026-12-31"});
    let cases = [
        (&quarter, "2026-12-31", Some("2026-12-20"), "the first counted day"),
        (&quarter, "2027-01-01", Some("2027-01-01"), "a new quarter"),
        (&quarter, "2027-01-03", Some("2027-01-01"), "it goes on"),
        (&month, "2027-01-03", Some("2027-01-01"), "a month"),
        (&since, "2026-12-30", None, "before the first period"),
        (&since, "2027-01-03", Some("2026-12-31"), "from a day on"),
    ];
    for (period, to, expected, name) in cases {
        let house = House::with("2027-01-04T00:15:00Z", |scope| {
            if !period.is_null() {
                scope["period"] = period.clone();
            }
        });
        for offset in 0..15 {
            house.count(&day("2026-12-20").plus_days(offset).to_string()).await;
        }
        let scope: clyra_evidence::scope::Scope = serde_json::from_value(house.scope()).unwrap();
        let attested = house.census.attest_to(&scope.projects[0], day(to)).await.unwrap();
        let from = attested.map(|attested| {
            let Subject::Period { from, to: last, .. } = attested.attestation.subject else { panic!("of a change") };
            assert_eq!(last, day(to), "{name}");
            from.to_string()
        });
        assert_eq!(from.as_deref(), expected, "{name}");
    }
}

#[tokio::test]
async fn a_period_that_has_ended_is_attested_again_while_it_can_change_and_no_longer() {
    let house = House::at("2027-01-01T00:15:00Z");
    let keys = async |house: &House| {
        house.census.count_due().await;
        house.deal().await;
        let due = house.census.attest_due().await;
        assert!(due.problems.is_empty() && !due.waiting, "{due:?}");
        let keys: Vec<String> = due.attested.into_iter().map(|attested| attested.key.to_string()).collect();
        house.deal().await;
        keys.into_iter().map(|key| key["attestations/sox/finance-core/".len()..].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(keys(&house).await, ["2026-12-31/1.json"]);
    house.set("2027-01-02T00:15:00Z");
    assert_eq!(keys(&house).await, ["2026-12-31/1.json", "2027-01-01/1.json"], "nothing was learned of the old one");
    // A failure of the last day is told late.
    house.deliver(&Run { status: 20, ..Run::at(9, "2026-12-31T20:00:00Z") }).await;
    house.dbt.put(Run { status: 20, ..Run::at(9, "2026-12-31T20:00:00Z") });
    house.set("2027-01-03T00:15:00Z");
    assert_eq!(keys(&house).await, ["2026-12-31/2.json", "2027-01-02/1.json"]);
    house.set("2027-01-08T00:15:00Z");
    assert_eq!(keys(&house).await, ["2026-12-31/2.json", "2027-01-07/1.json"]);
    house.set("2027-01-09T00:15:00Z");
    assert_eq!(keys(&house).await, ["2027-01-08/1.json"], "it is closed");
}
