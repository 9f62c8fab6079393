//! The instance's documented behaviour, and its silences.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clyra_standins::ServiceNow;
use clyra_standins::servicenow::{Decision, ResultShape, Setup};
use serde_json::{Value, json};

use crate::client::{Client, Reply};

const CHANGES: &str = "/api/now/table/change_request";
const GROUP: &str = "d625dccec0a8016700a222a0f7900d06";
const TEMPLATE: &str = "508e02ec47410200e90d87e8dee49058";

async fn instance(setup: Setup) -> (ServiceNow, Client) {
    let credential = format!("Basic {}", STANDARD.encode(format!("{}:{}", setup.basic.0, setup.basic.1)));
    let instance = ServiceNow::start(setup).await.unwrap();
    let client = Client::new(instance.url(), "authorization", credential);
    (instance, client)
}

#[track_caller]
fn result(reply: &Reply, status: u16) -> Value {
    assert_eq!(reply.status, status, "{}", reply.text());
    reply.json()["result"].clone()
}

async fn new_change(client: &Client, body: &Value) -> String {
    let created = result(&client.json("POST", CHANGES, body).await, 201);
    created["sys_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_created_change_comes_back_as_strings() {
    let (instance, client) = instance(Setup::default()).await;
    instance.set_time("2026-03-01T10:04:11Z".parse().unwrap());
    let reply = client
        .json("POST", CHANGES, &json!({ "short_description": "x", "impact": 2, "assignment_group": GROUP }))
        .await;
    let change = result(&reply, 201);
    let location = reply.header("location").unwrap().to_owned();
    assert_eq!(location, format!("{}{CHANGES}/{}", instance.url(), change["sys_id"].as_str().unwrap()));
    for (field, value) in [
        ("state", "-5"),
        ("impact", "2"),
        ("risk", "3"),
        ("approval", "not requested"),
        ("unauthorized", "false"),
        ("cmdb_ci", ""),
        ("number", "CHG0030001"),
        ("sys_created_on", "2026-03-01 10:04:11"),
    ] {
        assert_eq!(change[field], value, "{field}");
    }
    assert_eq!(change["assignment_group"]["value"], GROUP);
    assert!(change["assignment_group"]["link"].as_str().unwrap().contains("/sys_user_group/"));
    assert!(change.get("work_notes").is_none(), "a journal is not read back");
    let path = format!("{CHANGES}/{}?sysparm_exclude_reference_link=true", change["sys_id"].as_str().unwrap());
    assert_eq!(result(&client.get(&path).await, 200)["assignment_group"], GROUP);
}

#[tokio::test]
async fn unknown_read_only_and_long_values_are_lost_in_silence() {
    let (_instance, client) = instance(Setup::default()).await;
    let body = json!({
        "u_evidence": "sha256:00", "number": "CHG1", "state": "-1", "approval": "approved",
        "short_description": "s".repeat(300), "correlation_id": "c".repeat(101), "description": ["no", "scalar"],
    });
    let change = result(&client.json("POST", CHANGES, &body).await, 201);
    assert!(change.get("u_evidence").is_none());
    assert_eq!((&change["state"], &change["approval"]), (&json!("-5"), &json!("not requested")));
    assert_ne!(change["number"], "CHG1");
    assert_eq!(change["short_description"].as_str().unwrap().len(), 160);
    assert_eq!(change["correlation_id"].as_str().unwrap().len(), 100);
    assert_eq!(change["description"], "");
}

#[tokio::test]
async fn an_invalid_query_term_returns_unrelated_rows_unless_the_instance_forbids_it() {
    for forbids in [false, true] {
        let (_instance, client) = instance(Setup { invalid_query_returns_no_rows: forbids, ..Setup::default() }).await;
        for key in ["clyra:a", "clyra:b"] {
            new_change(&client, &json!({ "correlation_id": key })).await;
        }
        for (query, matched) in [
            ("correlation_id=clyra:a", Some(1)),
            ("correlation_id=clyra:none", Some(0)),
            ("correlation_id=Clyra:a", Some(0)),
            ("correlation_idINclyra:a,clyra:b", Some(2)),
            ("correlation_id=clyra:a^ORcorrelation_id=clyra:b", Some(2)),
            ("correlation_id=clyra:a^NQcorrelation_id=clyra:b", Some(2)),
            ("correlation_id=clyra:a^type=emergency", Some(0)),
            ("correlation_idSTARTSWITHclyra:^correlation_id!=clyra:a", Some(1)),
            ("corelation_id=clyra:a", None),
            ("correlation_id~clyra:a", None),
            ("correlation_idinclyra:a", None),
        ] {
            let rows = result(&client.get(&format!("{CHANGES}?sysparm_query={query}")).await, 200);
            let expected = matched.unwrap_or(if forbids { 0 } else { 2 });
            assert_eq!(rows.as_array().unwrap().len(), expected, "{query}, forbids: {forbids}");
        }
    }
}

#[tokio::test]
async fn lists_are_ordered_cut_and_counted() {
    let (_instance, client) = instance(Setup::default()).await;
    for key in ["c", "a", "b"] {
        new_change(&client, &json!({ "correlation_id": key, "risk": "2" })).await;
    }
    let query = "sysparm_query=risk=2^ORDERBYDESCcorrelation_id&sysparm_fields=correlation_id,number&sysparm_limit=2";
    let reply = client.get(&format!("{CHANGES}?{query}")).await;
    let rows = result(&reply, 200);
    assert_eq!(
        rows.as_array().unwrap().iter().map(|row| row["correlation_id"].as_str().unwrap()).collect::<String>(),
        "cb"
    );
    assert_eq!(rows[0].as_object().unwrap().len(), 2);
    assert_eq!(reply.header("x-total-count"), Some("3"));
    assert!(reply.header("link").unwrap().contains("sysparm_offset=2"));
    let last = client.get(&format!("{CHANGES}?{query}&sysparm_offset=2")).await;
    assert_eq!(result(&last, 200)[0]["correlation_id"], "a");
    assert_eq!(last.header("link"), None);
    let shown = client.get(&format!("{CHANGES}?sysparm_display_value=true&sysparm_limit=1")).await;
    assert_eq!(result(&shown, 200)[0]["risk"], "High");
    let both = client.get(&format!("{CHANGES}?sysparm_display_value=all&sysparm_limit=1")).await;
    assert_eq!(result(&both, 200)[0]["state"], json!({ "value": "-5", "display_value": "New" }));
}

#[tokio::test]
async fn choices_and_lengths_are_read_from_the_instance() {
    let (_instance, client) = instance(Setup::default()).await;
    let choices = "/api/now/table/sys_choice?sysparm_query=name=change_request^element=risk^inactive=false&sysparm_fields=value,label";
    let rows = result(&client.get(choices).await, 200);
    assert_eq!(rows[0], json!({ "value": "2", "label": "High" }));
    let lengths = "/api/now/table/sys_dictionary?sysparm_query=name=change_request^element=short_description&sysparm_fields=max_length";
    assert_eq!(result(&client.get(lengths).await, 200), json!([{ "max_length": "160" }]));
    let unknown = client.get("/api/now/table/u_nothing").await;
    assert_eq!((unknown.status, unknown.json()["status"].clone()), (400, json!("failure")));
}

#[tokio::test]
async fn state_moves_by_rule_and_a_refusal_says_so() {
    let (instance, client) = instance(Setup::default()).await;
    let id = new_change(&client, &json!({ "short_description": "x" })).await;
    let path = format!("{CHANGES}/{id}");
    let refused = client.json("PATCH", &path, &json!({ "state": "-1", "work_notes": "n" })).await;
    assert_eq!((refused.status, refused.json()["error"]["message"].clone()), (403, json!("Operation Failed")));
    let detail = refused.json()["error"]["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("aborted by Business Rule 'Change Model: Check State Transition"), "{detail}");
    assert_eq!(instance.changes()[0].get("work_notes"), "", "a refused write writes nothing");
    for (body, status) in [
        (json!({ "state": "-4" }), 403),
        (json!({ "state": "-4", "assignment_group": GROUP }), 200),
        (json!({ "state": "-3" }), 200),
        (json!({ "state": "-2" }), 403),
    ] {
        assert_eq!(client.json("PATCH", &path, &body).await.status, status, "{body}");
    }
    assert_eq!(instance.changes()[0].get("approval"), "requested");
    assert!(instance.approval_calls().is_empty());
    assert!(instance.decide(&id, Decision::Approved));
    assert!(!instance.decide("nothing", Decision::Approved));
    for (body, status) in [
        (json!({ "state": "-2" }), 200),
        (json!({ "state": "-1" }), 200),
        (json!({ "state": "0" }), 200),
        (json!({ "state": "3" }), 403),
        (json!({ "state": "3", "close_code": "successful", "close_notes": "done" }), 200),
        (json!({ "state": "4" }), 403),
    ] {
        assert_eq!(client.json("PATCH", &path, &body).await.status, status, "{body}");
    }
}

#[tokio::test]
async fn every_try_to_approve_is_remembered() {
    let (instance, client) = instance(Setup::default()).await;
    let id = new_change(&client, &json!({})).await;
    client.json("PATCH", &format!("{CHANGES}/{id}"), &json!({ "work_notes": "approval is not ours" })).await;
    assert!(instance.approval_calls().is_empty());
    client.json("PATCH", &format!("{CHANGES}/{id}"), &json!({ "approval": "approved" })).await;
    assert_eq!(instance.changes()[0].get("approval"), "not requested");
    let path = format!("/api/sn_chg_rest/v1/change/{id}/approvals");
    assert_eq!(client.json("PATCH", &path, &json!({ "state": "approved" })).await.status, 200);
    assert_eq!(instance.changes()[0].get("approval"), "approved");
    assert_eq!(instance.approval_calls().len(), 2);
}

#[tokio::test]
async fn the_change_api_answers_200_in_its_own_shapes() {
    for (shape, is_array) in [(ResultShape::Array, true), (ResultShape::Object, false)] {
        let (_instance, client) = instance(Setup { result_shape: shape, ..Setup::default() }).await;
        let body = json!({ "short_description": "x", "correlation_id": "clyra:1", "u_nothing": "y", "state": "-1" });
        for (path, array) in [
            ("/api/sn_chg_rest/v1/change/normal", is_array),
            ("/api/sn_chg_rest/change/emergency", is_array),
            ("/api/sn_chg_rest/v1/change", false),
        ] {
            let made = result(&client.json("POST", path, &body).await, 200);
            assert_eq!(made.is_array(), array, "{path}");
            let made = if array { made[0].clone() } else { made };
            assert_eq!(made["correlation_id"], json!({ "value": "clyra:1", "display_value": "clyra:1" }));
            assert_eq!(made["state"], json!({ "value": -5.0, "display_value": "New" }));
            assert_eq!(made["unauthorized"]["value"], false);
            assert_eq!(made["__meta"]["ignoredFields"], json!(["state", "u_nothing"]));
        }
        let by_query =
            client.send("POST", "/api/sn_chg_rest/v1/change/normal?short_description=by+query", &[], "").await;
        let made = result(&by_query.unwrap(), 200);
        let made = if is_array { made[0].clone() } else { made };
        assert_eq!(made["short_description"]["value"], "by query");
    }
}

#[tokio::test]
async fn a_standard_change_takes_its_texts_from_the_template() {
    let (instance, client) = instance(Setup::default()).await;
    let templates = result(&client.get("/api/sn_chg_rest/v1/change/standard/template").await, 200);
    assert_eq!(templates[0]["sys_id"], TEMPLATE);
    let body =
        json!({ "description": "ours", "test_plan": "ours", "work_notes": "receipt", "correlation_id": "clyra:1" });
    let made = client.json("POST", &format!("/api/sn_chg_rest/v1/change/standard/{TEMPLATE}"), &body).await;
    let made = result(&made, 200);
    assert_eq!(made[0]["type"]["value"], "standard");
    assert_eq!(made[0]["__meta"]["ignoredFields"], json!(["description", "test_plan"]));
    let change = &instance.changes()[0];
    assert_ne!(change.get("description"), "ours");
    assert_eq!(change.get("work_notes"), "receipt");
    assert_eq!(client.json("POST", "/api/sn_chg_rest/v1/change/standard/none", &body).await.status, 404);
}

#[tokio::test]
async fn the_change_api_refuses_with_the_text_in_the_message() {
    let (_instance, client) = instance(Setup::default()).await;
    let id = new_change(&client, &json!({})).await;
    let path = format!("/api/sn_chg_rest/v1/change/{id}");
    let next = result(&client.get(&format!("{path}/nextstates")).await, 200);
    assert_eq!(next["available_states"], json!(["-4", "4"]));
    let refused = client.json("PATCH", &path, &json!({ "state": "0" })).await;
    assert_eq!((refused.status, refused.json()["error"]["detail"].clone()), (403, json!("")));
    assert!(refused.json()["error"]["message"].as_str().unwrap().contains("Business Rule"));
    let canceled = result(&client.json("PATCH", &path, &json!({ "state": "4" })).await, 200);
    assert_eq!(canceled["state"]["display_value"], "Canceled");
    let worker = client.json("POST", &format!("{path}/ci"), &json!({ "cmdb_ci_sys_ids": "1" })).await;
    let link = result(&worker, 200)["worker"]["link"].as_str().unwrap().to_owned();
    let link = link.split_once("/api/").unwrap().1.to_owned();
    assert_eq!(result(&client.get(&format!("/api/{link}")).await, 200)["state"]["value"], 3);
    assert_eq!(client.get("/api/sn_chg_rest/v1/change/none").await.status, 404);
}

#[tokio::test]
async fn attachments_go_up_are_listed_and_come_down_as_they_were() {
    let (instance, client) =
        instance(Setup { attachment_extensions: vec!["json".to_owned()], ..Setup::default() }).await;
    let id = new_change(&client, &json!({})).await;
    let upload = |record: &str, name: &str| {
        format!("/api/now/attachment/file?table_name=change_request&table_sys_id={record}&file_name={name}")
    };
    let json_type = [("content-type", "application/json")];
    for (path, headers, status) in [
        (upload(&id, "receipt.json"), &json_type[..], 201),
        (upload(&id, "receipt.json"), &json_type[..], 201),
        (upload(&id, "receipt.json"), &[], 400),
        (upload("none", "receipt.json"), &json_type[..], 404),
        (upload(&id, "receipt.exe"), &json_type[..], 403),
        ("/api/now/attachment/file?table_name=change_request".to_owned(), &json_type[..], 400),
    ] {
        let reply = client.send("POST", &path, headers, r#"{"a":1}"#).await.unwrap();
        assert_eq!(reply.status, status, "{path}");
    }
    let query = format!("/api/now/attachment?sysparm_query=table_sys_id={id}^file_name=receipt.json");
    let rows = result(&client.get(&query).await, 200);
    assert_eq!(rows.as_array().unwrap().len(), 2, "the same name twice makes two");
    assert_eq!(rows[0]["size_bytes"], "7");
    assert_eq!(rows[0]["hash"], "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862");
    let path = format!("/api/now/attachment/{}/file", rows[0]["sys_id"].as_str().unwrap());
    let file = client.get(&path).await;
    assert_eq!((file.text().as_str(), file.header("content-type")), (r#"{"a":1}"#, Some("application/json")));
    assert_eq!(instance.attachments().len(), 2);
}

#[tokio::test]
async fn each_way_to_authenticate_works_only_where_it_is_set_up() {
    let setup = Setup {
        oauth_client: Some(("client".to_owned(), "insecure-secret".to_owned())),
        api_key: Some("insecure-key".to_owned()),
        ..Setup::default()
    };
    let (instance, basic) = instance(setup).await;
    assert_eq!(basic.get(CHANGES).await.status, 200);
    assert_eq!(Client::new(instance.url(), "x-sn-apikey", "insecure-key").get(CHANGES).await.status, 200);
    let nobody = Client::new(instance.url(), "authorization", "");
    let refused = nobody.get(CHANGES).await;
    assert_eq!((refused.status, refused.json()["error"]["message"].clone()), (401, json!("User Not Authenticated")));
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let wrong = "grant_type=client_credentials&client_id=client&client_secret=wrong";
    assert_eq!(nobody.send("POST", "/oauth_token.do", &form, wrong).await.unwrap().status, 401);
    let right = "grant_type=client_credentials&client_id=client&client_secret=insecure-secret";
    let token = nobody.send("POST", "/oauth_token.do", &form, right).await.unwrap().json();
    assert_eq!((&token["token_type"], &token["expires_in"]), (&json!("Bearer"), &json!(1800)));
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let bearer = Client::new(instance.url(), "authorization", bearer);
    assert_eq!(bearer.get(CHANGES).await.status, 200);
    instance.expire_tokens();
    assert_eq!(bearer.get(CHANGES).await.status, 401);
}

#[tokio::test]
async fn client_credentials_are_off_on_a_new_instance() {
    let (_instance, client) = instance(Setup::default()).await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let reply = client.send("POST", "/oauth_token.do", &form, "grant_type=client_credentials").await.unwrap();
    assert_eq!((reply.status, reply.json()["error_description"].clone()), (401, json!("access_denied")));
}

#[tokio::test]
async fn malformed_writes_and_deletes_are_refused() {
    let (instance, client) = instance(Setup::default()).await;
    let id = new_change(&client, &json!({})).await;
    for (method, path, headers, body, status) in [
        ("POST", CHANGES.to_owned(), &[("content-type", "application/json")][..], "{", 400),
        ("POST", CHANGES.to_owned(), &[("content-type", "text/plain")][..], "{}", 415),
        ("POST", CHANGES.to_owned(), &[], "{}", 415),
        ("DELETE", format!("{CHANGES}/{id}"), &[], "", 403),
        ("PATCH", format!("{CHANGES}/none"), &[("content-type", "application/json")][..], "{}", 404),
        ("GET", format!("{CHANGES}/none"), &[], "", 404),
        ("GET", "/api/now/nothing".to_owned(), &[], "", 400),
    ] {
        assert_eq!(client.send(method, &path, headers, body).await.unwrap().status, status, "{method} {path} {body}");
    }
    assert_eq!(instance.changes().len(), 1);
    let quiet = [("content-type", "application/json"), ("x-no-response-body", "true")];
    let reply = client.send("POST", CHANGES, &quiet, "{}").await.unwrap();
    assert_eq!((reply.status, reply.body.len(), reply.header("location").is_some()), (201, 0, true));
}
