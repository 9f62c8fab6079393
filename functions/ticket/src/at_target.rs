//! The way of one bundle at one target: is it worth a ticket, is it a dry run, is a ticket shared, is the day full; then
//! open, attach, note.

use clyra_evidence::id::{ChangeId, ConnectionName, SourceId, TargetName};
use clyra_evidence::time::Timestamp;
use clyra_ports::ledger::{TicketRecord, TicketState};
use clyra_ports::step::StepError;

use crate::config::{DRY_RUN_DAYS_DEFAULT, TargetSetup};
use crate::desk::{Desk, ledger_failed};
use crate::draft::{Draft, short_description};
use crate::evidence::Evidence;
use crate::note::Content;
use crate::worth::{Shape, Worth, worth};
use crate::{Deps, sharing};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// One bundle at one target.
pub(crate) struct AtTarget<'a> {
    pub(crate) deps: &'a Deps,
    pub(crate) name: &'a str,
    pub(crate) setup: &'a TargetSetup,
    pub(crate) evidence: &'a Evidence,
    /// Whether the change went live before its connection was first seen.
    before_baseline: bool,
    pub(crate) now: Timestamp,
    /// The project's slug in the scope, or its id.
    pub(crate) project: String,
    pub(crate) verify_url: String,
    pub(crate) holder: String,
}

impl<'a> AtTarget<'a> {
    pub(crate) fn new(
        deps: &'a Deps,
        name: &'a TargetName,
        setup: &'a TargetSetup,
        evidence: &'a Evidence,
        before_baseline: bool,
        now: Timestamp,
    ) -> Result<Self, StepError> {
        let change = &evidence.manifest.change;
        Ok(Self {
            deps,
            name: name.as_str(),
            setup,
            evidence,
            before_baseline,
            now,
            project: project(deps, &change.connection, &change.project.id),
            verify_url: verify_url(deps, change.change_id, now),
            holder: holder(deps)?,
        })
    }

    /// Brings the ticket to where the bundle says it should be. Called again, it changes nothing more.
    pub(crate) async fn settle(&self) -> Result<(), StepError> {
        let change = &self.evidence.manifest.change.change_id;
        let record = self.deps.ledger.ticket(self.name, change).await.map_err(ledger_failed)?;
        match record.as_ref().map(|record| record.state) {
            Some(TicketState::Open) => return self.bring_up_to_date(false).await,
            // It stands in the list of its day; later revisions are found by its link.
            Some(TicketState::Overflow) => return Ok(()),
            Some(
                TicketState::WouldOpen
                | TicketState::NotWanted
                | TicketState::Waiting
                | TicketState::Creating
                | TicketState::Parked,
            )
            | None => {}
        }
        let shape = match worth(&self.evidence.manifest.change, &self.evidence.facts, self.before_baseline) {
            Worth::Ticket(shape) => shape,
            Worth::None(reason) => return self.conclude(TicketState::NotWanted, reason.in_words(), None).await,
        };
        if self.is_dry_run().await? {
            return self.say_what_would_open(&shape).await;
        }
        if let Some(key) = &shape.shared {
            let at = self.evidence.manifest.change.live_at.unwrap_or(self.now);
            if let Some(first) = sharing::first_of(&self.desk(), key, change, at).await? {
                return self.join(&first, &shape).await;
            }
        }
        if !self.has_room().await? {
            return self.overflow().await;
        }
        let draft = self
            .with_fields(Draft::of(self.content(), &shape, self.now))
            .requested_by(&self.evidence.paper.people, &self.setup.fields);
        let opened = self.desk().open(change, &draft).await?;
        if opened.created {
            let number = opened.record.number.as_deref().unwrap_or_default();
            tracing::info!(change.id = %change, target.name = self.name, ticket.number = number, "ticket.opened");
        }
        self.bring_up_to_date(opened.created).await
    }

    pub(crate) fn desk(&self) -> Desk<'_> {
        Desk {
            ledger: &self.deps.ledger,
            name: self.name,
            target: self.setup.target.as_ref(),
            holder: &self.holder,
            now: self.now,
        }
    }

    pub(crate) fn content(&self) -> Content<'_> {
        Content {
            manifest: &self.evidence.manifest,
            facts: &self.evidence.facts,
            paper: &self.evidence.paper,
            delta: self.evidence.delta.as_ref(),
            bundle_id: self.evidence.bundle_id,
            zip_sha256: self.evidence.zip_sha256,
            trust_sha256: self.evidence.trust_sha256,
            verify_url: &self.verify_url,
            project_slug: &self.project,
        }
    }

    pub(crate) fn with_fields(&self, draft: Draft) -> Draft {
        draft.with(&self.setup.fields, &self.project)
    }

    /// Records a decision against a ticket of its own, unless a writer is opening one at this moment.
    pub(crate) async fn conclude(
        &self,
        state: TicketState,
        reason: &str,
        number: Option<&str>,
    ) -> Result<(), StepError> {
        let change = &self.evidence.manifest.change.change_id;
        self.deps
            .ledger
            .update_ticket(self.name, change, |record| {
                let mut record = record.unwrap_or_else(|| TicketRecord::new(*change));
                let leased = record.lease_until.is_some_and(|until| until > self.now);
                if record.state == TicketState::Open || leased {
                    return None;
                }
                record.state = state;
                record.reason = Some(reason.to_owned());
                record.number = number.map(ToOwned::to_owned);
                record.last_error = None;
                Some(record)
            })
            .await
            .map_err(ledger_failed)?;
        Ok(())
    }

    async fn say_what_would_open(&self, shape: &Shape) -> Result<(), StepError> {
        let kind = shape.ticket_type.as_str();
        let words = format!("dry run: would open a {kind} change \"{}\"", short_description(self.content()));
        let change = &self.evidence.manifest.change.change_id;
        tracing::info!(change.id = %change, target.name = self.name, ticket.draft = words, "ticket.dry_run");
        self.conclude(TicketState::WouldOpen, &words, None).await
    }

    /// Whether the target is only told in words what would be opened: as configured, else while it is new.
    async fn is_dry_run(&self) -> Result<bool, StepError> {
        if let Some(configured) = self.deps.config.dry_run {
            return Ok(configured);
        }
        let seen = self
            .deps
            .ledger
            .update_note("ticket-target-first-seen", self.name, |seen: Option<Timestamp>| {
                Some(seen.unwrap_or(self.now))
            })
            .await
            .map_err(ledger_failed)?;
        Ok(seen.is_none_or(|seen| self.now.ms_since(seen) < DRY_RUN_DAYS_DEFAULT * DAY_MS))
    }

    async fn has_room(&self) -> Result<bool, StepError> {
        let (change, max) = (&self.evidence.manifest.change.change_id, self.deps.config.max_tickets_per_day);
        self.deps.ledger.take_of_day(self.name, &self.project, self.now.day(), change, max).await.map_err(ledger_failed)
    }
}

/// A name that no other writer has, in whatever process: 128 random bits.
fn holder(deps: &Deps) -> Result<String, StepError> {
    let mut bytes = [0; 16];
    deps.entropy.fill(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

fn project(deps: &Deps, connection: &ConnectionName, id: &SourceId) -> String {
    let scoped = deps.scope.as_ref().and_then(|scope| scope.project_of(connection, id));
    scoped.map_or_else(|| id.to_string(), |project| project.slug.to_string())
}

fn verify_url(deps: &Deps, change: ChangeId, now: Timestamp) -> String {
    let config = &deps.config;
    let until = now.plus_ms(i64::from(config.link_valid_days).saturating_mul(DAY_MS));
    let base = config.public_base_url.as_str().trim_end_matches('/');
    format!("{base}{}", deps.link_key.path(change, until, config.link_epoch))
}
