//! Takes a badge back, or gives it back: decisions of the operator, noted in the badge registry.

use clyra_attest::Catalogue;
use clyra_evidence::id::{Framework, Slug};
use clyra_fn_badge::config::BadgeName;
use clyra_fn_badge::registry::{self, Reason};
use clyra_ports::table::TableError;
use serde::{Deserialize, Serialize};

use crate::view::View;

/// What is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wanted {
    /// The framework, such as `sox`.
    pub framework: Framework,
    /// The project's slug.
    pub project: Slug,
    /// Why it is revoked; absent: it is restored.
    #[serde(default)]
    pub reason: Option<Reason>,
}

/// What came of it: the document of `clyra badge … --json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Done {
    /// The badge, such as `sox/finance-core`.
    pub badge: String,
    /// Why it is revoked; absent when it is not.
    pub revoked_for: Option<Reason>,
    /// Why nothing was done, when there is no such badge.
    pub not_found: Option<String>,
}

/// Revokes or restores a badge as a whole. A badge that no project in scope has is not known: a slip of the pen must not
/// look like a badge that was taken back.
///
/// # Errors
/// When the ledger fails.
pub async fn apply(view: &View, wanted: &Wanted) -> Result<Done, TableError> {
    let name = BadgeName { framework: wanted.framework.clone(), project: wanted.project.clone() };
    let mut done = Done { badge: name.path(), ..Done::default() };
    done.not_found = unknown(view, &name);
    if done.not_found.is_some() {
        return Ok(done);
    }
    let entry = match wanted.reason {
        Some(reason) => registry::revoke(&view.ledger, &name, None, reason).await?,
        None => registry::restore(&view.ledger, &name).await?,
    };
    done.revoked_for = entry.revoked.then_some(entry.revoked_for).flatten();
    Ok(done)
}

fn unknown(view: &View, name: &BadgeName) -> Option<String> {
    let catalogue = Catalogue::sox_cm();
    if name.framework.as_str() != catalogue.framework() {
        return Some(format!("there is no framework {}; there is: {}", name.framework, catalogue.framework()));
    }
    let Some(scope) = &view.scope else { return Some("no scope is declared, so there is no badge".to_owned()) };
    let slugs: Vec<&str> = scope.projects.iter().map(|project| project.slug.as_str()).collect();
    let is_known = slugs.contains(&name.project.as_str());
    (!is_known).then(|| format!("no project in scope is called {}; there are: {}", name.project, slugs.join(", ")))
}
