//! Who reads what: the graph of a project, and what a change reaches in it (its blast radius).
//!
//! An edge goes from a node to each node whose `depends_on` names it. Macros have none: a node that calls a changed macro
//! is itself changed, and the comparison says so.

mod listing;

pub use listing::{Group, LISTED_MAX, ListedNode, ListedUnresolved, Listing, UnresolvedGroup};

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::artifact::manifest::ManifestProjection;
use crate::artifact::resource::{Resource, ResourceType};

/// Something outside of dbt that reads a node, such as a sync of Hightouch. One that reads several nodes is given once
/// for each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Consumer {
    /// Its id at its tool, unique among consumers.
    pub id: String,
    /// Its name for readers.
    pub name: String,
    /// The unique id of the node it reads.
    pub reads: String,
}

/// What kind of thing a change reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are dbt's own")]
pub enum ReachedKind {
    Model,
    Snapshot,
    Seed,
    Exposure,
    /// Outside of dbt: a [`Consumer`].
    Consumer,
    Metric,
    SemanticModel,
    SavedQuery,
    /// Data tests and unit tests.
    Test,
    /// Analyses, functions, operations, and types that this version of Clyra does not know.
    Other,
}

impl ReachedKind {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 10] = [
        Self::Model,
        Self::Snapshot,
        Self::Seed,
        Self::Exposure,
        Self::Consumer,
        Self::Metric,
        Self::SemanticModel,
        Self::SavedQuery,
        Self::Test,
        Self::Other,
    ];

    const fn of(resource_type: ResourceType) -> Self {
        match resource_type {
            ResourceType::Model => Self::Model,
            ResourceType::Snapshot => Self::Snapshot,
            ResourceType::Seed => Self::Seed,
            ResourceType::Exposure => Self::Exposure,
            ResourceType::Metric => Self::Metric,
            ResourceType::SemanticModel => Self::SemanticModel,
            ResourceType::SavedQuery => Self::SavedQuery,
            ResourceType::Test | ResourceType::UnitTest => Self::Test,
            ResourceType::Analysis
            | ResourceType::Function
            | ResourceType::Group
            | ResourceType::Macro
            | ResourceType::Operation
            | ResourceType::Other
            | ResourceType::Selector
            | ResourceType::Source => Self::Other,
        }
    }
}

/// The graph of a project.
#[derive(Debug)]
pub struct Graph<'m> {
    /// In the order of their ids.
    nodes: Vec<Node<'m>>,
    index: HashMap<&'m str, usize>,
    /// The readers of node `i` are `readers[starts[i]..starts[i + 1]]`.
    starts: Vec<usize>,
    readers: Vec<usize>,
    unresolved: Vec<Unresolved<'m>>,
    project: Option<&'m str>,
}

#[derive(Clone, Copy, Debug)]
struct Node<'m> {
    id: &'m str,
    before: Option<&'m Resource>,
    after: Option<&'m Resource>,
}

/// What a change reaches, whole. [`Self::listing`] is its form in documents.
#[derive(Clone, Debug)]
pub struct Reach<'g> {
    /// The changed nodes, by id. One that another changed node reaches stands here and nowhere else.
    pub changed: Vec<Changed<'g>>,
    /// What hangs on them, by depth and then id.
    pub reached: Vec<Reached<'g>>,
    /// References that lead nowhere: behind each may be readers that nobody can name.
    pub unresolved: Vec<Unresolved<'g>>,
    /// The project whose repository it is; the nodes of other packages have their files elsewhere. `None` where the manifest
    /// does not name it.
    pub project: Option<&'g str>,
}

/// A changed node.
#[derive(Clone, Copy, Debug)]
pub struct Changed<'g> {
    /// Its unique id.
    pub id: &'g str,
    /// As the earlier manifest has it; only in a graph of two manifests.
    pub before: Option<&'g Resource>,
    /// As the later manifest has it.
    pub after: Option<&'g Resource>,
    /// For a test: the node it guards.
    pub guards: Option<&'g Resource>,
}

/// A node or consumer downstream of a changed node.
#[derive(Clone, Copy, Debug)]
pub struct Reached<'g> {
    /// The unique id, or the consumer's own.
    pub id: &'g str,
    /// What it is.
    pub kind: ReachedKind,
    /// How many steps from the nearest changed node: 1 reads it directly.
    pub depth: u32,
    /// The nearest changed node; of several equally near, the first by id.
    pub from: &'g str,
    /// The node, or the consumer.
    pub what: What<'g>,
}

/// What was reached.
#[derive(Clone, Copy, Debug)]
pub enum What<'g> {
    /// A node of the project.
    Resource(&'g Resource),
    /// Something outside.
    Consumer(&'g Consumer),
}

/// A reference to a node that no manifest holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unresolved<'g> {
    /// The id that is referred to.
    pub missing: &'g str,
    /// Who refers to it: a node or a consumer; `None` for the change itself.
    pub reader: Option<&'g str>,
}

impl<'m> Graph<'m> {
    /// The graph of one manifest.
    #[must_use]
    pub fn of(manifest: &'m ManifestProjection) -> Self {
        Self::between(None, manifest)
    }

    /// The graph of a later manifest, in which what was removed still has the readers that it had in the earlier one.
    #[must_use]
    pub fn between(before: Option<&'m ManifestProjection>, after: &'m ManifestProjection) -> Self {
        let mut union: BTreeMap<&'m str, Node<'m>> = BTreeMap::new();
        for (id, resource) in after.resources() {
            union.insert(id, Node { id, before: None, after: Some(resource) });
        }
        for (id, resource) in before.into_iter().flat_map(ManifestProjection::resources) {
            union.entry(id).or_insert(Node { id, before: None, after: None }).before = Some(resource);
        }
        let nodes: Vec<Node<'m>> = union.into_values().collect();
        let index = nodes.iter().enumerate().map(|(at, node)| (node.id, at)).collect();
        let project = after.metadata().project_name.as_deref();
        let mut graph = Self { nodes, index, starts: Vec::new(), readers: Vec::new(), unresolved: Vec::new(), project };
        graph.connect();
        graph
    }

    /// Two passes, so that all edges lie in one array.
    fn connect(&mut self) {
        let mut edges: Vec<(usize, usize)> = Vec::new();
        for (reader, node) in self.nodes.iter().enumerate() {
            let Some(current) = node.after.or(node.before) else { continue };
            for read in &current.depends_on {
                match self.index.get(read.as_str()) {
                    Some(read) => edges.push((*read, reader)),
                    None => self.unresolved.push(Unresolved { missing: read, reader: Some(node.id) }),
                }
            }
            // A reader may have let go of what was removed, and was its reader all the same.
            if let (Some(before), Some(_)) = (node.before, node.after) {
                let read = before.depends_on.iter().filter_map(|read| self.index.get(read.as_str()));
                edges.extend(read.filter(|read| self.nodes[**read].after.is_none()).map(|read| (*read, reader)));
            }
        }
        self.starts = vec![0; self.nodes.len() + 1];
        for (read, _) in &edges {
            self.starts[read + 1] += 1;
        }
        for at in 1..self.starts.len() {
            self.starts[at] += self.starts[at - 1];
        }
        let mut next = self.starts.clone();
        self.readers = vec![0; edges.len()];
        for (read, reader) in edges {
            self.readers[next[read]] = reader;
            next[read] += 1;
        }
    }

    /// Everything that reads one of the changed nodes, directly or not, and the consumers of it all.
    ///
    /// Takes time in proportion to the nodes and edges reached. A cycle ends where it began.
    #[must_use]
    pub fn downstream<'g>(
        &'g self,
        changed: impl IntoIterator<Item = &'g str>,
        consumers: &'g [Consumer],
    ) -> Reach<'g> {
        let mut unresolved = self.unresolved.clone();
        let mut starts = BTreeSet::new();
        for id in changed {
            match self.index.get(id) {
                Some(at) => drop(starts.insert(*at)),
                None => unresolved.push(Unresolved { missing: id, reader: None }),
            }
        }
        let found = self.walk(&starts);
        let mut reached: Vec<Reached<'g>> = Vec::new();
        for (at, node) in self.nodes.iter().enumerate() {
            let (Some((depth, from)), Some(resource)) = (found[at], node.after.or(node.before)) else { continue };
            if depth > 0 {
                let kind = ReachedKind::of(resource.resource_type);
                let from = self.nodes[from].id;
                reached.push(Reached { id: node.id, kind, depth, from, what: What::Resource(resource) });
            }
        }
        let mut of_consumers: BTreeMap<&str, Reached<'g>> = BTreeMap::new();
        for consumer in consumers {
            let Some(at) = self.index.get(consumer.reads.as_str()) else {
                unresolved.push(Unresolved { missing: &consumer.reads, reader: Some(&consumer.id) });
                continue;
            };
            let Some((depth, from)) = found[*at] else { continue };
            let (id, from) = (consumer.id.as_str(), self.nodes[from].id);
            let kind = ReachedKind::Consumer;
            let one = Reached { id, kind, depth: depth + 1, from, what: What::Consumer(consumer) };
            let nearest = of_consumers.entry(id).or_insert(one);
            if (one.depth, one.from) < (nearest.depth, nearest.from) {
                *nearest = one;
            }
        }
        reached.extend(of_consumers.into_values());
        reached.sort_by(|a, b| (a.depth, a.id, a.kind).cmp(&(b.depth, b.id, b.kind)));
        unresolved.sort_unstable();
        unresolved.dedup();
        let changed = starts.into_iter().map(|at| self.changed(self.nodes[at])).collect();
        Reach { changed, reached, unresolved, project: self.project }
    }

    fn changed(&self, node: Node<'m>) -> Changed<'m> {
        let test = node.after.or(node.before).and_then(|resource| resource.test.as_ref());
        let guarded = test.and_then(|test| self.index.get(test.attached_node.as_deref()?));
        let guards = guarded.and_then(|at| self.nodes[*at].after.or(self.nodes[*at].before));
        Changed { id: node.id, before: node.before, after: node.after, guards }
    }

    /// Breadth first, from all starts at once. The queue holds each level in the order of where it hangs, because the first
    /// level does and every level is found in the order of the one before: so the first to find a node is the nearest,
    /// and of several the first by id.
    fn walk(&self, starts: &BTreeSet<usize>) -> Vec<Option<(u32, usize)>> {
        let mut found = vec![None; self.nodes.len()];
        let mut queue: VecDeque<(usize, u32, usize)> = VecDeque::new();
        for start in starts {
            found[*start] = Some((0, *start));
            queue.push_back((*start, 0, *start));
        }
        while let Some((at, depth, from)) = queue.pop_front() {
            for reader in &self.readers[self.starts[at]..self.starts[at + 1]] {
                if found[*reader].is_none() {
                    found[*reader] = Some((depth + 1, from));
                    queue.push_back((*reader, depth + 1, from));
                }
            }
        }
        found
    }
}

impl<'g> Reach<'g> {
    /// Whether every reference leads to a node, so that nothing downstream can be missing.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.unresolved.is_empty()
    }

    /// What was reached of one kind, by depth and then id.
    pub fn of_kind(&self, kind: ReachedKind) -> impl Iterator<Item = &Reached<'g>> {
        self.reached.iter().filter(move |reached| reached.kind == kind)
    }
}

impl<'g> Changed<'g> {
    /// The node as it is now, or as it last was.
    #[must_use]
    pub fn resource(&self) -> Option<&'g Resource> {
        self.after.or(self.before)
    }
}

impl<'g> Reached<'g> {
    /// The name that it has for readers. Foreign text.
    #[must_use]
    pub fn name(&self) -> &'g str {
        match self.what {
            What::Resource(resource) => &resource.name,
            What::Consumer(consumer) => &consumer.name,
        }
    }
}
