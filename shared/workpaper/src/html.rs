//! The work paper as one page: no script, no request to anybody, readable without colour, on a phone and on paper.

mod sections;
mod table;
mod tested;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::fact::FactClass;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::model::{Footer, WorkPaper};
use crate::words;

/// The style of all pages; its digest stands in the content security policy.
const STYLE: &str = include_str!("html/style.css");

/// All classes, for the legend.
pub(crate) const CLASSES: [FactClass; 5] =
    [FactClass::Claimed, FactClass::Delivered, FactClass::Observed, FactClass::Confirmed, FactClass::Reconstructed];

/// A page with the policy that lets a browser show it and do nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The HTML, in UTF-8.
    pub html: String,
    /// The value of the `Content-Security-Policy` header (CSP Level 3).
    pub content_security_policy: String,
}

/// Where the same change is found in other forms; paths on this host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Downloads {
    /// The PDF.
    pub pdf: Option<String>,
    /// The JSON.
    pub json: Option<String>,
    /// The bundle.
    pub bundle: Option<String>,
    /// The trust file; convenience only, as the page says.
    pub trust: Option<String>,
    /// Below which the signed documents stand that a paper names.
    pub documents: Option<String>,
}

/// Draws the paper.
#[must_use]
pub fn page(paper: &WorkPaper, downloads: &Downloads) -> Page {
    let body = html! {
        a .skip href="#paper" { "Skip to the work paper" }
        (sections::masthead(paper, downloads))
        main #paper { (sections::all(paper, downloads)) }
    };
    document(&format!("{} · work paper", paper.header.title), body, &sheet_footer(&paper.footer))
}

/// A short page of the same look, for what is not there (any more): a heading and sentences.
#[must_use]
pub fn notice(title: &str, sentences: &[&str]) -> Page {
    let body = html! {
        main .notice #paper {
            p .kicker { "Clyra" }
            h1 { (title) }
            @for sentence in sentences { p { (sentence) } }
        }
    };
    document(title, body, "")
}

/// A page of the same look around `body`, for other surfaces of the same deployment.
#[must_use]
pub fn document(title: &str, body: Markup, more_style: &str) -> Page {
    let style = format!("{STYLE}{more_style}");
    let policy = policy(&style);
    Page {
        html: markup(title, &body, &style, None),
        content_security_policy: format!("{policy}; frame-ancestors 'none'"),
    }
}

/// A page of the same look that is kept as a file. No server sends a policy with it, so it holds its own; who may frame it
/// cannot be said there (CSP Level 3, section 3.3).
#[must_use]
pub fn file(title: &str, body: Markup, more_style: &str) -> String {
    let style = format!("{STYLE}{more_style}");
    markup(title, &body, &style, Some(&policy(&style)))
}

fn policy(style: &str) -> String {
    let hash = STANDARD.encode(Sha256Digest::of(style.as_bytes()).as_bytes());
    format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
}

fn markup(title: &str, body: &Markup, style: &str, policy: Option<&str>) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                @if let Some(policy) = policy { meta http-equiv="Content-Security-Policy" content=(policy); }
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                meta name="robots" content="noindex, nofollow";
                meta name="color-scheme" content="light dark";
                title { (title) }
                // The style sheet is ours and holds no text from outside.
                style { (PreEscaped(style)) }
            }
            body { (body) }
        }
    };
    markup.into_string()
}

/// The foot of each printed sheet (CSS Paged Media Level 3, margin boxes): a label of ours, a digest and a time.
fn sheet_footer(footer: &Footer) -> String {
    let Footer { label, sha256, time } = footer;
    format!(
        "@page{{@bottom-left{{content:\"{label} {sha256}\"}}\
         @bottom-right{{content:\"{} · page \" counter(page) \" of \" counter(pages)}}}}",
        words::time(*time)
    )
}

#[cfg(test)]
mod tests;
