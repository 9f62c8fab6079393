//! Plays the week moment by moment and tells what happens.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use anstyle::Style;
use clyra_attest::attestation::Attestation;
use clyra_attest::catalogue::Outcome;
use clyra_delta::compare::{DeltaClass, SemanticDelta};
use clyra_evidence::change::ChangeKind;
use clyra_evidence::id::ChangeId;
use clyra_evidence::layout::BundleFile;
use clyra_evidence::object_key::ObjectKey;
use clyra_evidence::scope::ScopedProject;
use clyra_evidence::time::{Day, Timestamp};
use clyra_evidence::zip::ZIP_BYTES_MAX;
use clyra_ports::clock::Clock as _;
use clyra_ports::index::ChangeRecord;
use clyra_ports::queue::Queue as _;
use clyra_standins::week::Moment;
use clyra_verify::bundle::{Options, verify_bundle};
use serde_json::json;

use super::summary::Summary;
use super::{Stage, cast};
use crate::links;
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

/// Plays one week against one stack.
pub(super) struct Player<'a> {
    stage: &'a Stage,
    stack: &'a Stack,
    address: SocketAddr,
    format: Format,
    project: Option<&'a ScopedProject>,
    told: BTreeMap<ChangeId, u32>,
    day: Option<Day>,
    receipts_of_day: BTreeMap<String, u64>,
    last_code: Option<ChangeId>,
    receipts: u64,
}

/// What one bundle says, as far as a line needs it.
struct Told {
    attestation: Attestation,
    delta: Option<SemanticDelta>,
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
            receipts: 0,
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
        self.receipts += 1;
        *self.receipts_of_day.entry(outcome.clone()).or_default() += 1;
        let event = delivery.event_type.as_str();
        match self.format {
            Format::Json => output::json_line(&json!({
                "event": "receipt", "at": at, "receiptId": receipt, "outcome": outcome,
                "eventType": event, "runId": delivery.run_id.to_string(),
            })),
            // Everyday receipts are summed up at the end of the day.
            Format::Text if moment.story.is_some() || outcome != "recorded" => {
                let line =
                    format!("  {}  receipt {:.8}  {event}  run {}  {outcome}", clock(at), receipt, delivery.run_id);
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
            if change.revision > 0 && self.told.get(&id) != Some(&change.revision) {
                self.tell_change(&change).await?;
                self.told.insert(id, change.revision);
            }
        }
        Ok(())
    }

    async fn tell_change(&mut self, change: &ChangeRecord) -> Result<(), String> {
        let header = &change.header;
        let Some(told) = self.read_bundle(change).await? else { return Ok(()) };
        let behavioural = told.delta.as_ref().is_none_or(|delta| delta.class != DeltaClass::Documentation);
        if header.kind == ChangeKind::Code && behavioural {
            self.last_code = Some(header.change_id);
        }
        let target = self.stack.config.targets.first().map(|target| target.name.to_string()).unwrap_or_default();
        let ticket = self.stack.ledger.ticket(&target, &header.change_id).await.map_err(|error| error.to_string())?;
        let number = ticket.as_ref().and_then(|ticket| ticket.number.clone());
        let url = links::verify_url(self.stack, header.change_id).map_err(|error| error.to_string())?;
        let exceptions = exceptions(&told.attestation);
        if self.format == Format::Json {
            output::json_line(&json!({
                "event": "change", "changeId": header.change_id, "kind": header.kind, "revision": change.revision,
                "liveAt": header.live_at, "ticket": number, "verifyUrl": url, "exceptions": exceptions,
            }));
            return Ok(());
        }
        let again = if change.revision > 1 { format!("  revision {}", change.revision) } else { String::new() };
        let what = what_changed(change, told.delta.as_ref());
        let at = header.live_at.map(clock).unwrap_or_default();
        output::line(format!("  {at}  {} {what}{again}", output::styled(header.kind, output::BOLD)));
        let headline = told.attestation.headline;
        let (words, style) = count_in_words(headline.exceptions);
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
        Ok(())
    }

    /// Reads the change's newest bundle, which must be intact: what is printed is what an auditor would see.
    async fn read_bundle(&self, change: &ChangeRecord) -> Result<Option<Told>, String> {
        let key = ObjectKey::Bundle(change.header.change_id, change.revision);
        let bytes = self.stack.embedded.reader.get(&key, ZIP_BYTES_MAX).await.map_err(|error| error.to_string())?;
        let Some(bytes) = bytes else { return Ok(None) };
        let verification = verify_bundle(&bytes, &self.stack.trust.envelope, &Options::default());
        let Some(bundle) = verification.verified() else {
            return Err(clyra_verify::explain::headline(verification.report()));
        };
        let bundle = bundle.get();
        let attestation =
            bundle.attestation("sox").and_then(|document| serde_json::from_value(document.predicate.clone()).ok());
        let delta = bundle.file(&BundleFile::SemanticDelta).and_then(|delta| serde_json::from_slice(delta).ok());
        Ok(attestation.map(|attestation| Told { attestation, delta }))
    }

    async fn tell_rollup(&mut self, key: Option<ObjectKey>) -> Result<(), String> {
        let received = received(std::mem::take(&mut self.receipts_of_day));
        let Some(key) = key else { return Ok(()) };
        let rollup = crate::evidence::rollup(self.stack, &key).await?;
        let executions = rollup.runs.iter().filter(|run| run.changes.is_empty()).count();
        if self.format == Format::Json {
            output::json_line(&json!({
                "event": "rollup", "day": rollup.day, "runs": rollup.runs.len(), "executions": executions, "key": key.to_string(),
            }));
            return Ok(());
        }
        output::line(format!(
            "  rollup   {} runs, {executions} of them changed nothing; receipts: {received}",
            rollup.runs.len()
        ));
        Ok(())
    }

    /// Says that the day is not over: what is not over is neither rolled up nor counted nor attested.
    fn tell_open_day(&mut self) {
        let received = received(std::mem::take(&mut self.receipts_of_day));
        match (self.format, self.day) {
            (Format::Json, day) => output::json_line(&json!({"event": "open", "day": day})),
            (Format::Text, _) => output::line(format!(
                "  open     receipts: {received}; rolled up, counted and attested when the day is over"
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
        let filled = match census.filled.as_slice() {
            [] => String::new(),
            filled => {
                let ids: Vec<String> = filled.iter().map(ToString::to_string).collect();
                format!("; no webhook told of run {}: read and filled in", ids.join(", "))
            }
        };
        let reconciled = if census.reconciled { "reconciled" } else { "not reconciled" };
        output::line(format!(
            "  census   dbt lists {}, held {}{filled}; {reconciled}",
            census.source_count, census.held_count
        ));
    }

    /// Prints what the week came to.
    pub(super) fn finish(&self, summary: &Summary, out: &Path) {
        if self.format == Format::Json {
            output::json_line(summary);
            return;
        }
        output::line(format!("\n{}", output::styled("The week", output::BOLD)));
        output::line(format!(
            "  {} receipts, {} changes, {} tickets",
            self.receipts,
            self.told.len(),
            self.stage.servicenow.changes().len()
        ));
        output::line(format!("  badge       {}", summary.badge_url));
        output::line(format!("  work paper  {}", summary.verify_url));
        let evidence = out.join("evidence.zip");
        let trust = out.join("trust.json");
        output::line(format!(
            "  check it    clyra verify {} --trust {} --explain",
            evidence.display(),
            trust.display()
        ));
    }

    /// Says that everything is left up.
    pub(super) fn say_up(&self) {
        if self.format == Format::Text {
            let text = format!("\nThe stack is up at http://{}. Ctrl-C stops it.", self.address);
            output::line(output::styled(text, output::DIM));
        }
    }
}

/// `fct_revenue, stg_payments +2` from ids; other kinds by what they hang on.
fn what_changed(change: &ChangeRecord, delta: Option<&SemanticDelta>) -> String {
    let header = &change.header;
    let run = header.runs.first().map(|run| format!("  run {run}")).unwrap_or_default();
    let place = match header.kind {
        ChangeKind::Drift => header.anchor.get(1).map(|component| format!(" of {component}")).unwrap_or_default(),
        ChangeKind::Config => header.anchor.first().map(|object| format!(" of {object}")).unwrap_or_default(),
        ChangeKind::Code | ChangeKind::Override | ChangeKind::Sync | ChangeKind::Warehouse => String::new(),
    };
    let names: Vec<String> = delta
        .map_or(&[][..], |delta| delta.entries.as_slice())
        .iter()
        .map(|entry| {
            let id = entry.unique_id.as_untrusted();
            clyra_evidence::text::UntrustedText::new(id.split('.').nth(2).unwrap_or(id)).for_terminal()
        })
        .collect();
    let named = match names.as_slice() {
        [] => String::new(),
        [one] => format!("  {one}"),
        [first, more @ ..] => format!("  {first} +{}", more.len()),
    };
    format!("change{place}{run}{named}")
}

/// `CM-09 J2: an override was approved … (OVERRIDE_UNAPPROVED)`
fn exceptions(attestation: &Attestation) -> Vec<String> {
    let mut lines = Vec::new();
    for control in &attestation.controls {
        for attribute in control.attributes.iter().filter(|attribute| attribute.result == Outcome::Fail) {
            let code = attribute.code.as_ref().map_or("", |code| code.as_str());
            lines.push(format!("{} {} {code}", control.id, attribute.id));
        }
    }
    lines
}

fn count_in_words(exceptions: u32) -> (String, Style) {
    match exceptions {
        0 => ("no exception".to_owned(), output::GOOD),
        1 => ("1 exception".to_owned(), output::BAD),
        n => (format!("{n} exceptions"), output::BAD),
    }
}

/// Hours and minutes of a time, in UTC.
fn received(outcomes: BTreeMap<String, u64>) -> String {
    let outcomes: Vec<String> = outcomes.into_iter().map(|(outcome, n)| format!("{n} {outcome}")).collect();
    if outcomes.is_empty() { "none".to_owned() } else { outcomes.join(", ") }
}

fn clock(at: Timestamp) -> String {
    at.to_string().get(11..16).unwrap_or_default().to_owned()
}

/// The project's slug, for the badge's address.
pub(super) const fn project() -> &'static str {
    cast::PROJECT
}
