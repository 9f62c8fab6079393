//! What a change reaches.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use clyra_delta::artifact::manifest::ManifestProjection;
use clyra_delta::artifact::resource::{ExposureKind, Maturity};
use clyra_delta::lineage::{Consumer, Graph, LISTED_MAX, Listing, Reach, ReachedKind};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::documents::{check, validator};
use crate::project::{manifest, metadata, project};
use crate::states::state_manifest;

/// A project of models that read each other: `b<a c<a,b` says that b reads a, and c reads both.
pub(crate) fn models(text: &str) -> ManifestProjection {
    let mut nodes = BTreeMap::new();
    for word in text.split_whitespace() {
        let (name, read) = word.split_once('<').unwrap_or((word, ""));
        let read: Vec<String> = read.split(',').filter(|name| !name.is_empty()).map(id).collect();
        nodes.insert(
            id(name),
            json!({"resource_type": "model", "package_name": "p", "name": name, "depends_on": {"nodes": read}}),
        );
    }
    project(&json!({"metadata": metadata(), "nodes": nodes}))
}

fn id(name: &str) -> String {
    format!("model.p.{name}")
}

fn consumer(id: &str, reads: &str) -> Consumer {
    Consumer { id: id.to_owned(), name: format!("sync {id}"), reads: reads.to_owned() }
}

/// `name depth from`, a line each, then what leads nowhere; of ids only the last part.
fn told(reach: &Reach<'_>) -> String {
    let last = |id: &str| id.rsplit('.').next().unwrap_or_default().to_owned();
    let mut lines = String::new();
    for one in &reach.reached {
        let _ = writeln!(lines, "{} {} {}", last(one.id), one.depth, last(one.from));
    }
    for one in &reach.unresolved {
        let _ = writeln!(lines, "? {} {}", last(one.missing), one.reader.map_or("-".to_owned(), last));
    }
    lines
}

#[test]
fn depth_and_nearest_changed_node() {
    // (earlier manifest, later manifest, changed, what is told)
    let cases = [
        ("", "a b<a c<b d<c", "a", "b 1 a\nc 2 a\nd 3 a\n"),
        ("", "a b<a c<a,b", "a", "b 1 a\nc 1 a\n"),
        // A changed node that another one reaches is not told twice, and cuts the way short.
        ("", "a b<a c<b d<c", "a b", "c 1 b\nd 2 b\n"),
        // Equally near: the first by id, at every depth.
        ("", "a b c<b,a d<c e<b f<e,c", "b a", "c 1 a\ne 1 b\nd 2 a\nf 2 a\n"),
        ("", "z<y,x x y q<x", "y x", "q 1 x\nz 1 x\n"),
        // Cycles end.
        ("", "a<c b<a c<b", "a", "b 1 a\nc 2 a\n"),
        ("", "a<a", "a", ""),
        ("", "a b<a,c c<b", "a", "b 1 a\nc 2 a\n"),
        // Nothing changed, nothing reached.
        ("", "a b<a", "", ""),
        // What leads nowhere is told, whether or not it hangs on the change.
        ("", "a b<a,gone c<lost", "a", "b 1 a\n? gone b\n? lost c\n"),
        ("", "a", "never", "? never -\n"),
        // A removed node reaches its readers of before, whether they still name it, have let go of it, or went too.
        ("a b<a c<b", "b c<b", "a", "b 1 a\nc 2 a\n"),
        ("a b<a c<b", "b<a c<b", "a", "b 1 a\nc 2 a\n"),
        ("a b<a c<b d", "c d", "a", "b 1 a\nc 2 a\n"),
        // A reader that let go of a node that stays does not hang on it any more.
        ("a b<a c<b", "a b c<b", "a", ""),
        // A new reader does.
        ("a", "a b<a", "a", "b 1 a\n"),
        // References of before that led nowhere say nothing about now.
        ("a b<lost", "a b<a", "a", "b 1 a\n"),
    ];
    for (before, after, changed, expected) in cases {
        let (before, after) = (models(before), models(after));
        let graph = Graph::between(Some(&before), &after);
        let changed: Vec<String> = changed.split_whitespace().map(id).collect();
        let reach = graph.downstream(changed.iter().map(String::as_str), &[]);
        assert_eq!(told(&reach), expected, "{changed:?}");
        assert_eq!(reach.is_complete(), !expected.contains('?'));
    }
}

#[test]
fn consumers_outside_of_dbt() {
    let after = models("a b<a c<b x");
    let graph = Graph::of(&after);
    let consumers = [
        consumer("7", &id("c")),
        // Reads two of them: the nearest counts.
        consumer("5", &id("c")),
        consumer("5", &id("a")),
        consumer("6", &id("x")),
        consumer("8", "model.p.gone"),
        // Named like a node, and not one.
        consumer(&id("b"), &id("a")),
    ];
    let reach = graph.downstream(["model.p.a"], &consumers);
    check(&validator("reach"), &reach.listing(1));
    assert_eq!(told(&reach), "5 1 a\nb 1 a\nb 1 a\nc 2 a\n7 3 a\n? gone 8\n");
    let names: Vec<_> = reach.of_kind(ReachedKind::Consumer).map(|one| (one.id, one.name())).collect();
    assert_eq!(names, [("5", "sync 5"), ("model.p.b", "sync model.p.b"), ("7", "sync 7")]);
}

#[test]
fn a_real_project() {
    let base = state_manifest("base");
    let graph = Graph::of(&base);
    let reach = graph.downstream(["model.finance_core.int_invoice_lines_converted"], &[]);
    assert!(reach.is_complete());
    insta::assert_json_snapshot!("lineage_base", reach.listing(3));
    for state in ["model_added_removed", "package_drift", "history_dbt_upgrade"] {
        let later = state_manifest(state);
        assert!(Graph::between(Some(&base), &later).downstream([], &[]).is_complete(), "{state}");
    }
    let exposure = base.resource("exposure.finance_core.monthly_close").unwrap().exposure.unwrap();
    assert_eq!((exposure.kind, exposure.maturity), (ExposureKind::Dashboard, Some(Maturity::High)));
}

#[test]
fn numbers_are_whole_where_names_are_not() {
    let mut words: Vec<String> = (0..500).map(|at| format!("m{at:03}<a")).collect();
    words.push("a".to_owned());
    words.extend((0..450).map(|at| format!("n{at:03}<lost")));
    let after = models(&words.join(" "));
    let graph = Graph::of(&after);
    let reach = graph.downstream(["model.p.a"], &[]);
    let listing = reach.listing(LISTED_MAX);
    let models = &listing.reached[&ReachedKind::Model];
    assert_eq!((models.count, models.nodes.len(), models.omitted), (500, 400, 100));
    assert_eq!(models.nodes[0].unique_id.as_untrusted(), "model.p.m000");
    let unresolved = &listing.unresolved;
    assert_eq!((unresolved.count, unresolved.nodes.len(), unresolved.omitted), (450, 400, 50));
    assert!(!listing.complete);
    assert_eq!(listing.reached.len(), ReachedKind::ALL.len());
    check(&validator("reach"), &listing);
    let text = serde_json::to_string(&listing).unwrap();
    assert_eq!(serde_json::from_str::<Listing>(&text).unwrap(), listing);
}

#[test]
fn persons_do_not_get_into_a_projection() {
    let mut bytes = Vec::new();
    project(&manifest()).write_cached(&mut bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains(r#""exposure":{"kind":"dashboard","maturity":"high"}"#), "{text}");
    assert!(!text.contains("Person") && !text.contains("example.com"));
}

/// A chain, and a node that all others read: deep and wide at once. A walk that recursed, or looked at a node once per way
/// to it, would not come back from here.
#[test]
fn a_hundred_thousand_nodes() {
    let mut text = format!(r#"{{"metadata":{},"nodes":{{"#, metadata());
    for at in 0..100_000 {
        let read = match at {
            0 => String::new(),
            1 => r#""model.p.n000000""#.to_owned(),
            _ => format!(r#""model.p.n{:06}","model.p.n000001""#, at - 1),
        };
        let comma = if at == 0 { "" } else { "," };
        let _ = write!(
            text,
            r#"{comma}"model.p.n{at:06}":{{"resource_type":"model","package_name":"p","depends_on":{{"nodes":[{read}]}}}}"#
        );
    }
    text.push_str("}}");
    let after = ManifestProjection::from_manifest(text.as_bytes()).unwrap();
    let graph = Graph::of(&after);
    let reach = graph.downstream(["model.p.n000000"], &[]);
    assert_eq!(reach.reached.len(), 99_999);
    assert_eq!(reach.listing(0).depth, 2);
    let reach = graph.downstream(["model.p.n000002"], &[]);
    assert_eq!((reach.reached.len(), reach.listing(0).depth), (99_997, 99_997));
}

const NAMES: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

/// Any graph over a few names, cycles, loops and missing parents included.
fn any_project() -> impl Strategy<Value = BTreeMap<&'static str, BTreeSet<&'static str>>> {
    let name = || prop::sample::select(NAMES.to_vec());
    prop::collection::btree_map(name(), prop::collection::btree_set(name(), 0..4), 0..12)
}

fn of(project: &BTreeMap<&str, BTreeSet<&str>>) -> ManifestProjection {
    let word = |(name, read): (&&str, &BTreeSet<&str>)| {
        format!("{name}<{}", read.iter().copied().collect::<Vec<_>>().join(","))
    };
    models(&project.iter().map(word).collect::<Vec<_>>().join(" "))
}

/// The same answer by trying until nothing gets nearer: (depth, nearest) of each name.
fn naive<'n>(
    before: &BTreeMap<&'n str, BTreeSet<&'n str>>,
    after: &BTreeMap<&'n str, BTreeSet<&'n str>>,
    changed: &BTreeSet<&'n str>,
) -> BTreeMap<&'n str, (u32, &'n str)> {
    let reads = |reader: &str, read: &str| match after.get(reader) {
        Some(now) => {
            let once = before.get(reader).is_some_and(|then| then.contains(read)) && !after.contains_key(read);
            now.contains(read) || once
        }
        None => before.get(reader).is_some_and(|then| then.contains(read)),
    };
    let is_there = |name: &str| before.contains_key(name) || after.contains_key(name);
    let mut found: BTreeMap<&str, (u32, &str)> =
        changed.iter().filter(|name| is_there(name)).map(|name| (*name, (0, *name))).collect();
    loop {
        let mut better = found.clone();
        for (read, (depth, from)) in &found {
            for reader in NAMES.into_iter().filter(|name| is_there(name) && reads(name, read)) {
                let nearest = better.entry(reader).or_insert((depth + 1, from));
                *nearest = (*nearest).min((depth + 1, from));
            }
        }
        if better == found {
            return found;
        }
        found = better;
    }
}

proptest! {
    #[test]
    fn a_walk_finds_what_trying_finds(
        before in any_project(),
        after in any_project(),
        changed in prop::collection::btree_set(prop::sample::select(NAMES.to_vec()), 0..4),
    ) {
        let (old, new) = (of(&before), of(&after));
        let graph = Graph::between(Some(&old), &new);
        let ids: Vec<String> = changed.iter().rev().map(|name| id(name)).collect();
        let reach = graph.downstream(ids.iter().map(String::as_str), &[]);
        let expected = naive(&before, &after, &changed);
        let last = |id: &str| id.rsplit('.').next().unwrap().to_owned();
        let found: BTreeMap<String, (u32, String)> =
            reach.reached.iter().map(|one| (last(one.id), (one.depth, last(one.from)))).collect();
        let downstream = expected.iter().filter(|(_, (depth, _))| *depth > 0);
        let downstream: BTreeMap<String, (u32, String)> =
            downstream.map(|(name, (depth, from))| ((*name).to_owned(), (*depth, (*from).to_owned()))).collect();
        prop_assert_eq!(found, downstream);
        prop_assert!(reach.reached.is_sorted_by_key(|one| (one.depth, one.id)));
        let is_there = |name: &&&str| before.contains_key(**name) || after.contains_key(**name);
        prop_assert_eq!(reach.changed.len(), changed.iter().filter(is_there).count());
        let mut missing = after.values().chain(before.iter().filter(|(name, _)| !after.contains_key(*name)).map(|(_, read)| read));
        let leads_nowhere = missing.any(|read| read.iter().any(|name| !is_there(&name)))
            || changed.iter().any(|name| !is_there(&name));
        prop_assert_eq!(reach.is_complete(), !leads_nowhere);
    }
}

/// The words that an exposure is described in, known or not.
#[test]
fn exposures_by_their_own_words() {
    let cases: [(Value, Value, ExposureKind, Option<Maturity>); 4] = [
        (json!("ml"), json!("low"), ExposureKind::Ml, Some(Maturity::Low)),
        (json!("notebook"), json!("medium"), ExposureKind::Notebook, Some(Maturity::Medium)),
        (json!("hologram"), json!("ripe"), ExposureKind::Other, None),
        (json!(null), json!(null), ExposureKind::Other, None),
    ];
    for (kind, maturity, expected_kind, expected_maturity) in cases {
        let exposure =
            json!({"resource_type": "exposure", "name": "e", "package_name": "p", "type": kind, "maturity": maturity});
        let projected = project(&json!({"metadata": metadata(), "exposures": {"exposure.p.e": exposure}}));
        let found = projected.resource("exposure.p.e").unwrap().exposure.unwrap();
        assert_eq!((found.kind, found.maturity), (expected_kind, expected_maturity));
    }
}
