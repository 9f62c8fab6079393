//! Runs the program.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// What a run of the program gave.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs `clyra` with `args` and `input` on standard input.
pub(crate) fn clyra(args: &[&str], input: &[u8]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clyra"));
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A program that refuses early closes its end.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(!err.contains("panicked"), "{err}");
    Run { code: output.status.code().unwrap(), out, err }
}

/// `clyra diff` over two files.
pub(crate) fn diff(from: &Path, to: &Path, more: &[&str]) -> Run {
    let args = ["diff", "--from", from.to_str().unwrap(), "--to", to.to_str().unwrap()];
    clyra(&[&args, more].concat(), b"")
}

/// The manifest of a state of the project in fixtures/dbt.
pub(crate) fn state(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/dbt/states").join(name).join("manifest.json.gz")
}

/// A manifest with these nodes, by unique id.
pub(crate) fn manifest(nodes: &Value) -> Value {
    json!({
        "metadata": {
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "dbt_version": "1.11.15",
            "adapter_type": "duckdb", "project_name": "p", "generated_at": "2026-11-20T10:00:00Z",
        },
        "nodes": nodes,
    })
}

/// A model.
pub(crate) fn model(name: &str, sql: &str) -> Value {
    json!({
        "resource_type": "model", "package_name": "p", "name": name, "fqn": ["p", name], "raw_code": sql,
        "depends_on": {"nodes": [], "macros": []},
    })
}

/// The manifest of a state, read.
pub(crate) fn read_state(name: &str) -> Value {
    serde_json::from_reader(flate2::read::GzDecoder::new(std::fs::File::open(state(name)).unwrap())).unwrap()
}

/// Writes a file.
pub(crate) fn written(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}
