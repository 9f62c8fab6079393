//! The one table that gives a change its class and says why it matters. spec/def/semantic-delta.md publishes it.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::compare::reason::Reason;

/// The class of a node's change, or of a delta as a whole; from the mildest to the most severe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeltaClass {
    /// No node differs.
    None,
    /// Texts differ, meanings do not.
    Cosmetic,
    /// Descriptions, docs, meta or tags.
    Documentation,
    /// Who owns it, who may use it, what is promised about it.
    Governance,
    /// Shape or place, without other results.
    Structural,
    /// Results can differ, or what is checked about them.
    Behavioural,
    /// Consumers can fail, or silently read something else.
    Breaking,
    /// Not compared.
    Unknown,
}

impl DeltaClass {
    /// The class in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Cosmetic => "cosmetic",
            Self::Documentation => "documentation",
            Self::Governance => "governance",
            Self::Structural => "structural",
            Self::Behavioural => "behavioural",
            Self::Breaking => "breaking",
            Self::Unknown => "unknown",
        }
    }

    /// Whether what runs is the same as before: nothing, documentation or the look of a text differs.
    #[must_use]
    pub const fn runs_the_same(self) -> bool {
        matches!(self, Self::None | Self::Cosmetic | Self::Documentation)
    }
}

/// Of which nodes a rule speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Of {
    /// What others read: models, seeds, snapshots, functions, metrics, semantic models, saved queries, and sources
    /// that something reads.
    Read,
    /// What nothing can read, or nothing reads any more: analyses, ephemeral models, sources that nothing reads, tests
    /// of what went too.
    Unread,
    /// Tests and unit tests.
    Test,
    /// Tests that certainly let nothing more through than before.
    StricterTest,
    /// Exposures and groups: who reads, and who owns.
    Consumer,
    /// What had an enforced contract before.
    ContractedBefore,
    /// What has an enforced contract after.
    ContractedAfter,
    /// Models stored as a table on one side and as a view on the other.
    Stored,
    /// All others.
    Any,
}

impl Of {
    /// The word in the published table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Unread => "unread",
            Self::Test => "test",
            Self::StricterTest => "stricter test",
            Self::Consumer => "consumer",
            Self::ContractedBefore => "contracted before",
            Self::ContractedAfter => "contracted after",
            Self::Stored => "stored",
            Self::Any => "any",
        }
    }
}

/// One row: what a reason means for such a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The reason.
    pub reason: Reason,
    /// Of which nodes.
    pub of: Of,
    /// The class it gives.
    pub class: DeltaClass,
    /// Why it matters, in one sentence.
    pub why: &'static str,
}

const fn rule(reason: Reason, of: Of, class: DeltaClass, why: &'static str) -> Rule {
    Rule { reason, of, class, why }
}

/// The table. Of each reason, the first row that speaks of the node holds; of a node's reasons, the most severe, and of
/// equally severe ones the first in this table.
pub const RULES: &[Rule] = {
    use DeltaClass as C;
    use Reason as R;
    &[
        // What came and went.
        rule(R::Removed, Of::Unread, C::Structural, "It went, and nothing that stays reads it or is guarded by it."),
        rule(
            R::Removed,
            Of::Read,
            C::Breaking,
            "It went: whoever reads it fails, or reads what is no longer brought up to date.",
        ),
        rule(R::Removed, Of::Test, C::Behavioural, "What this test caught is no longer caught."),
        rule(
            R::Removed,
            Of::Consumer,
            C::Governance,
            "A known consumer or owner is no longer known, so nobody asks them.",
        ),
        rule(R::Removed, Of::Any, C::Behavioural, "It went: what called it or was selected by it runs differently."),
        rule(
            R::Disabled,
            Of::Unread,
            C::Structural,
            "It was switched off, and nothing that stays reads it or is guarded by it.",
        ),
        rule(
            R::Disabled,
            Of::Read,
            C::Breaking,
            "It was switched off: whoever reads it fails, or reads what is no longer brought up to date.",
        ),
        rule(R::Disabled, Of::Test, C::Behavioural, "The test was switched off: what it caught is no longer caught."),
        rule(
            R::Disabled,
            Of::Consumer,
            C::Governance,
            "A known consumer or owner was switched off, so nobody asks them.",
        ),
        rule(
            R::Disabled,
            Of::Any,
            C::Behavioural,
            "It was switched off: what called it or was selected by it runs differently.",
        ),
        // Breaking.
        rule(
            R::DestructiveStatement,
            Of::Any,
            C::Breaking,
            "A statement run beside a build takes away data, objects or rights, as none of this node did before.",
        ),
        rule(R::ColumnRemoved, Of::Any, C::Breaking, "A column went: queries that name it fail."),
        rule(R::ColumnRenamed, Of::Any, C::Breaking, "A column has another name: queries that use the old one fail."),
        rule(
            R::ColumnRetyped,
            Of::Any,
            C::Breaking,
            "A column has another type: readers can fail, round or compare differently.",
        ),
        rule(
            R::ContractDropped,
            Of::Any,
            C::Breaking,
            "The contract is no longer enforced: columns and types can change unnoticed.",
        ),
        rule(
            R::ConstraintsRemoved,
            Of::ContractedBefore,
            C::Breaking,
            "A constraint went: rows can now come that readers were promised never to see.",
        ),
        rule(R::AccessNarrowed, Of::Any, C::Breaking, "Fewer may refer to it: references from elsewhere fail."),
        rule(
            R::Relation,
            Of::Any,
            C::Breaking,
            "It no longer lies where it did: readers of the old place fail, or read what is no longer brought up to date.",
        ),
        rule(
            R::SemanticsRemoved,
            Of::Any,
            C::Breaking,
            "A measure, dimension or entity went: queries that name it fail.",
        ),
        // Behavioural.
        rule(R::Body, Of::Any, C::Behavioural, "Its text differs, so its result can differ."),
        rule(R::Formula, Of::Any, C::Behavioural, "It computes something else under the same name."),
        rule(R::Filter, Of::Any, C::Behavioural, "It counts other rows under the same name."),
        rule(
            R::Measures,
            Of::Any,
            C::Behavioural,
            "A measure is defined differently, and with it every metric over it.",
        ),
        rule(
            R::Dimensions,
            Of::Any,
            C::Behavioural,
            "A dimension is defined differently: figures are grouped in another way.",
        ),
        rule(
            R::Entities,
            Of::Any,
            C::Behavioural,
            "An entity is defined differently: figures are joined in another way.",
        ),
        rule(
            R::DependsOn,
            Of::Consumer,
            C::Behavioural,
            "It reads other models than before, so what it shows can differ.",
        ),
        rule(R::DependsOn, Of::Any, C::Behavioural, "It reads something else than before, so its result can differ."),
        rule(R::MacrosDirect, Of::Any, C::Behavioural, "A macro that it calls differs, so its result can differ."),
        rule(
            R::MacrosUpstream,
            Of::Any,
            C::Behavioural,
            "A macro behind one that it calls differs, so its result can differ.",
        ),
        rule(
            R::OverridesDbt,
            Of::Any,
            C::Behavioural,
            "It takes the place of a macro of dbt: whatever dbt does with that one can differ.",
        ),
        rule(R::Hooks, Of::Any, C::Behavioural, "Other statements run before or after the build."),
        rule(R::Config, Of::Test, C::Structural, "It is run or kept in another way; when it fails is the same."),
        rule(R::Config, Of::Any, C::Behavioural, "It is built in another way, so its result can differ."),
        rule(
            R::Materialization,
            Of::Stored,
            C::Structural,
            "It is kept as a table instead of a view or the other way round; the query is the same.",
        ),
        rule(
            R::Materialization,
            Of::Any,
            C::Behavioural,
            "It is built by another materialization, so its rows can differ.",
        ),
        rule(
            R::Definition,
            Of::Any,
            C::Behavioural,
            "It is defined differently, so what it does or checks can differ.",
        ),
        rule(R::Version, Of::Any, C::Behavioural, "References without a version can now read another one."),
        rule(R::Contract, Of::Any, C::Behavioural, "The contract is applied in another way."),
        rule(R::Columns, Of::Any, C::Behavioural, "Declared columns are treated in another way."),
        rule(R::FreshnessRelaxed, Of::Any, C::Behavioural, "Data may be older than before without anybody being told."),
        rule(R::Freshness, Of::Any, C::Behavioural, "Freshness is measured in another way."),
        rule(R::Severity, Of::StricterTest, C::Governance, "The test can now fail a run that it only warned about."),
        rule(R::Severity, Of::Any, C::Behavioural, "The test no longer stops what it stopped before."),
        rule(R::Where, Of::StricterTest, C::Governance, "The test looks at all rows again."),
        rule(R::Where, Of::Any, C::Behavioural, "The test looks at other rows, so failures can go unseen."),
        rule(R::Threshold, Of::StricterTest, C::Governance, "The test tells of no fewer failures than before."),
        rule(R::Threshold, Of::Any, C::Behavioural, "The test tolerates failures that it did not tolerate before."),
        rule(
            R::Limit,
            Of::StricterTest,
            C::Governance,
            "The test counts another number of failures; it fails no later than before.",
        ),
        rule(R::Limit, Of::Any, C::Behavioural, "The test counts fewer failures, so it can pass where it failed."),
        rule(R::Arguments, Of::StricterTest, C::Governance, "The test accepts no more values than before."),
        rule(R::Arguments, Of::Any, C::Behavioural, "The test checks something else, so failures can go unseen."),
        rule(
            R::FailCalc,
            Of::Any,
            C::Behavioural,
            "The test counts failures in another way, so failures can go unseen.",
        ),
        rule(
            R::MacrosEngine,
            Of::Any,
            C::Behavioural,
            "A macro that comes with dbt or the adapter differs; the node itself does not.",
        ),
        // Structural.
        rule(R::Added, Of::Any, C::Structural, "It is new; nothing that was there before differs by that alone."),
        rule(
            R::Enabled,
            Of::Any,
            C::Structural,
            "It was switched on; nothing that was there before differs by that alone.",
        ),
        rule(
            R::ColumnDeclaration,
            Of::Any,
            C::Structural,
            "The type of a column is declared that was not, or is no longer; the column itself stays.",
        ),
        rule(R::ColumnAdded, Of::Any, C::Structural, "A column came; queries that name their columns are not touched."),
        rule(
            R::SemanticsAdded,
            Of::Any,
            C::Structural,
            "A measure, dimension or entity came; existing queries are not touched.",
        ),
        rule(
            R::ConstraintsRemoved,
            Of::Any,
            C::Structural,
            "A constraint is no longer declared; without an enforced contract it was never applied.",
        ),
        rule(
            R::ConstraintsAdded,
            Of::ContractedAfter,
            C::Governance,
            "A constraint came: rows that break it now fail the build.",
        ),
        rule(
            R::ConstraintsAdded,
            Of::Any,
            C::Structural,
            "A constraint is declared; without an enforced contract it is not applied.",
        ),
        rule(
            R::Location,
            Of::Any,
            C::Structural,
            "It has another place in the project: jobs that select by folder can miss it.",
        ),
        rule(
            R::ReportedByDbt,
            Of::Any,
            C::Structural,
            "dbt counts it as modified; nothing that Clyra compares differs.",
        ),
        // Governance.
        rule(R::AccessWidened, Of::Any, C::Governance, "More may refer to it: it is harder to change from now on."),
        rule(
            R::ContractEnforced,
            Of::Any,
            C::Governance,
            "The contract is enforced from now on: columns and types are promised.",
        ),
        rule(R::FreshnessTightened, Of::Any, C::Governance, "Data has to be fresher than before."),
        rule(R::Grants, Of::Any, C::Governance, "Other roles can read or write it after the next build."),
        rule(R::Group, Of::Any, C::Governance, "Another group owns it, so other people are asked."),
        rule(R::Owner, Of::Any, C::Governance, "Another person or team is asked about it."),
        rule(R::Deprecation, Of::Any, C::Governance, "The date until which readers can count on it differs."),
        rule(R::Label, Of::Any, C::Governance, "Readers see it under another name, kind or rating."),
        // Documentation and cosmetic.
        rule(R::Documentation, Of::Any, C::Documentation, "Descriptions differ; what runs does not."),
        rule(R::Meta, Of::Any, C::Documentation, "Notes for tools differ; what runs does not."),
        rule(R::Tags, Of::Any, C::Documentation, "Tags differ: jobs that select by tag can run other nodes."),
        rule(R::Formatting, Of::Any, C::Cosmetic, "It is written differently and means the same."),
    ]
};

/// The row that decides, given the reasons and what holds of the node; `None` without any reason.
pub(crate) fn verdict(reasons: &BTreeSet<Reason>, node: &BTreeSet<Of>) -> Option<&'static Rule> {
    let speaks = |rule: &Rule| rule.of == Of::Any || node.contains(&rule.of);
    let row = |reason: &Reason| RULES.iter().position(|rule| rule.reason == *reason && speaks(rule));
    let deciding = reasons.iter().filter_map(row).min_by_key(|row| (Reverse(RULES[*row].class), *row));
    deciding.map(|row| &RULES[row])
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Each reason means something for every node, and no row stands behind one that always holds.
    #[test]
    fn every_reason_has_a_class_and_a_why() {
        assert!(Reason::ALL.is_sorted());
        for reason in Reason::ALL {
            let rows: Vec<&Rule> = RULES.iter().filter(|rule| rule.reason == *reason).collect();
            let (last, others) = rows.split_last().unwrap_or_else(|| panic!("{reason:?} has no row"));
            assert_eq!(last.of, Of::Any, "{reason:?}");
            assert!(others.iter().all(|rule| rule.of != Of::Any), "{reason:?}");
            assert_eq!(verdict(&BTreeSet::from([*reason]), &BTreeSet::new()), Some(*last));
        }
        assert_eq!(verdict(&BTreeSet::new(), &BTreeSet::from([Of::Read])), None);
        for rule in RULES {
            assert!(!matches!(rule.class, DeltaClass::None | DeltaClass::Unknown), "{rule:?}");
            assert_eq!(rule.class.runs_the_same(), rule.reason.runs_the_same(), "{rule:?}");
            assert!(rule.why.ends_with('.') && rule.why.len() <= 150, "{rule:?}");
        }
    }

    #[test]
    fn the_most_severe_reason_decides() {
        let decides = |reasons: &[Reason], of: &[Of]| {
            let rule = verdict(&reasons.iter().copied().collect(), &of.iter().copied().collect());
            rule.map(|rule| (rule.class, rule.reason))
        };
        let (body, tags, config) = (Reason::Body, Reason::Tags, Reason::Config);
        assert_eq!(decides(&[tags, body], &[Of::Read]), Some((DeltaClass::Behavioural, body)));
        assert_eq!(decides(&[config, body, Reason::Relation], &[]), Some((DeltaClass::Breaking, Reason::Relation)));
        assert_eq!(decides(&[config, body], &[]), Some((DeltaClass::Behavioural, body)));
        assert_eq!(decides(&[config], &[Of::Test]), Some((DeltaClass::Structural, config)));
        assert_eq!(decides(&[Reason::Removed], &[Of::Unread]), Some((DeltaClass::Structural, Reason::Removed)));
    }

    /// The published table is this one.
    #[test]
    fn the_published_table_holds() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/def/semantic-delta.md");
        let page = fs::read_to_string(page).unwrap();
        let words = |value: serde_json::Value| value.as_str().unwrap().to_owned();
        let expected: Vec<String> = RULES
            .iter()
            .map(|rule| {
                let reason = words(serde_json::to_value(rule.reason).unwrap());
                format!("| `{reason}` | {} | `{}` | {} |", rule.of.as_str(), rule.class.as_str(), rule.why)
            })
            .collect();
        let table = page.split("| reason | of | class | why |\n|---|---|---|---|\n").nth(1).unwrap();
        let published: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
        assert!(published == expected, "the page should have:\n{}", expected.join("\n"));
    }
}
