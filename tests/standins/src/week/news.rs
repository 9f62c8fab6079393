//! In which order the news of one run arrive, and what the API answers by then.

use jiff::{SignedDuration, Timestamp};

use super::cast;
use super::runs::{Planned, after};
use super::{Moment, Story, Update};
use crate::webhook::{Delivery, EventType, Sender};
use crate::world::WebhookEvent;

/// What arrives about one run, each with the state of the world at that instant.
pub(super) fn news(planned: &Planned, sender: &Sender<'_>) -> Vec<Moment> {
    let (started_at, finished_at) = (planned.started_at(), planned.finished_at());
    let finished = planned.finished();
    let begins = silent(started_at, vec![Update::Run(Box::new(planned.running()))], planned.story);
    let ends = silent(finished_at, vec![Update::Run(Box::new(finished.clone()))], planned.story);
    let told = |event_type, sent_at: Timestamp| sender.deliver(&finished, event_type, fraction(sent_at, finished.id));
    // Artifacts are taken in before `completed` is sent.
    let completed_at = after(finished_at, 6);
    match planned.story {
        Some(Story::Silent) => vec![begins, ends],
        Some(Story::FailingTests | Story::LeftFailing) => vec![
            with(begins, told(EventType::Started, after(started_at, 1)), after(started_at, 1)),
            with(
                silent(finished_at, vec![Update::Run(Box::new(planned.without_artifacts()))], planned.story),
                told(EventType::Errored, finished_at),
                after(finished_at, 1),
            ),
            with(ends, told(EventType::Completed, completed_at), completed_at),
        ],
        Some(Story::OutOfOrder) => vec![
            begins,
            with(ends, told(EventType::Completed, completed_at), completed_at),
            with(
                silent(completed_at, Vec::new(), planned.story),
                told(EventType::Started, after(started_at, 1)),
                after(completed_at, 20),
            ),
        ],
        story => {
            let mut moments = vec![
                with(begins, told(EventType::Started, after(started_at, 1)), after(started_at, 1)),
                with(ends, told(EventType::Completed, completed_at), completed_at),
            ];
            if story == Some(Story::Redelivery) {
                // A redelivery is another attempt of the same event: the sender's log has it once.
                let mut again = silent(after(completed_at, 180), Vec::new(), story);
                again.webhook = Some(told(EventType::Completed, completed_at));
                moments.push(again);
            }
            moments
        }
    }
}

/// A moment that nothing is sent about.
pub(super) fn silent(at: Timestamp, updates: Vec<Update>, story: Option<Story>) -> Moment {
    Moment { at_ms: at.as_millisecond(), updates, webhook: None, story }
}

/// Adds a delivery that arrives at this instant, and its row in the sender's log.
fn with(moment: Moment, delivery: Delivery, at: Timestamp) -> Moment {
    let job_id = moment.updates.iter().find_map(|update| match update {
        Update::Run(run) => Some(run.job_id),
        Update::Job(_) | Update::Environment(_) | Update::Audit(_) | Update::WebhookEvent(_) => None,
    });
    let event = WebhookEvent {
        id: delivery.event_id.clone(),
        subscription_id: cast::WEBHOOK.to_owned(),
        event_type: delivery.event_type.as_str().to_owned(),
        job_id: job_id.unwrap_or(cast::HOURLY),
        payload: String::from_utf8_lossy(&delivery.body).into_owned(),
        dispatched_at: at,
        http_status_code: 200,
    };
    let mut moment = moment;
    moment.at_ms = at.as_millisecond();
    moment.updates.push(Update::WebhookEvent(Box::new(event)));
    moment.webhook = Some(delivery);
    moment
}

/// The sender's clock has nanoseconds, some time before the delivery arrives; which ones is of no meaning, but zeros
/// would hide a reader that cuts them.
fn fraction(at: Timestamp, run_id: u64) -> Timestamp {
    let nanoseconds = i64::try_from(run_id.wrapping_mul(2_654_435_761) % 900_000_000).unwrap_or(0) + 7;
    at.checked_sub(SignedDuration::from_nanos(nanoseconds)).unwrap_or(at)
}
