use std::sync::Mutex;

use clyra_ports::queue::{Parked, QueueError};

use super::*;

/// Fails as the version of a scope says: 1 passes, 2 comes later, 3 is set aside; others are no concern.
#[derive(Debug)]
struct Scripted;

#[async_trait]
impl Step for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn concerns(&self, key: &ObjectKey) -> bool {
        matches!(key, ObjectKey::Scope(1..=3))
    }

    async fn handle(&self, key: &ObjectKey) -> Result<(), StepError> {
        if *key == ObjectKey::Scope(1) {
            Ok(())
        } else if *key == ObjectKey::Scope(2) {
            Err(StepError::Later { code: "SLOW", reason: "not yet".to_owned(), after_ms: None })
        } else {
            Err(StepError::Park { code: "WRONG", reason: "change it".to_owned() })
        }
    }
}

/// Notes what it is told, or fails.
#[derive(Debug, Default)]
struct Notes {
    broken: bool,
    told: Mutex<Vec<String>>,
}

impl Notes {
    fn note(&self, what: String) -> Result<(), QueueError> {
        if self.broken {
            return Err(QueueError::Unavailable { reason: "broken".to_owned() });
        }
        self.told.lock().unwrap().push(what);
        Ok(())
    }
}

#[async_trait]
impl Queue for Notes {
    async fn send(&self, key: &ObjectKey) -> Result<(), QueueError> {
        self.note(format!("send {key}"))
    }

    async fn receive(&self, _max: usize) -> Result<Vec<Message>, QueueError> {
        Ok(Vec::new())
    }

    async fn done(&self, message: &Message) -> Result<(), QueueError> {
        self.note(format!("done {}", message.key))
    }

    async fn retry(&self, message: &Message, delay_ms: u64) -> Result<(), QueueError> {
        self.note(format!("retry {} in {delay_ms}", message.handle))
    }

    async fn park(&self, message: &Message, code: &str, reason: &str) -> Result<(), QueueError> {
        self.note(format!("park {} {code} {reason}", message.handle))
    }

    async fn parked(&self, _limit: usize) -> Result<Vec<Parked>, QueueError> {
        Ok(Vec::new())
    }

    async fn depth(&self) -> Result<u64, QueueError> {
        Ok(0)
    }
}

fn take(queue: &Arc<Notes>, bodies: &[&str]) -> String {
    let records: Vec<_> = bodies
        .iter()
        .map(|body| {
            serde_json::json!({
                "messageId": format!("id of {body}"), "receiptHandle": format!("handle of {body}"), "body": body,
                "attributes": { "ApproximateReceiveCount": "2", "SenderId": "x" }, "eventSource": "aws:sqs",
            })
        })
        .collect();
    let batch: Batch = serde_json::from_value(serde_json::json!({ "Records": records })).unwrap();
    let inbox = Inbox {
        step: Arc::new(Scripted),
        queue: Arc::clone(queue) as Arc<dyn Queue>,
        key_of: |body| body.parse().ok(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    serde_json::to_string(&runtime.block_on(inbox.take(batch))).unwrap()
}

#[test]
fn each_message_of_a_batch_fares_by_itself() {
    let queue = Arc::new(Notes::default());
    let answer = take(&queue, &["scopes/1.json", "scopes/2.json", "scopes/3.json", "scopes/4.json", "nonsense"]);
    assert_eq!(
        answer,
        r#"{"batchItemFailures":[{"itemIdentifier":"id of scopes/2.json"},{"itemIdentifier":"id of nonsense"}]}"#
    );
    assert_eq!(
        *queue.told.lock().unwrap(),
        ["retry handle of scopes/2.json in 60000", "park handle of scopes/3.json WRONG change it"]
    );
}

#[test]
fn nothing_is_lost_when_the_queue_fails() {
    let queue = Arc::new(Notes { broken: true, ..Notes::default() });
    assert_eq!(take(&queue, &["scopes/1.json"]), r#"{"batchItemFailures":[]}"#);
    let answer = take(&queue, &["scopes/2.json", "scopes/3.json"]);
    assert!(answer.contains("scopes/2.json") && answer.contains("scopes/3.json"), "{answer}");
}

#[test]
fn a_failed_task_is_named_by_its_code() {
    let failed = TaskFailed(StepError::Park { code: "CREDENTIAL_REFUSED", reason: "set another".to_owned() });
    let diagnostic = Diagnostic::from(failed);
    assert_eq!(
        (diagnostic.error_type.as_str(), diagnostic.error_message.as_str()),
        ("CREDENTIAL_REFUSED", "set another")
    );
    let schedule: Schedule = serde_json::from_str(r#"{"task":"census"}"#).unwrap();
    assert_eq!(schedule.task, "census");
}
