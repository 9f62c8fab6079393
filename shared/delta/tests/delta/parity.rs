//! dbt's own answers, recorded in fixtures/dbt-state, and ours to the same manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::thread;

use clyra_delta::artifact::manifest::ManifestProjection;
use clyra_delta::compare::dbt::{DbtReason, is_modified, reported};
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::Value;

/// Fewer than this, and something of what fixtures/dbt-state/README.md tells of is missing.
const SCENARIOS_MIN: usize = 250;

/// Why dbt stops instead of selecting: a versioned model breaks its contract; a test calls a macro that is not there.
const REFUSED_FOR: [&str; 2] = ["ContractBreakingChangeError", "CompilationError"];

/// Where dbt compares what it has in memory with a file that cannot say the same: no manifest tells (see the README there).
const BEYOND_A_MANIFEST: [&str; 2] = ["memory_integer_key", "memory_tuple"];

/// `state:modified` without a sub-selector; the other words are those of [`DbtReason`].
const MODIFIED: &str = "modified";

#[derive(Deserialize)]
struct Scenario {
    does: String,
    before: Option<Difference>,
    after: Difference,
    selected: BTreeMap<String, Answer>,
}

/// What makes a manifest of the base one: members by their path.
#[derive(Deserialize)]
struct Difference {
    set: Vec<(Vec<String>, Value)>,
    remove: Vec<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Selected(BTreeSet<String>),
    /// dbt stopped instead of selecting: `refused` and its error.
    Refused(BTreeMap<String, String>),
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/dbt-state")
}

fn base() -> Value {
    let mut text = Vec::new();
    let file = File::open(fixtures().join("base.manifest.json.gz")).unwrap();
    GzDecoder::new(file).read_to_end(&mut text).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn scenarios() -> BTreeMap<String, Scenario> {
    let files = fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().path());
    let scenarios = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let read = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let scenario = serde_json::from_slice(&fs::read(&path).unwrap());
        (name.clone(), scenario.unwrap_or_else(|error| panic!("{name}: {error}")))
    };
    scenarios.map(read).collect()
}

fn apply(base: &Value, difference: &Difference) -> ManifestProjection {
    let mut manifest = base.clone();
    for path in &difference.remove {
        let (name, above) = path.split_last().unwrap();
        place(&mut manifest, above).remove(name).unwrap();
    }
    for (path, value) in &difference.set {
        let (name, above) = path.split_last().unwrap();
        place(&mut manifest, above).insert(name.clone(), value.clone());
    }
    ManifestProjection::from_manifest(&serde_json::to_vec(&manifest).unwrap()).unwrap()
}

fn place<'m>(manifest: &'m mut Value, path: &[String]) -> &'m mut serde_json::Map<String, Value> {
    path.iter().fold(manifest, |value, name| &mut value[name]).as_object_mut().unwrap()
}

fn ours(before: &ManifestProjection, after: &ManifestProjection) -> BTreeMap<String, BTreeSet<String>> {
    let mut ours: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (id, reasons) in reported(before, after) {
        if is_modified(after.resource(id).unwrap(), &reasons) {
            ours.entry(MODIFIED.to_owned()).or_default().insert(id.to_owned());
        }
        for reason in reasons.iter().filter(|reason| **reason != DbtReason::Other) {
            let word = serde_json::to_value(reason).unwrap().as_str().unwrap().to_owned();
            ours.entry(word).or_default().insert(id.to_owned());
        }
    }
    ours
}

/// One row per resource on which the two differ.
fn disagreement(scenario: &Scenario, ours: &BTreeMap<String, BTreeSet<String>>) -> String {
    let none = BTreeSet::new();
    let mut rows = String::new();
    for (word, answer) in &scenario.selected {
        let dbts = match answer {
            Answer::Selected(dbts) => dbts,
            Answer::Refused(error) => {
                assert!(REFUSED_FOR.contains(&error["refused"].as_str()), "{error:?}");
                continue;
            }
        };
        let ours = ours.get(word).unwrap_or(&none);
        for id in dbts.symmetric_difference(ours) {
            let who = if dbts.contains(id) { "only dbt" } else { "only we" };
            writeln!(rows, "  {who:<8}  {word:<22}  {id}").unwrap();
        }
    }
    rows
}

#[test]
fn selects_what_dbt_selects() {
    let (base, scenarios) = (base(), scenarios().into_iter().collect::<Vec<_>>());
    let untouched = Difference { set: Vec::new(), remove: Vec::new() };
    let check = |(name, scenario): &(String, Scenario)| {
        let before = apply(&base, scenario.before.as_ref().unwrap_or(&untouched));
        let rows = disagreement(scenario, &ours(&before, &apply(&base, &scenario.after)));
        let is_beyond = BEYOND_A_MANIFEST.contains(&name.as_str());
        (rows.is_empty() == is_beyond).then(|| format!("{name}: {}\n{rows}", scenario.does))
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let tables: Vec<String> = thread::scope(|scope| {
        let parts = scenarios.chunks(scenarios.len().div_ceil(threads));
        let parts: Vec<_> =
            parts.map(|part| scope.spawn(|| part.iter().filter_map(check).collect::<Vec<_>>())).collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    });
    assert!(tables.is_empty(), "dbt and we select differently:\n\n{}", tables.join("\n"));
}

#[test]
fn all_scenarios_are_there() {
    let scenarios = scenarios();
    assert!(scenarios.len() >= SCENARIOS_MIN, "{} scenarios", scenarios.len());
    for word in ["modified", "body", "configs", "contract", "macros", "new", "persisted_descriptions", "relation"] {
        let selects =
            |scenario: &&Scenario| matches!(&scenario.selected[word], Answer::Selected(ids) if !ids.is_empty());
        assert!(scenarios.values().filter(selects).count() >= 3, "{word} is hardly ever selected");
    }
}
