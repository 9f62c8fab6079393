//! The fields of a ticket, from ids and object names only: never from a title, a message or a comment.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clyra_delta::artifact::resource::ResourceType;
use clyra_delta::compare::{DeltaClass, Node, SemanticDelta, Weakening};
use clyra_evidence::change::ChangeKind;
use clyra_evidence::fact::{FactValue, Facts};
use clyra_evidence::id::ChangeId;
use clyra_evidence::text::visible;
use clyra_evidence::time::{Day, Timestamp};
use clyra_workpaper::model::Participant;
use clyra_workpaper::words;

use crate::config::TargetFields;
use crate::note;
use crate::note::Content;
use crate::worth::{Shape, TicketType};

/// Longest text field, in characters: the default of the base system.
pub const TEXT_CHARS_MAX: usize = 4_000;
/// Longest short description, in characters: what a usual instance keeps. Forms show some 40, so these come first.
pub const SHORT_CHARS_MAX: usize = 160;
/// Most objects named in a ticket; the work paper lists all.
const OBJECTS_NAMED_MAX: usize = 20;

/// A ticket to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// `clyra:` and the whole change id: what a ticket is found again by.
    pub correlation_id: String,
    /// How the process treats the change.
    pub ticket_type: TicketType,
    /// It went round the pipeline.
    pub unauthorized: bool,
    /// One line.
    pub short_description: String,
    /// What the change is.
    pub description: String,
    /// Why it was made, as far as a source says.
    pub justification: String,
    /// How it went live.
    pub implementation_plan: String,
    /// What was tested before, as far as a source says.
    pub test_plan: String,
    /// How to undo it, as far as a source says; never invented.
    pub backout_plan: String,
    /// When the run that made it live started and finished.
    pub work: Option<(Timestamp, Option<Timestamp>)>,
    /// The first work note.
    pub note: String,
    /// The configuration item, by the system's own id.
    pub configuration_item: Option<String>,
    /// The group that owns the project, by the system's own id.
    pub assignment_group: Option<String>,
    /// Who made the change, as a user of the system; absent unless a source names a person whom the operator mapped.
    pub requested_by: Option<String>,
    /// Further fields that the operator configured.
    pub fields: BTreeMap<String, String>,
}

impl Draft {
    /// Words the ticket of one change.
    #[must_use]
    pub fn of(content: Content<'_>, shape: &Shape, now: Timestamp) -> Self {
        let change = &content.manifest.change;
        let run = change.runs.first().map_or_else(|| "none".to_owned(), ToString::to_string);
        let commit = commit(content.facts);
        Self {
            correlation_id: correlation_id(&change.change_id),
            ticket_type: shape.ticket_type,
            unauthorized: shape.unauthorized,
            short_description: short_description(content),
            description: clip(&description(content, &commit)),
            justification: justification(content.facts),
            implementation_plan: clip(&format!(
                "Went live with dbt run {run} of environment {}, commit {commit}.",
                change.environment.name.for_plain()
            )),
            test_plan: test_plan(content.facts),
            backout_plan: NOT_STATED.to_owned(),
            work: change.live_at.map(|start| (start, time(content.facts, "run.finishedAt"))),
            note: note::of_opening(content, shape.flagged, now),
            configuration_item: None,
            assignment_group: None,
            requested_by: None,
            fields: BTreeMap::new(),
        }
    }

    /// Words the ticket that lists what a day's limit kept from having tickets of their own.
    #[must_use]
    pub fn overflow(project: &str, day: Day, limit: usize) -> Self {
        Self {
            correlation_id: overflow_correlation_id(project, day),
            ticket_type: TicketType::Normal,
            unauthorized: false,
            short_description: clip_to(&format!("dbt {}: further changes of {day}", visible(project)), SHORT_CHARS_MAX),
            description: clip(&format!(
                "The limit of {limit} tickets a day was reached for project {}. The changes after it are listed in the work \
                 notes, each with its evidence. A limit of tickets is no limit of evidence: each change has its bundle and \
                 its work paper.\n",
                visible(project)
            )),
            justification: NOT_STATED.to_owned(),
            implementation_plan: NOT_STATED.to_owned(),
            test_plan: NOT_STATED.to_owned(),
            backout_plan: NOT_STATED.to_owned(),
            work: None,
            note: "This record documents; it does not approve.\n".to_owned(),
            configuration_item: None,
            assignment_group: None,
            requested_by: None,
            fields: BTreeMap::new(),
        }
    }

    /// The same with what the operator configured for a project.
    #[must_use]
    pub fn with(mut self, configured: &TargetFields, project: &str) -> Self {
        self.fields.clone_from(&configured.always);
        self.configuration_item = configured.configuration_items.get(project).cloned();
        self.assignment_group = configured.assignment_groups.get(project).cloned();
        self
    }

    /// The same, asked for by the first of these persons whom the operator mapped to a user.
    #[must_use]
    pub fn requested_by(mut self, people: &[Participant], configured: &TargetFields) -> Self {
        let made_it = |person: &&Participant| person.roles.iter().any(|role| REQUESTING.contains(role));
        let mut users = people.iter().filter(made_it).filter_map(|p| configured.requesters.get(p.account.as_str()));
        self.requested_by = users.next().cloned();
        self
    }
}

/// The parts in which somebody asks for a change, in the words of the work paper; an approver does not.
const REQUESTING: [&str; 5] =
    ["author", "author of commits", "started the run", "changed the configuration", "changed the definition"];

/// What stands where no source says anything: nothing is invented.
const NOT_STATED: &str = "Not stated in the connected sources.";

/// `clyra:` and the whole change id. Only `[a-z0-9:]`, so that it cannot break a query.
#[must_use]
pub fn correlation_id(change: &ChangeId) -> String {
    format!("clyra:{change}")
}

/// `clyra:overflow:<project>:<day>`, of characters that cannot break a query.
#[must_use]
pub fn overflow_correlation_id(project: &str, day: Day) -> String {
    let plain = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    let project: String = project.to_ascii_lowercase().chars().filter(plain).take(40).collect();
    format!("clyra:overflow:{project}:{day}")
}

/// `dbt finance-core: fct_revenue +2, run 70471820000123`: what fits a form's forty characters tells most.
#[must_use]
pub fn short_description(content: Content<'_>) -> String {
    let change = &content.manifest.change;
    let run = change.runs.first().map(|run| format!("run {run}")).unwrap_or_default();
    let anchor = |n: usize| change.anchor.get(n).map(|part| visible(part)).unwrap_or_default();
    let what = match change.kind {
        ChangeKind::Code => match text(content.facts, "pr.number") {
            Some(number) => format!("PR {}", visible(&number)),
            None => String::new(),
        },
        ChangeKind::Drift => format!("{} drift", anchor(1)),
        ChangeKind::Override => "override".to_owned(),
        ChangeKind::Config => format!("{} edited", anchor(0)),
        ChangeKind::Sync => format!("sync {} edited", anchor(0)),
        ChangeKind::Warehouse => "direct statement".to_owned(),
    };
    let objects = objects(content.delta);
    let named = match objects.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [first, more @ ..] => format!("{first} +{}", more.len()),
    };
    let begin: Vec<String> = [what, named].into_iter().filter(|part| !part.is_empty()).collect();
    let parts: Vec<String> = [begin.join(" "), run].into_iter().filter(|part| !part.is_empty()).collect();
    clip_to(&format!("dbt {}: {}", visible(content.project_slug), parts.join(", ")), SHORT_CHARS_MAX)
}

fn description(content: Content<'_>, commit: &str) -> String {
    let (manifest, paper) = (content.manifest, content.paper);
    let change = &manifest.change;
    let mut out = String::new();
    // Writing to a String cannot fail, here and below.
    if let Some(banner) = paper.header.banner {
        let _ = writeln!(out, "{banner}");
    }
    let _ = writeln!(out, "{}.", paper.header.title);
    let _ = writeln!(out, "Entity: {}", manifest.entity.for_plain());
    if let Some(live_at) = change.live_at {
        let _ = writeln!(out, "Live since: {} (first production run in the new state)", words::time(live_at));
    }
    let _ = writeln!(out, "Commit: {commit}");
    note::push_headline(&mut out, paper);
    // Before the lists, which may be cut.
    let _ = writeln!(out, "Work paper and evidence: {}", content.verify_url);
    let _ = writeln!(out, "Change id: {}", change.change_id);
    match content.delta {
        Some(delta) if delta.class != DeltaClass::Unknown => push_delta(&mut out, delta),
        Some(_) | None => out.push_str("What changed: the two states could not be compared.\n"),
    }
    push_list(&mut out, "Overrides", content.facts, "run.overrides");
    push_list(&mut out, "Operations outside the job", content.facts, "run.operations");
    push_list(&mut out, "Rebuilt by full refresh", content.facts, "run.fullRefreshNodes");
    push_list(&mut out, "History rebuilt", content.facts, "run.fullRefreshSnapshots");
    push_list(&mut out, "Variables passed (names only)", content.facts, "run.vars.names");
    push_list(&mut out, "Packages that differ", content.facts, "packages.changed");
    out
}

fn push_delta(out: &mut String, delta: &SemanticDelta) {
    let counts = delta.counts;
    let weakened = delta.nodes.iter().filter(|node| is_weakened(node)).count();
    let tests = if weakened == 1 { "test" } else { "tests" };
    let _ = writeln!(
        out,
        "What changed: {} added, {} removed, {} modified, {weakened} {tests} weakened; of these {} breaking, {} documentation \
         only.",
        counts.added, counts.removed, counts.modified, counts.breaking, counts.documentation
    );
    let wanted: Vec<&Node> = ranked(delta);
    for node in wanted.iter().take(OBJECTS_NAMED_MAX) {
        let what = if is_weakened(node) { "weakened" } else { node.change.as_str() };
        let _ = writeln!(out, "- {} {what}, {}", node.unique_id.for_plain(), node.class.as_str());
    }
    if wanted.len() > OBJECTS_NAMED_MAX {
        let _ = writeln!(out, "- and {} more, listed in the work paper", wanted.len() - OBJECTS_NAMED_MAX);
    }
}

fn is_weakened(node: &Node) -> bool {
    node.weakening == Some(Weakening::Proven)
}

fn push_list(out: &mut String, label: &str, facts: &Facts, name: &str) {
    if let Some(FactValue::List(items)) = facts.get(name).map(|fact| &fact.value)
        && !items.is_empty()
    {
        let named: Vec<String> = items.iter().take(OBJECTS_NAMED_MAX).map(|item| visible(item)).collect();
        let more = items.len().saturating_sub(OBJECTS_NAMED_MAX);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let _ = writeln!(out, "{label}: {}{more}", named.join(", "));
    }
}

fn justification(facts: &Facts) -> String {
    match text(facts, "pr.number") {
        Some(number) => clip(&format!("Pull request {}.", visible(&number))),
        None => NOT_STATED.to_owned(),
    }
}

fn test_plan(facts: &Facts) -> String {
    match text(facts, "ci.run.id") {
        Some(run) => clip(&format!("dbt CI run {}.", visible(&run))),
        None => format!(
            "{NOT_STATED} No CI run was read. Tests of the production run come after the tables were built and are listed \
             in the work paper."
        ),
    }
}

/// What can run differently, models first: they are what readers know. Within them, the order of the delta.
fn ranked(delta: &SemanticDelta) -> Vec<&Node> {
    let mut nodes: Vec<&Node> = delta.nodes.iter().filter(|node| !node.class.runs_the_same()).collect();
    nodes.sort_by_key(|node| {
        !matches!(node.resource_type, ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot)
    });
    nodes
}

fn objects(delta: Option<&SemanticDelta>) -> Vec<String> {
    delta.map(|delta| ranked(delta).into_iter().map(object_name).collect()).unwrap_or_default()
}

/// The name in `model.finance_core.fct_revenue`.
fn object_name(node: &Node) -> String {
    let id = node.unique_id.as_untrusted();
    visible(id.split('.').nth(2).unwrap_or(id))
}

fn commit(facts: &Facts) -> String {
    text(facts, "run.gitSha").map_or_else(|| "not read".to_owned(), |sha| visible(&sha))
}

fn text(facts: &Facts, name: &str) -> Option<String> {
    match &facts.get(name)?.value {
        FactValue::Text(text) => Some(text.clone()),
        FactValue::Null | FactValue::Bool(_) | FactValue::Int(_) | FactValue::List(_) => None,
    }
}

fn time(facts: &Facts, name: &str) -> Option<Timestamp> {
    text(facts, name)?.parse().ok()
}

/// Cut to what a text field keeps.
pub(crate) fn clip(text: &str) -> String {
    clip_to(text, TEXT_CHARS_MAX)
}

/// Cut to so many characters, with a mark where it was cut.
pub(crate) fn clip_to(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some(_) => text.chars().take(chars_max - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use clyra_evidence::digest::Sha256Digest;

    use super::*;

    #[test]
    fn correlation_ids_cannot_break_a_query() {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, ':' | '-' | '_');
        let id = correlation_id(&ChangeId::from_digest(Sha256Digest::of(b"x")));
        assert_eq!(id.len(), 70);
        let day: Day = "2026-11-20".parse().unwrap();
        let hostile = format!("Finance^ORstate=1\n{}", "x".repeat(200));
        let overflow = overflow_correlation_id(&hostile, day);
        assert!(overflow.len() <= 100 && overflow.ends_with(":2026-11-20"), "{overflow}");
        assert!(id.chars().chain(overflow.chars()).all(plain), "{id} {overflow}");
    }

    #[test]
    fn a_cut_text_says_so_and_keeps_its_length() {
        assert_eq!(clip_to("abcd", 4), "abcd");
        assert_eq!(clip_to("abcde", 4), "abc…");
        assert_eq!(clip_to("äöüßé", 4), "äöü…");
    }
}
