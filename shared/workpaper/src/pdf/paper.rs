//! What stands where: the sections of the work paper as blocks, in the order of the page.

use super::flow::{CellText, Flow, RowLook, RowText, Sheets};
use super::tested::tested;
use super::text::{Face, Fonts, Ink, Run, Style};
use crate::model::{Attribute, Control, IntegrityState, WorkPaper};
use crate::shown::Shown;
use crate::words::{self, ResultWord};

pub(super) const TEXT: Style = Style { face: Face::Regular, size: 8.6, ink: Ink::Black };
const STRONG: Style = Style { face: Face::Strong, ..TEXT };
pub(super) const CELL: Style = Style { size: 7.5, ..TEXT };
pub(super) const CELL_STRONG: Style = Style { size: 7.5, ..STRONG };
const SOFT: Style = Style { ink: Ink::Soft, ..CELL };
const LABEL: Style = Style { size: 6.8, ink: Ink::Soft, ..TEXT };
pub(super) const SMALL: Style = Style { size: 6.9, ink: Ink::Soft, ..TEXT };
const CODE: Style = Style { face: Face::Mono, size: 6.9, ink: Ink::Black };
const SMALL_CODE: Style = Style { face: Face::Mono, size: 6.2, ink: Ink::Black };
const HEADING: Style = Style { size: 10.4, ..STRONG };
const NUMBER: Style = Style { size: 10.4, ink: Ink::Soft, ..TEXT };

/// Lays the paper out.
pub(super) fn lay_out(paper: &WorkPaper, fonts: &Fonts) -> Sheets {
    let mut flow = Flow::new(fonts);
    masthead(&mut flow, paper);
    section(&mut flow, "1", "Identification");
    identification(&mut flow, paper);
    section(&mut flow, "2", "What this is, and what was not examined");
    flow.paragraph(&[run(&paper.scope.what, TEXT)], 0.0);
    flow.paragraph(&[run(&paper.scope.not_examined, TEXT)], 0.0);
    section(&mut flow, "3", "Timeline");
    timeline(&mut flow, paper);
    section(&mut flow, "4", "Attributes");
    attributes(&mut flow, paper);
    section(&mut flow, "5", "People");
    people(&mut flow, paper);
    section(&mut flow, "6", "What changed");
    changed(&mut flow, paper);
    tested(&mut flow, paper);
    section(&mut flow, "7", "Population");
    population(&mut flow, paper);
    section(&mut flow, "8", "Exceptions and management response");
    exceptions(&mut flow, paper);
    section(&mut flow, "9", "Integrity");
    integrity(&mut flow, paper);
    section(&mut flow, "10", "Sign-off");
    flow.blanks(&[("Tested by", 0.26), ("Date", 0.16), ("Tick marks", 0.2), ("Conclusion", 0.38)], 46.0, LABEL);
    section(&mut flow, "A", "Where each fact comes from");
    readings(&mut flow, paper);
    section(&mut flow, "B", "Cryptography, and how to check it yourself");
    appendix(&mut flow, paper);
    flow.finish()
}

pub(super) fn run(text: &Shown, style: Style) -> Run {
    own(text.as_str(), style)
}

pub(super) fn own(text: &str, style: Style) -> Run {
    Run { text: text.to_owned(), style, link: None }
}

fn section(flow: &mut Flow<'_>, number: &str, title: &str) {
    flow.section(number, title, NUMBER, HEADING);
}

pub(super) fn cell(text: &str) -> CellText {
    CellText::one(vec![own(text, CELL)])
}

pub(super) fn code_cell(text: &str) -> CellText {
    CellText::one(vec![own(text, CODE)])
}

pub(super) fn plain(cells: Vec<CellText>) -> RowText {
    RowText { cells, look: RowLook::Plain }
}

pub(super) fn head(titles: &[&str]) -> Vec<Run> {
    titles.iter().map(|title| own(title, LABEL)).collect()
}

fn time(at: Option<clyra_evidence::time::Timestamp>) -> String {
    at.map_or_else(|| "not told".to_owned(), words::time)
}

fn result(word: ResultWord) -> Run {
    let ink = match word {
        ResultWord::NoException => Ink::Clear,
        ResultWord::Exception => Ink::Exception,
        ResultWord::NotTested => Ink::NotTested,
        ResultWord::NotApplicable => Ink::Soft,
    };
    own(&format!("{} {}", word.mark(), word.as_str()), Style { ink, ..CELL_STRONG })
}

fn masthead(flow: &mut Flow<'_>, paper: &WorkPaper) {
    let header = &paper.header;
    let kicker = Style { size: 7.4, ink: Ink::Soft, ..TEXT };
    if let Some(banner) = header.banner {
        flow.banded(&[own(banner, Style { ink: Ink::NotTested, ..STRONG })]);
        flow.space(4.0);
    }
    flow.paragraph(&[own("WORK PAPER  ·  ", kicker), run(&header.entity, kicker)], 0.0);
    flow.space(3.0);
    flow.title(&[run(&header.title, Style { size: 17.0, ..STRONG })], header.title.as_str());
    flow.space(2.0);
    let id = header.change_id.to_string();
    flow.paragraph(
        &[
            own("Change ", SMALL),
            own(&id, Style { size: 6.6, ink: Ink::Soft, ..CODE }),
            own(&format!(", revision {}", header.revision), SMALL),
        ],
        0.0,
    );
    if let Some(newer) = header.newer_revision {
        flow.paragraph(
            &[own(
                &format!("A newer revision exists: revision {newer}. This paper shows revision {}.", header.revision),
                STRONG,
            )],
            0.0,
        );
    }
    flow.space(7.0);
    let headline = &paper.headline;
    let ink = |n: u64, ink| if n > 0 { ink } else { Ink::Black };
    let figure = |n: u64, ink, label: &str| (own(&n.to_string(), Style { size: 18.0, ink, ..TEXT }), own(label, LABEL));
    flow.figures(&[
        figure(headline.tested, Ink::Black, "attributes tested"),
        figure(headline.exceptions, ink(headline.exceptions, Ink::Exception), "with an exception"),
        figure(headline.not_tested, ink(headline.not_tested, Ink::NotTested), "not tested"),
        figure(headline.not_applicable, Ink::Black, "not applicable"),
    ]);
    flow.paragraph(&[run(&headline.sentence, TEXT)], 0.0);
    if let Some(outside) = &headline.outside {
        flow.paragraph(&[run(outside, SMALL)], 0.0);
    }
}

fn identification(flow: &mut Flow<'_>, paper: &WorkPaper) {
    let header = &paper.header;
    let clients: Vec<_> = header.client_controls.iter().map(|c| format!("{} ({})", c.client, c.control)).collect();
    let clients = if clients.is_empty() { "none stated in the scope".to_owned() } else { clients.join(", ") };
    let marks = if header.marks.is_empty() { "none".to_owned() } else { header.marks.join(", ") };
    let revision = match header.newer_revision {
        Some(newer) => format!("{} (revision {newer} exists)", header.revision),
        None => format!("{} (the newest known)", header.revision),
    };
    let item = |label: &str, value: &str| (own(label, LABEL), vec![own(value, TEXT)]);
    flow.grid(
        3,
        &[
            item("Entity", header.entity.as_str()),
            item("System", header.system.as_str()),
            item("Project", header.project.as_str()),
            item("Environment", header.environment.as_str()),
            item("Kind of change", header.kind),
            item("Marks", &marks),
            item("Live since", &time(header.live_at)),
            item("Evidence produced", &words::time(header.produced_at)),
            item("Client control ids", &clients),
            item("Revision", &revision),
            item("Tool", header.tool.as_str()),
            item("Catalogue; scope", &format!("{}; {}", header.catalogue, header.scope)),
            item("Ticket", header.ticket.as_ref().map_or("none known here", Shown::as_str)),
        ],
    );
}

fn timeline(flow: &mut Flow<'_>, paper: &WorkPaper) {
    let rows = paper.timeline.iter().map(|event| {
        let style = if event.link.is_some() { Style { ink: Ink::Link, ..CELL } } else { CELL };
        let object = Run { text: event.object.to_string(), style, link: event.link.clone() };
        plain(vec![
            cell(&time(event.source_time)),
            cell(event.what.as_str()),
            cell(event.actor.as_str()),
            CellText::one(vec![object]),
            cell(&time(event.received_at)),
            cell(event.class),
        ])
    });
    flow.table(
        "What happened when, by the clock of the source, and when we were told",
        &[1.65, 2.15, 1.25, 1.6, 1.65, 0.85],
        &head(&["Source time (UTC)", "Event", "Actor", "Object at the source", "Received (UTC)", "Class"]),
        rows.collect(),
    );
}

fn attributes(flow: &mut Flow<'_>, paper: &WorkPaper) {
    flow.paragraph(
        &[own("A result is drawn from facts that were read; “not tested” is neither good nor bad.", TEXT)],
        0.0,
    );
    flow.space(3.0);
    let mut rows = Vec::new();
    for control in &paper.controls {
        rows.push(RowText { cells: vec![control_head(control)], look: RowLook::Group });
        for attribute in &control.attributes {
            attribute_rows(attribute, &mut rows);
        }
    }
    flow.table(
        "Attribute matrix",
        &[0.32, 1.75, 2.5, 1.0, 2.1],
        &head(&["Ref", "Attribute", "Result and reason", "Evidence file", "Do it yourself in the source"]),
        rows,
    );
    if !paper.not_applicable.is_empty() {
        flow.space(7.0);
        flow.paragraph(&[own("Not applicable, with the condition", STRONG)], 0.0);
        let rows = paper.not_applicable.iter().map(|row| {
            let attributes = if row.attributes.is_empty() { "all".to_owned() } else { joined(&row.attributes) };
            plain(vec![
                cell(row.control.as_str()),
                cell(row.title.as_str()),
                cell(&attributes),
                cell(row.condition.as_str()),
            ])
        });
        flow.table(
            "What does not apply to this change",
            &[0.6, 2.4, 1.0, 3.4],
            &head(&["Control", "Title", "Attributes", "Condition"]),
            rows.collect(),
        );
    }
}

fn joined(list: &[Shown]) -> String {
    list.iter().map(Shown::as_str).collect::<Vec<_>>().join(", ")
}

fn control_head(control: &Control) -> CellText {
    let mut runs = vec![
        run(&control.id, Style { face: Face::Mono, size: 7.2, ink: Ink::Black }),
        own("  ", CELL),
        run(&control.title, CELL_STRONG),
        own("   ", CELL),
        result(control.result),
    ];
    if let Some(client) = &control.client_id {
        runs.push(own(&format!("   your control {client}"), SOFT));
    }
    if !control.in_scope {
        runs.push(own("   not named in the scope", SOFT));
    }
    let mut paragraphs = vec![runs];
    if !control.parameters.is_empty() {
        let list: Vec<_> =
            control.parameters.iter().map(|p| format!("{} = {} ({})", p.name, p.value, p.origin)).collect();
        paragraphs.push(vec![own(&format!("Your control as you wrote it: {}", list.join("; ")), SMALL)]);
    }
    CellText(paragraphs)
}

fn attribute_rows(attribute: &Attribute, rows: &mut Vec<RowText>) {
    let mut reason = vec![vec![result(attribute.result)], vec![run(&attribute.reason, CELL)]];
    if let Some(remedy) = &attribute.remedy {
        reason.push(vec![own(&format!("Remedy: {remedy}"), SMALL)]);
    }
    if let Some(testable) = &attribute.testable {
        reason.push(vec![own(&format!("To test it: {testable}"), SMALL)]);
    }
    let facts = !attribute.facts.is_empty();
    rows.push(RowText {
        cells: vec![
            CellText::one(vec![run(&attribute.id, CODE)]),
            cell(attribute.text.as_str()),
            CellText(reason),
            cell(attribute.evidence.as_str()),
            cell(attribute.in_the_source.as_str()),
        ],
        look: if facts { RowLook::Joined } else { RowLook::Plain },
    });
    if facts {
        let mut runs = vec![own("Facts read: ", SMALL)];
        for (i, fact) in attribute.facts.iter().enumerate() {
            if i > 0 {
                runs.push(own(";  ", SMALL));
            }
            runs.push(run(&fact.name, SMALL_CODE));
            let mut source: Vec<&str> = fact.class.into_iter().collect();
            source.extend(fact.readings.iter().map(Shown::as_str));
            let source = if source.is_empty() { String::new() } else { format!(" ({})", source.join(", ")) };
            runs.push(own(&format!(" = {}{source}", fact.value), SMALL));
        }
        rows.push(RowText { cells: vec![CellText::one(runs)], look: RowLook::Wide });
    }
}

fn people(flow: &mut Flow<'_>, paper: &WorkPaper) {
    if paper.people.is_empty() {
        flow.paragraph(&[own("The facts read name no person for this change.", TEXT)], 0.0);
        return;
    }
    let rows = paper.people.iter().map(|person| {
        let name = person.name.as_ref().map_or("name not known here", Shown::as_str);
        plain(vec![
            CellText::one(vec![own(name, CELL_STRONG)]),
            cell(&person.roles.join(", ")),
            cell(person.title.as_str()),
            cell(person.account.as_str()),
            cell(person.directory_id.as_str()),
            cell(person.active.as_str()),
        ])
    });
    flow.table(
        "Who took part",
        &[1.3, 1.2, 1.2, 1.3, 1.0, 1.3],
        &head(&["Name", "Part", "Title or team", "Account", "Directory id", "Active on the day"]),
        rows.collect(),
    );
    flow.paragraph(
        &[own("Two accounts count as two persons only where both resolve to a directory. Commitments stand in appendix B.", SMALL)],
        0.0,
    );
}

fn changed(flow: &mut Flow<'_>, paper: &WorkPaper) {
    let changed = &paper.changed;
    flow.paragraph(
        &[run(&changed.summary, TEXT), own(&format!(" Class of the change: {}.", changed.class), TEXT)],
        0.0,
    );
    let mut items: Vec<_> =
        changed.states.iter().map(|state| (own("Compared state", LABEL), vec![run(state, CELL)])).collect();
    items.push((own("Key reports downstream", LABEL), vec![run(&changed.key_reports, CELL)]));
    flow.space(2.0);
    flow.grid(3, &items);
    if changed.rows.is_empty() {
        return;
    }
    let rows = changed.rows.iter().map(|row| {
        let stands_out = matches!(row.change.as_str(), "weakened" | "removed");
        plain(vec![
            cell(row.resource.as_str()),
            code_cell(row.name.as_str()),
            CellText::one(vec![run(&row.change, if stands_out { CELL_STRONG } else { CELL })]),
            cell(row.class.as_str()),
            cell(row.reasons.as_str()),
        ])
    });
    flow.table(
        "Resources that differ",
        &[0.8, 3.2, 0.8, 1.0, 2.2],
        &head(&["Resource", "Name", "Change", "Class", "Why it counts as changed"]),
        rows.collect(),
    );
    if changed.omitted > 0 {
        flow.paragraph(
            &[own(&format!("{} more stand in the semantic delta of the bundle.", changed.omitted), TEXT)],
            0.0,
        );
    }
}

fn population(flow: &mut Flow<'_>, paper: &WorkPaper) {
    let population = &paper.population;
    flow.grid(
        2,
        &[
            (own("Population", LABEL), vec![own(&format!("{}, {}", population.id, population.lists), TEXT)]),
            (own("Row", LABEL), vec![run(&population.row, TEXT)]),
            (own("Rows in the population", LABEL), vec![run(&population.count, TEXT)]),
            (own("Reconciliation", LABEL), vec![run(&population.census, TEXT)]),
        ],
    );
    for document in &population.documents {
        flow.grid(1, &[(own("Signed document", LABEL), vec![run(document, CODE)])]);
    }
}

fn exceptions(flow: &mut Flow<'_>, paper: &WorkPaper) {
    if paper.exceptions.is_empty() {
        flow.paragraph(&[own("No exception noted in the attributes tested.", TEXT)], 0.0);
    }
    if let Some(outside) = &paper.headline.outside {
        flow.paragraph(&[run(outside, TEXT)], 0.0);
    }
    for exception in &paper.exceptions {
        // A card is not torn from its lines for the response.
        flow.room(96.0);
        let heading = format!("{}: {}", exception.reference, exception.asked);
        flow.subheading(&[own(&heading, Style { ink: Ink::Exception, ..STRONG })], &heading);
        flow.paragraph(&[run(&exception.found, TEXT)], 9.0);
        if !exception.remedy.is_empty() {
            flow.paragraph(&[own(&format!("Remedy: {}", exception.remedy), SMALL)], 9.0);
        }
        flow.space(2.0);
        flow.blanks(&[("Management response", 0.52), ("Owner", 0.2), ("Due", 0.14), ("Closed", 0.14)], 30.0, LABEL);
    }
}

fn integrity(flow: &mut Flow<'_>, paper: &WorkPaper) {
    let ink = match paper.integrity.state {
        IntegrityState::Intact => Ink::Clear,
        IntegrityState::NotIntact => Ink::Exception,
        IntegrityState::NotChecked => Ink::Black,
    };
    flow.paragraph(&[run(&paper.integrity.line, Style { ink, ..STRONG })], 0.0);
    let zip = match &paper.appendix.zip_sha256 {
        Some(digest) => own(&digest.to_string(), CODE),
        None => own("stated where the bundle is served and in the ticket", TEXT),
    };
    flow.space(2.0);
    flow.grid(1, &[(own("SHA-256 of the bundle (zip)", LABEL), vec![zip])]);
    let item = |label: &str, text: &Shown| (own(label, LABEL), vec![run(text, TEXT)]);
    let integrity = &paper.integrity;
    flow.grid(2, &[item("Log position", &integrity.log), item("Retention", &integrity.retention)]);
    let note = "A later alteration is detectable with the bundle and the trust file, offline: appendix B.";
    flow.paragraph(&[own(note, SMALL)], 0.0);
}

fn readings(flow: &mut Flow<'_>, paper: &WorkPaper) {
    let rows = paper.readings.iter().map(|reading| {
        plain(vec![
            cell(reading.id.as_str()),
            cell(reading.source.as_str()),
            code_cell(reading.endpoint.as_str()),
            cell(&words::time(reading.received_at)),
            cell(reading.principal.as_str()),
            cell(reading.class),
            CellText::one(vec![own(&reading.sha256.to_string(), SMALL_CODE)]),
        ])
    });
    flow.table(
        "Each act of being told: who, where, when, with which credential, which bytes",
        &[0.35, 1.0, 2.3, 1.0, 1.1, 0.8, 2.0],
        &head(&["Id", "Source", "Endpoint", "Received (UTC)", "Principal", "Class", "SHA-256 of the bytes"]),
        rows.collect(),
    );
    let mut legend = Vec::new();
    for class in crate::html::CLASSES {
        legend.push(own(words::class(class), Style { face: Face::Strong, ..SMALL }));
        legend.push(own(&format!(": {}. ", words::class_meaning(class)), SMALL));
    }
    flow.paragraph(&legend, 0.0);
}

fn appendix(flow: &mut Flow<'_>, paper: &WorkPaper) {
    let appendix = &paper.appendix;
    let how = [
        own("Download ", TEXT),
        own(&appendix.file_name, Style { size: 7.6, ..CODE }),
        own(", take the trust file from where it was handed over at engagement, then, with no network:", TEXT),
    ];
    flow.paragraph(&how, 0.0);
    flow.banded(&[own(&appendix.command, Style { size: 7.6, ..CODE })]);
    if let Some(digest) = &appendix.trust_sha256 {
        let serial = appendix.trust_serial.map(|serial| format!(", serial {serial}")).unwrap_or_default();
        let fingerprint = [
            own(&format!("Fingerprint of the trust file used here{serial}: SHA-256 "), TEXT),
            own(&digest.to_string(), CODE),
            own(". Compare it with the one you were given at engagement.", TEXT),
        ];
        flow.paragraph(&fingerprint, 0.0);
    }
    let known = |text: Option<String>| match text {
        Some(text) => vec![own(&text, CODE)],
        None => vec![own("known once the bundle is sealed", CELL)],
    };
    for (label, value) in [
        ("Bundle id (SHA-256 of the manifest's payload)", known(appendix.bundle_id.map(|id| id.to_string()))),
        ("SHA-256 of the zip", known(appendix.zip_sha256.map(|digest| digest.to_string()))),
        ("Key that signed the manifest", known(appendix.keyid.map(|id| id.to_string()))),
        ("RFC 6962 root over the files", known(Some(appendix.tree_root.to_string()))),
    ] {
        flow.grid(1, &[(own(label, LABEL), value)]);
    }
    if !paper.integrity.checks.is_empty() {
        let rows = paper
            .integrity
            .checks
            .iter()
            .map(|check| plain(vec![cell(check.name.as_str()), cell(check.held), cell(check.detail.as_str())]));
        flow.space(5.0);
        flow.table("Checks made", &[2.4, 0.9, 3.6], &head(&["Check", "Outcome", "Detail"]), rows.collect());
    }
    let rows = appendix.entries.iter().map(|entry| {
        let digest = CellText::one(vec![own(&entry.sha256.to_string(), SMALL_CODE)]);
        plain(vec![code_cell(&entry.path), cell(&entry.size.to_string()), digest])
    });
    flow.space(5.0);
    flow.table("Files of the bundle", &[2.6, 0.6, 3.2], &head(&["File", "Bytes", "SHA-256"]), rows.collect());
    if !appendix.commitments.is_empty() {
        let rows = appendix.commitments.iter().map(|row| {
            plain(vec![cell(row.person.as_str()), CellText::one(vec![own(row.commitment.as_str(), SMALL_CODE)])])
        });
        flow.space(5.0);
        flow.table("Commitments", &[2.0, 3.6], &head(&["Person or account", "Commitment"]), rows.collect());
    }
}
