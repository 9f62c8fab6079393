//! What a warehouse says of a change's queries, before the bundle is sealed.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use clyra_delta::artifact::run_results::QueryIds;
use clyra_delta::warehouse_anchor::{
    Difference, Outcome, Position, QueryStatus, Said, StatementKind, WarehouseAnchor, Window,
};
use clyra_evidence::envelope::Envelope;
use clyra_evidence::fact::FactClass;
use clyra_evidence::id::{ConnectionName, SourceId};
use clyra_evidence::text::UntrustedText;
use clyra_evidence::time::Timestamp;
use clyra_fn_bundle::AskedWarehouse;
use clyra_warehouse::{Answer, Found, LookUpError, QueryHistory};
use serde_json::{Value, json};

use crate::house::{House, Opened};
use crate::order::block_on;
use crate::scripted::{ACCOUNT, Api, Run};

const START: &str = "2026-11-02T08:00:00Z";
const USER: &str = "dbt.prod@acme.test";

/// Gives one answer to everything, until it is given another.
#[derive(Clone, Debug)]
struct Scripted {
    answer: Arc<Mutex<Answer>>,
    asked: Arc<Mutex<Vec<(Vec<QueryIds>, Window)>>>,
    position: Result<Option<Position>, LookUpError>,
}

#[async_trait]
impl QueryHistory for Scripted {
    async fn look_up(&self, queries: &[QueryIds], window: Window) -> Vec<Answer> {
        self.asked.lock().unwrap().push((queries.to_vec(), window));
        queries.iter().map(|_| self.answer.lock().unwrap().clone()).collect()
    }

    async fn position(&self, _window: Window) -> Result<Option<Position>, LookUpError> {
        self.position.clone()
    }
}

fn scripted(answer: Answer) -> Scripted {
    Scripted { answer: Arc::new(Mutex::new(answer)), asked: Arc::default(), position: Ok(None) }
}

fn warehouse(history: &Scripted) -> AskedWarehouse {
    AskedWarehouse {
        connection: ConnectionName::default_connection(),
        project: None,
        system: "duckdb",
        host: "https://acme.test".to_owned(),
        principal: "CLYRA_WAREHOUSE".to_owned(),
        history: Arc::new(history.clone()),
    }
}

fn runs() -> [Run; 2] {
    let run = |n| Run::hourly(n, START);
    [run(0), Run { sha: 'b', model: 2, ..run(1) }]
}

fn found(status: QueryStatus) -> Answer {
    let began = runs()[1].start.plus_ms(30_000);
    let said = Said {
        user: None,
        started_at: Some(began),
        ended_at: Some(began.plus_ms(1_000)),
        status,
        statement_kind: StatementKind::Merge,
        rows_written: Some(2),
        rows_produced: None,
    };
    Ok(Found { user: Some(UntrustedText::new(USER)), said })
}

/// The bundle of the only change, and its anchor.
async fn sealed(house: &House) -> (Opened, Option<WarehouseAnchor>) {
    let opened = house.bundles().await.into_values().next().unwrap();
    let anchor = opened.files.get("warehouse_anchor.dsse.json").map(|bytes| {
        let envelope = Envelope::from_bytes(bytes).unwrap();
        let statement: Value = serde_json::from_slice(envelope.unverified_payload()).unwrap();
        serde_json::from_value(statement["predicate"].clone()).unwrap()
    });
    (opened, anchor)
}

async fn house(api: Api, warehouse: AskedWarehouse) -> House {
    let start: Timestamp = "2026-11-02T18:00:00Z".parse().unwrap();
    let house = House::asking(Arc::new(api), ACCOUNT, start, warehouse);
    for run in &runs() {
        house.deliver(&run.delivery("completed")).await;
    }
    house
}

#[test]
fn what_the_warehouse_says_decides_the_class() {
    let later = Err(LookUpError::Later { code: "WAREHOUSE_TOO_SLOW", after_ms: None });
    let cases: [(Answer, Outcome, &[Difference], Option<&str>); 4] = [
        (found(QueryStatus::Succeeded), Outcome::Confirmed, &[], None),
        (found(QueryStatus::Failed), Outcome::Contradicted, &[Difference::Status], None),
        (Err(LookUpError::NotFound), Outcome::NotFound, &[], None),
        (later, Outcome::Unanswered, &[], Some("WAREHOUSE_TOO_SLOW")),
    ];
    for (answer, outcome, differs, reason) in cases {
        let history = scripted(answer);
        let (opened, anchor) = block_on(async { sealed(&house(Api::of(&runs()), warehouse(&history)).await).await });
        let anchor = anchor.unwrap();
        let class = if outcome == Outcome::Confirmed { FactClass::Confirmed } else { FactClass::Claimed };
        assert_eq!(anchor.class, class, "{outcome:?}");
        let look_up = anchor.anchors[0].look_up.as_ref().unwrap();
        assert_eq!((look_up.outcome, look_up.differs.as_slice()), (outcome, differs));
        assert_eq!(look_up.reason.as_deref(), reason);
        let looked_up = anchor.looked_up.as_ref().unwrap();
        assert_eq!((looked_up.warehouse.as_str(), looked_up.principal.as_str()), ("duckdb", "CLYRA_WAREHOUSE"));
        let said_of_a_user = look_up.said.as_ref().map(|said| said.user.is_some());
        assert!(said_of_a_user.unwrap_or(true), "a user becomes a commitment");
        for (name, bytes) in &opened.files {
            let text = String::from_utf8_lossy(bytes);
            assert!(!text.contains(USER), "{name} names the user");
        }
        let asked = history.asked.lock().unwrap();
        let (queries, window) = asked.first().unwrap();
        assert_eq!(queries[0].query_id.as_ref().unwrap().as_untrusted(), format!("q-{}", runs()[1].id));
        assert_eq!((window.from, window.to), (runs()[1].start, runs()[1].end()));
    }
}

#[test]
fn a_later_revision_confirms_and_what_is_confirmed_stays() {
    block_on(async {
        let history = scripted(Err(LookUpError::Later { code: "HOST_UNAVAILABLE", after_ms: None }));
        let house = house(Api::of(&runs()), warehouse(&history)).await;
        assert_eq!(sealed(&house).await.1.unwrap().class, FactClass::Claimed);
        *history.answer.lock().unwrap() = found(QueryStatus::Succeeded);
        house.deliver(&runs()[1].delivery("started")).await;
        let (opened, anchor) = sealed(&house).await;
        let confirmed = anchor.unwrap();
        assert_eq!((opened.manifest.revision, confirmed.class), (2, FactClass::Confirmed));
        let asked = history.asked.lock().unwrap().len();
        *history.answer.lock().unwrap() = Err(LookUpError::Later { code: "HOST_UNAVAILABLE", after_ms: None });
        house.deliver(&runs()[1].delivery("errored")).await;
        let (opened, anchor) = sealed(&house).await;
        assert_eq!((opened.manifest.revision, anchor), (3, Some(confirmed)));
        assert_eq!(history.asked.lock().unwrap().len(), asked, "it was asked again");
    });
}

#[test]
fn only_the_runs_own_warehouse_is_asked() {
    let changes: [fn(&mut AskedWarehouse); 3] = [
        |warehouse| warehouse.system = "snowflake",
        |warehouse| warehouse.connection = "other".parse().unwrap(),
        |warehouse| warehouse.project = Some(SourceId::from(4)),
    ];
    for change in changes {
        let history = scripted(found(QueryStatus::Succeeded));
        let mut warehouse = warehouse(&history);
        change(&mut warehouse);
        let (_, anchor) = block_on(async { sealed(&house(Api::of(&runs()), warehouse).await).await });
        let anchor = anchor.unwrap();
        assert_eq!((anchor.class, anchor.looked_up), (FactClass::Claimed, None));
        assert!(history.asked.lock().unwrap().is_empty());
    }
}

#[test]
fn without_ids_the_warehouse_says_where_it_stands_or_why_it_does_not() {
    let position = Position {
        class: FactClass::Observed,
        system_identifier: None,
        database: UntrustedText::new("finance"),
        wal_lsn: UntrustedText::new("16/B374D848"),
        in_recovery: false,
        transaction_at: "2026-11-02T18:00:00Z".parse().unwrap(),
    };
    let refused = LookUpError::NotPermitted { code: "CREDENTIAL_REFUSED" };
    for (said, class, reason) in [
        (Ok(Some(position)), Some(FactClass::Observed), None),
        (Err(refused), Some(FactClass::Claimed), Some("CREDENTIAL_REFUSED")),
        (Ok(None), None, None),
    ] {
        let api = Api::of(&runs());
        let results = json!({
            "metadata": { "dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json", "dbt_version": "1.11.1" },
            "args": { "which": "build" },
            "results": [{ "unique_id": "model.finance_core.fct_revenue", "status": "success", "adapter_response": {} }],
        });
        api.answer("run_results.json", Ok(results.to_string().as_bytes()));
        let history = Scripted { position: said, ..scripted(Err(LookUpError::NotKept)) };
        let (_, anchor) = block_on(async { sealed(&house(api, warehouse(&history)).await).await });
        assert_eq!(anchor.as_ref().map(|anchor| anchor.class), class);
        let Some(anchor) = anchor else { continue };
        assert_eq!(anchor.looked_up.unwrap().reason.as_deref(), reason);
        assert_eq!(anchor.position.is_some(), reason.is_none());
        assert!(history.asked.lock().unwrap().is_empty(), "there is no id to ask about");
    }
}
