//! The claim page: what a badge says, in words, for everybody. It holds counts and digests, no facts, no names.

use clyra_attest::Catalogue;
use clyra_attest::attestation::Subject;
use clyra_workpaper::html::{self, Page};
use clyra_workpaper::words;
use maud::{Markup, html};

use crate::attestation::Checked;
use crate::config::{BadgeName, Config};
use crate::registry::Reason;
use crate::state::{OpenExceptions, State, label};

/// What a page is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim<'a> {
    pub(crate) name: &'a BadgeName,
    pub(crate) state: State,
    pub(crate) checked: Option<&'a Checked>,
    /// Why it was revoked, where it was.
    pub(crate) revoked_for: Option<Reason>,
}

/// The page of a badge. A badge that was revoked shows no counts: they may be what was wrong.
pub(crate) fn page(claim: Claim<'_>, config: &Config) -> Page {
    let Claim { name, state, checked, revoked_for } = claim;
    let counted = checked.filter(|_| state != State::Revoked);
    let label = label(name.framework.as_str());
    let badge = format!("{}/badge/{}.svg", config.public_base_url, name.path());
    let body = html! {
        a .skip href="#claim" { "Skip to the claim" }
        main #claim {
            header .masthead {
                p .kicker { "Claim of " (config.public_base_url) }
                h1 { (label) ": " (name.project.as_str()) }
                p .headline { b { (capital(&state.message())) } ". " (meaning(state)) @if let Some(reason) = revoked_for { " " (reason.text()) } }
            }
            @if let Some(checked) = counted { (window(checked)) }
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
    let controls = headline.tested.saturating_add(headline.not_tested).saturating_add(headline.not_applicable);
    let open = OpenExceptions::of(attestation);
    html! {
        section aria-labelledby="h-window" {
            h2 #h-window { "What was looked at" }
            dl .grid {
                div { dt { "Period (UTC days)" } dd { (from) " to " (to) } }
                @if let Some(changes) = changes {
                    div { dt { "Changes" } dd { (changes.with_exception) " of " (changes.changes) (plural(changes.changes, " change", " changes")) " with an exception; " (changes.without_exception) " without, " (changes.not_tested) " not tested, " (changes.not_applicable) " to which no control in scope applies" } }
                }
                div { dt { "Controls in scope" } dd { (headline.exceptions) " of " (controls) (plural(controls, " control", " controls")) " with an exception; " (headline.tested.saturating_sub(headline.exceptions)) " without, " (headline.not_tested) " not tested, " (headline.not_applicable) " not applicable" } }
                @if open.count() > 0 {
                    div .wide { dt { "Exceptions that the badge counts" } dd { (open.count()) ": " (open.changes) (plural(open.changes, " change", " changes")) " with an exception, and " (open.controls) (plural(open.controls, " control", " controls")) " with an exception of the period itself" } }
                }
                div { dt { "Catalogue" } dd { (attestation.catalogue.id) " " (attestation.catalogue.version) } }
                div .wide { dt { "SHA-256 of the signed attestation" } dd { code { (checked.sha256) } } }
                div .wide { dt { "Key that signed it" } dd { code { (checked.keyid) } } }
            }
            p .quiet { "Not logged: this deployment has no transparency log yet." }
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
            "No control in scope has an open exception, nothing that it needs was left untested, and the population is reconciled."
        }
        State::Exceptions { .. } => "At least one exception is open.",
        State::NothingToTest { .. } => "The period holds no change to which a control in scope applies.",
        State::Incomplete => {
            "No complete attestation is at hand: something in scope was not tested, or the population is not reconciled."
        }
        State::Stale => "The newest attestation is too old to say anything about today.",
        State::Revoked => "The operator revoked this badge.",
    }
}

const fn plural(count: u32, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
