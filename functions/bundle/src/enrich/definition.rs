//! What a job and an environment are set to, as digests: the definition parts of the state vector. The construction
//! stands in spec/def/state-vector.md.

use std::collections::BTreeMap;

use clyra_evidence::digest::Sha256Digest;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Members of a job that decide what it does and when, and their names in facts. Names, notes and times of edits are not
/// among them. `settings` is taken apart.
const JOB: [(&str, &str); 13] = [
    ("compare_changes_flags", "compareChangesFlags"),
    ("dbt_version", "dbtVersion"),
    ("deferring_environment_id", "deferringEnvironment"),
    ("deferring_job_definition_id", "deferringJob"),
    ("environment_id", "environment"),
    ("execute_steps", "commands"),
    ("execution", "execution"),
    ("generate_docs", "generateDocs"),
    ("job_completion_trigger_condition", "jobCompletionTrigger"),
    ("job_type", "jobType"),
    ("run_generate_sources", "generateSources"),
    ("schedule", "schedule"),
    ("triggers", "triggers"),
];

/// The same of a job's `settings`.
const SETTINGS: [(&str, &str); 2] = [("target_name", "target"), ("threads", "threads")];

/// Members of an environment that decide what a run in it reads, with which dbt, as whom.
const ENVIRONMENT: [(&str, &str); 9] = [
    ("connection_id", "connection"),
    ("credentials_id", "credentials"),
    ("custom_branch", "branch"),
    ("dbt_version", "dbtVersion"),
    ("deployment_type", "deploymentType"),
    ("extended_attributes_id", "extendedAttributes"),
    ("primary_profile_id", "profile"),
    ("type", "type"),
    ("use_custom_branch", "useBranch"),
];

/// The member with environment variables, of which the names alone are kept: a value can be a secret, and one that is
/// easily guessed is found again from its digest.
const VARIABLES: (&str, &str) = ("custom_environment_variables", "environmentVariables");

/// A definition: the digest of all that counts in it, and of each field alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Definition {
    pub(crate) digest: Sha256Digest,
    pub(crate) fields: BTreeMap<String, Field>,
}

/// One field of a definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Field {
    pub(crate) digest: Sha256Digest,
    /// Whether the digest may stand in evidence: not that of commands which pass values of variables.
    pub(crate) shown: bool,
}

impl Definition {
    pub(crate) fn of_job(job: &Map<String, Value>) -> Self {
        let mut kept = pick(job, &JOB);
        let mut fields = fields("clyra/dbt-job-field/v0", job, &JOB);
        if let Some(settings) = job.get("settings").and_then(Value::as_object) {
            let [target, threads] = SETTINGS.map(|(member, _)| settings.get(member));
            kept.insert("settings".to_owned(), json!({ "target_name": target, "threads": threads }));
            fields.extend(self::fields("clyra/dbt-job-field/v0", settings, &SETTINGS));
        }
        if let Some(commands) = fields.get_mut("commands") {
            commands.shown = !job["execute_steps"].to_string().contains("--vars");
        }
        Self { digest: digest("clyra/dbt-job/v0", &Value::Object(kept)), fields }
    }

    pub(crate) fn of_environment(environment: &Map<String, Value>) -> Self {
        let mut kept = pick(environment, &ENVIRONMENT);
        let mut fields = fields("clyra/dbt-environment-field/v0", environment, &ENVIRONMENT);
        if let Some(names) = environment.get(VARIABLES.0).and_then(variable_names) {
            let only = Map::from_iter([(VARIABLES.0.to_owned(), names.clone())]);
            fields.extend(self::fields("clyra/dbt-environment-field/v0", &only, &[VARIABLES]));
            kept.insert(VARIABLES.0.to_owned(), names);
        }
        Self { digest: digest("clyra/dbt-environment/v0", &Value::Object(kept)), fields }
    }

    /// Names of the fields in which two definitions differ.
    pub(crate) fn changed(&self, before: &Self) -> Vec<String> {
        let names: std::collections::BTreeSet<&String> = self.fields.keys().chain(before.fields.keys()).collect();
        names.into_iter().filter(|name| self.fields.get(*name) != before.fields.get(*name)).cloned().collect()
    }

    /// `<field> <digest>` of those of the named fields that are set and may be shown.
    pub(crate) fn shown(&self, names: &[String]) -> Vec<String> {
        let shown = names.iter().filter_map(|name| Some((name, self.fields.get(name).filter(|field| field.shown)?)));
        shown.map(|(name, field)| format!("{name} {}", field.digest)).collect()
    }
}

/// Sorted names; `None` where there are none.
fn variable_names(variables: &Value) -> Option<Value> {
    let mut names: Vec<&str> = match variables {
        Value::Object(members) => members.keys().map(String::as_str).collect(),
        Value::Array(items) => items.iter().filter_map(|item| item.get("name")?.as_str()).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    names.sort_unstable();
    (!names.is_empty()).then(|| json!(names))
}

fn pick(object: &Map<String, Value>, members: &[(&str, &str)]) -> Map<String, Value> {
    let kept = members.iter().filter_map(|(member, _)| Some(((*member).to_owned(), object.get(*member)?.clone())));
    kept.collect()
}

fn fields(label: &str, object: &Map<String, Value>, members: &[(&str, &str)]) -> BTreeMap<String, Field> {
    let set = members.iter().filter_map(|(member, name)| {
        let value = object.get(*member).filter(|value| !value.is_null())?;
        Some(((*name).to_owned(), Field { digest: digest(&format!("{label}\n{name}"), value), shown: true }))
    });
    set.collect()
}

/// SHA-256 of the label, LF and the value as JSON with sorted names, without spaces and without members that are null.
fn digest(label: &str, value: &Value) -> Sha256Digest {
    let mut text = format!("{label}\n");
    write(value, &mut text);
    Sha256Digest::of(text.as_bytes())
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(object) => {
            let mut members: Vec<_> = object.iter().filter(|(_, value)| !value.is_null()).collect();
            members.sort_by_key(|(name, _)| name.as_str());
            out.push('{');
            for (at, (name, value)) in members.into_iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                write(item, out);
            }
            out.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => out.push_str(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(value: &Value) -> Definition {
        Definition::of_job(value.as_object().unwrap())
    }

    #[test]
    fn what_a_job_does_counts_and_how_it_is_called_does_not() {
        let before =
            json!({ "id": 1, "name": "a", "execute_steps": ["dbt build"], "settings": { "threads": 4 }, "x": 1 });
        for (after, changed) in [
            (json!({ "execute_steps": ["dbt build"], "settings": { "threads": 4 }, "name": "b" }), &[][..]),
            (json!({ "execute_steps": ["dbt build"], "settings": { "threads": 4 }, "schedule": null }), &[]),
            (json!({ "execute_steps": ["dbt build -f"], "settings": { "threads": 4 } }), &["commands"]),
            (json!({ "execute_steps": ["dbt build"], "settings": { "threads": 8 } }), &["threads"]),
            (
                json!({ "execute_steps": ["dbt build"], "settings": { "threads": 4, "target_name": "x" }, "schedule": { "cron": "0 * * * *" } }),
                &["schedule", "target"],
            ),
        ] {
            let (before, after) = (job(&before), job(&after));
            assert_eq!(after.changed(&before), changed);
            assert_eq!(before.digest == after.digest, changed.is_empty(), "{changed:?}");
        }
        let text = "clyra/dbt-job/v0\n{\"execute_steps\":[\"dbt build\"],\"settings\":{\"threads\":4}}";
        assert_eq!(job(&before).digest, Sha256Digest::of(text.as_bytes()));
        let text = Sha256Digest::of(b"clyra/dbt-job-field/v0\ncommands\n[\"dbt build\"]");
        assert_eq!(job(&before).shown(&["commands".to_owned()]), [format!("commands {text}")]);
    }

    /// The worked example of spec/def/state-vector.md.
    #[test]
    fn the_published_example_holds() {
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/def/state-vector.md");
        let page = std::fs::read_to_string(page).unwrap();
        let job = job(&json!({ "id": 501, "name": "Nightly", "execute_steps": ["dbt build"], "schedule": null,
            "settings": { "threads": 4, "target_name": null } }));
        let environment = json!({ "name": "Production", "deployment_type": "production", "custom_branch": "main",
            "custom_environment_variables": { "DBT_A": "1" } });
        let environment = Definition::of_environment(environment.as_object().unwrap());
        for (row, digest) in [
            ("| `job` |", job.digest),
            ("| field `threads` of the job |", job.fields["threads"].digest),
            ("| `environment` |", environment.digest),
        ] {
            let stands = page.lines().any(|line| line.starts_with(row) && line.contains(&digest.to_string()));
            assert!(stands, "{row} {digest}");
        }
        let members = JOB.iter().chain(&SETTINGS).chain(&ENVIRONMENT);
        for (member, name) in members {
            assert!(page.contains(&format!("`{member}` → `{name}`")), "{member}");
        }
    }

    #[test]
    fn values_of_variables_are_not_found_again() {
        let with = |value: &str| job(&json!({ "execute_steps": [format!("dbt run --vars '{{key: {value}}}'")] }));
        let changed = with("a").changed(&with("b"));
        assert_eq!(changed, ["commands"]);
        assert!(with("a").shown(&changed).is_empty());
        let with = |variables: Value| {
            Definition::of_environment(json!({ "custom_environment_variables": variables }).as_object().unwrap())
        };
        assert_eq!(with(json!({ "DBT_A": "1" })), with(json!({ "DBT_A": "2" })));
        assert_eq!(with(json!({ "DBT_A": "1" })).changed(&with(json!({}))), ["environmentVariables"]);
    }
}
