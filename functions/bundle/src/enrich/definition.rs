//! What a job and an environment are set to, as digests: the definition parts of the state vector.

use clyra_evidence::digest::Sha256Digest;
use serde_json::{Map, Value, json};

/// Members of a job that decide what it does and when. Names, notes and times of edits are not among them.
const JOB: [&str; 13] = [
    "compare_changes_flags",
    "dbt_version",
    "deferring_environment_id",
    "deferring_job_definition_id",
    "environment_id",
    "execute_steps",
    "execution",
    "generate_docs",
    "job_completion_trigger_condition",
    "job_type",
    "run_generate_sources",
    "schedule",
    "triggers",
];

/// Members of an environment that decide what a run in it reads, with which dbt, as whom.
const ENVIRONMENT: [&str; 10] = [
    "connection_id",
    "credentials_id",
    "custom_branch",
    "custom_environment_variables",
    "dbt_version",
    "deployment_type",
    "extended_attributes_id",
    "primary_profile_id",
    "type",
    "use_custom_branch",
];

/// SHA-256 of `clyra/dbt-job/v0` LF and the members that count as JSON with sorted names, without spaces and without
/// members that are null. Names and digests of environment variables are not in the API's answer and not covered.
pub(crate) fn job_digest(job: &Map<String, Value>) -> Sha256Digest {
    let mut kept = pick(job, &JOB);
    let settings = job.get("settings").and_then(Value::as_object);
    kept.insert(
        "settings".to_owned(),
        settings.map_or(
            Value::Null,
            |settings| json!({ "target_name": settings.get("target_name"), "threads": settings.get("threads") }),
        ),
    );
    digest("clyra/dbt-job/v0", &kept)
}

/// The same of an environment, under `clyra/dbt-environment/v0`.
pub(crate) fn environment_digest(environment: &Map<String, Value>) -> Sha256Digest {
    digest("clyra/dbt-environment/v0", &pick(environment, &ENVIRONMENT))
}

fn pick(object: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    let kept = names.iter().filter_map(|name| Some(((*name).to_owned(), object.get(*name)?.clone())));
    kept.collect()
}

fn digest(label: &str, object: &Map<String, Value>) -> Sha256Digest {
    let mut text = format!("{label}\n");
    write(&Value::Object(object.clone()), &mut text);
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

    fn job(value: &Value) -> Sha256Digest {
        job_digest(value.as_object().unwrap())
    }

    #[test]
    fn what_a_job_does_counts_and_how_it_is_called_does_not() {
        let before =
            json!({ "id": 1, "name": "a", "execute_steps": ["dbt build"], "settings": { "threads": 4 }, "x": 1 });
        for (after, same) in [
            (json!({ "execute_steps": ["dbt build"], "settings": { "threads": 4 }, "name": "b" }), true),
            (json!({ "execute_steps": ["dbt build"], "settings": { "threads": 4 }, "schedule": null }), true),
            (json!({ "execute_steps": ["dbt build -f"], "settings": { "threads": 4 } }), false),
            (json!({ "execute_steps": ["dbt build"], "settings": { "threads": 8 } }), false),
            (
                json!({ "execute_steps": ["dbt build"], "settings": { "threads": 4 }, "schedule": { "cron": "0 * * * *" } }),
                false,
            ),
        ] {
            assert_eq!(job(&before) == job(&after), same, "{after}");
        }
        let text = "clyra/dbt-job/v0\n{\"execute_steps\":[\"dbt build\"],\"settings\":{\"threads\":4}}";
        assert_eq!(job(&before), Sha256Digest::of(text.as_bytes()));
    }
}
