//! Which controls can be tested with what is connected today: computed from what the rows of the catalogue say they
//! read, so that a new row or a new source needs no change here.

use std::collections::{BTreeMap, BTreeSet};

use clyra_attest::catalogue::{Attribute, Control, Level, Need, Outcome, Rule};
use clyra_attest::{Attestation, Catalogue, Parameters, Period, attest_change, attest_period};
use clyra_evidence::change::ChangeKind;
use clyra_evidence::fact::{FactClass, FactValue, Facts};
use clyra_evidence::id::{ChangeId, ConnectionName};
use clyra_evidence::scope::Scope;
use clyra_evidence::time::Timestamp;

use super::diagnosis::{Controls, Missing, Testable};

const IN_SCOPE: &str = " in scope.yaml";
const DBT_API: &str = "dbt Cloud's Admin API";
const AUDIT_LOG: &str = "dbt's audit log";
/// GitHub's right to read settings: an owner's to give, apart from the others.
const ADMINISTRATION: &str = "administration";

/// dbt Cloud among the connected tools.
const DBT_CLOUD: &str = "dbt_cloud";
/// The fact that names the tools that are connected.
const CONNECTED: &str = "sources.connected";

/// What is there to be read.
#[derive(Clone, Debug, Default)]
pub(super) struct Connected {
    /// The tools that answer, by their names in `approvalSources`.
    pub(super) tools: BTreeSet<String>,
    /// dbt's audit log can be read.
    pub(super) audit_log: bool,
}

pub(super) fn examine(catalogue: &Catalogue, scope: Option<&Scope>, connected: &Connected) -> Controls {
    let parameters = scope.map_or_else(Parameters::new, |scope| Parameters::from_scope(scope, scope.projects.first()));
    let view = View::new(catalogue, &parameters, connected, scope.is_some());
    let mut controls = Controls {
        of: catalogue.controls().len(),
        testable: Vec::new(),
        not_yet: Vec::new(),
        not_applicable: view.not_applicable(),
    };
    let mut missing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for control in catalogue.controls().iter().filter(|control| !controls.not_applicable.contains(&control.id)) {
        let (attributes, lacking) = view.of_control(control);
        let in_full = lacking.is_empty();
        for name in lacking {
            missing.entry(name).or_default().push(control.id.clone());
        }
        if !attributes.is_empty() {
            controls.testable.push(Testable { id: control.id.clone(), attributes, in_full });
        }
    }
    controls.not_yet = missing.into_iter().map(|(what, controls)| of_missing(what, controls)).collect();
    controls.not_yet.sort_by_key(|missing| (std::cmp::Reverse(missing.controls.len()), missing.missing.clone()));
    controls
}

/// What stands in the scope and in dbt Cloud can be given today; other tools are attached by later versions.
fn of_missing(missing: String, controls: Vec<String>) -> Missing {
    let today = missing.ends_with(IN_SCOPE) || missing == DBT_API || missing == AUDIT_LOG;
    Missing { missing, controls, today }
}

struct View<'a> {
    catalogue: &'a Catalogue,
    parameters: &'a Parameters,
    connected: &'a Connected,
    has_scope: bool,
    /// What the evaluator says when it knows the scope, what is connected, and nothing else.
    of_change: Attestation,
    of_period: Option<Attestation>,
    /// The same for a change of each kind: what then has a result is decided by the scope alone.
    of_kinds: Vec<Attestation>,
}

impl<'a> View<'a> {
    fn new(catalogue: &'a Catalogue, parameters: &'a Parameters, connected: &'a Connected, has_scope: bool) -> Self {
        let mut facts = Facts::new();
        let tools: Vec<String> = connected.tools.iter().cloned().collect();
        facts.set(CONNECTED, tools, FactClass::Observed, &[]);
        // The names only stand in results that are thrown away.
        let id = ChangeId::derive(ChangeKind::Code, &ConnectionName::default_connection(), &[]);
        let of_change = attest_change(catalogue, &id, &facts, parameters);
        let of_kinds = ["code", "config", "drift", "override"].map(|kind| {
            let mut facts = facts.clone();
            facts.set("change.kind", kind, FactClass::Observed, &[]);
            attest_change(catalogue, &id, &facts, parameters)
        });
        let day = Timestamp::EPOCH.day();
        let period = "project".parse().ok().map(|project| Period { project, from: day, to: day });
        let of_period = period.and_then(|period| attest_period(catalogue, &period, &facts, parameters, &[]).ok());
        Self { catalogue, parameters, connected, has_scope, of_change, of_period, of_kinds: of_kinds.into() }
    }

    /// What the scope alone takes out, as the evaluator finds.
    fn not_applicable(&self) -> Vec<String> {
        let is_na = |id: &str| {
            let results = [Some(&self.of_change), self.of_period.as_ref()].into_iter().flatten();
            results.filter_map(|attestation| attestation.control(id)).any(|control| control.result == Outcome::Na)
        };
        let by_scope = |row: &&Control| row.na.iter().any(|condition| condition.when.facts().is_empty());
        let rows = self.catalogue.controls().iter().filter(|row| self.has_scope && by_scope(row) && is_na(&row.id));
        rows.map(|row| row.id.clone()).collect()
    }

    /// Whether an attribute only asks what is connected, and the answer is that it cannot be tested.
    fn is_settled_against(&self, control: &Control, attribute: &Attribute) -> bool {
        let attestation = match attribute.level {
            Level::Change => Some(&self.of_change),
            Level::Period => self.of_period.as_ref(),
        };
        let result = attestation.and_then(|a| a.control(&control.id)?.attributes.iter().find(|r| r.id == attribute.id));
        let Some(result) = result.filter(|result| result.result == Outcome::Unknown) else { return false };
        let asks_only_that = |rule: &Rule| rule.when.facts().iter().all(|fact| *fact == CONNECTED);
        let says_so =
            |rule: &&Rule| asks_only_that(rule) && rule.result == Outcome::Unknown && rule.code == result.code;
        attribute.needs.iter().all(|need| need.fact == CONNECTED) || attribute.decide.first().filter(says_so).is_some()
    }

    /// The attributes that can be tested, and what is missing for the others.
    fn of_control(&self, control: &Control) -> (Vec<String>, BTreeSet<String>) {
        let (mut attributes, mut lacking) = (BTreeSet::new(), BTreeSet::new());
        let of_row: BTreeSet<String> = control.needs.iter().filter_map(|need| self.missing(need)).collect();
        for attribute in &control.attributes {
            let of_attribute = self.missing_for(attribute);
            // One that is asked per change and per period counts when either can be answered.
            let can_be = of_attribute.is_empty()
                || self.can_be_tested_in_part(attribute)
                || self.is_decided_by_scope(control, attribute);
            if of_row.is_empty() && can_be && !self.is_settled_against(control, attribute) {
                attributes.insert(attribute.id.clone());
            }
            lacking.extend(of_attribute);
        }
        lacking.extend(of_row);
        (attributes.into_iter().collect(), lacking)
    }

    /// Whether the scope alone gives a result, as where it names no place for what is asked for.
    fn is_decided_by_scope(&self, control: &Control, attribute: &Attribute) -> bool {
        let results = self.of_kinds.iter().filter(|_| attribute.level == Level::Change && self.connected_to_dbt());
        let mut results = results
            .filter_map(|attestation| attestation.control(&control.id))
            .flat_map(|result| result.attributes.iter().filter(|of| of.id == attribute.id));
        results.any(|of| matches!(of.result, Outcome::Pass | Outcome::Fail))
    }

    /// Without dbt there is no change to test.
    fn connected_to_dbt(&self) -> bool {
        self.connected.tools.contains(DBT_CLOUD)
    }

    /// Whether a rule that asks for facts comes to a result before one asks for something that is missing: rules are asked
    /// in order, and the first that holds decides.
    fn can_be_tested_in_part(&self, attribute: &Attribute) -> bool {
        let lacks = |rule: &Rule| {
            let facts = rule.when.facts();
            attribute.needs.iter().any(|need| facts.contains(&need.fact.as_str()) && self.missing(need).is_some())
                || rule.when.parameters().into_iter().any(|name| self.missing_parameter(name).is_some())
        };
        let is_result = |rule: &Rule| matches!(rule.result, Outcome::Pass | Outcome::Fail);
        let asks_facts = |rule: &Rule| rule.when.facts().iter().any(|fact| *fact != CONNECTED);
        // One that asks the scope as well may hold always, and then nothing after it is reached.
        let may_hold_always = |rule: &Rule| asks_facts(rule) && !rule.when.parameters().is_empty() && !is_result(rule);
        let mut reached = attribute.decide.iter().take_while(|rule| !lacks(rule) && !may_hold_always(rule));
        reached.any(|rule| asks_facts(rule) && is_result(rule))
    }

    fn missing_for(&self, attribute: &Attribute) -> BTreeSet<String> {
        let mut missing: BTreeSet<String> = attribute.needs.iter().filter_map(|need| self.missing(need)).collect();
        let asked = attribute.decide.iter().flat_map(|rule| rule.when.parameters());
        missing.extend(asked.filter_map(|name| self.missing_parameter(name)));
        missing
    }

    fn missing_parameter(&self, name: &str) -> Option<String> {
        let declared = self.catalogue.parameter(name)?;
        let silent = self.parameters.get(name).is_none() && declared.default == FactValue::Null;
        silent.then(|| format!("{name}{IN_SCOPE}"))
    }

    /// What has to be connected for a fact to be read; `None` when it can be.
    fn missing(&self, need: &Need) -> Option<String> {
        match need.source.as_str() {
            "dbt" => self.missing_of_dbt(need),
            "approval" => self.missing_approvals(),
            "clyra" => match need.field.as_str() {
                "calendar" | "population P5 rule" => Some(self.github(None)),
                "daily snapshot" => Some(self.github(Some(ADMINISTRATION))),
                field => missing_of_our_own(field).map(str::to_owned).or_else(|| self.without_dbt()),
            },
            "github" | "repository" => {
                (!self.connected.tools.contains("github")).then(|| self.github(need.permission.as_deref()))
            }
            source => {
                let (tool, name) = match source {
                    "hightouch" => ("hightouch", "Hightouch"),
                    "warehouse" => ("warehouse", "the warehouse's query history"),
                    "ticket" => ("ticket", "records read back from the ticket system"),
                    _ => ("several", "members and permissions of GitHub and dbt"),
                };
                (!self.connected.tools.contains(tool)).then(|| name.to_owned())
            }
        }
    }

    /// GitHub with the rights that a token for reading has anyway, or with the one that takes an owner.
    fn github(&self, permission: Option<&str>) -> String {
        let is_administration = |right: &str| right.starts_with(ADMINISTRATION);
        if permission.is_some_and(is_administration) {
            return format!("GitHub ({ADMINISTRATION}:read)");
        }
        let facts = self.catalogue.facts().iter().filter(|fact| fact.source == "github");
        let rights: BTreeSet<&str> =
            facts.filter_map(|fact| fact.permission.as_deref()).filter(|right| !is_administration(right)).collect();
        format!("GitHub ({})", rights.into_iter().collect::<Vec<_>>().join(", "))
    }

    fn missing_of_dbt(&self, need: &Need) -> Option<String> {
        if need.missing.as_str() == "CI_NOT_CONNECTED" {
            return Some("dbt runs for pull requests".to_owned());
        }
        let in_audit_log = need.field.starts_with("audit event");
        if in_audit_log && !self.connected.audit_log {
            return Some(AUDIT_LOG.to_owned());
        }
        self.without_dbt()
    }

    fn without_dbt(&self) -> Option<String> {
        (!self.connected_to_dbt()).then(|| DBT_API.to_owned())
    }

    /// An entity that names no place for approvals has none to read; one that names places needs each connected.
    fn missing_approvals(&self) -> Option<String> {
        match self.parameters.get("approvalSources") {
            Some(FactValue::List(sources)) => {
                let lacking: Vec<&str> =
                    sources.iter().map(String::as_str).filter(|s| !self.connected.tools.contains(*s)).collect();
                (!lacking.is_empty()).then(|| format!("approvals from {}", lacking.join(", ")))
            }
            _ => Some(format!("approvalSources{IN_SCOPE}")),
        }
    }
}

/// What Clyra itself needs for a fact of its own, by the field the catalogue names; `None` when it tells it already.
fn missing_of_our_own(field: &str) -> Option<&'static str> {
    match field {
        "log" => Some("a transparency log"),
        "witness" => Some("a witness outside the data team"),
        "identity map" | "people" => Some("accounts mapped to persons"),
        "own history" => Some("a history of Clyra's own settings"),
        "sign-off" => Some("signed access reviews"),
        _ => None,
    }
}
