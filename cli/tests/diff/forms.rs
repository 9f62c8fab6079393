//! The answer in each of its forms.

use std::io::Read as _;

use clyra_delta::artifact::manifest::ManifestProjection;
use clyra_delta::compare::semantic_delta;
use serde_json::{Value, json};

use crate::run::{clyra, diff, manifest, model, read_state, state, written};

/// Pairs of states, with the exit code of their difference.
const PAIRS: [(&str, &str, i32); 8] = [
    ("base", "base", 0),
    ("base", "full_refresh", 0),
    ("base", "revenue_logic", 1),
    ("base", "test_weakened", 1),
    ("base", "docs_only", 1),
    ("base", "package_drift", 1),
    ("base", "model_added_removed", 1),
    ("history_failing_tests", "history_dbt_upgrade", 1),
];

#[test]
fn text() {
    for (from, to, code) in PAIRS {
        let run = diff(&state(from), &state(to), &[]);
        assert_eq!((run.code, run.err.as_str()), (code, ""), "{from} {to}");
        assert!(run.out.lines().all(|line| line.chars().count() <= 110), "{}", run.out);
        insta::assert_snapshot!(format!("text_{from}_{to}"), run.out);
    }
}

#[test]
fn markdown() {
    for (from, to, code) in PAIRS {
        let run = diff(&state(from), &state(to), &["--markdown"]);
        assert_eq!((run.code, run.err.as_str()), (code, ""), "{from} {to}");
        insta::assert_snapshot!(format!("markdown_{from}_{to}"), run.out);
    }
}

#[test]
fn page() {
    for (from, to, code) in PAIRS {
        let run = diff(&state(from), &state(to), &["--html", "-"]);
        assert_eq!((run.code, run.err.as_str()), (code, ""), "{from} {to}");
        insta::assert_snapshot!(format!("page_{from}_{to}"), read(&run.out));
    }
}

/// One change of each class, and of what has words of its own.
fn edit(manifest: &mut Value) {
    let column = |name: &str, data_type: &str| json!({"name": name, "data_type": data_type, "constraints": []});
    let nodes = manifest["nodes"].as_object_mut().unwrap();
    let revenue = &mut nodes["model.finance_core.fct_revenue"];
    revenue["columns"]["invoice_line_id"]["data_type"] = json!("bigint");
    revenue["columns"]["net_revenue"] = column("net_revenue", "decimal(18, 2)");
    revenue["access"] = json!("private");
    let payments = &mut nodes["model.finance_core.fct_payments"];
    payments["config"]["materialized"] = json!("view");
    payments["unrendered_config"]["materialized"] = json!("view");
    nodes["model.finance_core.dim_customer"]["description"] = json!("Another description.");
    nodes["model.finance_core.fct_receivables"]["group"] = json!("collections");
    nodes["model.finance_core.fct_receivables"]["config"]["group"] = json!("collections");
    nodes.remove("model.finance_core.rpt_monthly_revenue").unwrap();
    nodes.remove("test.finance_core.not_null_stg_psp__payments_amount.a4570d9270").unwrap();
    manifest["exposures"]["exposure.finance_core.monthly_close"]["owner"]["name"] = json!("Somebody else");
    manifest["metrics"]["metric.finance_core.recognised_revenue"]["type_params"]["metric_aggregation_params"] =
        json!(7);
}

#[test]
fn every_class_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let mut after = read_state("base");
    edit(&mut after);
    let to = written(folder.path(), "edited.json", after.to_string());
    let args = ["--approved-by", "@ana-lima"];
    for (form, more) in [("text", &[][..]), ("markdown", &["--markdown"]), ("page", &["--html", "-"])] {
        let run = diff(&state("base"), &to, &[&args, more].concat());
        assert_eq!((run.code, run.err.as_str()), (1, ""), "{form}");
        let out = if form == "page" { read(&run.out) } else { run.out };
        // The digest of what was written here follows the order of its members.
        let out = out.lines().filter(|line| !line.contains("manifest")).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(format!("{form}_every_class"), out);
    }
}

/// What a reader sees of a page: without style and markup, one line per block.
fn read(page: &str) -> String {
    let (before, rest) = page.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    let mut text = format!("{before}{after}");
    for block in ["<p", "<h1", "<h2", "<tr", "<li", "<dt", "<section", "<main"] {
        text = text.replace(block, &format!("\n{block}"));
    }
    let text = text.replace("<td", " | <td").replace("<span class=\"line", " / <span class=\"line");
    let mut seen = String::new();
    let mut inside = false;
    for c in text.chars() {
        match c {
            '<' => inside = true,
            '>' if inside => inside = false,
            c if !inside => seen.push(c),
            _ => {}
        }
    }
    let seen = seen.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
    seen.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

fn projected(name: &str) -> ManifestProjection {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(state(name)).unwrap()).read_to_end(&mut bytes).unwrap();
    ManifestProjection::from_manifest(&bytes).unwrap()
}

#[test]
fn json_is_the_document_of_a_bundle() {
    let schema = include_str!("../../../spec/def/semantic_delta.schema.json");
    let schema = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
    for (from, to, code) in PAIRS {
        let run = diff(&state(from), &state(to), &["--json"]);
        assert_eq!((run.code, run.err.as_str()), (code, ""), "{from} {to}");
        let document: Value = serde_json::from_str(&run.out).unwrap();
        schema.validate(&document).unwrap_or_else(|error| panic!("{from} {to}: {error}"));
        let delta = semantic_delta(Some(&projected(from)), Some(&projected(to)));
        assert_eq!(run.out, serde_json::to_string(&delta).unwrap(), "{from} {to}: byte for byte");
    }
}

#[test]
fn a_manifest_comes_from_a_file_a_folder_or_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["select 1", "select 2"].map(|sql| manifest(&json!({"model.p.a": model("a", sql)})).to_string());
    let plain = written(folder.path(), "manifest.json", &b);
    let base = written(folder.path(), "base.json", &a);
    let expected = diff(&base, &plain, &["--json"]).out;
    assert!(!expected.is_empty());
    assert_eq!(diff(&base, folder.path(), &["--json"]).out, expected, "a folder");
    let base = base.to_str().unwrap();
    assert_eq!(clyra(&["diff", "--from", base, "--to", "-", "--json"], b.as_bytes()).out, expected, "a pipe");
    let mut compressed = Vec::new();
    flate2::read::GzEncoder::new(b.as_bytes(), flate2::Compression::fast()).read_to_end(&mut compressed).unwrap();
    assert_eq!(clyra(&["diff", "--from", base, "--to", "-", "--json"], &compressed).out, expected, "compressed");
}

/// A name that means something in every medium.
const HOSTILE: &str = "model.p.a|b`c`<script>alert(1)</script>@octocat #1 [x](https://evil.example) **b** www.evil.example \\| \u{1b}[31m\u{202e}\nz";

#[test]
fn names_from_outside_are_text_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let from = written(folder.path(), "a.json", manifest(&json!({})).to_string());
    let to = written(folder.path(), "b.json", manifest(&json!({HOSTILE: model("a", "select 1")})).to_string());

    let text = diff(&from, &to, &[]).out;
    assert!(text.contains("⟨U+001B⟩[31m⟨U+202E⟩⟨U+000A⟩z") && !text.contains('\u{1b}'), "{text}");

    let markdown = diff(&from, &to, &["--markdown"]).out;
    let row = markdown.lines().find(|line| line.starts_with("| `+`")).unwrap();
    let cells = row.matches('|').count();
    assert_eq!(cells, 6, "five cells: {row}");
    let name = row.split_once("<code>").unwrap().1.split_once("</code>").unwrap().0;
    let harmless = |c: char| c.is_alphanumeric() || " &#;".contains(c);
    assert!(name.chars().all(harmless), "{name}");

    let page = diff(&from, &to, &["--html", "-"]).out;
    assert!(!page.contains("<script") && !page.contains('\u{202e}') && read(&page).contains("<script>alert(1)"));
}

#[test]
fn the_page_holds_its_own_policy_and_asks_nobody_for_anything() {
    let page = diff(&state("base"), &state("revenue_logic"), &["--html", "-"]).out;
    let policy =
        page.split_once("http-equiv=\"Content-Security-Policy\" content=\"").unwrap().1.split_once('"').unwrap().0;
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    for forbidden in ["<script", "<img", "<link", "<iframe", "<form", " style=", " onclick", "src=", "://", "unsafe"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn a_comment_never_grows_too_large_and_says_what_it_leaves_out() {
    let folder = tempfile::tempdir().unwrap();
    let models = |n: usize| -> Value {
        (0..n)
            .map(|n| (format!("model.p.m{n:05}"), model(&format!("m{n}"), "select 1")))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let from = written(folder.path(), "a.json", manifest(&json!({})).to_string());
    let to = written(folder.path(), "b.json", manifest(&models(5_000)).to_string());
    let markdown = diff(&from, &to, &["--markdown"]).out;
    assert!(markdown.len() <= 65_536 && markdown.len() > 50_000, "{}", markdown.len());
    let rows = markdown.lines().filter(|line| line.starts_with("| `+`")).count();
    assert!(markdown.contains(&format!("**{} more nodes are not shown here:**", 5_000 - rows)), "{rows}");
    assert!(markdown.contains("\n</details>\n"), "what was opened is closed");
    assert_eq!(diff(&from, &to, &[]).out.matches("\n  + ").count(), 5_000, "a terminal has them all");
}

#[test]
fn a_hundred_thousand_nodes_and_a_cycle() {
    let folder = tempfile::tempdir().unwrap();
    let nodes = |sql: &str| -> Value {
        let node = |n: u32| {
            let mut node = model(&format!("m{n}"), if n.is_multiple_of(1_000) { sql } else { "select 1" });
            let read = format!("model.p.m{:06}", (n + 1) % 100_000);
            node["depends_on"]["nodes"] = json!([read]);
            (format!("model.p.m{n:06}"), node)
        };
        (0..100_000).map(node).collect::<serde_json::Map<_, _>>().into()
    };
    let from = written(folder.path(), "a.json", manifest(&nodes("select 1")).to_string());
    let to = written(folder.path(), "b.json", manifest(&nodes("select 2")).to_string());
    let run = diff(&from, &to, &[]);
    assert_eq!(run.code, 1, "{}", run.err);
    assert!(run.out.starts_with("p: 100 nodes changed"), "{}", run.out);
}
