use serde_json::json;

use super::*;

fn read(data: Value) -> Option<(RunDetails, ActorSeen)> {
    run(&serde_json::to_vec(&json!({ "status": { "code": 200 }, "data": data })).unwrap())
}

#[test]
fn reads_a_run_with_everything() {
    let (run, actor) = read(json!({
        "id": 70_471_820_000_123_u64, "project_id": 167_194, "environment_id": 1234, "job_definition_id": 123,
        "status": 10, "git_branch": "main", "git_sha": "3f1a9c0e5b7d4a8f9e6c2b1d0a9f8e7d6c5b4a39", "dbt_version": "latest",
        "started_at": "2026-03-01 10:00:12.000000+00:00", "finished_at": "2026-03-01 10:03:40.000000+00:00",
        "retrying_run_id": null,
        "trigger": { "cause": "Fixing the ledger for close", "cause_category": "ui", "schema_override": null,
                     "steps_override": ["dbt build -f"], "threads_override": 8 },
        "job": { "name": "Daily", "execute_steps": ["dbt build --vars '{a: 1}'"] },
        "environment": { "name": "Production", "deployment_type": "production", "use_custom_branch": true,
                         "custom_branch": "release" },
        "run_steps": [
            { "index": 1, "name": "Clone git repository", "status": 10 },
            { "index": 4, "name": "Invoke dbt with `dbt build -f`", "status": 10, "logs": "secret" },
            { "index": 5, "name": "Invoke dbt with `dbt docs generate`", "status": 10 }
        ],
        "audit": { "trigger": { "actor": { "id": 77, "type": "user", "name": "Ana Lima" } }, "cancellation": null }
    }))
    .unwrap();
    assert_eq!(run.run_id.as_str(), "70471820000123");
    assert_eq!(run.status, RunStatus::Success);
    assert_eq!(run.started_at.map(|at| at.to_string()).as_deref(), Some("2026-03-01T10:00:12.000Z"));
    let trigger = run.trigger.clone().unwrap();
    assert!(trigger.reason_given);
    assert_eq!(trigger.overrides, ["steps", "threads"]);
    assert_eq!(run.environment.clone().unwrap().custom_branch.as_deref(), Some("release"));
    assert_eq!(run.executing_steps().map(|step| step.index).collect::<Vec<_>>(), [4], "the docs step never counts");
    let name = UntrustedText::new("Ana Lima");
    assert_eq!(actor, ActorSeen::Account { kind: "user".to_owned(), id: "77".to_owned(), name });
}

#[test]
fn anything_may_be_null_or_of_another_type() {
    let nothing = json!({ "id": 1, "status": null, "trigger": null, "job": null, "environment": [], "run_steps": {},
        "audit": null, "git_sha": "None", "git_branch": "", "started_at": 5, "retrying_run_id": {} });
    let (run, actor) = read(nothing).unwrap();
    assert_eq!((run.status, actor), (RunStatus::Running, ActorSeen::Unread));
    assert_eq!((run.git_sha, run.git_branch, run.started_at, run.retry_of), (None, None, None, None));
    let (_, actor) = read(json!({ "id": "2", "audit": { "trigger": null } })).unwrap();
    assert_eq!(actor, ActorSeen::Nobody);
    for bad in [json!(null), json!([]), json!({}), json!({ "id": null })] {
        assert!(read(bad.clone()).is_none(), "{bad}");
    }
    assert!(super::run(b"<html>").is_none());
}

#[test]
fn the_products_own_words_are_no_reason() {
    for (cause, given) in [
        ("Kicked off from the UI by test@example.com", false),
        ("scheduled", false),
        ("Triggered by merge of pull request 42", false),
        ("Rerun from failure by x@example.com", false),
        ("None", false),
        ("", false),
        ("Restating Q3 for close, FIN-221", true),
    ] {
        let (run, _) = read(json!({ "id": 1, "trigger": { "cause": cause } })).unwrap();
        assert_eq!(run.trigger.unwrap().reason_given, given, "{cause}");
    }
}
