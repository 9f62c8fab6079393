//! Configuration and scope: do they parse, do they fit each other, and do they mean what their author thinks.

use std::collections::BTreeSet;
use std::path::Path;

use clyra_attest::{Catalogue, Parameters};
use clyra_config::Config;
use clyra_evidence::scope::Scope;
use url::{Host, Url};

use super::diagnosis::Area;

/// Reads both files. Every mistake is a finding of its own.
pub(super) fn read(path: &Path, catalogue: &Catalogue) -> (Area, Option<(Config, Option<Scope>)>) {
    let mut area = Area::new("configuration");
    let config = match Config::read(path) {
        Ok(config) => config,
        Err(errors) => {
            for error in errors.0 {
                area.problem(error, "clyra serve does not start with it", "correct the file");
            }
            return (area, None);
        }
    };
    area.ok(format!("{} is read", path.display()));
    let scope = match config.read_scope(Some(path)) {
        Ok(scope) => scope,
        Err(errors) => {
            for error in errors.0 {
                area.problem(error, "clyra serve does not start with it", "correct the scope file");
            }
            return (area, Some((config, None)));
        }
    };
    of_connections(&config, &mut area);
    of_scope(&config, scope.as_ref(), catalogue, &mut area);
    of_addresses(&config, &mut area);
    of_tickets(&config, scope.as_ref(), &mut area);
    if config.retention_days == 1 {
        area.warn(
            "evidence is kept for 1 day: a trial, not retention evidence",
            "auditors of financial statements keep their papers seven years; a promise once made cannot be shortened",
            "set retentionDays (2555 is seven years) when the trial is over",
        );
    } else {
        area.ok(format!("evidence is kept for {} days", config.retention_days));
    }
    (area, Some((config, scope)))
}

fn of_connections(config: &Config, area: &mut Area) {
    if config.connections.is_empty() {
        area.warn(
            "no connection is configured",
            "every webhook is answered 404 and no run is read",
            "add one under connections: with source, host and accountId",
        );
    }
}

fn of_scope(config: &Config, scope: Option<&Scope>, catalogue: &Catalogue, area: &mut Area) {
    let Some(scope) = scope else {
        area.warn(
            "no scope is declared",
            "no run counts as production, no period is attested, and every badge stays grey",
            "write a scope.yaml with your projects and environments and name it under scope:",
        );
        return;
    };
    let problems = Parameters::from_scope(scope, None).problems(catalogue);
    for problem in &problems {
        area.problem(
            format!("scope: {problem}"),
            "clyra serve does not start with it",
            "correct the name or the value",
        );
    }
    let mut slugs = BTreeSet::new();
    for project in &scope.projects {
        if !slugs.insert(&project.slug) {
            let what = format!("scope: two projects have the slug {}", project.slug);
            area.problem(what, "badges and attestations are named by it", "give each project a slug of its own");
        }
        if project.environments.is_empty() {
            let what = format!("scope: the project {} names no environment", project.slug);
            area.problem(what, "none of its runs counts as production", "name its production environments");
        }
        for environment in project.environments.iter().filter(|environment| environment.branch.is_none()) {
            area.warn(
                format!("scope: no branch for environment {} of {}", environment.environment_id, project.slug),
                "without it CM-05 cannot say whether a run was built from the branch you protect",
                "add branch: with the name of the production branch",
            );
        }
    }
    if scope.projects.is_empty() {
        area.problem("scope: no project is in it", "nothing can be attested", "add your projects");
    }
    if scope.controls.is_empty() {
        area.warn(
            "scope: no control is in it",
            "controls outside the scope are shown and colour no badge",
            "name the controls of your risk and control matrix under controls:",
        );
    }
    if problems.is_empty() {
        area.ok(format!(
            "scope version {}: {} with {}",
            scope.version,
            plural(scope.projects.len(), "project"),
            plural(scope.controls.len(), "control")
        ));
    }
    for slug in config.badge.public.iter().filter(|slug| !slugs.contains(slug)) {
        let what = format!("badge.public names {slug}, which is no project of the scope");
        area.problem(what, "that badge stays grey for ever", "use the slug of a project in scope.yaml");
    }
}

fn of_addresses(config: &Config, area: &mut Area) {
    match &config.public_base_url {
        None => area.warn(
            format!("no publicBaseUrl: links in tickets begin with http://{}", config.listen),
            "they open on this machine only",
            "set publicBaseUrl to the https address under which others reach this server",
        ),
        Some(url) => of_base_url(url, area),
    }
    if !config.listen.ip().is_loopback() {
        area.warn(
            format!("the server listens at {}, for other machines too", config.listen),
            "it speaks plain http: whoever is on the way can read verify links",
            "listen at 127.0.0.1 and put a proxy with TLS in front",
        );
    }
}

fn of_base_url(url: &Url, area: &mut Area) {
    let is_local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let (what, todo) = (format!("publicBaseUrl is {url}"), "give it the form https://clyra.example.com");
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.host().is_none() {
        area.problem(what, "links are made by adding a path to it", todo);
    } else if is_local {
        area.warn(what, "its links open on this machine only", todo);
    } else if url.scheme() != "https" {
        area.problem(what, "verify links would travel in the clear, and dbt Cloud sends to https addresses only", todo);
    } else {
        area.ok(what);
    }
}

fn of_tickets(config: &Config, scope: Option<&Scope>, area: &mut Area) {
    if config.targets.is_empty() {
        area.warn(
            "no ticket target is configured",
            "changes that deserve a ticket wait; evidence is complete without one",
            "add one under targets:, or leave it so if you keep no tickets",
        );
        return;
    }
    match config.ticket.dry_run {
        Some(true) => area.warn(
            "ticket.dryRun is true: no ticket is opened",
            "clyra status shows what would be opened",
            "set it to false when you want tickets",
        ),
        Some(false) => area.ok("tickets are opened (ticket.dryRun: false)"),
        None => area.ok(
            "a new target's first seven days are a dry run: clyra status shows what would be opened (ticket.dryRun: false ends it)",
        ),
    }
    for target in &config.targets {
        for slug in target.configuration_items.keys() {
            let known = scope.is_some_and(|scope| scope.projects.iter().any(|project| project.slug.as_str() == slug));
            if !known {
                area.problem(
                    format!(
                        "target {}: configurationItems names {slug}, which is no project of the scope",
                        target.name
                    ),
                    "that configuration item is never set",
                    "use the slug of a project in scope.yaml",
                );
            }
        }
    }
}

/// `1 thing` or `n things`.
pub(super) fn plural(n: usize, thing: &str) -> String {
    format!("{n} {thing}{}", if n == 1 { "" } else { "s" })
}
