//! A ticket as the fields of a `change_request`.

use clyra_evidence::time::Timestamp;
use serde_json::Value;

use super::Object;
use crate::draft::{Draft, SHORT_CHARS_MAX, clip, clip_to};

/// Longest `correlation_id`, in characters (`sys_dictionary` of the base system).
const CORRELATION_CHARS_MAX: usize = 100;

/// Fields that no operator configures: approvals, states and closing are people's, the rest Clyra words itself.
const NOT_CONFIGURED: [&str; 27] = [
    "active",
    "approval",
    "approval_history",
    "approval_set",
    "backout_plan",
    "close_code",
    "close_notes",
    "closed_at",
    "closed_by",
    "comments",
    "correlation_display",
    "correlation_id",
    "description",
    "implementation_plan",
    "justification",
    "number",
    "phase",
    "phase_state",
    "review_status",
    "short_description",
    "state",
    "test_plan",
    "type",
    "unauthorized",
    "work_end",
    "work_notes",
    "work_start",
];

/// Whether an operator may have this field set on every ticket.
#[must_use]
pub fn may_be_configured(field: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let named = !field.is_empty() && field.chars().all(plain) && !field.starts_with("sys_");
    named && !NOT_CONFIGURED.contains(&field)
}

/// The fields of a new change. `risk` is the entity's to judge and set only where configured; `state` and `approval` are
/// never set.
pub(super) fn of(draft: &Draft) -> Object {
    let mut fields = Object::new();
    for (field, value) in draft.fields.iter().filter(|(field, _)| may_be_configured(field)) {
        fields.insert(field.clone(), clip(value).into());
    }
    let mut set = |field: &str, value: Value| fields.insert(field.to_owned(), value);
    set("type", draft.ticket_type.as_str().into());
    set("short_description", clip_to(&without_markup(&draft.short_description), SHORT_CHARS_MAX).into());
    set("description", text(&draft.description).into());
    set("justification", text(&draft.justification).into());
    set("implementation_plan", text(&draft.implementation_plan).into());
    set("test_plan", text(&draft.test_plan).into());
    set("backout_plan", text(&draft.backout_plan).into());
    set("work_notes", text(&draft.note).into());
    set("correlation_id", clip_to(&draft.correlation_id, CORRELATION_CHARS_MAX).into());
    set("correlation_display", "Clyra".into());
    if draft.unauthorized {
        set("unauthorized", "true".into());
    }
    let references = [
        ("cmdb_ci", &draft.configuration_item),
        ("assignment_group", &draft.assignment_group),
        ("requested_by", &draft.requested_by),
    ];
    for (field, value) in references {
        if let Some(value) = value {
            set(field, value.as_str().into());
        }
    }
    if let Some((start, end)) = draft.work {
        set("work_start", date_time(start).into());
        if let Some(end) = end {
            set("work_end", date_time(end).into());
        }
    }
    fields
}

/// The fields of `sent` that `kept`, the row as the system answered it, does not hold as they were sent. Journals give
/// nothing back, and what an answer leaves out altogether is not known to be lost.
pub(super) fn not_kept(sent: &Object, kept: &Object) -> Vec<String> {
    let differs = |field: &&String| {
        let sent = sent.get(*field).and_then(Value::as_str).unwrap_or_default();
        kept.contains_key(*field) && normal(&super::answers::text(kept, field)) != normal(sent)
    };
    sent.keys().filter(|field| *field != "work_notes").filter(differs).cloned().collect()
}

/// Without what systems do to line ends and to spaces around a text.
fn normal(text: &str) -> String {
    text.replace("\r\n", "\n").trim().to_owned()
}

/// A text as a text field and a journal take it.
pub(super) fn text(text: &str) -> String {
    clip(&without_markup(text))
}

/// Journals draw what stands between `[code]` tags as HTML, so no name from outside may bring one.
fn without_markup(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('[') {
        let (before, tag) = rest.split_at(at);
        let inner = tag[1..].trim_start().trim_start_matches('/').trim_start();
        let is_tag = inner.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("code"));
        out.push_str(before);
        out.push(if is_tag { '(' } else { '[' });
        rest = &tag[1..];
    }
    out.push_str(rest);
    out
}

/// `YYYY-MM-DD HH:mm:ss` in UTC.
fn date_time(time: Timestamp) -> String {
    let text = time.to_string();
    format!("{} {}", &text[..10], &text[11..19])
}

/// The time that `YYYY-MM-DD HH:mm:ss` in UTC names.
pub(super) fn time_of(text: &str) -> Option<Timestamp> {
    let (day, time) = text.split_once(' ')?;
    format!("{day}T{time}Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read_as_the_instance_does() {
        let time: Timestamp = "2026-11-20T09:05:07.900Z".parse().unwrap();
        assert_eq!(date_time(time), "2026-11-20 09:05:07");
        assert_eq!(time_of("2026-11-20 09:05:07"), Some(time.plus_ms(-900)));
        for bad in ["", "2026-11-20", "yesterday noon", "20/11/2026 09:05:07"] {
            assert_eq!(time_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn no_name_brings_markup_into_a_journal() {
        for (text, expected) in [
            ("a [code]<img src=x onerror=alert(1)>[/code] b", "a (code]<img src=x onerror=alert(1)>(/code] b"),
            ("[CoDe]x[/ CODE]", "(CoDe]x(/ CODE]"),
            ("[[code]", "[(code]"),
            ("seen [1] and [", "seen [1] and ["),
            ("[cöde]", "[cöde]"),
        ] {
            assert_eq!(without_markup(text), expected, "{text}");
        }
    }

    #[test]
    fn approvals_and_states_cannot_be_configured() {
        for field in
            ["approval", "state", "sys_id", "work_notes", "correlation_id", "", "Approval", "a^b", "variables.x"]
        {
            assert!(!may_be_configured(field), "{field}");
        }
        for field in ["assignment_group", "risk", "category", "chg_model", "u_entity"] {
            assert!(may_be_configured(field), "{field}");
        }
        assert!(NOT_CONFIGURED.is_sorted());
    }
}
