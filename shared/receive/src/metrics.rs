//! What is counted: outcomes per source, and how long a durable answer took.

use clyra_evidence::id::Source;
use clyra_service::metrics::{Counter, Histogram, Labels, Registry};

use crate::outcome::Outcome;

/// Everything that can become of a delivery, as metrics and logs name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is durable, and this is what the sender is told.
    Durable(Outcome),
    /// Authentic and not to be read; stored with that mark.
    Unreadable,
    /// The MAC did not hold; nothing is stored.
    Unauthenticated,
    /// The MAC held, the time is ahead of ours; nothing is stored.
    FromTheFuture,
    /// The MAC held, the account is another; nothing is stored.
    OtherAccount,
    /// Over the limit; nothing is stored.
    TooLarge,
    /// The store did not confirm; the sender was asked to come again.
    NotDurable,
}

impl Fate {
    const REFUSED: [Self; 6] = [
        Self::Unreadable,
        Self::Unauthenticated,
        Self::FromTheFuture,
        Self::OtherAccount,
        Self::TooLarge,
        Self::NotDurable,
    ];

    fn all() -> impl Iterator<Item = Self> {
        Outcome::ALL.into_iter().map(Self::Durable).chain(Self::REFUSED)
    }

    /// The name in metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Durable(outcome) => outcome.as_str(),
            Self::Unreadable => "unreadable",
            Self::Unauthenticated => "unauthenticated",
            Self::FromTheFuture => "from_the_future",
            Self::OtherAccount => "other_account",
            Self::TooLarge => "too_large",
            Self::NotDurable => "not_durable",
        }
    }
}

/// The labels of `clyra_deliveries_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FateOf {
    /// Who sent.
    pub source: Source,
    /// What became of it.
    pub fate: Fate,
}

const SOURCES: [Source; 4] = [Source::DbtCloud, Source::Github, Source::Hightouch, Source::Slack];

impl Labels for FateOf {
    const NAMES: &'static [&'static str] = &["source", "outcome"];

    fn all() -> Vec<Self> {
        SOURCES.into_iter().flat_map(|source| Fate::all().map(move |fate| Self { source, fate })).collect()
    }

    fn values(&self) -> Vec<&'static str> {
        vec![self.source.as_str(), self.fate.as_str()]
    }
}

/// The metrics of the receive path, shared by all receivers of a process.
#[derive(Clone, Debug)]
pub struct ReceiveMetrics {
    /// `clyra_deliveries_total{source,outcome}`.
    pub fates: Counter<FateOf>,
    /// `clyra_delivery_seconds`: from the whole request to the answer.
    pub took: Histogram<()>,
}

impl ReceiveMetrics {
    /// Registers the metrics. Once per process.
    #[must_use]
    pub fn register(registry: &Registry) -> Self {
        Self {
            fates: registry.counter("clyra_deliveries_total", "Deliveries by source and outcome."),
            took: registry.histogram("clyra_delivery_seconds", "Time from a whole request to its answer."),
        }
    }
}
