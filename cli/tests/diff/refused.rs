//! What is no answer: exit code 2, what happened, why, and what to do; and never "nothing changed".

use serde_json::{Value, json};

use crate::run::{Run, clyra, diff, manifest, model, state, written};

fn good() -> Value {
    manifest(&json!({"model.p.a": model("a", "select 1")}))
}

fn with(edit: impl Fn(&mut Value)) -> Vec<u8> {
    let mut manifest = good();
    edit(&mut manifest);
    manifest.to_string().into_bytes()
}

#[track_caller]
fn assert_refused(run: &Run, why: &str) {
    assert_eq!(run.code, 2, "{run:?}");
    assert!(
        run.err.starts_with("error: ") && run.err.contains("\n  why: ") && run.err.contains("\n   do: "),
        "{run:?}"
    );
    let said = run.err.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(why), "{why} is not in {said}");
    assert!(!run.out.to_lowercase().contains("nothing changed"), "{run:?}");
}

#[test]
fn what_is_no_manifest_is_refused() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let nested = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let whole = good().to_string();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", Vec::new(), "it is empty"),
        ("blank", b" \n".to_vec(), "it is empty"),
        ("cut off", whole.as_bytes()[..whole.len() - 40].to_vec(), "a file that was cut off looks like this"),
        ("another file", b"select 1".to_vec(), "it is no JSON at line 1"),
        ("two documents", format!("{whole}{whole}").into_bytes(), "it is no JSON at line 1"),
        ("utf-16", whole.encode_utf16().flat_map(u16::to_le_bytes).collect(), "it is no"),
        ("binary", vec![0xff; 100], "it is no text in UTF-8"),
        ("a list", b"[1, 2]".to_vec(), "no manifest of dbt"),
        ("other JSON", b"{\"a\": 1}".to_vec(), "no manifest of dbt"),
        ("nothing in it", b"{}".to_vec(), "no manifest of dbt"),
        (
            "run results",
            with(|m| m["metadata"]["dbt_schema_version"] = json!("https://schemas.getdbt.com/dbt/run-results/v6.json")),
            "no manifest of dbt",
        ),
        (
            "an older version",
            with(|m| m["metadata"]["dbt_schema_version"] = json!("https://schemas.getdbt.com/dbt/manifest/v8.json")),
            "schema v8 is not one of v9 to v12",
        ),
        (
            "a newer version",
            with(|m| m["metadata"]["dbt_schema_version"] = json!("https://schemas.getdbt.com/dbt/manifest/v99.json")),
            "schema v99 is not one of v9 to v12",
        ),
        ("deep", deep.clone().into_bytes(), "no manifest of dbt"),
        ("deep in a section", format!("{{\"nodes\":{{\"a\":{deep}}}}}").into_bytes(), "nested deeper"),
        ("deep below", with(|m| m["nodes"]["model.p.a"]["config"] = serde_json::from_str(&nested).unwrap()), "deeper"),
        ("twice", whole.replacen("\"nodes\"", "\"nodes\": {}, \"nodes\"", 1).into_bytes(), "stands twice in nodes"),
        ("wrong type", with(|m| m["nodes"] = json!(7)), "nodes is not an object"),
        ("escapes", with(|m| m["nodes"]["model.p.\u{1b}[2J"] = json!(7)), "is not an object"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let good = written(folder.path(), "good.json", &whole);
    for (name, bytes, why) in cases {
        let bad = written(folder.path(), "bad.json", bytes);
        for (from, to) in [(&good, &bad), (&bad, &good)] {
            for form in [&[][..], &["--json"], &["--markdown"]] {
                let run = diff(from, to, form);
                assert_refused(&run, why);
                assert!(run.err.contains("bad.json was not read"), "{name}: {run:?}");
                assert!(!run.err.contains('\u{1b}'), "{name}: {run:?}");
                // A comment that is posted whatever happened must not be an empty one.
                assert_eq!(run.out.contains("Clyra cannot tell what changed"), form.contains(&"--markdown"), "{run:?}");
            }
        }
    }
}

#[test]
fn huge_numbers_are_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let good = written(folder.path(), "good.json", good().to_string());
    let huge = with(|m| m["nodes"]["model.p.a"]["config"] = json!({"x": 1})).escape_ascii().to_string();
    let huge = huge.replace("\\\"", "\"").replace("\"x\":1", &format!("\"x\":{}", "9".repeat(400)));
    let run = diff(&good, &written(folder.path(), "huge.json", huge), &[]);
    assert!(run.code == 1 || run.code == 2, "{run:?}");
}

#[test]
fn a_manifest_that_is_too_large_is_refused_by_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large.json");
    // A hole: two gigabytes that take no room, and that nobody reads.
    std::fs::File::create(&large).unwrap().set_len(2 << 30).unwrap();
    let run = diff(&large, &state("base"), &[]);
    assert_refused(&run, "it has 2147483648 bytes or more; at most 1073741824 are read");
}

#[test]
fn what_is_not_there_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert_refused(&diff(&folder.path().join("none.json"), &state("base"), &[]), "No such file");
    assert_refused(&diff(&state("base"), folder.path(), &[]), "No such file");
}

#[test]
fn engines_that_cannot_be_compared_are_told_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let core = written(folder.path(), "core.json", good().to_string());
    let fusion = written(folder.path(), "fusion.json", with(|m| m["metadata"]["dbt_version"] = json!("2.0.0")));
    let page = folder.path().join("page.html");
    let run = diff(&core, &fusion, &["--html", page.to_str().unwrap(), "--json"]);
    assert_refused(&run, "the earlier is of dbt Core 1.11.15, the later of dbt Fusion 2.0.0");
    let document: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(
        (&document["class"], &document["comparability"]),
        (&json!("unknown"), &json!("ENGINE_CHANGED_NOT_COMPARABLE"))
    );
    assert!(std::fs::read_to_string(page).unwrap().contains("Clyra cannot tell what changed"));
}

#[test]
fn what_does_not_go_together_is_refused() {
    let base = state("base");
    let base = base.to_str().unwrap();
    let run = |more: &[&str]| clyra(&[&["diff", "--from", base, "--to", base], more].concat(), b"");
    for more in [&["--json", "--markdown"][..], &["--html", "-", "--json"], &["--html", "-", "--markdown"]] {
        assert_refused(&run(more), "each take the whole of standard output");
    }
    assert_refused(&clyra(&["diff", "--from", "-", "--to", "-"], b""), "there is only one");
    assert_refused(&run(&["--html", "no/such/folder/page.html"]), "No such file");
    assert_eq!(clyra(&["diff", "--from", base], b"").code, 2);
}
