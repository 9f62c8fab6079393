//! What happens by the clock: runs are settled and days rolled up, days are counted, periods attested, and what a step
//! missed is asked for again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use clyra_evidence::id::Slug;
use clyra_evidence::scope::ScopedProject;
use clyra_evidence::time::Day;
use clyra_fn_census::{CensusError, Counted};
use tokio::sync::watch;

use crate::stack::Stack;

/// How often waiting runs are looked at.
const TEND_EVERY: Duration = Duration::from_secs(60);
/// How often the store is compared with what the steps did.
const RECONCILE_EVERY: Duration = Duration::from_secs(60 * 60);
/// How often it is asked whether a day is over and not counted.
const CENSUS_EVERY: Duration = Duration::from_secs(15 * 60);
/// Days back that are counted when nobody was there to count: dbt keeps its delivery log for seven.
const CENSUS_DAYS_BACK: i64 = 7;

/// Runs all timers until `stop` changes.
pub async fn run(stack: Arc<Stack>, mut stop: watch::Receiver<bool>) {
    let mut tend = tokio::time::interval(TEND_EVERY);
    let mut reconcile = tokio::time::interval(RECONCILE_EVERY);
    let mut census = tokio::time::interval(CENSUS_EVERY);
    let mut owed = BTreeSet::new();
    loop {
        tokio::select! {
            _ = stop.changed() => return,
            _ = tend.tick() => {
                tend_once(&stack).await;
                attest_owed(&stack, &mut owed).await;
            }
            _ = reconcile.tick() => reconcile_once(&stack).await,
            _ = census.tick() => census_due(&stack, &mut owed).await,
        }
    }
}

async fn tend_once(stack: &Stack) {
    match stack.bundler.tend().await {
        Ok(tended) => {
            for problem in tended.problems {
                tracing::warn!(error = %problem, "a run or a rollup could not be settled yet");
            }
        }
        Err(error) => tracing::warn!(error = %error, "waiting runs could not be looked at"),
    }
}

async fn reconcile_once(stack: &Stack) {
    match stack.census.reconcile().await {
        Ok(found) if found.receipts_sent + found.bundles_sent + found.signed > 0 => {
            tracing::info!(
                receipts = found.receipts_sent,
                bundles = found.bundles_sent,
                signed = found.signed,
                "what a step missed was asked for again"
            );
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(error = %error, "the store could not be reconciled"),
    }
}

/// A project whose period is to be attested up to a day.
type Owed = BTreeSet<(Slug, Day)>;

/// Counts every day that is over and was not counted; the period up to the last one is then owed an attestation.
async fn census_due(stack: &Stack, owed: &mut Owed) {
    let Some(scope) = &stack.scope else { return };
    let yesterday = stack.clock.now().day().plus_days(-1);
    for project in &scope.projects {
        match count_missing(stack, project, yesterday).await {
            Ok(true) => drop(owed.insert((project.slug.clone(), yesterday))),
            Ok(false) => {}
            Err(error) => tracing::warn!(project = %project.slug, error = %error, "the census could not be finished"),
        }
    }
}

/// Attests what is owed, once the bundle step has dealt with every receipt: an attestation over changes that nobody has
/// looked at yet could show no exception where there is one.
async fn attest_owed(stack: &Stack, owed: &mut Owed) {
    let Some(scope) = &stack.scope else { return };
    if owed.is_empty() || !bundles_are_settled(stack).await {
        return;
    }
    for (slug, day) in std::mem::take(owed) {
        let Some(project) = scope.projects.iter().find(|project| project.slug == slug) else { continue };
        if let Err(error) = attest(stack, project, day).await {
            tracing::warn!(project = %slug, error = %error, "the period could not be attested yet");
            owed.insert((slug, day));
        }
    }
}

/// Nothing waits for the bundle step, nothing was set aside, and it has looked at every receipt.
async fn bundles_are_settled(stack: &Stack) -> bool {
    for lane in stack.lanes.iter().filter(|lane| lane.step.name() == "bundle") {
        let parked = lane.queue.parked(1).await;
        if lane.queue.depth().await.ok() != Some(0) || !parked.is_ok_and(|parked| parked.is_empty()) {
            return false;
        }
    }
    stack.census.is_settled().await.unwrap_or(false)
}

/// Counts the days up to `last` that have no census yet; gives whether there were any.
async fn count_missing(stack: &Stack, project: &ScopedProject, last: Day) -> Result<bool, CensusError> {
    let mut any = false;
    for back in (0..CENSUS_DAYS_BACK).rev() {
        let day = last.plus_days(-back);
        for environment in &project.environments {
            let id = &environment.environment_id;
            if !stack.census.is_counted(&project.connection, id, day).await? {
                stack.census.count_day(&project.connection, &project.project_id, id, day).await?;
                any = true;
            }
        }
    }
    Ok(any)
}

/// Counts one day of all environments of a project.
///
/// # Errors
/// When the census could not be finished.
pub async fn count(stack: &Stack, project: &ScopedProject, day: Day) -> Result<Vec<Counted>, CensusError> {
    let mut counted = Vec::new();
    for environment in &project.environments {
        let id = &environment.environment_id;
        counted.push(stack.census.count_day(&project.connection, &project.project_id, id, day).await?);
    }
    Ok(counted)
}

/// Attests the period from the first counted day to `to`.
///
/// # Errors
/// When the attestation could not be made.
pub async fn attest(stack: &Stack, project: &ScopedProject, to: Day) -> Result<(), CensusError> {
    if let Some(from) = stack.census.first_counted_day(project).await? {
        stack.census.attest(&project.connection, &project.slug, from.min(to), to).await?;
    }
    Ok(())
}
