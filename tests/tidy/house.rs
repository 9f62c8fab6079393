//! The repository as it stands: its tracked files and its packages.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the package stands in the repository").to_path_buf()
}

/// All tracked files that are there, as paths from the root with `/`.
pub(crate) fn files() -> Vec<String> {
    let listed = output("git", &["ls-files", "-z"]);
    let files: BTreeSet<String> = listed.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect();
    assert!(!files.is_empty(), "tidy reads the tracked files: run it in a git checkout");
    files.into_iter().filter(|path| root().join(path).is_file()).collect()
}

/// A file's text, or `None` where it is no text.
pub(crate) fn text(path: &str) -> Option<String> {
    let bytes = std::fs::read(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    String::from_utf8(bytes).ok()
}

/// A member of the workspace.
pub(crate) struct Package {
    /// Its name, as in `clyra-evidence`.
    pub(crate) name: String,
    /// Its folder from the root, as in `shared/evidence`.
    pub(crate) folder: String,
    /// What it depends on directly, our own crates and others.
    pub(crate) dependencies: Vec<Dependency>,
    /// Its features.
    pub(crate) features: BTreeSet<String>,
}

/// A direct dependency.
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Used by its own tests, examples and benches only.
    pub(crate) dev: bool,
    /// Linked by a feature only.
    pub(crate) optional: bool,
    /// Taken from a registry in any version at all.
    pub(crate) any_version: bool,
}

/// All members of the workspace.
pub(crate) fn packages() -> Vec<Package> {
    let metadata = output(env!("CARGO"), &["metadata", "--locked", "--no-deps", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&metadata).expect("cargo metadata prints JSON");
    let packages = metadata["packages"].as_array().expect("metadata lists packages");
    packages.iter().map(package).collect()
}

fn package(metadata: &Value) -> Package {
    let manifest = PathBuf::from(string(&metadata["manifest_path"]));
    let folder = manifest.parent().and_then(|folder| folder.strip_prefix(root()).ok().map(PathBuf::from));
    let dependencies = metadata["dependencies"].as_array().expect("a package lists dependencies");
    Package {
        name: string(&metadata["name"]),
        folder: folder.expect("a member stands in the repository").to_string_lossy().into_owned(),
        dependencies: dependencies
            .iter()
            .map(|dependency| Dependency {
                name: string(&dependency["name"]),
                dev: dependency["kind"] == "dev",
                optional: dependency["optional"] == true,
                any_version: dependency["req"] == "*" && dependency["path"].is_null(),
            })
            .collect(),
        features: metadata["features"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect(),
    }
}

fn string(value: &Value) -> String {
    value.as_str().expect("metadata has a string here").to_owned()
}

/// What a command prints when it is run at the root.
pub(crate) fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(root()).output();
    let output = output.unwrap_or_else(|error| panic!("{program} cannot be run: {error}"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {} failed:\n{complaint}", arguments.join(" "));
    String::from_utf8(output.stdout).expect("its output is UTF-8")
}

/// Fails with all complaints at once, so that one run shows everything that is to be done.
pub(crate) fn settle(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
