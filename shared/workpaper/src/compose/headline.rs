//! The counts above everything else. The entity's scope names the controls that are counted; the rest is noted apart.

use clyra_attest::attestation::{AttributeResult, ControlResult};
use clyra_attest::catalogue::Outcome;

use crate::model::Headline;
use crate::parts::Parts;
use crate::shown::Shown;
use crate::words::count;

use super::sources::Sources;

/// Most causes in a sentence; a reader who wants all reads the matrix.
const CAUSES_MAX: usize = 3;

/// Whether the scope names any control. Where it names none, all are counted.
pub(super) fn scope_names_controls(controls: &[ControlResult]) -> bool {
    controls.iter().any(|control| control.in_scope)
}

pub(super) fn headline(parts: &Parts, sources: &Sources<'_>) -> Headline {
    let controls = &parts.attestation.controls;
    let named = scope_names_controls(controls);
    let counted = Counts::of(controls.iter().filter(|control| control.in_scope || !named));
    let outside = Counts::of(controls.iter().filter(|control| !control.in_scope && named));
    let begin = if named { "" } else { "The scope names no control, so all are counted: " };
    Headline {
        sentence: Shown::new(format!("{begin}{}", counted.sentence(sources))),
        outside: outside.noted(),
        tested: counted.tested,
        exceptions: counted.exceptions.len() as u64,
        not_tested: counted.not_tested.len() as u64,
        not_applicable: counted.not_applicable,
    }
}

/// What the attributes of some controls came to.
#[derive(Default)]
struct Counts<'a> {
    tested: u64,
    not_applicable: u64,
    exceptions: Vec<(&'a ControlResult, &'a AttributeResult)>,
    not_tested: Vec<&'a AttributeResult>,
}

impl<'a> Counts<'a> {
    fn of(controls: impl Iterator<Item = &'a ControlResult>) -> Self {
        let mut counts = Self::default();
        for control in controls {
            for attribute in &control.attributes {
                match attribute.result {
                    Outcome::Pass => counts.tested += 1,
                    Outcome::Fail => {
                        counts.tested += 1;
                        counts.exceptions.push((control, attribute));
                    }
                    Outcome::Unknown => counts.not_tested.push(attribute),
                    Outcome::Na => counts.not_applicable += 1,
                }
            }
        }
        counts
    }

    fn sentence(&self, sources: &Sources<'_>) -> String {
        let not_tested = match self.not_tested.len() as u64 {
            0 => String::new(),
            n => format!("; {n} not tested{}", causes(&self.not_tested, sources)),
        };
        let rest = format!("{not_tested}; {} not applicable.", self.not_applicable);
        if self.tested == 0 {
            return format!("no attribute tested{rest}");
        }
        let exceptions = match self.exceptions.len() as u64 {
            0 => "no exception noted".to_owned(),
            n => format!("{} noted", count(n, "exception", "exceptions")),
        };
        format!("{} tested, {exceptions}{rest}", count(self.tested, "attribute", "attributes"))
    }

    /// What stands beside the headline for controls that the scope does not name; `None` when there is nothing to note.
    fn noted(&self) -> Option<Shown> {
        let mut parts = Vec::new();
        if !self.exceptions.is_empty() {
            let named: Vec<String> =
                self.exceptions.iter().map(|(control, attribute)| format!("{} {}", control.id, attribute.id)).collect();
            let n = count(named.len() as u64, "exception", "exceptions");
            parts.push(format!("{n} ({})", named.join(", ")));
        }
        if !self.not_tested.is_empty() {
            parts.push(format!("{} not tested", count(self.not_tested.len() as u64, "attribute", "attributes")));
        }
        (!parts.is_empty()).then(|| Shown::new(format!("Noted outside your scope: {}.", parts.join("; "))))
    }
}

/// Why attributes were not tested, most frequent first: `: 9 because …, 8 because …, 7 for other reasons`.
fn causes(attributes: &[&AttributeResult], sources: &Sources<'_>) -> String {
    let mut causes: Vec<(usize, Option<&str>)> = Vec::new();
    for attribute in attributes {
        let cause = cause(attribute, sources);
        match causes.iter_mut().find(|(_, known)| *known == cause) {
            Some((n, _)) => *n += 1,
            None => causes.push((1, cause)),
        }
    }
    causes.sort_by_key(|(n, cause)| (cause.is_none(), std::cmp::Reverse(*n)));
    if let [(_, Some(only))] = causes.as_slice() {
        return format!(" because {only}");
    }
    let mut other = 0;
    let mut parts = Vec::new();
    for (n, cause) in causes {
        match cause {
            Some(cause) if parts.len() < CAUSES_MAX => parts.push(format!("{n} because {cause}")),
            Some(_) | None => other += n,
        }
    }
    if other > 0 {
        parts.push(format!("{other} for other reasons"));
    }
    format!(": {}", parts.join(", "))
}

/// The cause as it stands after "because"; `None` for what stands in no group.
fn cause(attribute: &AttributeResult, sources: &Sources<'_>) -> Option<&'static str> {
    const NOT_CONNECTED: &str = "a source is not connected";
    match attribute.code.as_ref()?.as_str() {
        "SCOPE_UNDEFINED" | "MATRIX_UNDEFINED" => Some("the scope states no parameter"),
        "CI_NOT_CONNECTED" | "WAREHOUSE_NOT_CONNECTED" => Some(NOT_CONNECTED),
        _ if sources.missing_for(attribute).is_some() => Some(NOT_CONNECTED),
        "FIELD_UNREAD" => Some("a fact was not read"),
        "MANIFEST_MISSING" => Some("a manifest was not read"),
        "AUDIT_LOG_UNAVAILABLE" | "PERMISSION_MISSING" => Some("a permission to read is missing"),
        _ => None,
    }
}
