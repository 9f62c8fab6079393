//! Who has to approve a change, as the entity declares it: `owners` of its scope, or a file of its own for a comparison at
//! a desk. Whom a certain change needs follows from these rules and the project's lineage (`clyra-delta`).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Most entries of `approvers` and of `paths`: an organisation's teams and folders, not its people and files.
pub const OWNER_ENTRIES_MAX: usize = 10_000;

/// Longest name of an approver, role, pattern or directory, in bytes: so many characters evidence keeps of any name.
pub const OWNER_NAME_BYTES_MAX: usize = 200;

/// The rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", rename_all = "camelCase")]
pub struct OwnerRules {
    /// Which owners count; all of them unless said otherwise.
    pub kinds: BTreeSet<OwnerKind>,
    /// Changes of a less serious class need nobody.
    pub from_class: ApprovalClass,
    /// How many steps away an exposure or consumer may be for its owner to be asked; any number when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth_max: Option<u32>,
    /// Exposures that say of themselves to be less mature need nobody. One that says nothing counts as mature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maturity_min: Option<Maturity>,
    /// Where in its repository the dbt project lies, such as `warehouse/dbt`; empty for its root.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub project_directory: String,
    /// Owners of files beside those of a CODEOWNERS file. All patterns that match count.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<OwnedPath>,
    /// Who stands behind a role or team; any of them can approve for it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub approvers: BTreeMap<String, Vec<ApproverName>>,
}

/// Which owners a rule asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OwnerKind {
    /// The dbt group of a changed node: `group:<name>`.
    Group,
    /// The owner of an exposure that is reached: `exposure:<name>`.
    Exposure,
    /// The owner of a consumer outside of dbt that is reached: `consumer:<name>`.
    Consumer,
    /// Whom CODEOWNERS names for the file of a changed node.
    CodeOwner,
    /// Whom [`OwnerRules::paths`] names for it.
    Path,
}

/// The class from which on a change needs approval, from the least serious to the most. The words are those of a semantic
/// delta.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the words are those of a semantic delta")]
pub enum ApprovalClass {
    Cosmetic,
    Documentation,
    #[default]
    Governance,
    Structural,
    Behavioural,
    Breaking,
}

/// `maturity` of an exposure, from low to high.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are dbt's own")]
pub enum Maturity {
    Low,
    Medium,
    High,
}

/// Owners of the files that a pattern matches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnedPath {
    /// A pattern as in a CODEOWNERS file.
    pub pattern: String,
    /// Any of them can approve.
    pub approvers: Vec<ApproverName>,
}

/// Somebody who can approve: `@login` or `@organisation/team` where the code is kept, `source:account` elsewhere (such as
/// `slack:U02ABCDEF`), or a role again. Never an e-mail address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ApproverName(String);

/// What is wrong with the rules as they are written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OwnerRulesError {
    /// Not the name of an approver.
    #[error("{0:?} is no approver: write @login, @organisation/team, source:account or a role, and no e-mail address")]
    Approver(String),
    /// Not a role.
    #[error("{0:?} is no role: write group:name, exposure:name, consumer:name, @login or @organisation/team")]
    Role(String),
    /// Nobody is named.
    #[error("{0:?} names nobody")]
    Nobody(String),
    /// A limit.
    #[error("more than {OWNER_ENTRIES_MAX} entries, or a name of more than {OWNER_NAME_BYTES_MAX} bytes")]
    TooLarge,
}

impl OwnerRules {
    /// Whether a change of this class, as a semantic delta names it, needs approval. A word that these rules do not know
    /// does: nobody decided that it does not.
    #[must_use]
    pub fn asks_for(&self, class: &str) -> bool {
        match class {
            "none" => false,
            "cosmetic" => self.from_class <= ApprovalClass::Cosmetic,
            "documentation" => self.from_class <= ApprovalClass::Documentation,
            "governance" => self.from_class <= ApprovalClass::Governance,
            "structural" => self.from_class <= ApprovalClass::Structural,
            "behavioural" => self.from_class <= ApprovalClass::Behavioural,
            _ => true,
        }
    }

    /// The form in which roles are looked up: logins and teams are the same in upper and lower case.
    #[must_use]
    pub fn role(name: &str) -> String {
        if name.starts_with('@') { name.to_ascii_lowercase() } else { name.to_owned() }
    }
}

impl Default for OwnerRules {
    fn default() -> Self {
        Self {
            kinds: OwnerKind::ALL.into(),
            from_class: ApprovalClass::default(),
            depth_max: None,
            maturity_min: None,
            project_directory: String::new(),
            paths: Vec::new(),
            approvers: BTreeMap::new(),
        }
    }
}

impl OwnerKind {
    const ALL: [Self; 5] = [Self::Group, Self::Exposure, Self::Consumer, Self::CodeOwner, Self::Path];
}

/// The rules before they are looked at.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    kinds: Option<BTreeSet<OwnerKind>>,
    #[serde(default)]
    from_class: ApprovalClass,
    depth_max: Option<u32>,
    maturity_min: Option<Maturity>,
    #[serde(default)]
    project_directory: String,
    #[serde(default)]
    paths: Vec<OwnedPath>,
    #[serde(default)]
    approvers: BTreeMap<String, Vec<ApproverName>>,
}

impl TryFrom<Written> for OwnerRules {
    type Error = OwnerRulesError;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let names = written.paths.iter().map(|path| &path.pattern).chain(written.approvers.keys());
        let is_long = |name: &String| name.len() > OWNER_NAME_BYTES_MAX;
        let entries = written.paths.len().max(written.approvers.len());
        if entries > OWNER_ENTRIES_MAX || names.chain([&written.project_directory]).any(is_long) {
            return Err(OwnerRulesError::TooLarge);
        }
        if let Some(path) = written.paths.iter().find(|path| path.approvers.is_empty()) {
            return Err(OwnerRulesError::Nobody(path.pattern.clone()));
        }
        let mut approvers = BTreeMap::new();
        for (role, names) in written.approvers {
            let is_role = ["group:", "exposure:", "consumer:", "@"]
                .iter()
                .any(|start| role.strip_prefix(start).is_some_and(|name| !name.is_empty()));
            if !is_role {
                return Err(OwnerRulesError::Role(role));
            }
            if names.is_empty() {
                return Err(OwnerRulesError::Nobody(role));
            }
            approvers.insert(Self::role(&role), names);
        }
        Ok(Self {
            kinds: written.kinds.unwrap_or_else(|| OwnerKind::ALL.into()),
            from_class: written.from_class,
            depth_max: written.depth_max,
            maturity_min: written.maturity_min,
            project_directory: written.project_directory,
            paths: written.paths,
            approvers,
        })
    }
}

impl ApproverName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ApproverName {
    type Error = OwnerRulesError;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let is_role = ["group:", "exposure:", "consumer:"].iter().any(|start| name.starts_with(start));
        let fits = match (name.strip_prefix('@'), name.split_once(':')) {
            (Some(handle), _) => !handle.is_empty() && !handle.contains(['@', ':']),
            (None, Some((source, account))) => !source.is_empty() && !account.is_empty() && !account.contains('@'),
            (None, None) => false,
        };
        let is_plain = is_role || !name.contains(char::is_whitespace);
        if fits && is_plain && name.len() <= OWNER_NAME_BYTES_MAX {
            Ok(Self(OwnerRules::role(&name)))
        } else {
            Err(OwnerRulesError::Approver(name))
        }
    }
}

impl From<ApproverName> for String {
    fn from(name: ApproverName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(rules: &Value) -> Result<OwnerRules, String> {
        serde_json::from_value(rules.clone()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_written_is_the_default() {
        assert_eq!(read(&json!({})).unwrap(), OwnerRules::default());
        let rules = json!({
            "kinds": ["group", "codeOwner"], "fromClass": "behavioural", "depthMax": 3, "maturityMin": "medium",
            "projectDirectory": "dbt", "paths": [{"pattern": "models/finance/", "approvers": ["@juniper/controllers"]}],
            "approvers": {"group:finance": ["@juniper/finance", "slack:U02"], "consumer:Sales force": ["@ann"]}
        });
        assert_eq!(serde_json::to_value(read(&rules).unwrap()).unwrap(), rules);
    }

    #[test]
    fn slips_of_the_pen_are_refused() {
        let cases = [
            (json!({"kind": ["group"]}), "unknown field"),
            (json!({"kinds": ["groups"]}), "unknown variant"),
            (json!({"fromClass": "none"}), "unknown variant"),
            (json!({"maturityMin": "ripe"}), "unknown variant"),
            (json!({"approvers": {"grp:finance": ["@ann"]}}), "is no role"),
            (json!({"approvers": {"finance": ["@ann"]}}), "is no role"),
            (json!({"approvers": {"group:": ["@ann"]}}), "is no role"),
            (json!({"approvers": {"group:finance": []}}), "names nobody"),
            (json!({"approvers": {"group:finance": ["ann"]}}), "is no approver"),
            (json!({"approvers": {"group:finance": ["ann@example.com"]}}), "is no approver"),
            (json!({"approvers": {"group:finance": ["mail:ann@example.com"]}}), "is no approver"),
            (json!({"approvers": {"group:finance": ["@ann@example.com"]}}), "is no approver"),
            (json!({"approvers": {"group:finance": ["@a b"]}}), "is no approver"),
            (json!({"approvers": {"group:finance": ["@"]}}), "is no approver"),
            (json!({"paths": [{"pattern": "a/", "approvers": []}]}), "names nobody"),
            (json!({"paths": [{"pattern": "a".repeat(201), "approvers": ["@ann"]}]}), "more than"),
        ];
        for (rules, expected) in cases {
            let error = read(&rules).expect_err(&rules.to_string());
            assert!(error.contains(expected), "{rules}: {error}");
        }
    }

    #[test]
    fn classes_from_the_least_serious_on() {
        let from = |class: &str| read(&json!({"fromClass": class})).unwrap();
        let words = ["none", "cosmetic", "documentation", "governance", "structural", "behavioural", "breaking", "new"];
        for (at, class) in words.iter().enumerate().take(7).skip(1) {
            let rules = from(class);
            for (other, word) in words.iter().enumerate() {
                assert_eq!(rules.asks_for(word), other >= at, "{class} {word}");
            }
        }
        assert!(OwnerRules::default().asks_for("governance") && !OwnerRules::default().asks_for("documentation"));
        assert!(OwnerRules::default().asks_for("unknown"));
    }
}
