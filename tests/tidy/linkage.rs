//! What is linked into what, as `cargo tree` sees it.

use std::collections::BTreeSet;

use crate::house::{self, Package};

/// A rule about what these packages must not link, directly or through others. A name ending in `*` is a prefix.
struct Rule {
    packages: &'static [&'static str],
    forbidden: &'static [&'static str],
    instead: &'static str,
}

const CLOUD: &[&str] = &["aws-*", "lambda_*"];
const NETWORK: &[&str] = &["async-std", "hyper", "mio", "reqwest", "ring", "rustls", "socket2", "tokio"];
const CLIENT: &[&str] = &["clyra-outbound", "reqwest"];
const MACHINE: &[&str] = &["axum", "clap", "clyra-embedded", "clyra-standins", "indicatif", "redb"];

/// Held for the default features.
const BY_DEFAULT: &[Rule] = &[
    Rule {
        packages: &["clyra", "clyra-fn-*", "clyra-outbound", "clyra-receive", "clyra-service", "clyra-ports"],
        forbidden: CLOUD,
        instead: "AWS and Lambda stand behind the feature `lambda` of a function and are off by default",
    },
    Rule {
        packages: &["clyra-evidence", "clyra-verify", "clyra-delta", "clyra-attest"],
        forbidden: NETWORK,
        instead: "the core takes bytes and values: hand it what it needs, time included",
    },
    Rule {
        packages: &["clyra-ports", "clyra-config", "clyra-workpaper"],
        forbidden: &["hyper", "reqwest", "ring", "rustls", "tokio"],
        instead: "traits and documents need no runtime: put the user of it into an adapter",
    },
];

/// Held with the feature `lambda`, for functions that have it.
const ON_LAMBDA: &[Rule] = &[
    Rule {
        packages: &["clyra-fn-*"],
        forbidden: MACHINE,
        instead: "a function carries no adapter of one machine and no command line",
    },
    Rule {
        packages: &["clyra-fn-badge", "clyra-fn-dbt-cloud", "clyra-fn-verify"],
        forbidden: CLIENT,
        instead: "this function calls nobody's API: only bundle, census and ticket link an HTTP client",
    },
];

/// Held for the whole workspace with all features, build scripts and tests.
const NOWHERE: &[(&str, &str)] = &[
    ("anyhow", "errors are enums, cut by what the caller does next"),
    ("aws-lc-sys", "one TLS stack: rustls with ring"),
    ("native-tls", "one TLS stack: rustls with ring"),
    ("openssl-sys", "one TLS stack: rustls with ring"),
    ("serde_jcs", "wrong for numbers: serde_json_canonicalizer where RFC 8785 is needed"),
    ("serde_yaml", "deprecated: serde-saphyr reads YAML"),
];

#[test]
fn default_builds_link_only_what_they_need() {
    check(BY_DEFAULT, |_| true, &["-e", "normal"]);
}

#[test]
fn functions_on_lambda_link_only_what_they_need() {
    check(ON_LAMBDA, |package| package.features.contains("lambda"), &["-e", "normal", "--features", "lambda"]);
}

#[test]
fn nothing_links_what_is_banned() {
    let linked = tree(&["--workspace", "--all-features", "-e", "normal,build,dev"]);
    let complaints: Vec<String> = NOWHERE
        .iter()
        .filter(|(name, _)| linked.contains(*name))
        .map(|(name, why)| {
            format!("{name} is linked: {why}. `cargo tree --workspace --all-features -i {name}` shows by whom.")
        })
        .collect();
    house::settle(&complaints);
}

fn check(rules: &[Rule], applies: impl Fn(&Package) -> bool, arguments: &[&str]) {
    let mut complaints = Vec::new();
    let mut checked = BTreeSet::new();
    for package in house::packages().iter().filter(|package| applies(package)) {
        let forbidding: Vec<&Rule> =
            rules.iter().filter(|rule| rule.packages.iter().any(|pattern| matches(pattern, &package.name))).collect();
        if forbidding.is_empty() {
            continue;
        }
        checked.insert(package.name.clone());
        let linked = tree(&[&["-p", &package.name][..], arguments].concat());
        for rule in forbidding {
            let found = linked.iter().filter(|name| rule.forbidden.iter().any(|pattern| matches(pattern, name)));
            complaints.extend(found.map(|name| {
                let (package, arguments) = (&package.name, arguments.join(" "));
                format!(
                    "{package} links {name}: {}. See `cargo tree -p {package} {arguments} -i {name}`.",
                    rule.instead
                )
            }));
        }
    }
    let patterns = rules.iter().flat_map(|rule| rule.packages);
    complaints.extend(
        patterns.filter(|pattern| !checked.iter().any(|name| matches(pattern, name))).map(|pattern| {
            format!("no package was checked for {pattern}: correct this rule, or build what it is about.")
        }),
    );
    house::settle(&complaints);
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |prefix| name.starts_with(prefix))
}

fn tree(arguments: &[&str]) -> BTreeSet<String> {
    let all = [&["tree", "--locked", "--prefix", "none", "--format", "{p}"][..], arguments].concat();
    let lines = house::output(env!("CARGO"), &all);
    lines.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}
