//! The attestation of a period: every control in scope, over the changes of a project whose days a census reconciled.

use std::collections::BTreeSet;

use bytes::Bytes;
use clyra_attest::attestation::Attestation;
use clyra_attest::{Parameters, Period, PeriodItem, attest_period};
use clyra_evidence::def::census_day::CensusGapCode;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::envelope::ENVELOPE_BYTES_MAX;
use clyra_evidence::fact::{FactClass, FactValue, Facts, Reading};
use clyra_evidence::id::{ConnectionName, Framework, ReceiptId, Slug, Source};
use clyra_evidence::object_key::{DayOf, ObjectKey, ObjectPrefix};
use clyra_evidence::role::Role;
use clyra_evidence::scope::{Scope, ScopedProject};
use clyra_evidence::statement::{PredicateName, Statement, Subject, SubjectDigest};
use clyra_evidence::time::Day;
use clyra_evidence::zip::ZIP_BYTES_MAX;
use clyra_ports::evidence_store::{Put, list_all, newest};
use clyra_ports::signer::seal;
use clyra_ports::step::StepError;
use clyra_verify::bundle::{Options, verify_bundle};
use clyra_verify::verify_envelope;

use crate::days::HeldDay;
use crate::failures::Failures;
use crate::{Census, fault};

/// Changes read from the index at once.
const PAGE: usize = 200;
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
    readings: Vec<HeldDay>,
    counted: i64,
    reconciled: bool,
    gaps: Vec<String>,
}

impl Days {
    fn add(&mut self, held: HeldDay) {
        let digest = SubjectDigest { sha256: held.envelope };
        self.subjects.push(Subject { name: held.key.to_string(), digest });
        self.reconciled &= held.census.reconciled;
        let open = held.census.gaps.iter().filter(|gap| gap.code != CensusGapCode::SourceWindowLost);
        self.gaps.extend(open.map(|gap| gap.run_id.to_string()));
        self.readings.push(held);
    }

    /// Adds the censuses to the facts as what they rest on.
    fn read_into(&self, facts: &mut Facts) -> Basis {
        let classes = self.readings.iter().map(class);
        let weakest = classes.reduce(FactClass::weaker).unwrap_or(FactClass::Observed);
        let reading = |held: &HeldDay| {
            facts.add_reading(|id| Reading {
                id,
                source: Source::DbtCloud,
                connection: held.census.connection.clone(),
                class: class(held),
                endpoint: held.key.to_string(),
                at: held.census.asked_at,
                principal: Role::Verdict.to_string(),
                sha256: held.envelope,
                receipt_id: None,
            })
        };
        Basis { class: weakest, from: self.readings.iter().map(reading).collect() }
    }
}

/// What the facts of a period rest on.
struct Basis {
    class: FactClass,
    from: Vec<String>,
}

fn class(held: &HeldDay) -> FactClass {
    let end = held.census.day.plus_days(1).start();
    FactClass::of_reading(held.census.asked_at, end)
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
    ) -> Result<Option<Attested>, StepError> {
        let out_of_scope = || fault::out_of_scope(format!("project {slug}"));
        let scope = self.deps.config.scope.as_ref().ok_or_else(out_of_scope)?;
        let project = scope.projects.iter().find(|p| p.slug == *slug && p.connection == *connection);
        let project = project.ok_or_else(out_of_scope)?;
        let days = self.days(project, from, to).await?;
        if days.subjects.is_empty() {
            return Ok(None);
        }
        let changes = self.changes(project, from, to).await?;
        let mut facts = Facts::new();
        let basis = days.read_into(&mut facts);
        set_census(&mut facts, &days, to.days_since(from) + 1, &basis);
        set_evidence(&mut facts, &changes);
        let failures = self.failures(scope, project, from, to).await?;
        set_failures(&mut facts, failures, &basis);
        let period = Period { project: slug.clone(), from, to };
        let parameters = Parameters::from_scope(scope, Some(project));
        let attestation = attest_period(&self.deps.catalogue, &period, &facts, &parameters, &changes.items)
            .map_err(|error| fault::of_period(&error))?;
        self.sign_period(attestation, &facts, days.subjects, slug, to).await.map(Some)
    }

    /// The newest census of every day and environment, each checked before it counts.
    async fn days(&self, project: &ScopedProject, from: Day, to: Day) -> Result<Days, StepError> {
        let mut days =
            Days { subjects: Vec::new(), readings: Vec::new(), counted: 0, reconciled: true, gaps: Vec::new() };
        let revisions = self.revisions(project, from, to).await?;
        for day in (0..=to.days_since(from)).map(|offset| from.plus_days(offset)) {
            let mut whole = !project.environments.is_empty();
            for environment in &project.environments {
                let (connection, environment) = (project.connection.clone(), environment.environment_id.clone());
                let of = DayOf { connection, environment, day };
                let held = match revisions.get(&of) {
                    Some(revision) => self.believed(&of, *revision).await?,
                    None => None,
                };
                whole &= held.is_some();
                held.into_iter().for_each(|held| days.add(held));
            }
            days.counted += i64::from(whole);
            days.reconciled &= whole;
        }
        Ok(days)
    }

    /// A census; `None` for one that does not hold: its day counts as not counted, which no control survives.
    async fn believed(&self, of: &DayOf, revision: u32) -> Result<Option<HeldDay>, StepError> {
        match self.census_of(of, revision).await {
            Ok(held) => Ok(Some(held)),
            Err(error @ StepError::Park { .. }) => {
                tracing::error!(census.day = %of, error = %error, "a census does not hold and is not counted");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The changes that went live in the period, by their newest bundles.
    async fn changes(&self, project: &ScopedProject, from: Day, to: Day) -> Result<Changes, StepError> {
        let mut changes = Changes { items: Vec::new(), all_intact: true, conflicts: BTreeSet::new() };
        let mut after = None;
        loop {
            let page = self.deps.index.changes_of(&project.connection, &project.project_id, after.as_ref(), PAGE).await;
            let page = page.map_err(|error| StepError::of_index(&error))?;
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
        for key in list_all(self.deps.reader.as_ref(), &ObjectPrefix::Conflicts).await? {
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
    ) -> Result<bool, StepError> {
        let link = self.deps.index.link(receipt).await.map_err(|error| StepError::of_index(&error))?;
        let Some(run) = link.and_then(|link| link.run_id) else { return Ok(true) };
        for connection in self.deps.sources.keys() {
            let found = self.deps.index.run(connection, &run).await;
            if let Some(run) = found.map_err(|error| StepError::of_index(&error))? {
                let started = run.started_at.day();
                let ours = *connection == project.connection && run.project.id == project.project_id;
                return Ok(ours && started >= from && started <= to);
            }
        }
        Ok(true)
    }

    async fn take_change(&self, key: &ObjectKey, changes: &mut Changes) -> Result<(), StepError> {
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

    async fn failures(
        &self,
        scope: &Scope,
        project: &ScopedProject,
        from: Day,
        to: Day,
    ) -> Result<Failures, StepError> {
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
        Ok(failures)
    }

    /// Signs the attestation, unless the newest one up to this day says the same.
    async fn sign_period(
        &self,
        attestation: Attestation,
        facts: &Facts,
        census_days: Vec<Subject>,
        slug: &Slug,
        to: Day,
    ) -> Result<Attested, StepError> {
        let base = &self.deps.config.spec_base;
        let unnamed = || fault::out_of_scope(format!("framework {}", attestation.framework));
        let framework: Framework = attestation.framework.parse().map_err(|_| unnamed())?;
        let facts = serde_json::to_vec(facts).map_err(fault::unwritable)?;
        let mut subjects =
            vec![Subject { name: "facts.json".to_owned(), digest: SubjectDigest { sha256: Sha256Digest::of(&facts) } }];
        subjects.extend(census_days);
        let statement = Statement::new(base, PredicateName::AttestationSox, subjects, attestation.clone());
        let payload = statement.to_payload().map_err(fault::unwritable)?;
        let name = |n| ObjectKey::PeriodAttestation { framework: framework.clone(), project: slug.clone(), to, n };
        let mut newest = self.newest_attestation(&framework, slug, to).await?;
        if let Some(n) = newest
            && let Some(envelope) = self.says(&name(n), &payload).await?
        {
            return Ok(Attested { key: name(n), attestation, envelope });
        }
        let envelope = seal(self.deps.verdict.as_ref(), base, payload).await?.to_bytes();
        // The facts first: an attestation whose facts are not there could not be replayed.
        let key = ObjectKey::PeriodFacts(Sha256Digest::of(&facts));
        self.deps.writer.put_new(&key, Bytes::from(facts)).await?;
        loop {
            let key = name(1 + newest.unwrap_or(0));
            if self.deps.writer.put_new(&key, Bytes::from(envelope.clone())).await? == Put::Stored {
                return Ok(Attested { key, attestation, envelope: Sha256Digest::of(&envelope) });
            }
            newest = self.newest_attestation(&framework, slug, to).await?;
        }
    }

    /// The digest of the envelope under `key` when it holds and has exactly this payload.
    async fn says(&self, key: &ObjectKey, payload: &[u8]) -> Result<Option<Sha256Digest>, StepError> {
        let Some(bytes) = self.deps.reader.get(key, ENVELOPE_BYTES_MAX).await? else { return Ok(None) };
        let checked = verify_envelope(&bytes, &self.deps.trust, PredicateName::AttestationSox);
        let same = checked.verified().is_some_and(|document| document.get().payload == payload);
        Ok(same.then(|| Sha256Digest::of(&bytes)))
    }

    async fn newest_attestation(&self, framework: &Framework, slug: &Slug, day: Day) -> Result<Option<u32>, StepError> {
        let prefix = ObjectPrefix::AttestationsOf(framework.clone(), slug.clone());
        let revision = |key: &ObjectKey| {
            let ObjectKey::PeriodAttestation { to, n, .. } = key else { return None };
            (*to == day).then_some(*n)
        };
        Ok(newest(self.deps.reader.as_ref(), &prefix, revision).await?.map(|(n, _)| n))
    }
}

fn set_census(facts: &mut Facts, days: &Days, period_days: i64, basis: &Basis) {
    let reconciled = days.reconciled && days.counted == period_days;
    let populations = if reconciled { vec!["P2".to_owned()] } else { Vec::new() };
    facts.set("period.days", period_days, basis.class, &basis.from);
    facts.set("census.days", days.counted, basis.class, &basis.from);
    facts.set("census.unexplainedGaps", days.gaps.clone(), basis.class, &basis.from);
    facts.set("census.populationsReconciled", populations, basis.class, &basis.from);
}

/// The runs are those that the censuses counted.
fn set_failures(facts: &mut Facts, failures: Failures, basis: &Basis) {
    facts.set("period.failures", failures.all, basis.class, &basis.from);
    facts.set("period.failuresUnresolved", failures.unresolved, basis.class, &basis.from);
    facts.set("period.failuresOpen", failures.open, basis.class, &basis.from);
}

/// What the deployment finds about its own evidence was read from nobody.
fn set_evidence(facts: &mut Facts, changes: &Changes) {
    let conflicts: Vec<String> = changes.conflicts.iter().cloned().collect();
    facts.set("evidence.signaturesValid", changes.all_intact, FactClass::Observed, &[]);
    facts.set("evidence.conflicts", conflicts, FactClass::Observed, &[]);
}
