//! The recorded artifacts of `fixtures/dbt/states`, compiled in. The README there says what each state shows.

use crate::artifact::Artifact;

/// A state of the recorded dbt project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// `base`
    Base,
    /// `revenue_logic`
    RevenueLogic,
    /// `docs_only`
    DocsOnly,
    /// `test_weakened`
    TestWeakened,
    /// `package_drift`
    PackageDrift,
    /// `failing_tests`
    FailingTests,
    /// `full_refresh`
    FullRefresh,
    /// `model_added_removed`
    ModelAddedRemoved,
    /// `seed_changed`
    SeedChanged,
    /// `ci_revenue_logic`
    CiRevenueLogic,
    /// `history_docs_only`
    HistoryDocsOnly,
    /// `history_test_weakened`
    HistoryTestWeakened,
    /// `history_package_drift`
    HistoryPackageDrift,
    /// `history_full_refresh`
    HistoryFullRefresh,
    /// `history_failing_tests`
    HistoryFailingTests,
    /// `history_dbt_upgrade`
    HistoryDbtUpgrade,
}

/// The artifacts of one state, as dbt wrote them.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// `manifest.json` of the build.
    pub manifest: Artifact,
    /// `run_results.json` of the build.
    pub run_results: Artifact,
    /// `run_results.json` of the documentation step after it.
    pub run_results_docs: Artifact,
    /// `sources.json` of the freshness check.
    pub sources: Artifact,
    /// `catalog.json` of the documentation step.
    pub catalog: Artifact,
}

macro_rules! bytes {
    ($state:literal, $file:literal) => {
        include_bytes!(concat!("../../../fixtures/dbt/states/", $state, "/", $file)).as_slice()
    };
}

macro_rules! recorded {
    ($state:literal) => {
        Recorded {
            manifest: Artifact::gzip(bytes!($state, "manifest.json.gz")),
            run_results: Artifact::plain(bytes!($state, "run_results.json")),
            run_results_docs: Artifact::plain(bytes!($state, "run_results.docs.json")),
            sources: Artifact::plain(bytes!($state, "sources.json")),
            catalog: Artifact::gzip(bytes!($state, "catalog.json.gz")),
        }
    };
}

impl State {
    /// All states.
    pub const ALL: [Self; 16] = [
        Self::Base,
        Self::RevenueLogic,
        Self::DocsOnly,
        Self::TestWeakened,
        Self::PackageDrift,
        Self::FailingTests,
        Self::FullRefresh,
        Self::ModelAddedRemoved,
        Self::SeedChanged,
        Self::CiRevenueLogic,
        Self::HistoryDocsOnly,
        Self::HistoryTestWeakened,
        Self::HistoryPackageDrift,
        Self::HistoryFullRefresh,
        Self::HistoryFailingTests,
        Self::HistoryDbtUpgrade,
    ];

    /// The name of the state's folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::RevenueLogic => "revenue_logic",
            Self::DocsOnly => "docs_only",
            Self::TestWeakened => "test_weakened",
            Self::PackageDrift => "package_drift",
            Self::FailingTests => "failing_tests",
            Self::FullRefresh => "full_refresh",
            Self::ModelAddedRemoved => "model_added_removed",
            Self::SeedChanged => "seed_changed",
            Self::CiRevenueLogic => "ci_revenue_logic",
            Self::HistoryDocsOnly => "history_docs_only",
            Self::HistoryTestWeakened => "history_test_weakened",
            Self::HistoryPackageDrift => "history_package_drift",
            Self::HistoryFullRefresh => "history_full_refresh",
            Self::HistoryFailingTests => "history_failing_tests",
            Self::HistoryDbtUpgrade => "history_dbt_upgrade",
        }
    }

    /// Its artifacts.
    pub fn artifacts(self) -> Recorded {
        match self {
            Self::Base => recorded!("base"),
            Self::RevenueLogic => recorded!("revenue_logic"),
            Self::DocsOnly => recorded!("docs_only"),
            Self::TestWeakened => recorded!("test_weakened"),
            Self::PackageDrift => recorded!("package_drift"),
            Self::FailingTests => recorded!("failing_tests"),
            Self::FullRefresh => recorded!("full_refresh"),
            Self::ModelAddedRemoved => recorded!("model_added_removed"),
            Self::SeedChanged => recorded!("seed_changed"),
            Self::CiRevenueLogic => recorded!("ci_revenue_logic"),
            Self::HistoryDocsOnly => recorded!("history_docs_only"),
            Self::HistoryTestWeakened => recorded!("history_test_weakened"),
            Self::HistoryPackageDrift => recorded!("history_package_drift"),
            Self::HistoryFullRefresh => recorded!("history_full_refresh"),
            Self::HistoryFailingTests => recorded!("history_failing_tests"),
            Self::HistoryDbtUpgrade => recorded!("history_dbt_upgrade"),
        }
    }
}
