//! Who has to approve a change: computed from what it changes and reaches, and compared with who did.
//!
//! Owners are roles (`group:finance`, `exposure:weekly_close`, `consumer:Accounts`) and handles of a CODEOWNERS file. Names
//! and addresses of persons, which a manifest has too, are never read. The entity's rules say which owners count and who
//! stands behind a role; a role behind which nobody is known is never satisfied.

mod approvals;
mod code_owners;
mod pattern;

pub use approvals::{Approval, Approvals, MissingApproval, Standing, missing};
pub use clyra_evidence::scope::owners::{
    ApprovalClass, ApproverName, Maturity, OwnedPath, OwnerKind, OwnerRules, OwnerRulesError,
};
pub use code_owners::{CODE_OWNERS_BYTES_MAX, CodeOwners, CodeOwnersError, CodeOwnersRule, LineProblem, SkippedLine};
pub use pattern::PatternError;

use std::collections::{BTreeMap, BTreeSet};

use clyra_evidence::text::{OBJECT_NAME_CHARS_MAX, UntrustedText};
use serde::{Deserialize, Serialize};

use crate::artifact::bounded_name;
use crate::artifact::resource::{Resource, ResourceType};
use crate::compare::SemanticDelta;
use crate::lineage::{Changed, Graph, Reach, ReachedKind, What};
use crate::owners::pattern::{Pattern, Segments};

/// Nodes named as the reason for one approval. A reader looks at a few; all are counted.
pub const BECAUSE_MAX: usize = 100;

/// The approver of files whose owners cannot be told, because less of their paths is kept than patterns look at.
const OWNERS_OF_LONG_PATHS: &str = "the owners of files with long paths";

/// The approver of all files where a pattern of the rules is not understood: it might match any of them.
const OWNERS_BY_UNREADABLE_PATTERNS: &str = "the owners by patterns that are not understood";

/// Whom a change needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Required {
    /// Each of them, by approver.
    pub approvals: Vec<RequiredApproval>,
    /// Changed nodes for which nobody has to be asked, as none of the owners that count owns them.
    pub unowned: Because,
}

/// One approval that a change needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequiredApproval {
    /// A role, or handles joined by ` or `; where an owner has no name that is kept, a few words in its place. Foreign
    /// text.
    pub approver: UntrustedText,
    /// The accounts and teams of which any one can approve, as far as they are known.
    pub any_of: BTreeSet<UntrustedText>,
    /// Whether others could approve too that are not known here: nobody is written down for the role, or a team's members
    /// are not.
    pub unresolved: bool,
    /// The nodes it is needed for.
    pub because: Because,
}

/// Nodes as a reason, nearest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Because {
    /// How many, all of them.
    pub count: u64,
    /// The first of them, by depth and then id.
    pub nodes: Vec<BecauseNode>,
    /// How many are not listed.
    pub omitted: u64,
}

/// One node as a reason.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BecauseNode {
    /// Steps from the nearest changed node; 0 for a changed one.
    pub depth: u32,
    /// The unique id; a consumer's own id.
    pub unique_id: UntrustedText,
}

/// Whom a change needs: the owners of the nodes whose class asks for approval, and of what these reach.
#[must_use]
pub fn required_for(
    delta: &SemanticDelta,
    graph: &Graph<'_>,
    rules: &OwnerRules,
    code_owners: Option<&CodeOwners>,
) -> Required {
    let asked = delta.nodes.iter().filter(|node| rules.asks_for(node.class.as_str()));
    let reach = graph.downstream(asked.map(|node| node.unique_id.as_untrusted()), &[]);
    required(&reach, rules, code_owners)
}

/// Whom the changed nodes of a reach, and what hangs on them, need.
///
/// The reach is that of the changes that need approval: whoever makes it leaves those out that
/// [`OwnerRules::asks_for`] does.
#[must_use]
pub fn required(reach: &Reach<'_>, rules: &OwnerRules, code_owners: Option<&CodeOwners>) -> Required {
    let mut needs = Needs { rules, by_approver: BTreeMap::new() };
    let files = Files::new(reach.project, rules, code_owners);
    let mut unowned = BTreeSet::new();
    for changed in &reach.changed {
        let owned = [
            needs.groups(changed),
            needs.exposure(changed.id, changed.resource(), 0),
            files.owners(changed, &mut needs),
        ];
        if !owned.contains(&true) {
            unowned.insert((0, changed.id));
        }
    }
    for reached in reach.reached.iter().filter(|reached| rules.depth_max.is_none_or(|max| reached.depth <= max)) {
        match (reached.kind, reached.what) {
            (ReachedKind::Exposure, What::Resource(resource)) => {
                needs.exposure(reached.id, Some(resource), reached.depth);
            }
            (_, What::Consumer(consumer)) if rules.kinds.contains(&OwnerKind::Consumer) => {
                needs.add(vec![format!("consumer:{}", consumer.name)], None, (reached.depth, reached.id));
            }
            _ => {}
        }
    }
    let approval = |need: Need<'_>| RequiredApproval {
        approver: UntrustedText::new(&bounded_name(&need.approver)),
        any_of: need.any_of.iter().map(|name| UntrustedText::new(name)).collect(),
        unresolved: need.unresolved,
        because: Because::of(&need.because),
    };
    Required { approvals: needs.by_approver.into_values().map(approval).collect(), unowned: Because::of(&unowned) }
}

impl Because {
    fn of(nodes: &BTreeSet<(u32, &str)>) -> Self {
        let listed = nodes.iter().take(BECAUSE_MAX);
        let node = |(depth, id): &(u32, &str)| BecauseNode { depth: *depth, unique_id: UntrustedText::new(id) };
        Self {
            count: nodes.len() as u64,
            nodes: listed.map(node).collect(),
            omitted: nodes.len().saturating_sub(BECAUSE_MAX) as u64,
        }
    }
}

/// What was found so far, by the names of those of whom any one can approve.
struct Needs<'r, 'n> {
    rules: &'r OwnerRules,
    by_approver: BTreeMap<Vec<String>, Need<'n>>,
}

struct Need<'n> {
    approver: String,
    any_of: BTreeSet<String>,
    unresolved: bool,
    because: BTreeSet<(u32, &'n str)>,
}

impl<'n> Needs<'_, 'n> {
    /// The groups that a node belongs to and belonged to, and that of the node which a test guards.
    fn groups(&mut self, changed: &Changed<'n>) -> bool {
        if !self.rules.kinds.contains(&OwnerKind::Group) {
            return false;
        }
        let sides = [changed.before, changed.after, changed.guards];
        let groups: BTreeSet<&str> = sides.into_iter().flatten().filter_map(group).collect();
        for group in &groups {
            self.add(vec![format!("group:{group}")], None, (0, changed.id));
        }
        !groups.is_empty()
    }

    fn exposure(&mut self, id: &'n str, resource: Option<&Resource>, depth: u32) -> bool {
        let Some((resource, exposure)) = resource.and_then(|resource| Some((resource, resource.exposure?))) else {
            return false;
        };
        let is_mature = match (exposure.maturity, self.rules.maturity_min) {
            (Some(maturity), Some(min)) => maturity >= min,
            (None, _) | (_, None) => true,
        };
        let counts = is_mature && self.rules.kinds.contains(&OwnerKind::Exposure);
        if counts {
            self.add(vec![format!("exposure:{}", resource.name)], None, (depth, id));
        }
        counts
    }

    /// Adds a reason for the approval of any one of `names`, or of somebody who has no name that is kept.
    fn add(&mut self, names: Vec<String>, nameless: Option<String>, because: (u32, &'n str)) {
        let rules = self.rules;
        let key = names.iter().map(|name| OwnerRules::role(name)).chain(nameless.clone()).collect();
        let need = self.by_approver.entry(key).or_insert_with(|| {
            let (any_of, unresolved) = accounts(rules, &names);
            let unresolved = unresolved || nameless.is_some();
            let approver = names.into_iter().chain(nameless).collect::<Vec<_>>().join(" or ");
            Need { approver, any_of, unresolved, because: BTreeSet::new() }
        });
        need.because.insert(because);
    }
}

fn group(resource: &Resource) -> Option<&str> {
    let is_group = resource.resource_type == ResourceType::Group;
    if is_group { Some(&resource.name) } else { resource.group.as_deref() }
}

/// Who stands behind the names, by way of roles and teams, and whether others might. Names that lead to each other end.
fn accounts(rules: &OwnerRules, names: &[String]) -> (BTreeSet<String>, bool) {
    let mut accounts = BTreeSet::new();
    let mut unresolved = false;
    let mut seen = BTreeSet::new();
    let mut open: Vec<String> = names.iter().map(|name| OwnerRules::role(name)).collect();
    while let Some(name) = open.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let behind = rules.approvers.get(&name);
        open.extend(behind.into_iter().flatten().map(|name| name.as_str().to_owned()));
        let is_handle = name.starts_with('@');
        let is_role = ["group:", "exposure:", "consumer:"].iter().any(|start| name.starts_with(start));
        // A review can be given on behalf of a team, so the team itself can approve.
        unresolved |= behind.is_none() && (is_role || (is_handle && name.contains('/')));
        if !is_role {
            accounts.insert(name);
        }
    }
    unresolved |= accounts.is_empty();
    (accounts, unresolved)
}

/// The owners of files.
struct Files<'r> {
    project: Option<&'r str>,
    rules: &'r OwnerRules,
    code_owners: Option<&'r CodeOwners>,
    /// `None` for a pattern that is not understood: it might match any file.
    paths: Vec<(Option<Pattern>, &'r OwnedPath)>,
}

impl<'r> Files<'r> {
    fn new(project: Option<&'r str>, rules: &'r OwnerRules, code_owners: Option<&'r CodeOwners>) -> Self {
        let counts = |kind| rules.kinds.contains(&kind);
        let paths = rules.paths.iter().filter(|_| counts(OwnerKind::Path));
        let paths = paths.map(|path| (Pattern::parse(&path.pattern).ok(), path)).collect();
        Self { project, rules, code_owners: code_owners.filter(|_| counts(OwnerKind::CodeOwner)), paths }
    }

    /// Adds the owners of a node's file, as it is and as it was; says whether there is any.
    fn owners<'n>(&self, changed: &Changed<'n>, needs: &mut Needs<'_, 'n>) -> bool {
        let because = (0, changed.id);
        let mut owned = false;
        let sides = [changed.before, changed.after].into_iter().flatten();
        let in_project = sides.filter(|resource| self.project.is_none_or(|project| resource.package == project));
        let paths: BTreeSet<&str> = in_project.filter_map(|resource| resource.path.as_deref()).collect();
        for path in paths {
            let Some(path) = self.in_repository(path) else {
                if self.code_owners.is_some() || !self.paths.is_empty() {
                    needs.add(Vec::new(), Some(OWNERS_OF_LONG_PATHS.to_owned()), because);
                    owned = true;
                }
                continue;
            };
            if let Some(rule) = self.code_owners.and_then(|file| file.rule_of(&path)) {
                owned |= add_code_owners(rule, because, needs);
            }
            let segments = Segments::of(&path);
            for (pattern, path) in &self.paths {
                let names = path.approvers.iter().map(|name| name.as_str().to_owned()).collect();
                match pattern {
                    Some(pattern) if pattern.matches(&segments) => needs.add(names, None, because),
                    Some(_) => continue,
                    None => needs.add(Vec::new(), Some(OWNERS_BY_UNREADABLE_PATTERNS.to_owned()), because),
                }
                owned = true;
            }
        }
        owned
    }

    /// The path from the root of the repository. `None` for one that was cut: its end, which patterns look at, is gone.
    fn in_repository(&self, path: &str) -> Option<String> {
        if path.contains("…#") && path.chars().count() >= OBJECT_NAME_CHARS_MAX {
            return None;
        }
        // Manifests made on Windows.
        let path = path.replace('\\', "/");
        let directory = self.rules.project_directory.trim_matches('/');
        Some(if directory.is_empty() { path } else { format!("{directory}/{path}") })
    }
}

fn add_code_owners<'n>(rule: &CodeOwnersRule, because: (u32, &'n str), needs: &mut Needs<'_, 'n>) -> bool {
    // The address is not kept; whoever has to know can look it up in the file.
    let nameless = rule.names_address.then(|| format!("an e-mail address in line {} of CODEOWNERS", rule.line));
    let owned = nameless.is_some() || !rule.handles.is_empty();
    if owned {
        needs.add(rule.handles.clone(), nameless, because);
    }
    owned
}
