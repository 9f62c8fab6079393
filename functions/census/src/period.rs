//! The attestation of a period: every control in scope, over the changes of a project whose days a census reconciled.

use std::collections::BTreeSet;

use bytes::Bytes;
use clyra_attest::attestation::Attestation;
use clyra_attest::{Parameters, Period, PeriodItem, attest_period};
use clyra_evidence::def::census_day::{CensusDay, CensusGapCode};
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::envelope::ENVELOPE_BYTES_MAX;
use clyra_evidence::fact::{FactClass, FactValue, Facts};
use clyra_evidence::id::{ConnectionName, Framework, ReceiptId, Slug};
use clyra_evidence::object_key::{DayOf, ObjectKey, ObjectPrefix};
use clyra_evidence::scope::{Scope, ScopedProject};
use clyra_evidence::statement::{PredicateName, Statement, Subject, SubjectDigest};
use clyra_evidence::time::{Day, Timestamp};
use clyra_evidence::zip::ZIP_BYTES_MAX;
use clyra_ports::evidence_store::Put;
use clyra_ports::index::{RunRecord, RunStatus};
use clyra_ports::signer::seal;
use clyra_verify::bundle::{Options, verify_bundle};
use clyra_verify::verify_envelope;

use crate::{Census, CensusError};

/// Changes read from the index at once.
const PAGE: usize = 200;
/// Revisions of one document that are looked for.
const REVISIONS_MAX: usize = 1_000;
/// Hours allowed to resolve a failed run, where the scope does not say: the catalogue's own default.
const FOLLOW_UP_HOURS_DEFAULT: i64 = 24;

/// A period attestation that was signed and stored.
#[derive(Clone, Debug)]
pub struct Attested {
    /// Where it is stored.
    pub key: ObjectKey,
    /// What it says.
    pub attestation: Attestation,
    /// SHA-256 of its envelope file.
    pub envelope: Sha256Digest,
}

/// The days of a period, as the censuses left them.
struct Days {
    subjects: Vec<Subject>,
    counted: i64,
    reconciled: bool,
    gaps: Vec<String>,
}

/// The changes of a period, as their newest bundles tell them.
struct Changes {
    items: Vec<PeriodItem>,
    all_intact: bool,
    conflicts: BTreeSet<String>,
}

impl Census {
    /// Evaluates a project's period and signs the result; `None` while no day of it was counted.
    ///
    /// # Errors
    /// When the project is not in scope, or store, index or signer fail.
    pub async fn attest(
        &self,
        connection: &ConnectionName,
        slug: &Slug,
        from: Day,
        to: Day,
    ) -> Result<Option<Attested>, CensusError> {
        let out_of_scope = || CensusError::OutOfScope { what: format!("project {slug}") };
        let scope = self.deps.config.scope.as_ref().ok_or_else(out_of_scope)?;
        let project = scope.projects.iter().find(|p| p.slug == *slug && p.connection == *connection);
        let project = project.ok_or_else(out_of_scope)?;
        let days = self.days(project, from, to).await?;
        if days.subjects.is_empty() {
            return Ok(None);
        }
        let changes = self.changes(project, from, to).await?;
        let mut facts = Facts::new();
        let period_days = to.days_since(from) + 1;
        set_census(&mut facts, &days, period_days);
        set_evidence(&mut facts, &changes);
        self.set_failures(&mut facts, scope, project, from, to).await?;
        let period = Period { project: slug.clone(), from, to };
        let parameters = Parameters::from_scope(scope, Some(project));
        let attestation = attest_period(&self.deps.catalogue, &period, &facts, &parameters, &changes.items)?;
        self.sign_period(attestation, &facts, days.subjects, slug, to).await.map(Some)
    }

    /// The first day that was counted for a project: nothing before it can be attested.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn first_counted_day(&self, project: &ScopedProject) -> Result<Option<Day>, CensusError> {
        let mut after = None;
        let mut first: Option<Day> = None;
        loop {
            let page = self.deps.reader.list(&ObjectPrefix::CensusDays, after.as_ref(), REVISIONS_MAX).await?;
            for key in &page {
                let ObjectKey::CensusDay(of, _) = key else { continue };
                let ours = of.connection == project.connection
                    && project.environments.iter().any(|e| e.environment_id == of.environment);
                if ours {
                    first = Some(first.map_or(of.day, |day| day.min(of.day)));
                }
            }
            if page.len() < REVISIONS_MAX {
                return Ok(first);
            }
            after = page.into_iter().next_back();
        }
    }

    /// The last day of the newest period that was attested for a project.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn attested_to(&self, project: &ScopedProject) -> Result<Option<Day>, CensusError> {
        let keys = self.all(&ObjectPrefix::Attestations).await?;
        let to = |key: &ObjectKey| {
            let ObjectKey::PeriodAttestation { project: of, to, .. } = key else { return None };
            (*of == project.slug).then_some(*to)
        };
        Ok(keys.iter().filter_map(to).max())
    }

    /// The newest census of every day and environment, each checked before it counts.
    async fn days(&self, project: &ScopedProject, from: Day, to: Day) -> Result<Days, CensusError> {
        let mut days = Days { subjects: Vec::new(), counted: 0, reconciled: true, gaps: Vec::new() };
        for offset in 0..=to.days_since(from) {
            let day = from.plus_days(offset);
            let mut whole = !project.environments.is_empty();
            for environment in &project.environments {
                let of = DayOf {
                    connection: project.connection.clone(),
                    environment: environment.environment_id.clone(),
                    day,
                };
                match self.newest_census(&of).await? {
                    Some((subject, census)) => {
                        days.subjects.push(subject);
                        days.reconciled &= census.reconciled;
                        let open = census.gaps.iter().filter(|gap| gap.code != CensusGapCode::SourceWindowLost);
                        days.gaps.extend(open.map(|gap| gap.run_id.to_string()));
                    }
                    None => whole = false,
                }
            }
            days.counted += i64::from(whole);
            days.reconciled &= whole;
        }
        Ok(days)
    }

    pub(crate) async fn newest_census(&self, of: &DayOf) -> Result<Option<(Subject, CensusDay)>, CensusError> {
        let known = self.deps.reader.list(&ObjectPrefix::CensusDaysOf(of.clone()), None, REVISIONS_MAX).await?;
        let last = known.iter().filter_map(|key| if let ObjectKey::CensusDay(_, n) = key { Some(*n) } else { None });
        let Some(last) = last.max() else { return Ok(None) };
        let key = ObjectKey::CensusDay(of.clone(), last);
        let Some(bytes) = self.deps.reader.get(&key, ENVELOPE_BYTES_MAX).await? else { return Ok(None) };
        let checked = verify_envelope(&bytes, &self.deps.trust, PredicateName::CensusDay);
        let Ok((document, _)) = checked.into_result() else { return Ok(None) };
        let census: Option<CensusDay> = serde_json::from_value(document.into_inner().predicate).ok();
        let subject = Subject { name: key.to_string(), digest: SubjectDigest { sha256: Sha256Digest::of(&bytes) } };
        Ok(census.map(|census| (subject, census)))
    }

    /// The changes that went live in the period, by their newest bundles.
    async fn changes(&self, project: &ScopedProject, from: Day, to: Day) -> Result<Changes, CensusError> {
        let mut changes = Changes { items: Vec::new(), all_intact: true, conflicts: BTreeSet::new() };
        let mut after = None;
        loop {
            let page =
                self.deps.index.changes_of(&project.connection, &project.project_id, after.as_ref(), PAGE).await?;
            for record in &page {
                let header = &record.header;
                let live = header.live_at.is_some_and(|at| at.day() >= from && at.day() <= to);
                let scoped = project.environments.iter().any(|e| e.environment_id == header.environment.id);
                if live && scoped && record.revision > 0 {
                    let key = ObjectKey::Bundle(header.change_id, record.revision);
                    self.take_change(&key, &mut changes).await?;
                }
            }
            if page.len() < PAGE {
                break;
            }
            after = page.last().map(|record| record.header.change_id);
        }
        for key in self.all(&ObjectPrefix::Conflicts).await? {
            let ObjectKey::Conflict(id, _) = key else { continue };
            if self.concerns(&id, project, from, to).await? {
                changes.conflicts.insert(id.to_string());
            }
        }
        Ok(changes)
    }

    /// Whether a receipt tells of a run of this project in the period. One that cannot be placed concerns everybody.
    async fn concerns(
        &self,
        receipt: &ReceiptId,
        project: &ScopedProject,
        from: Day,
        to: Day,
    ) -> Result<bool, CensusError> {
        let link = self.deps.index.link(receipt).await?;
        let Some(run) = link.and_then(|link| link.run_id) else { return Ok(true) };
        for connection in self.deps.sources.keys() {
            if let Some(run) = self.deps.index.run(connection, &run).await? {
                let started = run.started_at.day();
                let ours = *connection == project.connection && run.project.id == project.project_id;
                return Ok(ours && started >= from && started <= to);
            }
        }
        Ok(true)
    }

    async fn take_change(&self, key: &ObjectKey, changes: &mut Changes) -> Result<(), CensusError> {
        let bytes = self.deps.reader.get(key, ZIP_BYTES_MAX).await?;
        let item = bytes.as_ref().and_then(|bytes| {
            let checked = verify_bundle(bytes, &self.deps.trust, &Options::default());
            let withdrawn =
                |facts: &Facts| facts.get("change.withdrawn").is_some_and(|fact| fact.value == FactValue::Bool(true));
            let bundle = checked.verified()?.get();
            if bundle.facts().is_some_and(withdrawn) {
                return Some(None);
            }
            let document = bundle.attestation(self.deps.catalogue.framework())?;
            let attestation: Attestation = serde_json::from_value(document.predicate.clone()).ok()?;
            PeriodItem::from_attestation(&attestation.to_bytes(), []).ok().map(Some)
        });
        match item {
            Some(item) => changes.items.extend(item),
            // A change whose evidence does not hold is not left out: it makes the whole period not hold.
            None => changes.all_intact = false,
        }
        Ok(())
    }

    async fn set_failures(
        &self,
        facts: &mut Facts,
        scope: &Scope,
        project: &ScopedProject,
        from: Day,
        to: Day,
    ) -> Result<(), CensusError> {
        let hours = if let Some(FactValue::Int(hours)) = scope.parameters.get("followUpHoursMax") {
            *hours
        } else {
            FOLLOW_UP_HOURS_DEFAULT
        };
        let now = self.deps.clock.now();
        let mut failures = Failures::default();
        for environment in &project.environments {
            let mut runs = Vec::new();
            // A failure of the last day may be resolved after it.
            for offset in 0..=to.days_since(from) + 1 + hours / 24 {
                let day = from.plus_days(offset);
                runs.extend(self.runs_of_day(&project.connection, &environment.environment_id, day).await?);
            }
            runs.retain(|run| run.production);
            failures.add(&runs, to, hours.saturating_mul(3_600_000), now);
        }
        facts.set("period.failures", failures.all, FactClass::Observed, &[]);
        facts.set("period.failuresUnresolved", failures.unresolved, FactClass::Observed, &[]);
        facts.set("period.failuresOpen", failures.open, FactClass::Observed, &[]);
        Ok(())
    }

    async fn sign_period(
        &self,
        attestation: Attestation,
        facts: &Facts,
        census_days: Vec<Subject>,
        slug: &Slug,
        to: Day,
    ) -> Result<Attested, CensusError> {
        let base = &self.deps.config.spec_base;
        let unnamed = || CensusError::OutOfScope { what: format!("framework {}", attestation.framework) };
        let framework: Framework = attestation.framework.parse().map_err(|_| unnamed())?;
        let facts = serde_json::to_vec(facts)?;
        let mut subjects =
            vec![Subject { name: "facts.json".to_owned(), digest: SubjectDigest { sha256: Sha256Digest::of(&facts) } }];
        subjects.extend(census_days);
        let statement = Statement::new(base, PredicateName::AttestationSox, subjects, attestation.clone());
        let envelope = seal(self.deps.verdict.as_ref(), base, statement.to_payload()?).await?.to_bytes();
        // The facts first: an attestation whose facts are not there could not be replayed.
        let key = ObjectKey::PeriodFacts(Sha256Digest::of(&facts));
        self.deps.writer.put_new(&key, Bytes::from(facts)).await?;
        let prefix = ObjectPrefix::AttestationsOf(framework.clone(), slug.clone());
        loop {
            let n = 1 + self.newest_attestation(&prefix, to).await?;
            let key = ObjectKey::PeriodAttestation { framework: framework.clone(), project: slug.clone(), to, n };
            if self.deps.writer.put_new(&key, Bytes::from(envelope.clone())).await? == Put::Stored {
                return Ok(Attested { key, attestation, envelope: Sha256Digest::of(&envelope) });
            }
        }
    }

    async fn newest_attestation(&self, prefix: &ObjectPrefix, day: Day) -> Result<u32, CensusError> {
        let mut after = None;
        let mut newest = 0;
        loop {
            let page = self.deps.reader.list(prefix, after.as_ref(), REVISIONS_MAX).await?;
            for key in &page {
                if let ObjectKey::PeriodAttestation { to, n, .. } = key
                    && *to == day
                {
                    newest = newest.max(*n);
                }
            }
            if page.len() < REVISIONS_MAX {
                return Ok(newest);
            }
            after = page.into_iter().next_back();
        }
    }
}

fn set_census(facts: &mut Facts, days: &Days, period_days: i64) {
    let reconciled = days.reconciled && days.counted == period_days;
    let populations = if reconciled { vec!["P2".to_owned()] } else { Vec::new() };
    facts.set("period.days", period_days, FactClass::Observed, &[]);
    facts.set("census.days", days.counted, FactClass::Observed, &[]);
    facts.set("census.unexplainedGaps", days.gaps.clone(), FactClass::Observed, &[]);
    facts.set("census.populationsReconciled", populations, FactClass::Observed, &[]);
}

fn set_evidence(facts: &mut Facts, changes: &Changes) {
    let conflicts: Vec<String> = changes.conflicts.iter().cloned().collect();
    facts.set("evidence.signaturesValid", changes.all_intact, FactClass::Observed, &[]);
    facts.set("evidence.conflicts", conflicts, FactClass::Observed, &[]);
}

/// Failed production runs of a period, by run id.
#[derive(Debug, Default, PartialEq, Eq)]
struct Failures {
    all: Vec<String>,
    unresolved: Vec<String>,
    open: Vec<String>,
}

impl Failures {
    /// Adds the failures among `runs`, which are in order of their start. A failure is resolved by a later successful run
    /// of its job in the same state, within `allowed_ms` of its end.
    fn add(&mut self, runs: &[RunRecord], to: Day, allowed_ms: i64, now: Timestamp) {
        for (at, run) in runs.iter().enumerate().filter(|(_, run)| run.started_at.day() <= to && failed(run)) {
            let ended = run.finished_at.unwrap_or(run.started_at);
            let due = ended.plus_ms(allowed_ms);
            let resolves = |later: &&RunRecord| {
                later.job_id == run.job_id
                    && later.status == RunStatus::Success
                    && later.failed_tests.is_empty()
                    && later.vector.is_some()
                    && later.vector == run.vector
                    && later.finished_at.is_some_and(|finished| finished <= due)
            };
            let id = run.run_id.to_string();
            self.all.push(id.clone());
            match runs[at + 1..].iter().find(resolves) {
                Some(_) => {}
                None if now <= due => self.open.push(id),
                None => self.unresolved.push(id),
            }
        }
    }
}

fn failed(run: &RunRecord) -> bool {
    run.status == RunStatus::Error || !run.failed_tests.is_empty()
}
