//! A step's queue in SQS, with a second queue for what was set aside.
//!
//! Messages have the shape of S3's object-created events on EventBridge, of which one member is read: what the rule
//! sends and what [`Queue::send`] sends look the same to the step.

use std::collections::BTreeSet;
use std::fmt;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    Message as SqsMessage, MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName,
};
use clyra_evidence::object_key::ObjectKey;
use clyra_ports::queue::{Message, Parked, Queue, QueueError};
use serde::{Deserialize, Serialize};

use crate::Aws;
use crate::failure::reason;

/// Messages of one answer that SQS gives at most.
const BATCH_MAX: usize = 10;
/// Longest time that SQS hides a message, in seconds: twelve hours.
const HIDDEN_S_MAX: u64 = 43_200;
/// Answers without news after which a queue that is looked through counts as seen: SQS asks some of its machines each
/// time.
const LOOKS_WITHOUT_NEWS_MAX: usize = 8;
/// Longest reason that is kept with a message, in characters; a message and its attributes share 256 KiB.
const REASON_CHARS_MAX: usize = 1_000;
/// The code of a message that SQS set aside itself after too many receipts.
const ATTEMPTS_EXHAUSTED: &str = "ATTEMPTS_EXHAUSTED";

/// A queue and the one beside it for what was set aside (its dead-letter queue).
#[derive(Clone)]
pub struct SqsQueue {
    client: Client,
    url: String,
    parked_url: String,
}

/// What of an object-created event is read.
#[derive(Serialize, Deserialize)]
struct Event {
    detail: Detail,
}

#[derive(Serialize, Deserialize)]
struct Detail {
    object: Object,
}

#[derive(Serialize, Deserialize)]
struct Object {
    key: String,
}

impl Aws {
    /// The queue at `url`, with the one at `parked_url` for what is set aside.
    #[must_use]
    pub fn queue(&self, url: &str, parked_url: &str) -> SqsQueue {
        SqsQueue { client: Client::new(self.config()), url: url.to_owned(), parked_url: parked_url.to_owned() }
    }
}

impl SqsQueue {
    /// The object that a message's body names.
    #[must_use]
    pub fn key_of(body: &str) -> Option<ObjectKey> {
        let event: Event = serde_json::from_str(body).ok()?;
        event.detail.object.key.parse().ok()
    }

    fn body_of(key: &ObjectKey) -> String {
        let key = key.to_string();
        let event = Event { detail: Detail { object: Object { key } } };
        // Text in text can always be written.
        serde_json::to_string(&event).unwrap_or_default()
    }

    async fn take(&self, url: &str, max: usize, hide: Option<i32>) -> Result<Vec<SqsMessage>, QueueError> {
        let answer = self
            .client
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(i32::try_from(max.min(BATCH_MAX)).unwrap_or(1))
            .set_visibility_timeout(hide)
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .message_attribute_names("All")
            .send()
            .await
            .map_err(|error| unavailable(reason("sqs:ReceiveMessage", &error)))?;
        Ok(answer.messages.unwrap_or_default())
    }

    async fn delete(&self, url: &str, handle: &str) -> Result<(), QueueError> {
        let deleted = self.client.delete_message().queue_url(url).receipt_handle(handle).send().await;
        deleted.map(|_| ()).map_err(|error| unavailable(reason("sqs:DeleteMessage", &error)))
    }

    async fn count(&self, url: &str) -> Result<u64, QueueError> {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let answer = self
            .client
            .get_queue_attributes()
            .queue_url(url)
            .set_attribute_names(Some(names.to_vec()))
            .send()
            .await
            .map_err(|error| unavailable(reason("sqs:GetQueueAttributes", &error)))?;
        let attributes = answer.attributes.unwrap_or_default();
        Ok(names.iter().filter_map(|name| attributes.get(name)?.parse::<u64>().ok()).sum())
    }

    /// Looks through what was set aside, hiding nothing, until `limit` messages or nothing new came.
    async fn look_through_parked(&self, limit: usize) -> Result<Vec<SqsMessage>, QueueError> {
        let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
        let mut looks_without_news = 0;
        while found.len() < limit && looks_without_news < LOOKS_WITHOUT_NEWS_MAX && seen.len() < limit {
            looks_without_news += 1;
            for message in self.take(&self.parked_url, BATCH_MAX, Some(0)).await? {
                let id = message.message_id().unwrap_or_default().to_owned();
                if found.len() < limit && seen.insert(id) {
                    looks_without_news = 0;
                    found.push(message);
                }
            }
        }
        Ok(found)
    }

    /// Takes the key's messages out of what was set aside.
    async fn unpark(&self, key: &ObjectKey) -> Result<(), QueueError> {
        let count = self.count(&self.parked_url).await?;
        if count == 0 {
            return Ok(());
        }
        for message in self.look_through_parked(usize::try_from(count).unwrap_or(usize::MAX)).await? {
            if message.body().and_then(Self::key_of).as_ref() == Some(key)
                && let Some(handle) = message.receipt_handle()
            {
                self.delete(&self.parked_url, handle).await?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for SqsQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqsQueue").field("url", &self.url).finish_non_exhaustive()
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, key: &ObjectKey) -> Result<(), QueueError> {
        let sent = self.client.send_message().queue_url(&self.url).message_body(Self::body_of(key)).send().await;
        sent.map_err(|error| unavailable(reason("sqs:SendMessage", &error)))?;
        self.unpark(key).await
    }

    async fn receive(&self, max: usize) -> Result<Vec<Message>, QueueError> {
        if max == 0 {
            return Ok(Vec::new());
        }
        let messages = self.take(&self.url, max, None).await?;
        // A body that names no object is left where it is, until SQS sets it aside.
        Ok(messages.iter().filter_map(message).collect())
    }

    async fn done(&self, message: &Message) -> Result<(), QueueError> {
        self.delete(&self.url, &message.handle).await
    }

    async fn retry(&self, message: &Message, delay_ms: u64) -> Result<(), QueueError> {
        let seconds = delay_ms.div_ceil(1_000).min(HIDDEN_S_MAX);
        let changed = self
            .client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(&message.handle)
            .visibility_timeout(i32::try_from(seconds).unwrap_or(i32::MAX))
            .send()
            .await;
        changed.map(|_| ()).map_err(|error| unavailable(reason("sqs:ChangeMessageVisibility", &error)))
    }

    async fn park(&self, message: &Message, code: &str, why: &str) -> Result<(), QueueError> {
        let why: String = why.chars().take(REASON_CHARS_MAX).collect();
        let mut send = self.client.send_message().queue_url(&self.parked_url).message_body(Self::body_of(&message.key));
        for (name, value) in [("code", code), ("reason", why.as_str())] {
            let attribute = MessageAttributeValue::builder().data_type("String").string_value(value).build();
            let attribute = attribute.map_err(|_| unavailable("an attribute could not be built".to_owned()))?;
            // SQS takes no empty attribute.
            if !value.is_empty() {
                send = send.message_attributes(name, attribute);
            }
        }
        send.send().await.map_err(|error| unavailable(reason("sqs:SendMessage", &error)))?;
        self.delete(&self.url, &message.handle).await
    }

    async fn parked(&self, limit: usize) -> Result<Vec<Parked>, QueueError> {
        let mut messages = self.look_through_parked(limit).await?;
        messages.sort_by_key(sent_ms);
        Ok(messages.iter().filter_map(parked).collect())
    }

    async fn depth(&self) -> Result<u64, QueueError> {
        self.count(&self.url).await
    }
}

fn message(received: &SqsMessage) -> Option<Message> {
    let attempt = attribute(received, &MessageSystemAttributeName::ApproximateReceiveCount);
    Some(Message {
        handle: received.receipt_handle()?.to_owned(),
        key: received.body().and_then(SqsQueue::key_of)?,
        attempt: attempt.and_then(|count| count.parse().ok()).unwrap_or(1),
    })
}

fn parked(received: &SqsMessage) -> Option<Parked> {
    let text = |name: &str| {
        let value = received.message_attributes()?.get(name)?;
        value.string_value().map(str::to_owned)
    };
    Some(Parked {
        key: received.body().and_then(SqsQueue::key_of)?,
        code: text("code").unwrap_or_else(|| ATTEMPTS_EXHAUSTED.to_owned()),
        reason: text("reason").unwrap_or_default(),
    })
}

fn sent_ms(received: &SqsMessage) -> u64 {
    let sent = attribute(received, &MessageSystemAttributeName::SentTimestamp);
    sent.and_then(|ms| ms.parse().ok()).unwrap_or(0)
}

fn attribute<'m>(received: &'m SqsMessage, name: &MessageSystemAttributeName) -> Option<&'m str> {
    received.attributes()?.get(name).map(String::as_str)
}

fn unavailable(reason: String) -> QueueError {
    QueueError::Unavailable { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_from_what_eventbridge_sends_and_from_what_we_send() {
        let event = r#"{"version":"0","detail-type":"Object Created","source":"aws.s3","account":"1","time":"2026-11-20T09:41:00Z",
            "detail":{"version":"0","bucket":{"name":"b"},"object":{"key":"scopes/3.json","size":5,"etag":"e","sequencer":"0"},
            "reason":"PutObject"}}"#;
        assert_eq!(SqsQueue::key_of(event), Some(ObjectKey::Scope(3)));
        assert_eq!(SqsQueue::key_of(&SqsQueue::body_of(&ObjectKey::Scope(4))), Some(ObjectKey::Scope(4)));
        for bad in ["", "{}", r#"{"detail":{"object":{"key":"../x"}}}"#, r#"{"detail":{"object":{}}}"#] {
            assert_eq!(SqsQueue::key_of(bad), None, "{bad}");
        }
    }
}
