//! Census, period attestation and badge of every project in scope, each checked before it is believed.

use std::collections::BTreeMap;

use clyra_evidence::def::census_day::CensusDay;
use clyra_evidence::envelope::ENVELOPE_BYTES_MAX;
use clyra_evidence::id::SourceId;
use clyra_evidence::object_key::{DayOf, ObjectKey, ObjectPrefix};
use clyra_evidence::scope::ScopedProject;
use clyra_evidence::statement::PredicateName;
use clyra_evidence::time::Day;
use clyra_fn_badge::attestation::{AttestationError, newest};
use clyra_fn_badge::config::{BadgeName, STALE_AFTER_DAYS_DEFAULT};
use clyra_fn_badge::state::State;
use clyra_ports::evidence_store::StoreError;
use clyra_verify::verify_envelope;

use super::look::{LookError, all};
use super::report::ProjectState;
use crate::view::View;

/// The framework whose attestations there are.
const FRAMEWORK: &str = "sox";

/// The newest revision of every census day, by environment and day.
type Revisions = BTreeMap<(SourceId, Day), (DayOf, u32)>;

pub(super) async fn look(view: &View) -> Result<Vec<ProjectState>, LookError> {
    let Some(scope) = &view.scope else { return Ok(Vec::new()) };
    let mut projects = Vec::new();
    for project in &scope.projects {
        projects.push(of_project(view, project).await?);
    }
    Ok(projects)
}

async fn of_project(view: &View, project: &ScopedProject) -> Result<ProjectState, LookError> {
    let mut state = ProjectState {
        slug: project.slug.clone(),
        census_day: None,
        reconciled: false,
        gaps: 0,
        attested_to: None,
        badge: State::Incomplete.message(),
    };
    let revisions = revisions(view, project).await?;
    if let Some(day) = last_whole_day(project, &revisions) {
        state.census_day = Some(day);
        state.reconciled = true;
        for environment in &project.environments {
            let census = match revisions.get(&(environment.environment_id.clone(), day)) {
                Some((of, revision)) => census(view, of, *revision).await?,
                None => None,
            };
            state.reconciled &= census.as_ref().is_some_and(|census| census.reconciled);
            state.gaps += census.map_or(0, |census| census.gaps.len() as u64);
        }
    }
    if let Ok(framework) = FRAMEWORK.parse() {
        let name = BadgeName { framework, project: project.slug.clone() };
        badge(view, &name, &mut state).await?;
    }
    Ok(state)
}

async fn badge(view: &View, name: &BadgeName, state: &mut ProjectState) -> Result<(), LookError> {
    let entry = clyra_fn_badge::registry::entry(&view.ledger, name).await?;
    let checked = match newest(view.reader.as_ref(), name).await {
        Ok(checked) => checked,
        Err(AttestationError::Refused(_)) => None,
        Err(AttestationError::Store(error)) => return Err(error.into()),
    };
    state.attested_to = checked.as_ref().map(|checked| checked.order.0);
    let badge = match &checked {
        _ if entry.is_revoked(checked.as_ref().map(|checked| &checked.sha256)) => State::Revoked,
        Some(checked) => State::of(&checked.attestation, view.clock.now(), STALE_AFTER_DAYS_DEFAULT),
        None => State::Incomplete,
    };
    state.badge = badge.message();
    Ok(())
}

async fn revisions(view: &View, project: &ScopedProject) -> Result<Revisions, StoreError> {
    let mut revisions = Revisions::new();
    for key in all(view, &ObjectPrefix::CensusDays).await? {
        let ObjectKey::CensusDay(of, n) = key else { continue };
        let ours = of.connection == project.connection
            && project.environments.iter().any(|environment| environment.environment_id == of.environment);
        if ours {
            let newest = revisions.entry((of.environment.clone(), of.day)).or_insert_with(|| (of.clone(), n));
            newest.1 = newest.1.max(n);
        }
    }
    Ok(revisions)
}

/// The last day that was counted in every environment of a project.
fn last_whole_day(project: &ScopedProject, revisions: &Revisions) -> Option<Day> {
    let days = revisions.keys().map(|(_, day)| *day);
    days.filter(|day| {
        project
            .environments
            .iter()
            .all(|environment| revisions.contains_key(&(environment.environment_id.clone(), *day)))
    })
    .max()
}

async fn census(view: &View, of: &DayOf, revision: u32) -> Result<Option<CensusDay>, StoreError> {
    let bytes = view.reader.get(&ObjectKey::CensusDay(of.clone(), revision), ENVELOPE_BYTES_MAX).await?;
    let (Some(bytes), Some(trust)) = (bytes, &view.trust) else { return Ok(None) };
    let checked = verify_envelope(&bytes, trust, PredicateName::CensusDay);
    Ok(checked.verified().and_then(|document| serde_json::from_value(document.get().predicate.clone()).ok()))
}
