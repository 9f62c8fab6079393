//! The closed list of reasons.

use serde::{Deserialize, Serialize};

/// Why a node stands in a delta. [`crate::compare::RULES`] gives each its class and says why it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reason {
    /// Fewer may refer to it than before.
    AccessNarrowed,
    /// More may refer to it than before.
    AccessWidened,
    /// It came.
    Added,
    /// What a generic test is given.
    Arguments,
    /// Source text, or the content of a seed.
    Body,
    /// A column is declared that was not.
    ColumnAdded,
    /// The type of a column is declared that was not, or is no longer.
    ColumnDeclaration,
    /// A declared column is no longer declared.
    ColumnRemoved,
    /// A declared column has another name.
    ColumnRenamed,
    /// A declared column has another type.
    ColumnRetyped,
    /// Declared columns, in nothing that has a word of its own.
    Columns,
    /// Config as written, where no other word fits.
    Config,
    /// Constraints came.
    ConstraintsAdded,
    /// Constraints went.
    ConstraintsRemoved,
    /// The contract, in nothing that has a word of its own.
    Contract,
    /// The contract is no longer enforced.
    ContractDropped,
    /// The contract is newly enforced.
    ContractEnforced,
    /// What kind of thing it is, for resources without source text.
    Definition,
    /// What it reads.
    DependsOn,
    /// Its deprecation date.
    Deprecation,
    /// A hook or operation takes away data, objects or rights, as none of the node did before.
    DestructiveStatement,
    /// Dimensions of a semantic model.
    Dimensions,
    /// It is still written down, and switched off.
    Disabled,
    /// Descriptions or `docs`.
    Documentation,
    /// It was written down before, and switched off.
    Enabled,
    /// Entities of a semantic model.
    Entities,
    /// How a test counts failures.
    FailCalc,
    /// Which rows a metric counts.
    Filter,
    /// The same text, written in another way.
    Formatting,
    /// What a metric, semantic model or saved query computes.
    Formula,
    /// How fresh it has to be, in nothing that can be ordered.
    Freshness,
    /// It may be older than before.
    FreshnessRelaxed,
    /// It has to be fresher than before.
    FreshnessTightened,
    /// Privileges granted after a build.
    Grants,
    /// The owning group.
    Group,
    /// Statements run before or after.
    Hooks,
    /// What it is called and rated, for readers.
    Label,
    /// How many failures a test counts at most.
    Limit,
    /// Its place in the project.
    Location,
    /// A macro that it calls itself, or which macros it calls.
    MacrosDirect,
    /// A macro that comes with dbt or the adapter.
    MacrosEngine,
    /// A macro that is called by one it calls.
    MacrosUpstream,
    /// How it is stored or built.
    Materialization,
    /// Measures of a semantic model.
    Measures,
    /// `meta`.
    Meta,
    /// It takes the place of a macro of dbt or the adapter.
    OverridesDbt,
    /// The owner of an exposure or a group.
    Owner,
    /// Where it is in the warehouse.
    Relation,
    /// It went.
    Removed,
    /// dbt reports it, and nothing that Clyra compares differs.
    ReportedByDbt,
    /// A measure, dimension or entity came.
    SemanticsAdded,
    /// A measure, dimension or entity went.
    SemanticsRemoved,
    /// Whether a failing test fails the run.
    Severity,
    /// `tags`.
    Tags,
    /// The counts of failures from which a test warns or fails.
    Threshold,
    /// Its version, or which version is the latest.
    Version,
    /// Which rows a test looks at.
    Where,
}

impl Reason {
    /// All of them, sorted.
    pub const ALL: &[Self] = &[
        Self::AccessNarrowed,
        Self::AccessWidened,
        Self::Added,
        Self::Arguments,
        Self::Body,
        Self::ColumnAdded,
        Self::ColumnDeclaration,
        Self::ColumnRemoved,
        Self::ColumnRenamed,
        Self::ColumnRetyped,
        Self::Columns,
        Self::Config,
        Self::ConstraintsAdded,
        Self::ConstraintsRemoved,
        Self::Contract,
        Self::ContractDropped,
        Self::ContractEnforced,
        Self::Definition,
        Self::DependsOn,
        Self::Deprecation,
        Self::DestructiveStatement,
        Self::Dimensions,
        Self::Disabled,
        Self::Documentation,
        Self::Enabled,
        Self::Entities,
        Self::FailCalc,
        Self::Filter,
        Self::Formatting,
        Self::Formula,
        Self::Freshness,
        Self::FreshnessRelaxed,
        Self::FreshnessTightened,
        Self::Grants,
        Self::Group,
        Self::Hooks,
        Self::Label,
        Self::Limit,
        Self::Location,
        Self::MacrosDirect,
        Self::MacrosEngine,
        Self::MacrosUpstream,
        Self::Materialization,
        Self::Measures,
        Self::Meta,
        Self::OverridesDbt,
        Self::Owner,
        Self::Relation,
        Self::Removed,
        Self::ReportedByDbt,
        Self::SemanticsAdded,
        Self::SemanticsRemoved,
        Self::Severity,
        Self::Tags,
        Self::Threshold,
        Self::Version,
        Self::Where,
    ];

    /// Whether what runs is the same for all that this says: documentation, or the look of a text.
    #[must_use]
    pub const fn runs_the_same(self) -> bool {
        matches!(self, Self::Documentation | Self::Formatting | Self::Meta | Self::Tags)
    }

    /// Whether it speaks of a macro that the node calls, not of the node itself.
    pub(crate) const fn is_macro(self) -> bool {
        matches!(self, Self::MacrosDirect | Self::MacrosEngine | Self::MacrosUpstream)
    }
}
