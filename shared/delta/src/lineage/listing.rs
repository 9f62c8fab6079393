//! A reach as a part of documents: numbers are whole, names are listed up to a limit.

use std::collections::BTreeMap;

use clyra_evidence::text::UntrustedText;
use serde::{Deserialize, Serialize};

use crate::lineage::{Reach, ReachedKind};

/// Names listed of each kind, unless the caller wants another number: more is for a machine, which asks for more.
pub const LISTED_MAX: usize = 400;

/// What a change reaches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listing {
    /// How many changed nodes it was counted from.
    pub changed: u64,
    /// How many steps the farthest is away; 0 when nothing was reached.
    pub depth: u64,
    /// Whether every reference leads to a node. If not, more may be downstream than stands here.
    pub complete: bool,
    /// What was reached, by kind; every kind stands here, with none too.
    pub reached: BTreeMap<ReachedKind, Group>,
    /// References that lead nowhere.
    pub unresolved: UnresolvedGroup,
}

/// What was reached of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// How many, all of them.
    pub count: u64,
    /// The first of them, by depth and then id.
    pub nodes: Vec<ListedNode>,
    /// How many are not listed.
    pub omitted: u64,
}

/// One node or consumer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedNode {
    /// The unique id; a consumer's own id.
    pub unique_id: UntrustedText,
    /// A consumer's name for readers.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<UntrustedText>,
    /// Steps from the nearest changed node: 1 reads it directly.
    pub depth: u32,
    /// The nearest changed node.
    pub from: UntrustedText,
}

/// References that lead nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnresolvedGroup {
    /// How many, all of them.
    pub count: u64,
    /// The first of them, by id.
    pub nodes: Vec<ListedUnresolved>,
    /// How many are not listed.
    pub omitted: u64,
}

/// One reference that leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedUnresolved {
    /// The id that no manifest holds.
    pub unique_id: UntrustedText,
    /// Who refers to it; null where the change itself does.
    pub reader: Option<UntrustedText>,
}

impl Reach<'_> {
    /// The form for documents, with at most `listed_max` names of each kind.
    #[must_use]
    pub fn listing(&self, listed_max: usize) -> Listing {
        let mut reached: BTreeMap<ReachedKind, Group> =
            ReachedKind::ALL.into_iter().map(|kind| (kind, Group::default())).collect();
        for one in &self.reached {
            let group = reached.entry(one.kind).or_default();
            group.count += 1;
            if group.nodes.len() == listed_max {
                group.omitted += 1;
                continue;
            }
            group.nodes.push(ListedNode {
                unique_id: UntrustedText::new(one.id),
                name: (one.kind == ReachedKind::Consumer).then(|| UntrustedText::new(one.name())),
                depth: one.depth,
                from: UntrustedText::new(one.from),
            });
        }
        let unresolved = self.unresolved.iter().take(listed_max).map(|one| ListedUnresolved {
            unique_id: UntrustedText::new(one.missing),
            reader: one.reader.map(UntrustedText::new),
        });
        Listing {
            changed: self.changed.len() as u64,
            depth: self.reached.iter().map(|one| u64::from(one.depth)).max().unwrap_or(0),
            complete: self.is_complete(),
            reached,
            unresolved: UnresolvedGroup {
                count: self.unresolved.len() as u64,
                nodes: unresolved.collect(),
                omitted: self.unresolved.len().saturating_sub(listed_max) as u64,
            },
        }
    }
}
