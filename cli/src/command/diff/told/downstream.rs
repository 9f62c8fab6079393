//! What reads the nodes that changed: the blast radius.

use clyra_delta::lineage::{Group, Listing, ReachedKind};
use clyra_evidence::text::UntrustedText;

use super::Phrase;
use crate::output::count;

/// What is downstream of the change.
#[derive(Clone, Debug)]
pub(in super::super) struct Downstream {
    /// In one sentence, from its first word to before its full stop.
    pub(in super::super) sentence: String,
    /// Kind by kind, those that somebody reads first.
    pub(in super::super) kinds: Vec<Kind>,
    /// What may be missing.
    pub(in super::super) notes: Vec<Phrase>,
}

/// What is downstream of one kind.
#[derive(Clone, Debug)]
pub(in super::super) struct Kind {
    /// What one of them is called.
    pub(in super::super) word: &'static str,
    /// `1 exposure`, `2 exposures`.
    pub(in super::super) counted: String,
    /// By their distance.
    pub(in super::super) nodes: Vec<Reached>,
    /// How many there are.
    pub(in super::super) count: u64,
}

/// One node downstream.
#[derive(Clone, Debug)]
pub(in super::super) struct Reached {
    /// dbt's id, or the name that a consumer outside of dbt has for readers.
    pub(in super::super) name: UntrustedText,
    /// Steps from the nearest changed node.
    pub(in super::super) depth: u32,
    /// That node.
    pub(in super::super) from: UntrustedText,
}

impl Downstream {
    pub(super) fn of(listing: &Listing) -> Self {
        let all: u64 = listing.reached.values().map(|group| group.count).sum();
        let tests = listing.reached.get(&ReachedKind::Test).map_or(0, |group| group.count);
        let sentence = match (all, listing.depth) {
            (0, _) => "nothing else reads what changed".to_owned(),
            (_, 1) => format!("{} what changed, all of them directly", readers(all)),
            (_, depth) => format!("{} what changed, the farthest over {depth} steps", readers(all)),
        };
        let sentence = match tests {
            0 => sentence,
            n => format!("{sentence}; {} among them", count(n, "test", "tests")),
        };
        let kinds = ORDER.iter().filter_map(|kind| Kind::of(*kind, listing.reached.get(kind)?));
        let unresolved = &listing.unresolved;
        let missing = unresolved.nodes.iter().take(1).map(|first| {
            let more = match unresolved.count {
                1 => String::new(),
                n => format!(" and {} more", n - 1),
            };
            Phrase::of("More may be downstream: ")
                .name(&first.unique_id)
                .words(format!("{more} is referred to, and stands in neither manifest."))
        });
        Self { sentence, kinds: kinds.collect(), notes: missing.collect() }
    }
}

fn readers(n: u64) -> String {
    count(n, "node reads", "nodes read")
}

/// Whoever is told first reads figures; tests read nothing that anybody uses.
const ORDER: [ReachedKind; 9] = [
    ReachedKind::Exposure,
    ReachedKind::Consumer,
    ReachedKind::Metric,
    ReachedKind::SavedQuery,
    ReachedKind::SemanticModel,
    ReachedKind::Model,
    ReachedKind::Snapshot,
    ReachedKind::Seed,
    ReachedKind::Other,
];

impl Kind {
    fn of(kind: ReachedKind, group: &Group) -> Option<Self> {
        let (one, many) = words(kind);
        let nodes = group.nodes.iter().map(|node| Reached {
            name: node.name.clone().unwrap_or_else(|| node.unique_id.clone()),
            depth: node.depth,
            from: node.from.clone(),
        });
        let kind =
            Self { word: one, counted: count(group.count, one, many), nodes: nodes.collect(), count: group.count };
        (kind.count > 0).then_some(kind)
    }
}

const fn words(kind: ReachedKind) -> (&'static str, &'static str) {
    match kind {
        ReachedKind::Model => ("model", "models"),
        ReachedKind::Snapshot => ("snapshot", "snapshots"),
        ReachedKind::Seed => ("seed", "seeds"),
        ReachedKind::Exposure => ("exposure", "exposures"),
        ReachedKind::Consumer => ("consumer outside of dbt", "consumers outside of dbt"),
        ReachedKind::Metric => ("metric", "metrics"),
        ReachedKind::SemanticModel => ("semantic model", "semantic models"),
        ReachedKind::SavedQuery => ("saved query", "saved queries"),
        ReachedKind::Test => ("test", "tests"),
        ReachedKind::Other => ("other node", "other nodes"),
    }
}
