//! The facts about one change, each with its class and the readings it rests on. Their names and types are those of
//! spec/compliance/facts.md; a fact that nobody read is absent, never guessed.

mod delta;
mod reach;
mod shown;

pub(crate) use delta::changed_nodes;

use std::collections::BTreeSet;

use clyra_delta::artifact::manifest::ManifestProjection;
use clyra_delta::compare::SemanticDelta;
use clyra_delta::owners::OwnerRules;
use clyra_delta::results::document::TestResults;
use clyra_evidence::change::{ChangeKind, Component};
use clyra_evidence::fact::{FactClass, FactValue, Facts, Reading};
use clyra_evidence::id::{ReceiptId, SourceId};
use clyra_evidence::manifest::{ChangeClass, ChangeHeader};
use clyra_evidence::time::Timestamp;
use clyra_ports::index::{RunRecord, RunStatus};

use crate::enrich::audit::actor_value;
use crate::enrich::dbt::{EnvironmentSeen, Trigger};
use crate::enrich::definition::Definition;
use crate::note::{ActorNote, Artifact, ConfigEvent, RunNote, RunRef, Standing};
use crate::outcome::failed;

/// Everything the facts of one change are taken from.
#[derive(Debug)]
pub(crate) struct About<'a> {
    pub(crate) header: &'a ChangeHeader,
    pub(crate) connected_sources: &'a [String],
    /// The run that brought it.
    pub(crate) run: &'a RunRecord,
    pub(crate) note: &'a RunNote,
    pub(crate) standing: &'a Standing,
    /// The deliveries, in ascending order of their ids.
    pub(crate) deliveries: &'a [Reading],
    /// Whether one of them reached us within a day of being sent.
    pub(crate) told_in_time: bool,
    /// Whether a later fact took it back.
    pub(crate) withdrawn: bool,
    pub(crate) delta: Option<&'a SemanticDelta>,
    /// What its run shows.
    pub(crate) tests: Option<&'a TestResults>,
    pub(crate) manifests: (Option<&'a ManifestProjection>, Option<&'a ManifestProjection>),
    /// Who has to approve what, where the entity's scope says it.
    pub(crate) owners: Option<&'a OwnerRules>,
    /// The packages whose content differs.
    pub(crate) packages_changed: Option<Vec<String>>,
    /// Of a `config` change: the definition before, and the last run under which it was read.
    pub(crate) defined_before: Option<(RunRef, Definition)>,
    pub(crate) retried: Option<&'a RunRecord>,
    pub(crate) follow_up: FollowUp,
    /// Receipts of the change under whose id other facts were told.
    pub(crate) conflicts: Vec<ReceiptId>,
}

/// What became of a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FollowUp {
    /// The later success at the same state, and the hours to it.
    pub(crate) resolved: Option<(SourceId, i64)>,
    /// Whether the hours allowed have passed.
    pub(crate) overdue: bool,
}

/// Takes the facts.
pub(crate) fn facts(about: &About<'_>) -> Facts {
    let mut writer = Writer::new(about);
    writer.change();
    writer.run();
    writer.departures();
    writer.state();
    writer.drift();
    writer.config();
    writer.follow_up();
    delta::delta(&mut writer);
    shown::shown(&mut writer);
    writer.facts
}

/// Writes facts under the class and readings of the run's details, unless said otherwise.
pub(crate) struct Writer<'a> {
    about: &'a About<'a>,
    facts: Facts,
    class: FactClass,
    /// The answer about the run.
    run: Vec<String>,
    results: Vec<String>,
    manifest: Vec<String>,
    audit: Vec<String>,
    /// Read only once the run is known to have brought a change, which may be later than the rest.
    freshness: (Vec<String>, FactClass),
    deliveries: Vec<String>,
}

impl<'a> Writer<'a> {
    fn new(about: &'a About<'a>) -> Self {
        let mut facts = Facts::new();
        let (mut run, mut results, mut manifest) = (Vec::new(), Vec::new(), Vec::new());
        let (mut audit, mut deliveries) = (Vec::new(), Vec::new());
        for reading in about.deliveries {
            deliveries.push(facts.add_reading(|id| Reading { id, ..reading.clone() }));
        }
        let class = about.note.readings.first().map_or(FactClass::Delivered, |reading| reading.class);
        let mut freshness = (Vec::new(), class);
        for reading in &about.note.readings {
            let id = facts.add_reading(|id| Reading { id, ..reading.clone() });
            let kind = match reading.endpoint.as_str() {
                endpoint if endpoint.contains("/run_results.json") => &mut results,
                endpoint if endpoint.contains("/manifest.json") => &mut manifest,
                endpoint if endpoint.contains("/audit-logs/") => &mut audit,
                endpoint if endpoint.contains("/sources.json") => {
                    freshness.1 = freshness.1.weaker(reading.class);
                    &mut freshness.0
                }
                _ => &mut run,
            };
            kind.push(id);
        }
        Self { about, facts, class, run, results, manifest, audit, freshness, deliveries }
    }

    fn of_run(&mut self, name: &str, value: impl Into<FactValue>) {
        self.facts.set(name, value, self.class, &self.run);
    }

    fn of_results(&mut self, name: &str, value: impl Into<FactValue>) {
        self.facts.set(name, value, self.class, &self.results);
    }

    fn of_audit(&mut self, name: &str, value: impl Into<FactValue>) {
        let from = [self.run.as_slice(), &self.audit].concat();
        self.facts.set(name, value, self.class, &from);
    }

    /// What follows from states: from the answer about the run and the manifest.
    fn of_state(&mut self, name: &str, value: impl Into<FactValue>) {
        let from = [self.run.as_slice(), &self.manifest].concat();
        self.facts.set(name, value, self.class, &from);
    }

    /// What follows from results and a manifest.
    fn of_tests(&mut self, name: &str, value: impl Into<FactValue>) {
        let from = [self.run.as_slice(), &self.results, &self.manifest].concat();
        self.facts.set(name, value, self.class, &from);
    }

    /// What follows from a look at the sources and a manifest.
    fn of_freshness(&mut self, name: &str, value: impl Into<FactValue>) {
        let (readings, class) = &self.freshness;
        let from = [self.run.as_slice(), readings, &self.manifest].concat();
        self.facts.set(name, value, *class, &from);
    }

    fn change(&mut self) {
        let about = self.about;
        let from = [self.deliveries.as_slice(), &self.run].concat();
        // Told in time is not learned later, even where the source answered only the next day.
        let class = match (self.class, about.told_in_time) {
            (FactClass::Reconstructed, true) => FactClass::Delivered,
            (class, _) => class,
        };
        self.facts.set("change.kind", about.header.kind.as_str(), class, &from);
        self.facts.set("sources.connected", about.connected_sources.to_vec(), self.class, &from);
        if about.withdrawn {
            self.of_state("change.withdrawn", true);
            self.of_state("change.liveAt", FactValue::Null);
        } else {
            self.of_run("change.liveAt", about.run.started_at);
        }
        let components = about.standing.brings.iter().filter(|decided| decided.anchor == about.header.anchor);
        let components: Vec<String> =
            components.flat_map(|decided| &decided.components).map(|component| component.as_str().to_owned()).collect();
        self.of_state("change.components", components);
        self.of_state("change.component", component(about.header));
        let documentation = about.header.kind == ChangeKind::Code && about.header.class == ChangeClass::Documentation;
        let worthy = !about.withdrawn && !documentation && class != FactClass::Reconstructed;
        self.facts.set("ticket.worthy", worthy, class, &from);
        let conflicts = about.conflicts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let all = [self.deliveries.as_slice(), &self.run, &self.results, &self.manifest, &self.audit].concat();
        self.facts.set("evidence.signaturesValid", true, FactClass::Observed, &all);
        self.facts.set("evidence.conflicts", conflicts, FactClass::Observed, &self.deliveries);
    }

    fn run(&mut self) {
        let (run, note) = (self.about.run, self.about.note);
        self.of_run("run.id", run.run_id.as_str());
        self.of_run("run.job.id", run.job_id.as_str());
        if run.status != RunStatus::Unfinished {
            self.of_run("run.status", run.status.as_str());
        }
        self.of_run("run.startedAt", run.started_at);
        if let Some(finished_at) = run.finished_at {
            self.of_run("run.finishedAt", finished_at);
        }
        self.of_run("run.gitSha", text(run.git_sha.as_deref()));
        self.of_run("run.gitBranch", text(note.details.git_branch.as_deref()));
        if let Some(vector) = &run.vector {
            self.of_results("run.dbtVersion", vector.dbt_version.as_str());
        }
        if let Some(job) = &note.details.job {
            self.of_run("run.job.name", job.name.as_untrusted());
        }
        if let Some(EnvironmentSeen { custom_branch, .. }) = &note.details.environment {
            self.of_run("environment.expectedBranch", text(custom_branch.as_deref()));
        }
        if let Some(Trigger { category, reason_given, .. }) = &note.details.trigger {
            if !category.is_empty() {
                self.of_run("run.trigger.causeCategory", category.as_str());
            }
            self.of_run("run.reason.given", *reason_given);
        }
        match &note.actor {
            ActorNote::Unread => {}
            ActorNote::Nobody => {
                self.of_run("run.actor.id", FactValue::Null);
                self.of_run("run.actor.type", FactValue::Null);
            }
            ActorNote::Account { kind, commitment } => {
                if let Some(commitment) = commitment {
                    self.of_run("run.actor.id", commitment.to_string());
                }
                self.of_run("run.actor.type", kind.as_str());
            }
        }
        self.of_run("run.retryOf", text(run.retry_of.as_ref().map(SourceId::as_str)));
        if let Some(retried) = self.about.retried {
            self.of_run("run.retryOf.gitSha", text(retried.git_sha.as_deref()));
            if let (Some(before), Some(now)) = (&retried.vector, &run.vector) {
                self.of_state("run.retryOf.sameVector", before == now);
            }
        }
    }

    fn departures(&mut self) {
        let (about, departures) = (self.about, &self.about.standing.departures);
        if about.note.details.trigger.is_some() {
            self.of_run("run.overrides", departures.overrides.clone());
        }
        if !about.note.details.steps.is_empty() {
            self.of_run("run.operations", departures.operations.clone());
        }
        match &about.note.results {
            Artifact::Read(results) => {
                self.of_results("run.vars.names", departures.vars.clone());
                self.of_results("run.fullRefresh", results.full_refresh);
                if !departures.refresh_unknown {
                    self.of_results("run.fullRefreshNodes", departures.refreshed.clone());
                    self.of_results("run.fullRefreshSnapshots", departures.refreshed_history.clone());
                }
                self.of_results("tests.failedError", results.failed_tests.clone());
                let counts = &results.counts;
                for (name, count) in [
                    ("run.nodes.succeeded", counts.nodes_succeeded),
                    ("run.nodes.failed", counts.nodes_failed),
                    ("run.nodes.notRun", counts.nodes_not_run),
                    ("tests.passed", counts.tests_passed),
                    ("tests.warned", counts.tests_warned),
                    ("tests.failed", counts.tests_failed + counts.tests_errored),
                    ("tests.notRun", counts.tests_not_run),
                ] {
                    self.of_results(name, i64::try_from(count).unwrap_or(i64::MAX));
                }
            }
            Artifact::Malformed { code } => self.of_run("run.results.finding", code.as_str()),
            Artifact::Missing => self.of_run("run.results.finding", "ARTIFACT_MISSING"),
            Artifact::NotRead => {}
        }
    }

    fn state(&mut self) {
        let (about, standing) = (self.about, self.about.standing);
        match &about.note.manifest {
            Artifact::Malformed { code } => self.of_run("run.manifest.finding", code.as_str()),
            Artifact::Missing => self.of_run("run.manifest.finding", "MANIFEST_MISSING"),
            Artifact::NotRead | Artifact::Read(_) => {}
        }
        let Some(before) = &standing.before else { return };
        if let Some(held) = &before.held {
            self.of_state("before.run.id", held.run.as_str());
            self.of_state("before.run.gitSha", text(held.git_sha.as_deref()));
        }
        if let (Some(old), Some(new)) = (&before.git_sha, &about.run.git_sha) {
            self.of_state("vector.gitSha.changed", old != new);
        }
        if let Some(vector) = &about.run.vector {
            let of_job = standing.job_before.as_ref().map_or(&vector.dbt_version, |job| &job.dbt_version);
            self.of_state("vector.manifest.changed", vector.manifest != before.vector.manifest);
            self.of_state("vector.seeds.changed", vector.seeds != before.vector.seeds);
            self.of_state("vector.dbtVersion.changed", vector.dbt_version != *of_job);
            self.of_state("vector.packages", vector.packages.to_string());
            self.of_state("vector.manifest", vector.manifest.to_string());
        }
        if let Some(packages) = &about.packages_changed {
            self.of_state("packages.changed", packages.clone());
        }
        if let Some(changed) = standing.version_setting_changed {
            self.of_run("dbtVersion.settingChanged", changed);
        }
    }

    /// Between which runs a drift came about. Every run tells the version it ran with; code is known of runs alone whose
    /// manifest was read.
    fn drift(&mut self) {
        let (about, standing) = (self.about, self.about.standing);
        if about.header.kind != ChangeKind::Drift {
            return;
        }
        self.of_run("drift.firstSeenAt", about.run.started_at);
        let of_version = about.header.anchor.get(1).is_some_and(|part| part == Component::DbtVersion.as_str());
        let last_read = if of_version {
            standing.job_before.as_ref().map(|job| (&job.run.run, job.run.started_at, 0))
        } else {
            let before = standing.before.as_ref();
            before
                .and_then(|before| Some((before.held.as_ref()?, before.unread)))
                .map(|(h, n)| (&h.run, h.started_at, n))
        };
        let Some((run, started_at, between)) = last_read else { return };
        self.of_state("drift.lastReadRun", run.as_str());
        self.of_state("drift.lastReadAt", started_at);
        self.of_state("drift.runsBetween", FactValue::Int(between.into()));
    }

    /// Without audit events nobody knows who edited an object and when: only between which runs.
    fn config(&mut self) {
        let about = self.about;
        let Some(object) = about.header.anchor.first().filter(|_| about.header.kind == ChangeKind::Config) else {
            return;
        };
        self.of_run("config.object", object.as_str());
        self.of_run("config.firstSeenAt", about.run.started_at);
        self.definitions(object);
        let Artifact::Read(events) = &about.note.audit else { return self.of_run("config.action", "changed") };
        let unchanged_at = about.defined_before.as_ref().map(|(run, _)| run.started_at);
        let since = |event: &&ConfigEvent| unchanged_at.is_none_or(|at| event.at > at);
        let known = events.iter().filter(|event| event.object == *object && event.at <= about.run.started_at);
        let known: Vec<_> = known.filter(since).collect();
        let (last, actors) = (known.last(), known.iter().map(|event| actor_value(event)));
        let actors = actors.filter_map(|actor| if let FactValue::Text(actor) = actor { Some(actor) } else { None });
        let actors: BTreeSet<String> = actors.collect();
        self.of_audit("config.action", last.map_or("changed", |event| event.action.as_str()));
        if let Some(event) = last {
            self.of_audit("config.changedAt", event.at);
        }
        self.of_audit("config.actor", last.map_or(FactValue::Null, |event| actor_value(event)));
        self.of_audit("config.actors", actors.into_iter().collect::<Vec<_>>());
    }

    /// What differs between the definition before and the one that the run shows.
    fn definitions(&mut self, object: &str) {
        let Some((run, before)) = &self.about.defined_before else { return };
        self.of_run("config.lastSeenUnchangedAt", run.started_at);
        let details = &self.about.note.details;
        let now = match object.starts_with("job/") {
            true => details.job.as_ref().map(|job| &job.definition),
            false => details.environment.as_ref().map(|environment| &environment.definition),
        };
        let Some(now) = now else { return };
        let changed = now.changed(before);
        self.of_run("config.fieldsBefore", before.shown(&changed));
        self.of_run("config.fieldsAfter", now.shown(&changed));
        self.of_run("config.changedFields", changed);
    }

    fn follow_up(&mut self) {
        let (about, follow_up) = (self.about, &self.about.follow_up);
        if !failed(about.run) {
            return;
        }
        let resolved = follow_up.resolved.as_ref();
        self.of_state("followUp.resolvedByRun", text(resolved.map(|(run, _)| run.as_str())));
        self.of_state("followUp.hours", resolved.map_or(FactValue::Null, |(_, hours)| FactValue::Int(*hours)));
        self.of_state("followUp.overdue", follow_up.overdue);
    }
}

/// What a drift or a `config` change is about: the component that drifted, or the kind of object; other kinds have no one
/// component.
fn component(header: &ChangeHeader) -> FactValue {
    let part = match header.kind {
        ChangeKind::Drift => header.anchor.get(1).map(String::as_str),
        ChangeKind::Config => header.anchor.first().and_then(|object| object.split('/').next()),
        ChangeKind::Code | ChangeKind::Override | ChangeKind::Sync | ChangeKind::Warehouse => None,
    };
    text(part)
}

fn text(value: Option<&str>) -> FactValue {
    value.map_or(FactValue::Null, FactValue::from)
}

/// Whole hours between two times, rounded up: what took a minute more than a day did not take a day.
pub(crate) fn hours_between(from: Timestamp, to: Timestamp) -> i64 {
    const HOUR_MS: i64 = 60 * 60 * 1_000;
    let ms = to.ms_since(from).max(0);
    ms / HOUR_MS + i64::from(ms % HOUR_MS > 0)
}
