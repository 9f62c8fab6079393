//! The recorded week, delivery by delivery, over the stand-in of dbt Cloud.

use std::collections::BTreeSet;
use std::sync::Arc;

use clyra_evidence::change::ChangeKind;
use clyra_evidence::fact::FactValue;
use clyra_evidence::id::ConnectionName;
use clyra_evidence::object_key::ObjectPrefix;
use clyra_evidence::time::Timestamp;
use clyra_ports::evidence_store::EvidenceReader as _;
use clyra_standins::week::Story;
use clyra_standins::{DbtCloud, Week};

use crate::cloud::Client;
use crate::house::{House, Opened, list, value, words};
use crate::order::block_on;

/// Friday afternoon, so that the week is Monday to Friday.
const UNTIL_MS: i64 = 1_795_190_400_000;

pub(crate) async fn play() -> (Week, House, DbtCloud) {
    let week = Week::ending(UNTIL_MS);
    let cloud = DbtCloud::start(&week.token, week.start.clone()).await.unwrap();
    let client = Client { address: cloud.url().replace("http://", ""), token: week.token.clone() };
    let start = Timestamp::from_unix_ms(week.moments[0].at_ms).unwrap();
    let house = House::new(Arc::new(client), week.account_id, start);
    for moment in &week.moments {
        let at = Timestamp::from_unix_ms(moment.at_ms).unwrap();
        if house.clock_day() < at.day() {
            house.clock.advance_to(at);
            house.tend().await;
        }
        house.clock.advance_to(at);
        moment.apply(week.account_id, &cloud);
        if let Some(delivery) = &moment.webhook {
            let key = house.receive(&delivery.body).await;
            house.handle(&key).await;
        }
    }
    (week, house, cloud)
}

impl House {
    fn clock_day(&self) -> clyra_evidence::time::Day {
        use clyra_ports::clock::Clock as _;
        self.clock.now().day()
    }

    async fn tend(&self) {
        let tended = self.bundler.tend().await.unwrap();
        assert!(tended.problems.is_empty(), "{:?}", tended.problems);
    }
}

fn of_kind(bundles: &[Opened], kind: ChangeKind) -> Vec<&Opened> {
    bundles.iter().filter(|opened| opened.manifest.change.kind == kind).collect()
}

fn run_of(week: &Week, story: Story) -> String {
    let told = week.moments.iter().filter(|moment| moment.story == Some(story));
    let run = told.filter_map(|moment| moment.webhook.as_ref()).map(|delivery| delivery.run_id).next();
    run.unwrap().to_string()
}

#[test]
fn the_week_comes_out_as_the_team_lived_it() {
    block_on(async {
        let (week, house, cloud) = play().await;
        assert!(cloud.writes().is_empty(), "a listener never writes");
        let docs = cloud.requests().iter().filter(|seen| seen.path.contains("/artifacts/manifest.json")).count();
        assert!(docs < 30, "{docs} manifests were fetched");
        let mut bundles: Vec<Opened> = house.bundles().await.into_values().collect();
        bundles.sort_by_key(|opened| opened.manifest.change.live_at);
        let all: Vec<String> = bundles.iter().map(words).collect();
        let withdrawn: Vec<_> = bundles.iter().filter(|opened| value(opened, "change.withdrawn").is_some()).collect();
        assert!(withdrawn.is_empty(), "{withdrawn:?}");

        let code: BTreeSet<String> =
            of_kind(&bundles, ChangeKind::Code).iter().map(|opened| opened.manifest.change.anchor[1].clone()).collect();
        let expected = [Story::RevenueLogic, Story::TestWeakened].map(|story| run_of(&week, story));
        assert_eq!(code, expected.into(), "documentation and README commits are executions: {all:?}");

        let weakened =
            bundles.iter().find(|opened| opened.manifest.change.anchor.contains(&run_of(&week, Story::TestWeakened)));
        let weakened = weakened.unwrap();
        assert!(!list(weakened, "tests.weakened").is_empty() && !list(weakened, "tests.removed").is_empty());
        let revenue =
            bundles.iter().find(|opened| opened.manifest.change.anchor.contains(&run_of(&week, Story::RevenueLogic)));
        let revenue = revenue.unwrap();
        assert!(list(revenue, "delta.modelsChanged").iter().any(|id| id.ends_with("fct_revenue")));
        assert_eq!(list(revenue, "lineage.exposures"), ["exposure.finance_core.monthly_close"]);
        assert_eq!(value(revenue, "lineage.complete"), Some(&FactValue::Bool(true)));
        assert_eq!(value(revenue, "vector.gitSha.changed"), Some(&FactValue::Bool(true)));
        shows_its_tests(revenue);

        let overrides = of_kind(&bundles, ChangeKind::Override);
        let [by_hand] = overrides.as_slice() else { panic!("{all:?}") };
        assert_eq!(by_hand.manifest.change.anchor, [run_of(&week, Story::Override)]);
        assert_eq!(list(by_hand, "run.overrides"), ["steps"]);
        assert_eq!(list(by_hand, "run.vars.names"), ["reprocess_from"]);
        assert!(!list(by_hand, "run.fullRefreshNodes").is_empty());
        assert!(matches!(value(by_hand, "run.actor.id"), Some(FactValue::Text(_))));

        let drift: BTreeSet<String> =
            of_kind(&bundles, ChangeKind::Drift).iter().map(|o| o.manifest.change.anchor[1].clone()).collect();
        assert_eq!(drift, ["dbtVersion".to_owned(), "packages".to_owned()].into(), "{all:?}");
        let looked = bundles.iter().filter_map(|opened| value(opened, "freshness.measured"));
        let looked: BTreeSet<_> = looked.map(|measured| format!("{measured:?}")).collect();
        assert_eq!(looked, ["Int(4)".to_owned()].into(), "the nightly job looks at its sources");
        let config = of_kind(&bundles, ChangeKind::Config).len();
        assert_eq!(config, 2, "the environment's version and the job's commands: {all:?}");
        for opened in of_kind(&bundles, ChangeKind::Config) {
            // The audit log tells of the job's edit; nobody logged that of the environment.
            let logged = opened.manifest.change.anchor[0].starts_with("job/");
            let actor = value(opened, "config.actor");
            assert_eq!(matches!(actor, Some(FactValue::Text(_))), logged, "{}: {actor:?}", words(opened));
            assert_eq!(actor == Some(&FactValue::Null), !logged, "{}: {actor:?}", words(opened));
        }
        assert!(all.len() <= 8, "a quiet week gives few changes: {all:?}");
        no_name_is_kept(&bundles);
        every_day_is_rolled_up(&week, &house).await;
    });
}

/// Every test of what changed ran in the run that brought it, and passed.
fn shows_its_tests(revenue: &Opened) {
    assert_eq!(value(revenue, "tests.ofChanged"), Some(&FactValue::from("passed")));
    assert_eq!(list(revenue, "tests.ofChanged.passed"), list(revenue, "delta.modelsChanged"));
    assert!(list(revenue, "tests.ofChanged.testsNotRun").is_empty());
    assert!(list(revenue, "run.code.differing").is_empty());
    assert!(matches!(value(revenue, "run.code.compared"), Some(FactValue::Int(40..))));
    assert_eq!(value(revenue, "freshness.measured"), None, "its job does not look at sources");
    let readings: BTreeSet<&str> = revenue.facts.readings.iter().map(|reading| reading.endpoint.as_str()).collect();
    let from = &revenue.facts.get("tests.ofChanged").unwrap().from;
    assert!((3..readings.len()).contains(&from.len()), "it rests on {from:?} of {readings:?}");
}

/// Names of persons live in the identity store and nowhere in evidence.
fn no_name_is_kept(bundles: &[Opened]) {
    for opened in bundles {
        for (path, bytes) in &opened.files {
            let text = String::from_utf8_lossy(bytes);
            for name in ["Mara", "Tomas", "example.com", "oliveira"] {
                assert!(!text.contains(name), "{name} stands in {path}");
            }
        }
    }
}

async fn every_day_is_rolled_up(week: &Week, house: &House) {
    let connection = ConnectionName::default_connection();
    let environment = week.production_environment_id.into();
    let last = Timestamp::from_unix_ms(UNTIL_MS).unwrap().day();
    house.bundler.seal_day(&connection, &environment, last).await.unwrap();
    let rollups = house.store.list(&ObjectPrefix::Rollups, None, 100).await.unwrap();
    let days: BTreeSet<String> =
        rollups.iter().map(|key| key.to_string().split('/').nth(3).unwrap().to_owned()).collect();
    assert!(days.len() >= 7, "{rollups:?}");
    let before = rollups.len();
    house.bundler.seal_day(&connection, &environment, last).await.unwrap();
    house.tend().await;
    let after = house.store.list(&ObjectPrefix::Rollups, None, 100).await.unwrap().len();
    assert_eq!(after, before, "nothing new was learned");
}
