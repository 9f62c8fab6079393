//! Macros that differ between two manifests, and what calls them, however far away.

use std::collections::{HashMap, HashSet};

use crate::artifact::manifest::ManifestProjection;
use crate::artifact::resource::dbt_view::EngineMacros;
use crate::artifact::resource::{Aspect, Resource, ResourceType};

/// The macros whose text differs, that came or went, and every macro of the later manifest that calls one of those.
pub(super) struct ChangedMacros<'m> {
    ids: HashSet<&'m str>,
    engine: &'m EngineMacros,
}

impl<'m> ChangedMacros<'m> {
    pub(super) fn between(before: &'m ManifestProjection, after: &'m ManifestProjection) -> Self {
        let engine = after.engine_macros();
        let mut ids = HashSet::new();
        for (id, new) in macros(after) {
            let old = before.resources().get(id);
            if old.is_none_or(|old| old.aspect(Aspect::Body) != new.aspect(Aspect::Body)) {
                ids.insert(id);
            }
        }
        ids.extend(macros(before).map(|(id, _)| id).filter(|id| !after.resources().contains_key(*id)));
        if !ids.is_empty() {
            add_callers(&mut ids, after, engine);
        }
        Self { ids, engine }
    }

    /// Whether a resource of the later manifest calls one of them.
    pub(super) fn are_called_by(&self, resource: &Resource) -> bool {
        !self.ids.is_empty() && calls(resource, self.engine).any(|id| self.ids.contains(id))
    }
}

fn macros(manifest: &ManifestProjection) -> impl Iterator<Item = (&str, &Resource)> {
    let is_macro = |resource: &Resource| resource.resource_type == ResourceType::Macro;
    let macros = manifest.resources().iter().filter(move |(_, resource)| is_macro(resource));
    macros.map(|(id, resource)| (id.as_str(), resource))
}

/// Macros may call each other in a circle; each is visited once.
fn add_callers<'m>(ids: &mut HashSet<&'m str>, after: &'m ManifestProjection, engine: &'m EngineMacros) {
    let mut callers: HashMap<&str, Vec<&'m str>> = HashMap::new();
    for (id, resource) in macros(after) {
        for called in calls(resource, engine) {
            callers.entry(called).or_default().push(id);
        }
    }
    let mut open: Vec<&str> = ids.iter().copied().collect();
    while let Some(called) = open.pop() {
        for caller in callers.get(called).into_iter().flatten() {
            if ids.insert(caller) {
                open.push(caller);
            }
        }
    }
}

fn calls<'r>(resource: &'r Resource, engine: &'r EngineMacros) -> impl Iterator<Item = &'r str> {
    resource.macros.iter().map(String::as_str).chain(resource.dbt.engine_macros(engine))
}
