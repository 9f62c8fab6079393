//! The state vector of a run: its own manifest where one is needed, otherwise carried over from the run before.

use clyra_delta::artifact::manifest::ManifestProjection;
use clyra_delta::artifact::resource::ResourceType;
use clyra_evidence::change::StateVector;
use clyra_evidence::digest::Sha256Digest;
use clyra_ports::index::{RunRecord, RunStatus};

use crate::enrich::command::Verb;
use crate::note::{Artifact, Departures, RunNote};
use crate::past::{Past, PastRun};

/// Whether the run's own manifest has to be read: the commit, the job, the environment or the version differ, the run
/// departs from its job, or it is the first that executed anything on its UTC day, which is how drift is caught.
///
/// The answer follows from the order of runs alone, never from what happens to be known, so that every order of
/// arrival leads to the same vectors.
pub(crate) fn needs_manifest(note: &RunNote, record: &RunRecord, past: &Past) -> bool {
    let (Some(before), Some(of_job)) = (&past.of_environment, &past.of_job) else { return true };
    let (Some(vector), Some(job_vector)) = (before.vector(), of_job.vector()) else { return true };
    let before = &before.record;
    let details = &note.details;
    let differs = |now: Option<Sha256Digest>, before: Sha256Digest| now.is_some_and(|now| now != before);
    past.unread > 0
        || record.git_sha.is_none()
        || record.git_sha != before.git_sha
        || before.started_at.day() != record.started_at.day()
        || differs(details.job.as_ref().map(|job| job.definition.digest), job_vector.job)
        || differs(details.environment.as_ref().map(|environment| environment.definition.digest), vector.environment)
        // Without results nobody knows the version that ran; the manifest knows it too.
        || told_version(note).is_none_or(|version| version != job_vector.dbt_version)
        || details.trigger.as_ref().is_some_and(|trigger| !trigger.overrides.is_empty())
        || note.results.read().is_some_and(|results| results.full_refresh)
}

/// The vector; `None` when the code part is neither in the run's own manifest nor to be carried over.
pub(crate) fn compose(note: &RunNote, needed: bool, past: &Past) -> Option<StateVector> {
    let before = past.of_environment.as_ref().and_then(PastRun::vector);
    let of_job = past.of_job.as_ref().and_then(PastRun::vector);
    let details = &note.details;
    let (manifest, seeds, packages) = match (needed, note.manifest.read(), before) {
        (true, Some(seen), _) => (seen.code.manifest_digest, seen.code.seed_digest, seen.code.packages_digest()),
        (false, _, Some(before)) => (before.manifest, before.seeds, before.packages),
        (true, None, _) | (false, _, None) => return None,
    };
    // A definition that could not be read is taken as unchanged: what is not known to differ is no change, and the
    // facts say that it was not read.
    let unread = || Sha256Digest::of(b"clyra/unread/v0");
    let job = details.job.as_ref().map(|job| job.definition.digest).or(of_job.map(|vector| vector.job));
    let environment = details.environment.as_ref().map(|environment| environment.definition.digest);
    // The run itself may name a release track only, which says nothing of what ran: it is the last resort.
    let own = note.manifest.read().filter(|_| needed).map(|seen| seen.code.dbt_version.as_str());
    let version = told_version(note).or(own).or(of_job.map(|vector| vector.dbt_version.as_str()));
    Some(StateVector {
        manifest,
        seeds,
        packages,
        dbt_version: version.or(details.dbt_version.as_deref()).unwrap_or_default().to_owned(),
        job: job.unwrap_or_else(unread),
        environment: environment.or(before.map(|vector| vector.environment)).unwrap_or_else(unread),
    })
}

/// The version that ran, by its own word.
fn told_version(note: &RunNote) -> Option<&str> {
    note.results.read().and_then(|results| results.dbt_version.as_deref())
}

/// Whether the run executed any node. Where its results cannot be read, a step that executes nodes and got as far as
/// an end counts as having done so, unless the run failed without leaving any.
pub(crate) fn executed(note: &RunNote) -> bool {
    match &note.results {
        Artifact::Read(results) => results.executed,
        Artifact::Malformed { .. } => note.details.executing_steps().next().is_some(),
        Artifact::Missing | Artifact::NotRead => {
            let success = note.details.status == RunStatus::Success;
            success && note.details.executing_steps().next().is_some()
        }
    }
}

/// In what the run departed from its job's definition.
pub(crate) fn departures(
    note: &RunNote,
    expected_branch: Option<&str>,
    in_force: Option<&ManifestProjection>,
    master_data: &[String],
) -> Departures {
    let details = &note.details;
    let mut departures = Departures::default();
    if let Some(trigger) = &details.trigger {
        departures.overrides.clone_from(&trigger.overrides);
        // dbt fills in branch and commit of what it checked out, too: only another branch, or a commit without any
        // branch that a person or a script asked for, was chosen.
        let asked = matches!(trigger.category.as_str(), "ui" | "api");
        let other = |branch: &String| expected_branch.is_some_and(|expected| expected != branch);
        if trigger.category != "ci" && trigger.git_branch.as_ref().is_some_and(other) {
            departures.overrides.push("gitBranch".to_owned());
        }
        if asked && trigger.git_sha.is_some() && trigger.git_branch.is_none() {
            departures.overrides.push("gitSha".to_owned());
        }
    }
    let replaced = departures.overrides.iter().any(|name| name == "steps");
    let job = details.job.as_ref().map(|job| job.commands.as_slice()).unwrap_or_default();
    let defined = |operation: &String| job.iter().any(|command| command.operation.as_ref() == Some(operation));
    let operations = details.steps.iter().filter(|step| step.command.verb == Verb::Operation);
    let operations = operations.filter_map(|step| step.command.operation.clone());
    departures.operations = operations.filter(|operation| !defined(operation)).collect();
    let Some(results) = note.results.read() else { return departures };
    let passed = |name: &&String| job.iter().any(|command| command.vars.contains(*name));
    departures.vars = results.vars.iter().filter(|name| !passed(name)).cloned().collect();
    departures.refresh_defined = !replaced && job.iter().any(|command| command.full_refresh);
    if results.full_refresh {
        match in_force {
            Some(manifest) => refreshed(&results.refreshed, manifest, master_data, &mut departures),
            None => departures.refresh_unknown = !results.refreshed.is_empty(),
        }
    }
    departures
}

/// dbt never drops a snapshot by the flag, so a snapshot that ran under it kept its history.
fn refreshed(nodes: &[String], manifest: &ManifestProjection, master_data: &[String], departures: &mut Departures) {
    for id in nodes {
        let Some(resource) = manifest.resource(id) else { continue };
        let incremental = resource.materialized.as_deref() == Some("incremental");
        if incremental && resource.full_refresh != Some(false) {
            departures.refreshed.push(id.clone());
        } else if resource.resource_type == ResourceType::Seed && master_data.contains(id) {
            departures.refreshed_history.push(id.clone());
        }
    }
}
