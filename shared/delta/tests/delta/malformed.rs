//! Artifacts that are not what they should be.

use clyra_delta::artifact::manifest::{CachedProjectionError, ManifestProjection};
use clyra_delta::artifact::run_results::RunResults;
use clyra_delta::artifact::sources::SourceFreshness;
use serde_json::{Value, json};

use crate::project::{edited, manifest, project};

#[track_caller]
fn check(bytes: &[u8], code: &str, message: &str) {
    let error = ManifestProjection::from_manifest(bytes).unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), (code, message));
}

#[test]
fn not_a_manifest() {
    check(b"", "ARTIFACT_NOT_JSON", "not JSON at line 1, column 0");
    check(b"{\"metadata\":", "ARTIFACT_NOT_JSON", "not JSON at line 1, column 12");
    check(b"<html>", "ARTIFACT_NOT_JSON", "not JSON at line 1, column 1");
    check(b"{} {}", "ARTIFACT_NOT_JSON", "not JSON at line 1, column 4");
    check(b"{\"a\":\"\xff\"}", "ARTIFACT_NOT_JSON", "not JSON at line 0, column 6");
    check(b"{}", "ARTIFACT_NOT_RECOGNISED", "not a dbt manifest artifact");
    check(b"[]", "ARTIFACT_NOT_RECOGNISED", "not a dbt manifest artifact");
    check(b"7", "ARTIFACT_NOT_RECOGNISED", "not a dbt manifest artifact");
    let results = br#"{"metadata":{"dbt_schema_version":"https://schemas.getdbt.com/dbt/run-results/v6.json"}}"#;
    check(results, "ARTIFACT_NOT_RECOGNISED", "not a dbt manifest artifact");
    for version in ["8", "13", "4294967295"] {
        let url = format!("https://schemas.getdbt.com/dbt/manifest/v{version}.json");
        let bytes = edited(&manifest(), "/metadata/dbt_schema_version", json!(url)).to_string();
        let message = format!("dbt manifest schema v{version} is not one of v9 to v12");
        check(bytes.as_bytes(), "ARTIFACT_VERSION_UNSUPPORTED", &message);
    }
}

#[test]
fn wrong_types_are_named() {
    let code = "ARTIFACT_FIELD_TYPE";
    for (pointer, value, message) in [
        ("/nodes", json!([]), "nodes is not an object"),
        ("/nodes", json!("x"), "nodes is not an object"),
        ("/metadata", json!(1), "metadata is not an object"),
        ("/nodes/model.shop.orders", json!([]), "nodes[\"model.shop.orders\"] is not an object"),
        ("/nodes/model.shop.orders/raw_code", json!(1), "nodes[\"model.shop.orders\"].raw_code is not a string"),
        ("/nodes/model.shop.orders/config", json!("x"), "nodes[\"model.shop.orders\"].config is not an object"),
        ("/nodes/model.shop.orders/columns", json!([]), "nodes[\"model.shop.orders\"].columns is not an object"),
        (
            "/nodes/model.shop.orders/columns/id",
            json!(1),
            "nodes[\"model.shop.orders\"].columns is not an object of objects",
        ),
        (
            "/nodes/model.shop.orders/depends_on/nodes",
            json!([1]),
            "nodes[\"model.shop.orders\"].nodes is not an array of strings",
        ),
        (
            "/nodes/test.shop.assert_total/config/limit",
            json!(-1),
            "nodes[\"test.shop.assert_total\"].limit is not a non-negative integer",
        ),
        ("/disabled/a", json!([1]), "disabled[\"a\"] is not an object"),
        ("/sources", json!({"\u{1b}[31m\u{202e}": 1}), "sources[\"\\u{1b}[31m\\u{202e}\"] is not an object"),
    ] {
        check(edited(&manifest(), pointer, value).to_string().as_bytes(), code, message);
    }
}

#[test]
fn depth_and_duplicates() {
    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let meta = |levels: usize| {
        let text = manifest().to_string();
        text.replacen("\"meta\":{\"x\":1}", &format!("\"meta\":{}", deep(levels)), 1)
    };
    assert!(ManifestProjection::from_manifest(meta(60).as_bytes()).is_ok());
    check(meta(64).as_bytes(), "ARTIFACT_TOO_DEEP", "nested deeper than 64 levels");
    check(meta(100_000).as_bytes(), "ARTIFACT_TOO_DEEP", "nested deeper than 64 levels");
    // What is skipped may be as deep as it likes, and costs no stack.
    let skipped = manifest().to_string().replacen(
        "\"compiled_code\":",
        &format!("\"compiled\":{},\"compiled_code\":", deep(100_000)),
        1,
    );
    assert!(ManifestProjection::from_manifest(skipped.as_bytes()).is_ok());

    let duplicate = "ARTIFACT_DUPLICATE_MEMBER";
    let head = format!("{{\"metadata\":{}", crate::project::metadata());
    check(format!("{head},\"nodes\":{{}},\"nodes\":{{}}}}").as_bytes(), duplicate, "a member stands twice in nodes");
    check(
        format!("{head},\"nodes\":{{\"a\":{{}},\"\\u0061\":{{}}}}}}").as_bytes(),
        duplicate,
        "a member stands twice in nodes[\"a\"]",
    );
    let twice = format!("{head},\"nodes\":{{\"a\":{{\"raw_code\":\"x\",\"raw_code\":\"y\"}}}}}}");
    check(twice.as_bytes(), duplicate, "a member stands twice in nodes[\"a\"]");
}

#[test]
fn every_cut_is_refused() {
    let text = manifest().to_string();
    // Every third byte: enough to meet each token of the grammar in its beginning, middle and end.
    for end in (0..text.len()).step_by(3) {
        assert!(ManifestProjection::from_manifest(&text.as_bytes()[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn hostile_and_long_names_stay_data() {
    let long = "x".repeat(300);
    let node =
        json!({"resource_type": "model", "package_name": long, "name": "<script>\u{202e}", "raw_code": "select 1"});
    let mut edited = manifest();
    edited["nodes"][format!("model.shop.{long}a")] = node.clone();
    edited["nodes"][format!("model.shop.{long}b")] = node.clone();
    edited["nodes"]["model.shop.\n\"'</script>\u{202e}"] = node;
    let projection = project(&edited);
    let added = clyra_delta::compare::semantic_delta(Some(&project(&manifest())), Some(&projection));
    assert_eq!(added.counts.added, 3, "two long names do not become one");
    for entry in &added.entries {
        assert!(entry.unique_id.as_untrusted().chars().count() <= 200);
        assert!(entry.package.as_untrusted().chars().count() <= 200);
    }
    assert!(projection.resource(&format!("model.shop.{long}a")).is_some());
    let text = serde_json::to_string(&added).unwrap();
    let back: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(back["entries"][0]["uniqueId"], "model.shop.\n\"'</script>\u{202e}");
}

#[test]
fn caches_of_other_versions_are_not_used() {
    let mut bytes = Vec::new();
    project(&manifest()).write_cached(&mut bytes).unwrap();
    assert_eq!(ManifestProjection::from_cached(&bytes).unwrap(), project(&manifest()));
    let other = String::from_utf8(bytes).unwrap().replace("clyra/dbt-projection/1", "clyra/dbt-projection/9");
    assert!(matches!(ManifestProjection::from_cached(other.as_bytes()), Err(CachedProjectionError::OtherFormat)));
    assert!(matches!(ManifestProjection::from_cached(b"{}"), Err(CachedProjectionError::Malformed(_))));
}

#[test]
fn results_and_sources() {
    let bytes = manifest().to_string();
    assert_eq!(RunResults::from_json(bytes.as_bytes()).unwrap_err().code(), "ARTIFACT_NOT_RECOGNISED");
    assert_eq!(SourceFreshness::from_json(bytes.as_bytes()).unwrap_err().code(), "ARTIFACT_NOT_RECOGNISED");
    let results = |results: &str, args: &str| {
        let url = "https://schemas.getdbt.com/dbt/run-results/v6.json";
        RunResults::from_json(
            format!(r#"{{"metadata":{{"dbt_schema_version":"{url}"}},"results":{results},"args":{args}}}"#).as_bytes(),
        )
    };
    assert!(results("null", "null").is_ok());
    for (list, args, message) in [
        ("{}", "{}", "results is not an array"),
        ("[1]", "{}", "results[\"\"] is not an object"),
        ("[{}]", "{}", "results[\"\"].unique_id is not a string"),
        (r#"[{"unique_id":"a"}]"#, "{}", "results[\"a\"].status is not a string"),
        (r#"[{"unique_id":"a","status":"pass","failures":"3"}]"#, "{}", "results[\"a\"].failures is not an integer"),
        ("[]", r#"{"full_refresh":"yes"}"#, "args[\"\"].full_refresh is not a boolean"),
        ("[]", r#"{"vars":[]}"#, "args[\"\"].vars is not an object"),
        ("[]", r#"{"select":[1]}"#, "args[\"\"].select is not an array of strings"),
    ] {
        assert_eq!(results(list, args).unwrap_err().to_string(), message);
    }
}
