//! The vocabulary of readers. Machine values are turned into these words in one place, for every surface.

use std::collections::BTreeMap;

use clyra_attest::catalogue::Outcome;
use clyra_evidence::change::{ChangeKind, Component};
use clyra_evidence::fact::FactClass;
use clyra_evidence::id::Source;
use clyra_evidence::manifest::{ChangeClass, ChangeMark};
use clyra_evidence::time::Timestamp;
use serde::Serialize;

/// Words that stand on no surface, by where and with what to write instead: they claim what only management and the auditor
/// may conclude, or promise what no technique keeps. Foreign names are not ours to ban.
const BANNED: &str = include_str!("../../../spec/compliance/words.json");

/// The banned words with which a word of `text` begins, whatever their case. Tests hold every page, file, badge and ticket
/// against them.
#[must_use]
pub fn banned_in(text: &str) -> Vec<&'static str> {
    let text = text.to_lowercase();
    let joined =
        |word: &str, at: usize| word.starts_with(char::is_alphanumeric) && text[..at].ends_with(char::is_alphanumeric);
    #[expect(clippy::expect_used, reason = "invariant: the list is part of the program, and a test reads it")]
    let lists: BTreeMap<&str, BTreeMap<&str, &str>> = serde_json::from_str(BANNED).expect("the list is well formed");
    let words = lists.into_values().flat_map(BTreeMap::into_keys);
    words.filter(|word| text.match_indices(word).any(|(at, _)| !joined(word, at))).collect()
}

/// A result as readers see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ResultWord {
    /// Everything asked holds on evidence that was read.
    NoException,
    /// Something asked is shown not to hold.
    Exception,
    /// Something needed was not read, or is too weak.
    NotTested,
    /// A stated condition says that there is nothing to test.
    NotApplicable,
}

impl ResultWord {
    /// The words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoException => "no exception",
            Self::Exception => "exception",
            Self::NotTested => "not tested",
            Self::NotApplicable => "not applicable",
        }
    }

    /// A mark to stand before the words, so that no result is told by colour alone.
    #[must_use]
    pub const fn mark(self) -> &'static str {
        match self {
            Self::NoException => "○",
            Self::Exception => "●",
            Self::NotTested => "◇",
            Self::NotApplicable => "–",
        }
    }
}

impl From<Outcome> for ResultWord {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Pass => Self::NoException,
            Outcome::Fail => Self::Exception,
            Outcome::Unknown => Self::NotTested,
            Outcome::Na => Self::NotApplicable,
        }
    }
}

/// What kind of change, as a heading says it.
#[must_use]
pub const fn kind(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Code => "Code change",
        ChangeKind::Drift => "Drift without a commit",
        ChangeKind::Override => "Overridden run",
        ChangeKind::Config => "Configuration change",
        ChangeKind::Sync => "Reverse-ETL definition change",
        ChangeKind::Warehouse => "Direct change in the warehouse",
    }
}

/// The population that a kind of change is a row of: its id and what it lists.
#[must_use]
pub const fn population(kind: ChangeKind) -> (&'static str, &'static str) {
    match kind {
        ChangeKind::Code => ("P1", "code changes to the production branch"),
        ChangeKind::Drift => ("P2", "production runs, filtered: runs whose state drifted without a commit"),
        ChangeKind::Override => ("P2", "production runs, filtered: ad-hoc and override runs"),
        ChangeKind::Config => ("P3", "configuration changes"),
        ChangeKind::Sync => ("P4", "reverse-ETL definitions"),
        ChangeKind::Warehouse => ("P6", "statements outside the pipeline"),
    }
}

/// What the rows of a kind of change are called.
pub(crate) const fn rows(kind: ChangeKind) -> (&'static str, &'static str) {
    match kind {
        ChangeKind::Code => ("code change", "code changes"),
        ChangeKind::Drift => ("drift", "drifts"),
        ChangeKind::Override => ("override run", "override runs"),
        ChangeKind::Config => ("configuration change", "configuration changes"),
        ChangeKind::Sync => ("definition change", "definition changes"),
        ChangeKind::Warehouse => ("direct statement", "direct statements"),
    }
}

/// How a fact came to be known.
#[must_use]
pub const fn class(class: FactClass) -> &'static str {
    match class {
        FactClass::Claimed => "claimed",
        FactClass::Delivered => "delivered",
        FactClass::Observed => "observed",
        FactClass::Confirmed => "confirmed",
        FactClass::Reconstructed => "reconstructed",
    }
}

/// What the word for a class means, for the legend.
#[must_use]
pub const fn class_meaning(class: FactClass) -> &'static str {
    match class {
        FactClass::Claimed => "unsigned or self-declared",
        FactClass::Delivered => "an authenticated push of the source",
        FactClass::Observed => "read from the source's API",
        FactClass::Confirmed => "two sources agree",
        FactClass::Reconstructed => "read from the source's API more than 24 hours later",
    }
}

/// A tool by the name its users know.
#[must_use]
pub const fn source(source: Source) -> &'static str {
    match source {
        Source::DbtCloud => "dbt Cloud",
        Source::Github => "GitHub",
        Source::Hightouch => "Hightouch",
        Source::Slack => "Slack",
    }
}

/// Whether a change can alter what is computed.
#[must_use]
pub const fn change_class(class: ChangeClass) -> &'static str {
    match class {
        ChangeClass::Documentation => "documentation only",
        ChangeClass::Behavioural => "behavioural",
        ChangeClass::Unknown => "not known: the states could not be compared",
    }
}

/// A mark on a change.
#[must_use]
pub const fn mark(mark: ChangeMark) -> &'static str {
    match mark {
        ChangeMark::Emergency => "emergency",
        ChangeMark::Unauthorized => "outside the pipeline",
        ChangeMark::Late => "learned more than 24 hours after the fact",
        ChangeMark::Withdrawn => "withdrawn: a later fact showed that it is no change of its own",
    }
}

/// A component of the state vector.
#[must_use]
pub const fn component(component: Component) -> &'static str {
    match component {
        Component::Manifest => "code",
        Component::Seeds => "seeds",
        Component::Packages => "packages",
        Component::DbtVersion => "dbt version",
        Component::Job => "job definition",
        Component::Environment => "environment",
    }
}

/// A time for readers: `2026-11-20 09:41:00Z`. All times are UTC.
#[must_use]
pub fn time(time: Timestamp) -> String {
    let text = time.to_string();
    format!("{} {}Z", &text[..10], &text[11..19])
}

/// How the making of a record at `created` relates to the change's going live.
#[must_use]
pub fn record_timing(live_at: Option<Timestamp>, created: Timestamp) -> String {
    let Some(live_at) = live_at else {
        return "created before a production run with this change was seen".to_owned();
    };
    let ms = created.ms_since(live_at);
    let relation = if ms < 0 { "before" } else { "after" };
    format!("created {} {relation} going live", duration(ms.unsigned_abs()))
}

fn duration(ms: u64) -> String {
    let minutes = ms / 60_000;
    match (minutes / 1_440, minutes / 60, minutes) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {} min", minutes % 60),
        (days, hours, _) => format!("{days} d {} h", hours % 24),
    }
}

/// `1 attribute`, `2 attributes`.
pub(crate) fn count(n: u64, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn banned_words_are_found_where_a_word_begins() {
        assert_eq!(banned_in("Scored 97%: no deficiency, underscored."), ["deficien", "score", "%"]);
        assert_eq!(banned_in("COMPLIANCE mode"), [] as [&str; 0]);
    }

    #[test]
    fn record_timing_says_which_came_first() {
        let live: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
        for (ms, expected) in [
            (-12 * 60_000, "created 12 min before going live"),
            (3 * 3_600_000, "created 3 h 0 min after going live"),
            (49 * 3_600_000, "created 2 d 1 h after going live"),
        ] {
            assert_eq!(record_timing(Some(live), live.plus_ms(ms)), expected);
        }
        assert_eq!(record_timing(None, live), "created before a production run with this change was seen");
    }
}
