//! What can go wrong between Clyra and a vendor, on demand.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// One way for a request to fail. The faults in which the vendor *did* act are named so, because a client that
/// repeats them without looking first makes a second row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The vendor's error body with this status; the request is not carried out. 401, 403, 404, 500, 502, 503 …
    Status(u16),
    /// 429 for this request and, until the cool-down ends, for every other one.
    RateLimited {
        /// The `Retry-After` header in seconds; absent where the vendor does not send it.
        retry_after_seconds: Option<u32>,
        /// How long everything is refused. dbt Cloud says five minutes; a test says milliseconds.
        cool_down: Duration,
    },
    /// Carried out, answered after this delay.
    Slow(Duration),
    /// Never answered and not carried out; the connection stays open until the client or the stand-in gives up.
    Hang,
    /// The connection ends without an answer; the request is not carried out.
    CloseBeforeAnswer,
    /// Carried out, then the connection ends without an answer.
    CommitThenClose,
    /// Carried out, then answered with this status in the vendor's error body.
    CommitThenStatus(u16),
    /// 200 with an HTML page: a hibernating instance, or a host that is not the vendor's API.
    HtmlWith200,
    /// 302 to this address with an HTML page.
    Redirect(String),
    /// The usual answer with `null` where its data would be.
    NullData,
    /// 200 with the first half of the usual body under a length that fits, so that only the JSON is broken.
    MalformedJson,
    /// The usual answer, but the connection ends after half of the announced bytes.
    TruncatedBody,
    /// 200 with so many bytes of blanks, announced in `Content-Length`.
    HugeBody(u64),
}

/// Which requests a rule applies to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The method in upper case; `None` for any.
    pub method: Option<String>,
    /// What the path must contain; empty for any path.
    pub path_contains: String,
    /// How often the rule still applies; `None` for always.
    pub times: Option<u32>,
    /// What then happens.
    pub fault: Fault,
}

impl Rule {
    /// A rule for every request whose path contains this text.
    pub fn on_path(path_contains: impl Into<String>, fault: Fault) -> Self {
        Self { method: None, path_contains: path_contains.into(), times: None, fault }
    }

    /// The same rule for one method only.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_ascii_uppercase());
        self
    }

    /// The same rule for the next so many requests that match.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    fn matches(&self, method: &str, path: &str) -> bool {
        self.times != Some(0)
            && self.method.as_deref().is_none_or(|wanted| wanted == method)
            && path.contains(&self.path_contains)
    }
}

/// The faults that wait for requests: first the cool-down, then the queue, then the rules in their order.
#[derive(Debug, Default)]
pub struct Faults {
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    next: VecDeque<Fault>,
    rules: Vec<Rule>,
    cool_down: Option<(Instant, Option<u32>)>,
}

impl Faults {
    /// The next request meets this fault; further calls queue up behind it.
    pub fn fail_next(&self, fault: Fault) {
        self.waiting().next.push_back(fault);
    }

    /// Requests that match meet the rule's fault, as often as the rule says.
    pub fn fail_when(&self, rule: Rule) {
        self.waiting().rules.push(rule);
    }

    /// Ends every fault, rule and cool-down.
    pub fn clear(&self) {
        *self.waiting() = Waiting::default();
    }

    /// How many queued faults have not met a request yet: a test ends with none, or it did not test what it says.
    pub fn pending(&self) -> usize {
        self.waiting().next.len()
    }

    /// The fault of this request, if any. Starts the cool-down of a rate limit.
    pub(crate) fn take(&self, method: &str, path: &str, now: Instant) -> Option<Fault> {
        let mut waiting = self.waiting();
        if let Some((until, retry_after_seconds)) = waiting.cool_down {
            if now < until {
                return Some(Fault::RateLimited { retry_after_seconds, cool_down: Duration::ZERO });
            }
            waiting.cool_down = None;
        }
        let fault = match waiting.next.pop_front() {
            Some(fault) => Some(fault),
            None => waiting.rules.iter_mut().find(|rule| rule.matches(method, path)).map(|rule| {
                rule.times = rule.times.map(|times| times - 1);
                rule.fault.clone()
            }),
        };
        if let Some(Fault::RateLimited { retry_after_seconds, cool_down }) = &fault {
            waiting.cool_down = Some((now + *cool_down, *retry_after_seconds));
        }
        fault
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // A panic of one test's thread leaves plain data behind, which stays usable.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
