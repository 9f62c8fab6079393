//! The claim page: what a badge says, in words, for everybody. It holds counts and digests, no facts, no names.

use clyra_attest::Catalogue;
use clyra_attest::attestation::Subject;
use clyra_workpaper::html::{self, Page};
use clyra_workpaper::words;
use maud::{Markup, html};

use crate::config::{BadgeName, Config};
use crate::source::Checked;
use crate::state::{State, label};

/// The page of a badge.
pub(crate) fn page(name: &BadgeName, state: State, checked: Option<&Checked>, config: &Config) -> Page {
    let label = label(name.framework.as_str());
    let badge = format!("{}/badge/{}.svg", config.public_base_url, name.path());
    let body = html! {
        a .skip href="#claim" { "Skip to the claim" }
        main #claim {
            header .masthead {
                p .kicker { "Claim of " (config.public_base_url) }
                h1 { (label) ": " (name.project.as_str()) }
                p .headline { b { (capital(&state.message())) } ". " (meaning(state)) }
            }
            @if let Some(checked) = checked { (window(checked)) }
            (limits())
            section aria-labelledby="h-check" {
                h2 #h-check { "How to check it" }
                p { "The token at " code { (config.public_base_url) "/badge/" (name.path()) ".jwt" } " says the same under a signature. Check it with keys that you pinned from the deployment's trust file; " code { "/.well-known/jwks.json" } " is a convenience." }
                p { "The badge for a page of yours:" }
                pre { code { "[![" (label) "](" (badge) ")](" (config.claim_url(name)) ")" } }
            }
        }
    };
    html::document(&format!("{label}: {}", name.project), body, "")
}

fn window(checked: &Checked) -> Markup {
    let attestation = &checked.attestation;
    let (from, to) = match &attestation.subject {
        Subject::Period { from, to, .. } => (from.to_string(), to.to_string()),
        Subject::Change { .. } => (String::new(), String::new()),
    };
    let headline = &attestation.headline;
    let changes = attestation.population.as_ref();
    html! {
        section aria-labelledby="h-window" {
            h2 #h-window { "What was looked at" }
            dl .grid {
                div { dt { "Period (UTC days)" } dd { (from) " to " (to) } }
                @if let Some(changes) = changes {
                    div { dt { "Changes" } dd { (changes.changes) ": " (changes.without_exception) " without exception, " (changes.with_exception) " with an open exception, " (changes.not_tested) " not tested" } }
                }
                div { dt { "Controls in scope" } dd { (headline.tested) " tested, " (headline.exceptions) " with an exception, " (headline.not_tested) " not tested, " (headline.not_applicable) " not applicable" } }
                div { dt { "Catalogue" } dd { (attestation.catalogue.id) " " (attestation.catalogue.version) } }
                div { dt { "Log" } dd { "not logged yet" } }
                div { dt { "Checkpoint" } dd { "none" } }
                div .wide { dt { "SHA-256 of the signed attestation" } dd { code { (checked.sha256) } } }
                div .wide { dt { "Key that signed it" } dd { code { (checked.keyid) } } }
            }
        }
    }
}

fn limits() -> Markup {
    html! {
        section aria-labelledby="h-limits" {
            h2 #h-limits { "What it covers, and what not" }
            p { (Catalogue::sox_cm().scope_statement()) }
            p { "It says what evidence shows about changes of the connected systems. It is no opinion on internal control over financial reporting, and no substitute for an audit." }
            p .quiet { b { (words::ResultWord::NotTested.as_str()) } " is neither good nor bad: something that a rule needs was not read." }
        }
    }
}

fn meaning(state: State) -> &'static str {
    match state {
        State::NoExceptions { .. } => {
            "Every control in scope was tested over a reconciled population, and no exception is open."
        }
        State::Exceptions { .. } => "At least one exception is open.",
        State::NothingToTest { .. } => "The reconciled population of the period holds nothing to test.",
        State::Incomplete => {
            "No complete attestation is at hand: something in scope was not tested, or the population is not reconciled."
        }
        State::Stale => "The newest attestation is too old to say anything about today.",
        State::Revoked => "The operator revoked this badge.",
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
