//! Instances that do in silence what the stand-in does not: leave a term out of a query, leave a field out of a ticket.

use std::collections::BTreeMap;
use std::sync::Arc;

use clyra_fn_ticket::draft::Draft;
use clyra_fn_ticket::servicenow::{Api, SignIn};
use clyra_fn_ticket::target::{Target as _, TargetError};
use clyra_fn_ticket::{ServiceNow, TargetFields, TargetSetup};
use clyra_outbound::{Credential, Limits, Origin, Outbound, PrivateAddresses};
use clyra_ports::clock::SystemClock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const ROW: &str =
    r#"{"sys_id":"2ac52dd77c6b1510f877be3b096e64fe","number":"CHG0030022","sys_created_on":"2026-11-20 10:04:11"}"#;

/// An instance that gives these answers in turn, one per connection.
async fn instance(answers: &[String]) -> ServiceNow {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answers = answers.to_vec();
    tokio::spawn(async move {
        for body in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 64 * 1024];
            let read = stream.read(&mut request).await.unwrap();
            assert!(read > 0);
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length:";
            stream.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    let origin = Origin::parse(&url, PrivateAddresses::Allowed).unwrap();
    let outbound = Outbound::new(Arc::new(SystemClock), Arc::new(|_| 0)).unwrap();
    let sign_in = SignIn::Basic(Credential::anonymous(&origin));
    ServiceNow::connect(&outbound, sign_in, Api::Table, Limits::default()).unwrap()
}

fn draft() -> Draft {
    Draft::overflow("finance-core", "2026-11-20".parse().unwrap(), 25)
}

fn refused(error: &TargetError) -> (&'static str, &str) {
    match error {
        TargetError::Refused { code, reason } => (code, reason),
        TargetError::Later { .. } | TargetError::Unknown { .. } => panic!("{error}"),
    }
}

#[tokio::test]
async fn rows_of_others_are_dropped_and_never_taken_for_none() {
    let id = draft().correlation_id;
    let ours = ROW.replacen('{', &format!(r#"{{"correlation_id":"{id}","#), 1);
    let both = instance(&[format!(r#"{{"result":[{ROW},{ours}]}}"#)]).await;
    assert_eq!(both.find(&id).await.unwrap().len(), 1);
    let ignored = instance(&[format!(r#"{{"result":[{ROW}]}}"#)]).await;
    let error = ignored.find(&id).await.unwrap_err();
    assert_eq!(refused(&error).0, "QUERY_NOT_UNDERSTOOD", "to guess that there is none would open a second one");
}

#[tokio::test]
async fn a_ticket_that_lost_its_correlation_id_is_refused_by_its_number() {
    let lost = format!(r#"{{"result":{ROW}}}"#);
    let error = instance(&[lost.clone(), lost]).await.create(&draft()).await.unwrap_err();
    let (code, reason) = refused(&error);
    assert_eq!(code, "CORRELATION_ID_NOT_KEPT");
    assert!(reason.contains("CHG0030022"), "{reason}");
}

#[tokio::test]
async fn a_ticket_whose_answer_was_trimmed_is_read_back() {
    let id = draft().correlation_id;
    let whole = ROW.replacen('{', &format!(r#"{{"correlation_id":"{id}","#), 1);
    let instance = instance(&[format!(r#"{{"result":{ROW}}}"#), format!(r#"{{"result":{whole}}}"#)]).await;
    let created = instance.create(&draft()).await.unwrap();
    assert_eq!((created.ticket.number.as_str(), created.not_kept), ("CHG0030022", Vec::new()));
}

#[tokio::test]
async fn every_field_that_was_written_is_compared_with_the_answer() {
    let id = draft().correlation_id;
    let fields = format!(
        r#"{{"correlation_id":"{id}","short_description":{{"value":"DBT FINANCE"}},"justification":"","type":"normal",
            "description":"{}","#,
        draft().description.replace('\n', "\\r\\n")
    );
    let changed = ROW.replacen('{', &fields, 1);
    let created = instance(&[format!(r#"{{"result":{changed}}}"#)]).await.create(&draft()).await.unwrap();
    assert_eq!(created.not_kept, ["justification", "short_description"], "line ends and what is left out are not news");
}

#[tokio::test]
async fn an_operator_cannot_have_approvals_or_states_set() {
    let instance = Arc::new(instance(&[]).await);
    let fields = ["approval", "state", "assignment_group"].map(|field| (field.to_owned(), "1".to_owned()));
    let fields = TargetFields { always: BTreeMap::from(fields), ..TargetFields::default() };
    let refused = TargetSetup::new(instance, fields).unwrap_err();
    assert_eq!(refused.0, ["approval", "state"]);
}
