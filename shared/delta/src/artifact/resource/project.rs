//! One object of a manifest to one [`Resource`].

use std::collections::BTreeMap;

use crate::artifact::bounded_name;
use crate::artifact::error::ArtifactError;
use crate::artifact::resource::aspects::{aspects, contract, has_content_checksum, put};
use crate::artifact::resource::dbt_view::DbtView;
use crate::artifact::resource::{Aspect, Resource, ResourceType};
use crate::artifact::test_facts::TestFacts;
use crate::artifact::value::{EMPTY, Fields, Object, Value};
use crate::canonical::{Encoder, Keep};

/// The fields that are read; all others (compiled code, times, paths of the machine) are skipped unread.
pub(crate) fn is_field(name: &str) -> bool {
    matches!(
        name,
        "access"
            | "arguments"
            | "attached_node"
            | "checksum"
            | "column_name"
            | "columns"
            | "config"
            | "constraints"
            | "contract"
            | "database"
            | "defaults"
            | "depends_on"
            | "deprecation_date"
            | "description"
            | "dimensions"
            | "docs"
            | "entities"
            | "expect"
            | "exports"
            | "external"
            | "filter"
            | "fqn"
            | "freshness"
            | "given"
            | "group"
            | "identifier"
            | "label"
            | "latest_version"
            | "loaded_at_field"
            | "loaded_at_query"
            | "loader"
            | "macro_sql"
            | "maturity"
            | "measures"
            | "meta"
            | "model"
            | "name"
            | "original_file_path"
            | "overloads"
            | "overrides"
            | "owner"
            | "package_name"
            | "primary_entity"
            | "query_params"
            | "quoting"
            | "raw_code"
            | "resource_type"
            | "returns"
            | "schema"
            | "source_description"
            | "source_meta"
            | "tags"
            | "test_metadata"
            | "time_granularity"
            | "time_spine"
            | "type"
            | "type_params"
            | "unrendered_config"
            | "unrendered_database"
            | "unrendered_schema"
            | "url"
            | "version"
            | "versions"
    )
}

pub(crate) fn project(fields: Fields<'_, '_>) -> Result<Resource, ArtifactError> {
    let resource_type = match fields.text("resource_type")? {
        Some(text) => ResourceType::parse(text),
        None => type_of_section(fields.section),
    };
    let edges = fields.child("depends_on")?;
    let depends_on = ids(fields, edges, "nodes")?;
    let macros = ids(fields, edges, "macros")?;
    let is_test = resource_type == ResourceType::Test;
    let test = if is_test { Some(Box::new(TestFacts::from_fields(fields, &depends_on)?)) } else { None };
    let config = Fields { object: fields.child("config")?.unwrap_or(&EMPTY), ..fields };
    let text_of = |name| -> Result<Option<String>, ArtifactError> {
        Ok(match fields.text(name)? {
            Some(text) => Some(bounded_name(text)),
            None => config.text(name)?.map(bounded_name),
        })
    };
    Ok(Resource {
        resource_type,
        package: package_of(fields)?,
        name: bounded_name(fields.text("name")?.unwrap_or(fields.member)),
        path: fields.text("original_file_path")?.map(bounded_name),
        aspects: aspects(fields, resource_type)?,
        depends_on,
        macros,
        test,
        access: text_of("access")?.filter(|access| access != "protected"),
        group: text_of("group")?,
        contract_enforced: contract(fields)?.is_some(),
        materialized: config.text("materialized")?.map(bounded_name),
        // Adapters may put anything here; only dbt's own two values are a fact.
        full_refresh: config.get("full_refresh").and_then(Value::as_bool),
        content_hashed: resource_type == ResourceType::Seed && has_content_checksum(fields)?,
        dbt: DbtView::from_fields(fields, resource_type)?,
    })
}

/// A selector of `selectors.yml`: jobs run by them, so a change of one changes what runs.
pub(crate) fn selector(name: &str, definition: &Value<'_>) -> Resource {
    let mut aspects = BTreeMap::new();
    let mut behaviour = Encoder::new();
    behaviour.value(definition, Keep::Behaviour);
    let mut documentation = Encoder::new();
    documentation.value(definition, Keep::Documentation);
    put(&mut aspects, Aspect::Definition, behaviour.digest_unless_empty());
    put(&mut aspects, Aspect::Documentation, documentation.digest_unless_empty());
    Resource {
        resource_type: ResourceType::Selector,
        package: String::new(),
        name: bounded_name(name),
        path: None,
        aspects,
        depends_on: Vec::new(),
        macros: Vec::new(),
        test: None,
        access: None,
        group: None,
        contract_enforced: false,
        materialized: None,
        full_refresh: None,
        content_hashed: false,
        dbt: DbtView::default(),
    }
}

fn type_of_section(section: &str) -> ResourceType {
    match section {
        "exposures" => ResourceType::Exposure,
        "functions" => ResourceType::Function,
        "groups" => ResourceType::Group,
        "macros" => ResourceType::Macro,
        "metrics" => ResourceType::Metric,
        "saved_queries" => ResourceType::SavedQuery,
        "semantic_models" => ResourceType::SemanticModel,
        "sources" => ResourceType::Source,
        "unit_tests" => ResourceType::UnitTest,
        _ => ResourceType::Other,
    }
}

/// dbt's ids are `type.package.name`; older objects carry no `package_name` of their own.
fn package_of(fields: Fields<'_, '_>) -> Result<String, ArtifactError> {
    let named = fields.text("package_name")?;
    Ok(bounded_name(named.unwrap_or_else(|| fields.member.split('.').nth(1).unwrap_or_default())))
}

fn ids(fields: Fields<'_, '_>, edges: Option<&Object<'_>>, name: &'static str) -> Result<Vec<String>, ArtifactError> {
    let Some(edges) = edges else { return Ok(Vec::new()) };
    let edges = Fields { object: edges, ..fields };
    let mut ids = Vec::new();
    // dbt writes null for the macro of a generic test that is called and not there.
    for value in edges.list(name)?.unwrap_or_default().iter().filter(|value| !matches!(value, Value::Null)) {
        ids.push(bounded_name(value.as_text().ok_or_else(|| edges.wrong(name, "an array of strings"))?));
    }
    ids.sort_unstable();
    ids.dedup();
    ids.shrink_to_fit();
    Ok(ids)
}
