//! The closed words of the document as a reader sees them.

use clyra_delta::artifact::metadata::EngineKind;
use clyra_delta::compare::{Change, DbtReason, DeltaClass, HeaderFlag, Reason};

/// The classes of nodes, the most severe first.
pub(super) const CLASSES: [DeltaClass; 6] = [
    DeltaClass::Breaking,
    DeltaClass::Behavioural,
    DeltaClass::Structural,
    DeltaClass::Governance,
    DeltaClass::Documentation,
    DeltaClass::Cosmetic,
];

/// What a class means, as a sentence from its first word to before its full stop.
pub(super) const fn meaning(class: DeltaClass) -> &'static str {
    match class {
        DeltaClass::Breaking => "whoever reads it can fail, or silently read something else",
        DeltaClass::Behavioural => "results can differ, or what is checked of them",
        DeltaClass::Structural => "shape or place differ, results do not",
        DeltaClass::Governance => "who owns it, who may use it or what is promised differs",
        DeltaClass::Documentation => "descriptions, meta or tags differ, what runs does not",
        DeltaClass::Cosmetic => "written differently, and means the same",
        DeltaClass::None => "nothing changed",
        DeltaClass::Unknown => "not compared",
    }
}

/// The class as a heading begins.
pub(super) fn title(class: DeltaClass) -> String {
    let (first, rest) = class.as_str().split_at(1);
    format!("{}{rest}", first.to_uppercase())
}

/// A reason as a part of a list, after the name of the node.
pub(super) const fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::AccessNarrowed => "access narrowed",
        Reason::AccessWidened => "access widened",
        Reason::Added => "added",
        Reason::Arguments => "arguments",
        Reason::Body => "body",
        Reason::ColumnAdded => "column added",
        Reason::ColumnDeclaration => "column type declared or undeclared",
        Reason::ColumnRemoved => "column removed",
        Reason::ColumnRenamed => "column renamed",
        Reason::ColumnRetyped => "column retyped",
        Reason::Columns => "columns",
        Reason::Config => "config",
        Reason::ConstraintsAdded => "constraints added",
        Reason::ConstraintsRemoved => "constraints removed",
        Reason::Contract => "contract",
        Reason::ContractDropped => "contract no longer enforced",
        Reason::ContractEnforced => "contract newly enforced",
        Reason::Definition => "definition",
        Reason::DependsOn => "what it reads",
        Reason::Deprecation => "deprecation date",
        Reason::DestructiveStatement => "a statement that takes something away",
        Reason::Dimensions => "dimensions",
        Reason::Disabled => "switched off",
        Reason::Documentation => "descriptions",
        Reason::Enabled => "switched on",
        Reason::Entities => "entities",
        Reason::FailCalc => "how failures are counted",
        Reason::Filter => "filter",
        Reason::Formatting => "formatting",
        Reason::Formula => "formula",
        Reason::Freshness => "freshness",
        Reason::FreshnessRelaxed => "freshness relaxed",
        Reason::FreshnessTightened => "freshness tightened",
        Reason::Grants => "grants",
        Reason::Group => "group",
        Reason::Hooks => "hooks",
        Reason::Label => "label",
        Reason::Limit => "limit",
        Reason::Location => "place in the project",
        Reason::MacrosDirect => "a macro that it calls",
        Reason::MacrosEngine => "a macro of dbt or the adapter",
        Reason::MacrosUpstream => "a macro behind one that it calls",
        Reason::Materialization => "materialization",
        Reason::Measures => "measures",
        Reason::Meta => "meta",
        Reason::OverridesDbt => "takes the place of a macro of dbt",
        Reason::Owner => "owner",
        Reason::Relation => "place in the warehouse",
        Reason::Removed => "removed",
        Reason::ReportedByDbt => "reported by dbt alone",
        Reason::SemanticsAdded => "measure, dimension or entity added",
        Reason::SemanticsRemoved => "measure, dimension or entity removed",
        Reason::Severity => "severity",
        Reason::Tags => "tags",
        Reason::Threshold => "threshold",
        Reason::Version => "version",
        Reason::Where => "where",
    }
}

/// Whether a reason is about a macro and not about the node.
pub(super) const fn is_macro(reason: Reason) -> bool {
    matches!(reason, Reason::MacrosDirect | Reason::MacrosEngine | Reason::MacrosUpstream)
}

/// Whether a reason is about columns.
pub(super) const fn is_column(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::ColumnAdded
            | Reason::ColumnDeclaration
            | Reason::ColumnRemoved
            | Reason::ColumnRenamed
            | Reason::ColumnRetyped
            | Reason::Columns
    )
}

/// dbt's own word: what follows `state:modified.`, or `new`; `modified` where no sub-selector names it.
pub(super) const fn dbt(reason: DbtReason) -> &'static str {
    match reason {
        DbtReason::Body => "body",
        DbtReason::Configs => "configs",
        DbtReason::Relation => "relation",
        DbtReason::PersistedDescriptions => "persisted_descriptions",
        DbtReason::Macros => "macros",
        DbtReason::Contract => "contract",
        DbtReason::New => "new",
        DbtReason::Other => "modified",
    }
}

/// A flag as a sentence; `None` where the answer says it otherwise.
pub(super) const fn flag(flag: HeaderFlag) -> Option<&'static str> {
    Some(match flag {
        HeaderFlag::DbtVersionChanged => return None,
        HeaderFlag::EngineChanged => {
            "The adapter, or the macros that come with dbt, differ: an unchanged project can behave differently."
        }
        HeaderFlag::SeedContentNotHashed => {
            "Some seeds are above dbt's limit of 1 MiB: their content is not in the manifest, so a change of it is not seen."
        }
        HeaderFlag::SourceTextMissing => {
            "Some nodes carry no source text: dbt's own checksums were compared, whose rule varies between versions."
        }
        HeaderFlag::ProjectUnnamed => {
            "A manifest does not name its project: installed packages are not told apart from it."
        }
    })
}

/// Whether a flag says that something differs, rather than what could not be seen.
pub(super) const fn is_change(flag: HeaderFlag) -> bool {
    matches!(flag, HeaderFlag::DbtVersionChanged | HeaderFlag::EngineChanged)
}

/// What happened to an installed package. Manifests tell no versions.
pub(super) const fn package(change: Change) -> &'static str {
    match change {
        Change::Added => "added",
        Change::Removed => "removed",
        Change::Modified => "another version or content",
    }
}

pub(super) const fn engine(engine: EngineKind) -> &'static str {
    match engine {
        EngineKind::Core => "dbt Core",
        EngineKind::Fusion => "dbt Fusion",
    }
}

/// A word of a closed list, as documents have it, for people.
pub(super) fn word(word: impl serde::Serialize) -> String {
    let value = serde_json::to_value(word).unwrap_or_default();
    value.as_str().unwrap_or_default().replace('_', " ")
}
