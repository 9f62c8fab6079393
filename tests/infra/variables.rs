//! The variables that a function reads are the ones that the template sets.

use std::collections::BTreeSet;

use crate::template::Template;

/// Read by every process and set by nobody who has no reason to.
const OPTIONAL: [&str; 1] = ["CLYRA_LOG"];

#[test]
fn functions_read_what_the_template_sets() {
    let template = Template::read();
    let mut complaints = Vec::new();
    for function in template.functions() {
        let resource = template.resource(&format!("{}Function", function.logical));
        let set = resource["Properties"]["Environment"]["Variables"].as_object().unwrap();
        let set: BTreeSet<String> = set.keys().cloned().collect();
        let main = if function.bin == "badge-issue" { "src/bin/badge-issue.rs" } else { "src/main.rs" };
        let mut sources = vec![function.folder().join(main)];
        // The receiver's own settings are its library's.
        if function.bin == "dbt-cloud" {
            sources.push(function.folder().join("src/config.rs"));
        }
        let Ok(texts) = sources.iter().map(std::fs::read_to_string).collect::<Result<Vec<_>, _>>() else {
            complaints.push(format!("{}: the template deploys a function that has no main", function.bin));
            continue;
        };
        let read: BTreeSet<String> = texts.iter().flat_map(|text| names(text)).collect();
        for name in set.difference(&read) {
            complaints.push(format!("{}: the template sets {name}, which nobody reads", function.bin));
        }
        for name in read.difference(&set).filter(|name| !OPTIONAL.contains(&name.as_str())) {
            complaints.push(format!("{}: {name} is read and the template does not set it", function.bin));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// The names of variables that stand as literals in a source file.
fn names(source: &str) -> Vec<String> {
    let literals = source.split('"').skip(1).step_by(2);
    let is_name = |text: &&str| {
        text.starts_with("CLYRA_") && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    literals.filter(is_name).map(str::to_owned).collect()
}
