//! The sections of the page, in the order in which an auditor reads a work paper.

use clyra_evidence::time::Timestamp;
use maud::{Markup, html};

use super::Downloads;
use super::table::table;
use super::tested::tested;
use crate::model::{Attribute, Control, Header, IntegrityState, WorkPaper};
use crate::shown::Shown;
use crate::words::{self, ResultWord};

/// Id, number and title of each section; also the contents.
const SECTIONS: [(&str, &str, &str); 10] = [
    ("identification", "1", "Identification"),
    ("scope", "2", "What this is, and what was not examined"),
    ("timeline", "3", "Timeline"),
    ("attributes", "4", "Attributes"),
    ("people", "5", "People"),
    ("changed", "6", "What changed"),
    ("population", "7", "Population"),
    ("exceptions", "8", "Exceptions and management response"),
    ("integrity", "9", "Integrity"),
    ("sign-off", "10", "Sign-off"),
];

pub(super) fn masthead(paper: &WorkPaper, downloads: &Downloads) -> Markup {
    let header = &paper.header;
    let headline = &paper.headline;
    let figures = [
        (headline.tested, "attributes tested", "figure"),
        (headline.exceptions, "with an exception", if headline.exceptions > 0 { "figure exception" } else { "figure" }),
        (headline.not_tested, "not tested", if headline.not_tested > 0 { "figure not-tested" } else { "figure" }),
        (headline.not_applicable, "not applicable", "figure"),
    ];
    html! {
        header .masthead {
            @if let Some(banner) = header.banner { p .banner role="note" { (banner) } }
            p .kicker { "Work paper" span .dot aria-hidden="true" { " · " } (header.entity) }
            h1 { (header.title) }
            p .reference { "Change " code { (header.change_id) } ", revision " (header.revision) }
            @if let Some(newer) = header.newer_revision {
                p .notice-line role="note" { "A newer revision exists: revision " (newer) ". This paper shows revision " (header.revision) "." }
            }
            ul .figures aria-label="Attributes" {
                @for (n, label, class) in figures { li class=(class) { b { (n) } " " (label) } }
            }
            p .headline { (headline.sentence) }
            @if let Some(outside) = &headline.outside { p .headline .quiet { (outside) } }
            nav .downloads aria-label="Other forms" {
                @if let Some(path) = &downloads.pdf { a href=(path) { "PDF" } }
                @if let Some(path) = &downloads.bundle { a href=(path) { "Evidence bundle (zip)" } }
                @if let Some(path) = &downloads.json { a href=(path) { "JSON" } }
            }
        }
        nav .contents aria-label="Contents" {
            ol { @for (id, _, title) in SECTIONS { li { a href={ "#" (id) } { (title) } } } }
        }
    }
}

pub(super) fn all(paper: &WorkPaper, downloads: &Downloads) -> Markup {
    let bodies = [
        identification(&paper.header),
        html! { p { (paper.scope.what) } p { (paper.scope.not_examined) } },
        timeline(paper),
        attributes(paper),
        people(paper),
        html! { (changed(paper)) (tested(paper)) },
        population(paper, downloads),
        exceptions(paper),
        integrity(paper),
        sign_off(),
    ];
    html! {
        @for ((id, number, title), body) in SECTIONS.into_iter().zip(bodies) {
            section id=(id) aria-labelledby={ "h-" (id) } {
                h2 id={ "h-" (id) } { span .number aria-hidden="true" { (number) } (title) }
                (body)
            }
        }
        (appendix_a(paper))
        (appendix_b(paper))
    }
}

fn time(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (words::time(at)) } }
}

fn maybe_time(at: Option<Timestamp>) -> Markup {
    html! { @match at { Some(at) => (time(at)), None => span .quiet { "not told" } } }
}

fn result(word: ResultWord) -> Markup {
    let class = match word {
        ResultWord::NoException => "result no-exception",
        ResultWord::Exception => "result exception",
        ResultWord::NotTested => "result not-tested",
        ResultWord::NotApplicable => "result quiet",
    };
    html! { span class=(class) { span aria-hidden="true" { (word.mark()) " " } (word.as_str()) } }
}

fn identification(header: &Header) -> Markup {
    let plain = |text: &Shown| html! { (text) };
    let client = html! {
        @if header.client_controls.is_empty() { span .quiet { "none stated in the scope" } }
        @for (i, control) in header.client_controls.iter().enumerate() {
            @if i > 0 { ", " }
            (control.client) " (" (control.control) ")"
        }
    };
    let marks = html! { @if header.marks.is_empty() { span .quiet { "none" } } (header.marks.join(", ")) };
    let ticket =
        html! { @match &header.ticket { Some(ticket) => (ticket), None => span .quiet { "none known here" } } };
    let rows: [(&str, Markup); 14] = [
        ("Entity", plain(&header.entity)),
        ("System", plain(&header.system)),
        ("Project", plain(&header.project)),
        ("Environment", plain(&header.environment)),
        ("Kind of change", html! { (header.kind) }),
        ("Marks", marks),
        ("Live since", maybe_time(header.live_at)),
        ("Evidence produced", time(header.produced_at)),
        ("Client control ids", client),
        (
            "Revision",
            html! { (header.revision) @if let Some(newer) = header.newer_revision { " (revision " (newer) " exists)" } @else { " (the newest known)" } },
        ),
        ("Tool", plain(&header.tool)),
        ("Catalogue", plain(&header.catalogue)),
        ("Scope", plain(&header.scope)),
        ("Ticket", ticket),
    ];
    html! {
        dl .grid { @for (term, definition) in rows { div { dt { (term) } dd { (definition) } } } }
    }
}

fn timeline(paper: &WorkPaper) -> Markup {
    let headers = ["Source time (UTC)", "Event", "Actor", "Object at the source", "Received (UTC)", "Class"];
    let rows = paper.timeline.iter().map(|event| {
        let object = html! {
            @match &event.link {
                Some(link) => a href=(link) rel="noreferrer noopener" { (event.object) },
                None => (event.object),
            }
        };
        vec![
            maybe_time(event.source_time),
            html! { (event.what) },
            html! { (event.actor) },
            object,
            maybe_time(event.received_at),
            html! { (event.class) },
        ]
    });
    table("What happened when, by the clock of the source, and when we were told", &headers, rows.collect())
}

fn attributes(paper: &WorkPaper) -> Markup {
    html! {
        p { "A result is drawn from facts that were read; “not tested” is neither good nor bad." }
        table .matrix role="table" {
            caption { "Attribute matrix" }
            thead role="rowgroup" {
                tr role="row" {
                    @for header in ["Ref", "Attribute", "Result and reason", "Evidence file", "Do it yourself in the source"] {
                        th role="columnheader" scope="col" { (header) }
                    }
                }
            }
            @for control in &paper.controls { (control_rows(control)) }
        }
        @if !paper.not_applicable.is_empty() {
            details {
                summary { "Not applicable, with the condition (" (paper.not_applicable.len()) ")" }
                (table(
                    "What does not apply to this change",
                    &["Control", "Title", "Attributes", "Condition"],
                    paper.not_applicable.iter().map(|row| vec![
                        html! { (row.control) },
                        html! { (row.title) },
                        html! { @if row.attributes.is_empty() { "all" } @else { (joined(&row.attributes)) } },
                        html! { (row.condition) },
                    ]).collect(),
                ))
            }
        }
    }
}

fn joined(list: &[Shown]) -> String {
    list.iter().map(Shown::as_str).collect::<Vec<_>>().join(", ")
}

fn control_rows(control: &Control) -> Markup {
    html! {
        tbody role="rowgroup" {
            tr .control role="row" {
                th role="rowheader" scope="rowgroup" colspan="5" {
                    span .control-id { (control.id) } " " (control.title)
                    @if let Some(client) = &control.client_id { span .quiet { " · your control " (client) } }
                    @if !control.in_scope { span .quiet { " · not named in the scope" } }
                    " " (result(control.result))
                    @if !control.parameters.is_empty() {
                        span .parameters {
                            "Your control as you wrote it: "
                            @for (i, parameter) in control.parameters.iter().enumerate() {
                                @if i > 0 { "; " }
                                (parameter.name) " = " (parameter.value) " (" (parameter.origin) ")"
                            }
                        }
                    }
                }
            }
            @for attribute in &control.attributes { (attribute_rows(attribute)) }
        }
    }
}

fn attribute_rows(attribute: &Attribute) -> Markup {
    html! {
        tr role="row" {
            td .ref role="cell" data-label="Ref" { (attribute.id) }
            td role="cell" data-label="Attribute" { (attribute.text) }
            td role="cell" data-label="Result and reason" {
                (result(attribute.result))
                span .reason { (attribute.reason) }
                @if let Some(remedy) = &attribute.remedy { span .remedy { "Remedy: " (remedy) } }
                @if let Some(testable) = &attribute.testable { span .remedy { "To test it: " (testable) } }
            }
            td role="cell" data-label="Evidence file" { (attribute.evidence) }
            td role="cell" data-label="Do it yourself in the source" { (attribute.in_the_source) }
        }
        @if !attribute.facts.is_empty() {
            tr .facts role="row" {
                td role="cell" colspan="5" {
                    details {
                        summary { "Facts that " (attribute.id) " read (" (attribute.facts.len()) ")" }
                        ul {
                            @for fact in &attribute.facts {
                                li {
                                    code { (fact.name) } " = " (fact.value)
                                    span .quiet {
                                        @if let Some(class) = fact.class { " · " (class) }
                                        @if !fact.readings.is_empty() { " · " (joined(&fact.readings)) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn people(paper: &WorkPaper) -> Markup {
    html! {
        @if paper.people.is_empty() { p { "The facts read name no person for this change." } }
        @else {
            (table(
                "Who took part",
                &["Name", "Part", "Title or team", "Account", "Directory id", "Active on the day"],
                paper.people.iter().map(|person| vec![
                    html! { @match &person.name {
                        Some(name) => (name),
                        None => span .quiet { "name not known here" },
                    } },
                    html! { (person.roles.join(", ")) },
                    html! { (person.title) },
                    html! { (person.account) },
                    html! { (person.directory_id) },
                    html! { (person.active) },
                ]).collect(),
            ))
            p .quiet { "Two accounts count as two persons only where both resolve to a directory. Commitments stand in appendix B." }
        }
    }
}

fn changed(paper: &WorkPaper) -> Markup {
    let changed = &paper.changed;
    html! {
        p { (changed.summary) " Class of the change: " (changed.class) "." }
        dl .grid {
            @for state in &changed.states { div { dt { "Compared state" } dd { (state) } } }
            div { dt { "Key reports downstream" } dd { (changed.key_reports) } }
        }
        @if !changed.rows.is_empty() {
            (table(
                "Resources that differ",
                &["Resource", "Name", "Change", "Class", "Why it counts as changed"],
                changed.rows.iter().map(|row| vec![
                    html! { (row.resource) },
                    html! { code { (row.name) } },
                    html! { @if row.change.as_str() == "weakened" || row.change.as_str() == "removed" { b .word { (row.change) } } @else { span .word { (row.change) } } },
                    html! { span .word { (row.class) } },
                    html! { (row.reasons) },
                ]).collect(),
            ))
        }
        @if changed.omitted > 0 { p { (changed.omitted) " more stand in the semantic delta of the bundle." } }
    }
}

fn population(paper: &WorkPaper, downloads: &Downloads) -> Markup {
    let population = &paper.population;
    html! {
        dl .grid {
            div { dt { "Population" } dd { (population.id) ", " (population.lists) } }
            div { dt { "Row" } dd { (population.row) } }
            div { dt { "Rows in the population" } dd { (population.count) } }
            div .wide { dt { "Reconciliation" } dd { (population.census) } }
            @for document in &population.documents {
                div .wide {
                    dt { "Signed document" }
                    dd { @match &downloads.documents {
                        Some(base) => a href={ (base) "/" (document) } { code { (document) } },
                        None => code { (document) },
                    } }
                }
            }
        }
    }
}

fn exceptions(paper: &WorkPaper) -> Markup {
    html! {
        @if paper.exceptions.is_empty() { p { "No exception noted in the attributes tested." } }
        @if let Some(outside) = &paper.headline.outside { p { (outside) } }
        @for exception in &paper.exceptions {
            article .exception-card {
                h3 { (exception.reference) ": " (exception.asked) }
                p { (exception.found) }
                @if !exception.remedy.is_empty() { p .remedy { "Remedy: " (exception.remedy) } }
                dl .response {
                    @for term in ["Management response", "Owner", "Due", "Closed"] {
                        div { dt { (term) } dd .blank { span .visually-hidden { "to be filled in" } } }
                    }
                }
            }
        }
    }
}

fn integrity(paper: &WorkPaper) -> Markup {
    let class = match paper.integrity.state {
        IntegrityState::Intact => "integrity intact",
        IntegrityState::NotIntact => "integrity exception",
        IntegrityState::NotChecked => "integrity",
    };
    html! {
        p class=(class) { b { (paper.integrity.line) } }
        dl .grid {
            div .wide {
                dt { "SHA-256 of the bundle (zip)" }
                dd { @match &paper.appendix.zip_sha256 {
                    Some(digest) => code { (digest) },
                    None => "stated where the bundle is served and in the ticket",
                } }
            }
            div { dt { "Log position" } dd { (paper.integrity.log) } }
            div { dt { "Retention" } dd { (paper.integrity.retention) } }
        }
        p .quiet { "A later alteration is detectable with the bundle and the trust file, offline: appendix B." }
    }
}

fn sign_off() -> Markup {
    html! {
        dl .response .sign-off {
            @for term in ["Tested by", "Date", "Tick marks", "Conclusion"] {
                div { dt { (term) } dd .blank { span .visually-hidden { "to be filled in by the tester" } } }
            }
        }
    }
}

fn appendix_a(paper: &WorkPaper) -> Markup {
    html! {
        section #appendix-a aria-labelledby="h-a" {
            h2 #h-a { span .number aria-hidden="true" { "A" } "Where each fact comes from" }
            details {
                summary { "Readings (" (paper.readings.len()) ")" }
                (table(
                    "Each act of being told: who, where, when, with which credential, which bytes",
                    &["Id", "Source", "Endpoint", "Received (UTC)", "Principal", "Class", "SHA-256 of the bytes"],
                    paper.readings.iter().map(|reading| vec![
                        html! { (reading.id) },
                        html! { (reading.source) },
                        html! { code { (reading.endpoint) } },
                        time(reading.received_at),
                        html! { (reading.principal) },
                        html! { (reading.class) },
                        html! { code { (reading.sha256) } },
                    ]).collect(),
                ))
                p .quiet {
                    @for class in super::CLASSES { b { (words::class(class)) } ": " (words::class_meaning(class)) ". " }
                }
            }
        }
    }
}

fn appendix_b(paper: &WorkPaper) -> Markup {
    let appendix = &paper.appendix;
    let code = |text: Option<String>| {
        html! { @match text {
            Some(text) => code { (text) },
            None => "known once the bundle is sealed",
        } }
    };
    html! {
        section #appendix-b aria-labelledby="h-b" {
            h2 #h-b { span .number aria-hidden="true" { "B" } "Cryptography, and how to check it yourself" }
            p { "Download " code { (appendix.file_name) } ", take the trust file from where it was handed over at engagement (the copy under " code { "/.well-known/clyra-trust.json" } " is a convenience), then, with no network:" }
            pre { code { (appendix.command) } }
            @if let Some(digest) = &appendix.trust_sha256 {
                p { "Fingerprint of the trust file used here" @if let Some(serial) = appendix.trust_serial { ", serial " (serial) } ": SHA-256 " code { (digest) } ". Compare it with the one you were given at engagement." }
            }
            details {
                summary { "Digests, keys, checks and files" }
                dl .grid {
                    div .wide { dt { "Bundle id (SHA-256 of the manifest's payload)" } dd { (code(appendix.bundle_id.map(|id| id.to_string()))) } }
                    div .wide { dt { "SHA-256 of the zip" } dd { (code(appendix.zip_sha256.map(|id| id.to_string()))) } }
                    div .wide { dt { "Key that signed the manifest" } dd { (code(appendix.keyid.map(|id| id.to_string()))) } }
                    div .wide { dt { "RFC 6962 root over the files" } dd { code { (appendix.tree_root) } } }
                    div { dt { "Log position" } dd { (paper.integrity.log) } }
                }
                @if !paper.integrity.checks.is_empty() {
                    (table("Checks made", &["Check", "Outcome", "Detail"], paper.integrity.checks.iter().map(|check| vec![
                        html! { (check.name) }, html! { (check.held) }, html! { (check.detail) },
                    ]).collect()))
                }
                (table("Files of the bundle", &["Path", "Bytes", "SHA-256"], appendix.entries.iter().map(|entry| vec![
                    html! { code { (entry.path) } }, html! { (entry.size) }, html! { code { (entry.sha256) } },
                ]).collect()))
                @if !appendix.commitments.is_empty() {
                    (table("Commitments", &["Person or account", "Commitment"], appendix.commitments.iter().map(|row| vec![
                        html! { (row.person) }, html! { code { (row.commitment) } },
                    ]).collect()))
                }
            }
        }
    }
}
