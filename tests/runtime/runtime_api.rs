//! Lambda's Runtime API (docs.aws.amazon.com/lambda, "Using the Lambda runtime API"): one event at a time.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::server::{Seen, Told, serve};

/// How long an answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct RuntimeApi {
    pub(crate) port: u16,
    events: Sender<String>,
    answers: Mutex<Receiver<Vec<u8>>>,
    asked: Arc<(Mutex<Option<Instant>>, Condvar)>,
}

impl RuntimeApi {
    pub(crate) fn start() -> Self {
        let (events, waiting) = channel::<String>();
        let (answered, answers) = channel();
        let asked = Arc::new((Mutex::new(None), Condvar::new()));
        let (waiting, first) = (Mutex::new(waiting), Arc::clone(&asked));
        let answered = Mutex::new(answered);
        let port = serve(move |seen: Seen| {
            if seen.target.ends_with("/invocation/next") {
                note_first(&first);
                // The function ends with the test; until then there is nothing to do but wait.
                let event = waiting.lock().unwrap().recv().unwrap_or_default();
                return Told::new(200, event)
                    .with("Content-Type", "application/json")
                    .with("Lambda-Runtime-Aws-Request-Id", "request-1")
                    .with("Lambda-Runtime-Deadline-Ms", "4102444800000")
                    .with("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:1:function:f");
            }
            let _ = answered.lock().unwrap().send(seen.body);
            Told::new(202, "{\"status\":\"OK\"}")
        });
        Self { port, events, answers: Mutex::new(answers), asked }
    }

    pub(crate) fn invoke(&self, event: &Value) -> Value {
        self.events.send(event.to_string()).unwrap();
        let answer = self.answers.lock().unwrap().recv_timeout(PATIENCE).expect("the function answers");
        serde_json::from_slice(&answer).unwrap()
    }

    /// When the function first asked for an event: it is initialised then.
    pub(crate) fn first_asked(&self) -> Instant {
        let (asked, changed) = &*self.asked;
        let guard = asked.lock().unwrap();
        let (guard, _) = changed.wait_timeout_while(guard, PATIENCE, |asked| asked.is_none()).unwrap();
        guard.expect("the function asks for an event")
    }
}

#[expect(clippy::disallowed_methods, reason = "a test measures from process start, outside any async runtime")]
fn note_first(asked: &(Mutex<Option<Instant>>, Condvar)) {
    asked.0.lock().unwrap().get_or_insert_with(Instant::now);
    asked.1.notify_all();
}
