//! The examples of docs/ are read by the code that reads a user's files.

use clyra_attest::{Catalogue, Parameters};
use clyra_config::Config;
use clyra_evidence::scope::Scope;
use clyra_evidence::scope::owners::OwnerRules;

use crate::house;

#[test]
fn the_scope_in_the_docs_is_one_and_explains_every_parameter() {
    let page = house::text("docs/scope.md").expect("docs/scope.md is text");
    let scope: Scope = serde_saphyr::from_str(&example(&page)).expect("its example is a scope");
    let catalogue = Catalogue::sox_cm();
    let problems = Parameters::from_scope(&scope, scope.projects.first()).problems(&catalogue);
    assert!(problems.is_empty(), "docs/scope.md: {problems:?}");
    let section =
        page.lines().skip_while(|line| *line != "## Parameters").skip(1).take_while(|line| !line.starts_with("## "));
    let rows: Vec<&str> = section.filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let unexplained: Vec<&str> = catalogue
        .parameters()
        .iter()
        .map(|parameter| parameter.name.as_str())
        .filter(|name| !rows.contains(name))
        .collect();
    assert!(unexplained.is_empty(), "docs/scope.md has no row for {unexplained:?}");
    let unknown: Vec<&&str> = rows.iter().filter(|name| catalogue.parameter(name).is_none()).collect();
    assert!(unknown.is_empty(), "docs/scope.md explains what the catalogue has not: {unknown:?}");
}

#[test]
fn the_configurations_in_the_docs_are_some() {
    for (path, warehouses) in [("docs/connect-dbt-cloud.md", 0), ("docs/warehouse.md", 4)] {
        let page = house::text(path).expect("the page is text");
        let folder = tempfile::tempdir().expect("a folder for the example");
        let file = folder.path().join("clyra.yaml");
        std::fs::write(&file, example(&page)).expect("the example is written");
        let config = Config::read(&file).expect("its example is a configuration");
        assert_eq!((config.connections.len(), config.warehouses.len()), (1, warehouses), "{path}");
    }
}

#[test]
fn the_owner_rules_in_the_docs_are_some() {
    let page = house::text("docs/owners.md").expect("docs/owners.md is text");
    let rules: OwnerRules = serde_saphyr::from_str(&example(&page)).expect("its example is owner rules");
    assert_eq!((rules.approvers.len(), rules.paths.len()), (4, 1));
}

/// The first YAML block of a page.
fn example(page: &str) -> String {
    let block = page.lines().skip_while(|line| *line != "```yaml").skip(1);
    block.take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect()
}
