//! What happens by the clock: runs are settled and days rolled up, days are counted, periods attested, and what a step
//! missed is asked for again. Here stands only when.

use std::sync::Arc;
use std::time::Duration;

use clyra_fn_census::Problem;
use tokio::sync::watch;

use crate::stack::Stack;

/// How often waiting runs are looked at, and whether a period can be attested.
const TEND_EVERY: Duration = Duration::from_secs(60);
/// How often the store is compared with what the steps did.
const RECONCILE_EVERY: Duration = Duration::from_secs(60 * 60);
/// How often it is asked whether a day is over and not reconciled.
const CENSUS_EVERY: Duration = Duration::from_secs(15 * 60);

/// Runs all timers until `stop` changes.
pub async fn run(stack: Arc<Stack>, mut stop: watch::Receiver<bool>) {
    let mut tend = tokio::time::interval(TEND_EVERY);
    let mut reconcile = tokio::time::interval(RECONCILE_EVERY);
    let mut census = tokio::time::interval(CENSUS_EVERY);
    loop {
        tokio::select! {
            _ = stop.changed() => return,
            _ = tend.tick() => {
                tend_once(&stack).await;
                tell(&stack.census.attest_due().await.problems, "a period could not be attested yet");
            }
            _ = reconcile.tick() => reconcile_once(&stack).await,
            _ = census.tick() => tell(&stack.census.count_due().await.problems, "a day could not be counted yet"),
        }
    }
}

fn tell(problems: &[Problem], what: &str) {
    for Problem { project, error } in problems {
        tracing::warn!(project = %project, error = %error, "{what}");
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
