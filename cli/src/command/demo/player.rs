//! Plays the week moment by moment and tells what happens.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use clyra_evidence::change::ChangeKind;
use clyra_evidence::id::ChangeId;
use clyra_evidence::object_key::ObjectKey;
use clyra_evidence::scope::ScopedProject;
use clyra_evidence::time::{Day, Timestamp};
use clyra_ports::clock::Clock as _;
use clyra_ports::index::ChangeRecord;
use clyra_ports::queue::Queue as _;
use clyra_standins::week::Moment;
use serde_json::json;

use super::summary::Summary;
use super::{Stage, reading, words};
use crate::output::{self, Format};
use crate::stack::Stack;

/// Changes read from the index at once: a week has a dozen.
const CHANGES_MAX: usize = 500;
/// Rounds of all steps before it is said that they do not come to rest.
const ROUNDS_MAX: usize = 500;
/// How far the clock may be moved on within one moment for what waits, in milliseconds.
const PATIENCE_MS: i64 = 4 * 60 * 1_000;
/// Exceptions printed per change; the work paper lists all.
const EXCEPTIONS_SHOWN: usize = 4;

/// What was last said of a change.
struct Told {
    revision: u32,
    exceptions: Vec<String>,
}

/// Plays one week against one stack.
pub(super) struct Player<'a> {
    stage: &'a Stage,
    stack: &'a Stack,
    address: SocketAddr,
    format: Format,
    project: Option<&'a ScopedProject>,
    told: BTreeMap<ChangeId, Told>,
    day: Option<Day>,
    receipts_of_day: BTreeMap<String, u64>,
    last_code: Option<ChangeId>,
    /// Runs that no webhook told of, and that the census read.
    filled: u64,
}

impl<'a> Player<'a> {
    /// A player who has not begun.
    pub(super) fn new(stage: &'a Stage, stack: &'a Stack, address: SocketAddr, format: Format) -> Self {
        let project = stack.scope.as_ref().and_then(|scope| scope.projects.first());
        Self {
            stage,
            stack,
            address,
            format,
            project,
            told: BTreeMap::new(),
            day: None,
            receipts_of_day: BTreeMap::new(),
            last_code: None,
            filled: 0,
        }
    }

    /// The newest `code` change with behaviour: what evidence.zip and summary.json are about.
    pub(super) fn last_code_change(&self) -> Option<ChangeId> {
        self.last_code
    }

    /// Says what is about to be played.
    pub(super) fn announce(&self) {
        if self.format == Format::Json {
            return;
        }
        let head = "A week of a small data team, played through Clyra Review on this machine";
        output::line(output::styled(head, output::BOLD));
        output::line(format!("  receiver    http://{}{}", self.address, clyra_fn_dbt_cloud::PATH));
        output::line(format!("  dbt Cloud   {}  (stand-in over artifacts of real dbt runs)", self.stage.cloud.url()));
        output::line(format!("  ServiceNow  {}  (stand-in)", self.stage.servicenow.url()));
    }

    /// Plays every moment. Each day is counted and attested when it is over; the last one, which is today, is left open.
    pub(super) async fn play(&mut self) -> Result<(), String> {
        for moment in &self.stage.week.moments {
            let at = Timestamp::from_unix_ms(moment.at_ms).unwrap_or(self.stage.clock.now());
            self.begin_day(at.day()).await?;
            self.move_clock(at);
            moment.apply(self.stage.week.account_id, &self.stage.cloud);
            if moment.webhook.is_some() {
                self.deliver(moment, at).await?;
            }
            self.work().await?;
            self.tell_changes().await?;
        }
        self.work().await?;
        self.tell_changes().await?;
        self.tell_open_day();
        Ok(())
    }

    fn move_clock(&self, to: Timestamp) {
        self.stage.clock.advance_to(to);
        self.stack.embedded.journal.wake();
        if let Ok(now) = self.stage.clock.now().to_string().parse() {
            self.stage.servicenow.set_time(now);
        }
    }

    /// Ends the day before, when a new one begins.
    async fn begin_day(&mut self, day: Day) -> Result<(), String> {
        if self.day == Some(day) {
            return Ok(());
        }
        if let Some(before) = self.day {
            self.move_clock(day.start());
            self.end_day(before).await?;
        }
        self.day = Some(day);
        if self.format == Format::Text {
            output::line(format!("\n{}", output::styled(day, output::BOLD)));
        }
        Ok(())
    }

    /// Rolls the day up, counts it against the source, and attests the period so far.
    async fn end_day(&mut self, day: Day) -> Result<(), String> {
        self.work().await?;
        let Some(project) = self.project else { return Ok(()) };
        let mut counted = Vec::new();
        for environment in &project.environments {
            let id = &environment.environment_id;
            let census = self.stack.census.count_day(&project.connection, &project.project_id, id, day).await;
            counted.push(census.map_err(|error| error.to_string())?);
        }
        // What the census filled in is work for the steps, and the day is counted again over it.
        self.work().await?;
        self.tell_changes().await?;
        for environment in &project.environments {
            let id = &environment.environment_id;
            let sealed = self.stack.bundler.seal_day(&project.connection, id, day).await;
            self.tell_rollup(sealed.map_err(|error| error.to_string())?).await?;
        }
        for census in counted {
            self.filled += census.filled.len() as u64;
            self.tell_census(&census);
        }
        self.stack.census.attest_to(project, day).await.map_err(|error| error.to_string())?;
        self.work().await
    }

    async fn deliver(&mut self, moment: &Moment, at: Timestamp) -> Result<(), String> {
        let Some(delivery) = &moment.webhook else { return Ok(()) };
        let address = self.address.to_string();
        let secret = &self.stage.week.secret;
        let answer = clyra_standins::post(&address, clyra_fn_dbt_cloud::PATH, secret, &delivery.body).await;
        let (status, body) = answer.map_err(|error| format!("a delivery was not answered: {error}"))?;
        let answer: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let text = |name: &str| answer.get(name).and_then(|value| value.as_str()).unwrap_or("?").to_owned();
        let (receipt, outcome) = (text("receiptId"), text("outcome"));
        if status != 200 {
            return Err(format!("a delivery was answered {status} {}", text("code")));
        }
        *self.receipts_of_day.entry(outcome.clone()).or_default() += 1;
        let event = delivery.event_type.as_str();
        match self.format {
            Format::Json => output::json_line(&json!({
                "event": "receipt", "at": at, "receiptId": receipt, "outcome": outcome,
                "eventType": event, "runId": delivery.run_id.to_string(),
            })),
            // Everyday receipts are summed up at the end of the day.
            Format::Text if moment.story.is_some() || outcome != "recorded" => {
                let line = format!(
                    "  {}  receipt {:.8}  {event}  run {}  {outcome}",
                    words::clock(at),
                    receipt,
                    delivery.run_id
                );
                output::line(output::styled(line, output::DIM));
            }
            Format::Text => {}
        }
        Ok(())
    }

    /// Lets the steps run until none has anything due, moving the clock on a little for what waits.
    async fn work(&self) -> Result<(), String> {
        let limit = self.stage.clock.now().plus_ms(PATIENCE_MS);
        for _ in 0..ROUNDS_MAX {
            let mut dealt = 0;
            for lane in &self.stack.lanes {
                dealt += lane.run_due().await.map_err(|error| error.to_string())?;
            }
            if dealt == 0 {
                self.stack.bundler.tend().await.map_err(|error| error.to_string())?;
                let waiting = self.waiting().await?;
                if waiting == 0 || self.stage.clock.now() >= limit {
                    return Ok(());
                }
                self.move_clock(self.stage.clock.now().plus_ms(30_000));
            }
        }
        Err("the steps do not come to rest".to_owned())
    }

    async fn waiting(&self) -> Result<u64, String> {
        let mut waiting = 0;
        for lane in &self.stack.lanes {
            waiting += lane.queue.depth().await.map_err(|error| error.to_string())?;
        }
        Ok(waiting)
    }

    async fn tell_changes(&mut self) -> Result<(), String> {
        let Some(project) = self.project else { return Ok(()) };
        let index = &self.stack.index;
        let changes = index.changes_of(&project.connection, &project.project_id, None, CHANGES_MAX).await;
        let mut changes = changes.map_err(|error| error.to_string())?;
        changes.sort_by_key(|change| change.header.live_at);
        for change in changes {
            let id = change.header.change_id;
            let told = self.told.get(&id).map_or(0, |told| told.revision);
            if change.revision > told
                && let Some(exceptions) = self.tell_change(&change).await?
            {
                self.told.insert(id, Told { revision: change.revision, exceptions });
            }
        }
        Ok(())
    }

    /// Says what a change is and what was found in it, and gives the exceptions.
    async fn tell_change(&mut self, change: &ChangeRecord) -> Result<Option<Vec<String>>, String> {
        let header = &change.header;
        let Some(told) = reading::bundle(self.stack, change).await? else { return Ok(None) };
        let behavioural = told.delta.as_ref().is_none_or(|delta| !delta.class.runs_the_same());
        if header.kind == ChangeKind::Code && behavioural {
            self.last_code = Some(header.change_id);
        }
        let target = self.stack.config.targets.first().map(|target| target.name.to_string()).unwrap_or_default();
        let ticket = self.stack.ledger.ticket(&target, &header.change_id).await.map_err(|error| error.to_string())?;
        let number = ticket.as_ref().and_then(|ticket| ticket.number.clone());
        let url = self.stack.verify_url(header.change_id).map_err(|error| error.to_string())?;
        let exceptions = words::exceptions(&told.attestation);
        if self.format == Format::Json {
            output::json_line(&json!({
                "event": "change", "changeId": header.change_id, "kind": header.kind, "revision": change.revision,
                "liveAt": header.live_at, "ticket": number, "verifyUrl": url, "exceptions": exceptions,
            }));
            return Ok(Some(exceptions));
        }
        let what = words::what_changed(change, told.delta.as_ref());
        let at = header.live_at.map(words::clock).unwrap_or_default();
        let line = format!("  {at}  {} {what}", output::styled(header.kind, output::BOLD));
        if self.told.get(&header.change_id).is_some_and(|told| told.exceptions == exceptions) {
            output::line(line);
            output::line(format!("         revision {} finds the same", change.revision));
            return Ok(Some(exceptions));
        }
        output::line(line);
        let headline = told.attestation.headline;
        let (words, style) = words::exception_count(headline.exceptions);
        output::line(format!(
            "         {} tested, {}; {} not tested",
            headline.tested,
            output::styled(words, style),
            headline.not_tested
        ));
        for line in exceptions.iter().take(EXCEPTIONS_SHOWN) {
            output::line(format!("         {} {line}", output::styled("!", output::BAD)));
        }
        let ticket = number.unwrap_or_else(|| "no ticket (documentation only)".to_owned());
        output::line(format!("         {ticket}  {url}"));
        Ok(Some(exceptions))
    }

    async fn tell_rollup(&mut self, key: Option<ObjectKey>) -> Result<(), String> {
        let received = std::mem::take(&mut self.receipts_of_day);
        let Some(key) = key else { return Ok(()) };
        let rollup = reading::rollup(self.stack, &key).await?;
        let executions = rollup.runs.iter().filter(|run| run.changes.is_empty()).count();
        if self.format == Format::Json {
            output::json_line(&json!({
                "event": "rollup", "day": rollup.day, "runs": rollup.runs.len(), "executions": executions, "key": key.to_string(),
            }));
            return Ok(());
        }
        let runs = words::runs(rollup.runs.len(), executions);
        output::line(format!("  rollup   {runs}; receipts: {}", words::received(&received)));
        Ok(())
    }

    /// Says that the day is not over: what is not over is neither rolled up nor counted nor attested.
    fn tell_open_day(&mut self) {
        let received = std::mem::take(&mut self.receipts_of_day);
        match (self.format, self.day) {
            (Format::Json, day) => output::json_line(&json!({"event": "open", "day": day})),
            (Format::Text, _) => output::line(format!(
                "  open     receipts: {}; rolled up, counted and attested when the day is over",
                words::received(&received)
            )),
        }
    }

    fn tell_census(&self, census: &clyra_fn_census::Counted) {
        if self.format == Format::Json {
            output::json_line(&json!({
                "event": "census", "key": census.key.to_string(), "source": census.source_count, "held": census.held_count,
                "filled": census.filled, "reconciled": census.reconciled,
            }));
            return;
        }
        let reconciled = if census.reconciled { "reconciled" } else { "not reconciled" };
        output::line(format!("  census   dbt lists {}, held {}; {reconciled}", census.source_count, census.held_count));
        for run in &census.filled {
            output::line(format!("           no webhook told of run {run}: read and filled in"));
        }
    }

    /// Prints what the week came to.
    pub(super) async fn finish(&self, summary: &Summary, out: &Path) -> Result<(), String> {
        if self.format == Format::Json {
            output::json_line(summary);
            return Ok(());
        }
        let tally = words::Tally {
            receipts: reading::receipts(self.stack).await?,
            filled: self.filled,
            changes: self.told.len() as u64,
            tickets: self.stage.servicenow.changes().len() as u64,
        };
        let period = match self.project {
            Some(project) => reading::newest_period(self.stack, project).await?,
            None => None,
        };
        words::week(&tally, period.as_ref(), summary, out);
        Ok(())
    }
}
