//! Which macros do something else now, and whom that reaches.

use std::collections::{BTreeMap, BTreeSet};

use crate::artifact::resource::{Resource, ResourceType};
use crate::compare::Resources;
use crate::compare::reason::Reason;

/// Macros outside the engine, by what a caller of them has to know.
pub(super) struct Macros<'m> {
    /// They do something else now, or are there on one side only.
    changed: BTreeSet<&'m str>,
    /// They call one of those, or one that does, however far.
    reached: BTreeSet<&'m str>,
}

impl<'m> Macros<'m> {
    pub(super) fn of(old: &Resources<'m>, new: &Resources<'m>) -> Self {
        let changed = changed(old, new);
        let mut callers: BTreeMap<&str, Vec<&'m str>> = BTreeMap::new();
        for (id, resource) in new.iter().filter(|(_, resource)| is_macro(resource)) {
            for called in &resource.macros {
                callers.entry(called).or_default().push(id);
            }
        }
        let mut reached = BTreeSet::new();
        let mut open: Vec<&str> = changed.iter().copied().collect();
        while let Some(id) = open.pop() {
            let unseen = callers.get(id).into_iter().flatten().filter(|caller| reached.insert(**caller));
            open.extend(unseen);
        }
        Self { changed, reached }
    }

    /// What the macros that `resource` calls give it as reasons.
    pub(super) fn reasons(&self, resource: &Resource) -> impl Iterator<Item = Reason> {
        let any = |set: &BTreeSet<&str>| resource.macros.iter().any(|id| set.contains(id.as_str()));
        let direct = any(&self.changed).then_some(Reason::MacrosDirect);
        let upstream = any(&self.reached).then_some(Reason::MacrosUpstream);
        direct.into_iter().chain(upstream)
    }
}

fn is_macro(resource: &Resource) -> bool {
    resource.resource_type == ResourceType::Macro
}

fn changed<'m>(old: &Resources<'m>, new: &Resources<'m>) -> BTreeSet<&'m str> {
    let mut changed = BTreeSet::new();
    for (id, resource) in old.iter().filter(|(_, resource)| is_macro(resource)) {
        let same = |later: &&Resource| resource.behaviour() == later.behaviour();
        if !new.get(id).is_some_and(same) {
            changed.insert(*id);
        }
    }
    changed.extend(new.iter().filter(|(id, resource)| is_macro(resource) && !old.contains_key(*id)).map(|(id, _)| *id));
    changed
}
