//! The business rules of a change: how it begins, which state follows which, who may approve.

use jiff::Timestamp;

use super::record::{Kind, Record, Tables, change_field};
use crate::request::Seen;

/// What an approver says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// `approved`
    Approved,
    /// `rejected`
    Rejected,
}

/// Why a write was refused, as the business rule words it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) String);

/// What a write left out in silence.
#[derive(Debug, Default)]
pub(super) struct Ignored(pub(super) Vec<String>);

/// The state a change begins with, whatever the client sends.
const NEW: &str = "-5";

/// Fields that a standard change takes from its template.
const OF_THE_TEMPLATE: [&str; 4] = ["description", "implementation_plan", "backout_plan", "test_plan"];

/// A new change of this type with the values a client may set.
pub(super) fn create(tables: &mut Tables, values: &[(String, String)], now: Timestamp) -> (Record, Ignored) {
    let mut change = tables.blank(now);
    let defaults = [
        ("type", "normal"),
        ("state", NEW),
        ("risk", "3"),
        ("impact", "3"),
        ("priority", "4"),
        ("scope", "3"),
        ("category", "Other"),
        ("approval", "not requested"),
        ("phase", "requested"),
        ("conflict_status", "Not Run"),
        ("active", "true"),
        ("on_hold", "false"),
        ("cab_required", "false"),
        ("unauthorized", "false"),
        ("production_system", "false"),
        ("outside_maintenance_schedule", "false"),
    ];
    for (field, value) in defaults {
        change.set(field, value);
    }
    change.set("number", tables.next_number("CHG"));
    let mut ignored = Ignored::default();
    for (field, value) in values {
        if field == "state" || !put(&mut change, field, value) {
            ignored.0.push(field.clone());
        }
    }
    (change, ignored)
}

/// Makes a change a standard one: texts come from the template, not from the client.
pub(super) fn follow_template(change: &mut Record, template: &Record, ignored: &mut Ignored) {
    for field in OF_THE_TEMPLATE {
        if !change.get(field).is_empty() {
            ignored.0.push(field.to_owned());
        }
        change.set(field, template.get(field));
    }
    change.set("type", "standard");
    change.set("std_change_producer_version", template.get("sys_id"));
    change.set("approval", "approved");
    if change.get("short_description").is_empty() {
        change.set("short_description", template.get("short_description"));
    }
}

/// Writes values into a change, all or nothing.
pub(super) fn update(change: &mut Record, values: &[(String, String)]) -> Result<Ignored, Refused> {
    let mut changed = change.clone();
    let mut ignored = Ignored::default();
    for (field, value) in values {
        let of_template = changed.get("type") == "standard" && OF_THE_TEMPLATE.contains(&field.as_str());
        if of_template || !put(&mut changed, field, value) {
            ignored.0.push(field.clone());
        }
    }
    if changed.get("state") != change.get("state") {
        check_transition(change, &changed)?;
        if changed.get("type") != "standard" && changed.get("state") == "-4" {
            changed.set("approval", "requested");
        }
        if matches!(changed.get("state"), "3" | "4") {
            changed.set("active", "false");
        }
    }
    *change = changed;
    Ok(ignored)
}

/// The states a change may go to next.
pub(super) fn next_states(change: &Record) -> Vec<&'static str> {
    let state = change.get("state");
    let mut next = match (change.get("type"), state) {
        ("standard", NEW) => vec!["-2"],
        ("emergency", NEW) => vec!["-3"],
        (_, NEW) => vec!["-4"],
        (_, "-4") => vec!["-3"],
        (_, "-3") => vec!["-2"],
        (_, "-2") => vec!["-1"],
        (_, "-1") => vec!["0"],
        (_, "0") => vec!["3"],
        _ => vec![],
    };
    if !matches!(state, "3" | "4") {
        next.push("4");
    }
    next
}

/// A person's decision: an approval of a change that waits for it lets it be scheduled.
pub(super) fn decide(change: &mut Record, decision: Decision) {
    match decision {
        Decision::Approved => change.set("approval", "approved"),
        Decision::Rejected => change.set("approval", "rejected"),
    }
}

/// Whether a request tries to give an approval: by the call for it, or by writing the field.
pub(super) fn tries_to_approve(request: &Seen) -> bool {
    let writes_field = || {
        let in_query = request.query_value("approval").is_some();
        let body: Option<serde_json::Value> = serde_json::from_slice(&request.body).ok();
        in_query || body.is_some_and(|body| body.get("approval").is_some())
    };
    let approver_table = request.path.contains("/sysapproval_approver");
    request.is_write()
        && (request.path.trim_end_matches('/').ends_with("/approvals") || approver_table || writes_field())
}

/// Sets a field if a client may; answers whether it did. Too long a text is cut without a word.
fn put(change: &mut Record, name: &str, value: &str) -> bool {
    match change_field(name) {
        Some(field) if field.kind != Kind::ReadOnly => {
            change.set(name, value.chars().take(field.length_max).collect::<String>());
            true
        }
        Some(_) | None => false,
    }
}

fn check_transition(before: &Record, after: &Record) -> Result<(), Refused> {
    let to = after.get("state");
    let refused = |rule: &str| {
        Err(Refused(format!("Operation against file 'change_request' was aborted by Business Rule '{rule}'")))
    };
    if !next_states(before).contains(&to) {
        return refused("Change Model: Check State Transition^0a2e8e5bc3d01010a9c4dc1bd840dd1c");
    }
    if before.get("state") == NEW && to != "4" && after.get("assignment_group").is_empty() {
        return refused("Change Request: Assignment group is mandatory^5b1d2f1cc3d01010a9c4dc1bd840dd11");
    }
    if to == "-2" && before.get("approval") != "approved" {
        return refused("Change Model: Approval required^7c1b2f1cc3d01010a9c4dc1bd840dd12");
    }
    if to == "3" && (after.get("close_code").is_empty() || after.get("close_notes").is_empty()) {
        return refused("Change Request: Close code and notes are mandatory^9d1b2f1cc3d01010a9c4dc1bd840dd13");
    }
    Ok(())
}
