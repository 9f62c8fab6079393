//! Which fields of a manifest's object make which aspect ([`crate::vector`] states the same as a table).

use std::collections::BTreeMap;

use clyra_evidence::digest::Sha256Digest;

use crate::artifact::error::ArtifactError;
use crate::artifact::resource::{Aspect, ResourceType};
use crate::artifact::value::{EMPTY, Fields, Object, Value};
use crate::canonical::{Encoder, Keep};

/// `raw_code` of Fusion manifests that carry none.
const PLACEHOLDER: &str = "--placeholder--";

/// Config that decides when a test fails.
const TEST_CONFIG: [&str; 6] = ["error_if", "fail_calc", "limit", "severity", "warn_if", "where"];

/// Config that has an aspect of its own, or that only says whether the resource is there.
pub(crate) fn has_own_aspect(name: &str) -> bool {
    matches!(
        name,
        "access"
            | "alias"
            | "contract"
            | "database"
            | "description"
            | "docs"
            | "enabled"
            | "freshness"
            | "grants"
            | "group"
            | "loaded_at_field"
            | "loaded_at_query"
            | "meta"
            | "post-hook"
            | "post_hook"
            | "pre-hook"
            | "pre_hook"
            | "schema"
            | "tags"
    ) || TEST_CONFIG.contains(&name)
}

type Aspects = BTreeMap<Aspect, Sha256Digest>;

pub(crate) fn put(aspects: &mut Aspects, aspect: Aspect, digest: Option<Sha256Digest>) {
    if let Some(digest) = digest {
        aspects.insert(aspect, digest);
    }
}

pub(crate) fn aspects(fields: Fields<'_, '_>, resource_type: ResourceType) -> Result<Aspects, ArtifactError> {
    let mut aspects = Aspects::new();
    put_common(&mut aspects, fields, resource_type)?;
    put_config(&mut aspects, fields, resource_type)?;
    match resource_type {
        ResourceType::Test => put_test(&mut aspects, fields)?,
        ResourceType::Source => put_source(&mut aspects, fields),
        ResourceType::Exposure | ResourceType::Group => {
            put(&mut aspects, Aspect::Owner, digest(fields, Keep::All, &["owner"]));
            put(
                &mut aspects,
                Aspect::Definition,
                digest(fields, Keep::Behaviour, &["label", "maturity", "type", "url"]),
            );
        }
        ResourceType::Metric => {
            let formula = ["filter", "time_granularity", "type", "type_params"];
            put(&mut aspects, Aspect::Formula, digest(fields, Keep::Behaviour, &formula));
            put(&mut aspects, Aspect::Definition, digest(fields, Keep::All, &["label"]));
        }
        ResourceType::SemanticModel => {
            let formula = ["defaults", "dimensions", "entities", "measures", "model", "primary_entity"];
            put(&mut aspects, Aspect::Formula, digest(fields, Keep::Behaviour, &formula));
            put(&mut aspects, Aspect::Definition, digest(fields, Keep::All, &["label"]));
        }
        ResourceType::SavedQuery => {
            put(&mut aspects, Aspect::Formula, digest(fields, Keep::Behaviour, &["query_params"]));
            put(&mut aspects, Aspect::Definition, saved_query_definition(fields)?);
        }
        ResourceType::UnitTest => {
            // Rows of data may have columns called `tags` or `meta`: nothing is left out.
            let definition = ["expect", "given", "model", "overrides", "versions"];
            put(&mut aspects, Aspect::Definition, digest(fields, Keep::All, &definition));
        }
        ResourceType::Macro | ResourceType::Function => {
            let definition = ["arguments", "overloads", "returns"];
            put(&mut aspects, Aspect::Definition, digest(fields, Keep::Behaviour, &definition));
        }
        ResourceType::Analysis
        | ResourceType::Model
        | ResourceType::Operation
        | ResourceType::Other
        | ResourceType::Seed
        | ResourceType::Selector
        | ResourceType::Snapshot => {
            put(&mut aspects, Aspect::Definition, digest(fields, Keep::Behaviour, &["time_spine"]));
        }
    }
    Ok(aspects)
}

/// What resources of most types have.
fn put_common(aspects: &mut Aspects, fields: Fields<'_, '_>, resource_type: ResourceType) -> Result<(), ArtifactError> {
    put_body(aspects, fields, resource_type)?;
    put(aspects, Aspect::Columns, columns(fields)?);
    put(aspects, Aspect::Contract, contract_digest(fields)?);
    put(aspects, Aspect::Deprecation, digest(fields, Keep::All, &["deprecation_date"]));
    put(aspects, Aspect::Group, first(fields, "group")?);
    put(aspects, Aspect::Version, digest(fields, Keep::All, &["latest_version", "version"]));
    if fields.get("access").and_then(Value::as_text) != Some("protected") {
        put(aspects, Aspect::Access, digest(fields, Keep::All, &["access"]));
    }
    // A macro has no fqn, and where its file lies makes no difference.
    put(aspects, Aspect::Location, digest(fields, Keep::All, &["fqn"]));

    let documented = [
        "arguments",
        "columns",
        "description",
        "dimensions",
        "docs",
        "entities",
        "measures",
        "returns",
        "source_description",
    ];
    put(aspects, Aspect::Documentation, documentation(fields, &documented));
    put(aspects, Aspect::Tags, first(fields, "tags")?);
    let meta = match fields.get("meta") {
        Some(_) => digest(fields, Keep::All, &["meta", "source_meta"]),
        None => first(fields, "meta")?,
    };
    put(aspects, Aspect::Meta, meta);
    Ok(())
}

/// Source text, or dbt's checksum where there is none.
fn put_body(aspects: &mut Aspects, fields: Fields<'_, '_>, resource_type: ResourceType) -> Result<(), ArtifactError> {
    let code = match fields.text("raw_code")? {
        Some(code) => Some(code),
        None => fields.text("macro_sql")?,
    };
    // The text of a generic test is made by dbt from its name, arguments and config, which have their own aspects.
    if resource_type == ResourceType::Test && fields.child("test_metadata")?.is_some() {
        return Ok(());
    }
    match code {
        Some(code) if resource_type != ResourceType::Seed && code != PLACEHOLDER => {
            aspects.insert(Aspect::Body, Sha256Digest::of(code.as_bytes()));
        }
        // A unit test's checksum is a plain string over what its definition holds anyway.
        _ if resource_type == ResourceType::UnitTest => {}
        _ => put(aspects, Aspect::Checksum, digest(fields, Keep::All, &["checksum"])),
    }
    Ok(())
}

/// dbt gives the path of a seed above its limit, and `none` where it looked at nothing.
pub(crate) fn has_content_checksum(fields: Fields<'_, '_>) -> Result<bool, ArtifactError> {
    let Some(checksum) = fields.child("checksum")? else {
        return Ok(false);
    };
    let name = Fields { object: checksum, ..fields }.text("name")?;
    Ok(name.is_some_and(|name| !matches!(name, "path" | "none")))
}

/// Config as written. Where dbt does not keep that, the rendered config stands in.
fn put_config(aspects: &mut Aspects, fields: Fields<'_, '_>, resource_type: ResourceType) -> Result<(), ArtifactError> {
    let rendered = fields.child("config")?.unwrap_or(&EMPTY);
    let config = fields.child("unrendered_config")?.unwrap_or(rendered);
    let of = |names: &[&str]| digest(Fields { object: config, ..fields }, Keep::All, names);

    let mut rest = Encoder::new();
    rest.object(config, Keep::All, |name| !has_own_aspect(name));
    put(aspects, Aspect::Config, rest.digest_unless_empty());
    put(aspects, Aspect::Grants, of(&["grants"]));
    put(aspects, Aspect::Hooks, hooks(config));
    if resource_type == ResourceType::Test {
        put(aspects, Aspect::TestConfig, of(&TEST_CONFIG));
    }
    // dbt itself shortens the alias of a generic test whose name is long, so a test's relation says nothing.
    if !matches!(resource_type, ResourceType::Source | ResourceType::Test) {
        put(aspects, Aspect::Relation, of(&["alias", "database", "schema"]));
    }
    if resource_type == ResourceType::Model {
        put(aspects, Aspect::Freshness, of(&["freshness"]));
    }
    Ok(())
}

/// `pre-hook` and `pre_hook` are one key.
fn hooks(config: &Object<'_>) -> Option<Sha256Digest> {
    let mut encoder = Encoder::new();
    encoder.begin_object();
    for (dashed, underscored) in [("post-hook", "post_hook"), ("pre-hook", "pre_hook")] {
        if let Some(value) = config.get(dashed).or_else(|| config.get(underscored)) {
            encoder.member(dashed, |encoder| encoder.value(value, Keep::All));
        }
    }
    encoder.end();
    encoder.digest_unless_empty()
}

fn put_test(aspects: &mut Aspects, fields: Fields<'_, '_>) -> Result<(), ArtifactError> {
    if fields.child("test_metadata")?.is_some() {
        let arguments = ["attached_node", "column_name", "test_metadata"];
        put(aspects, Aspect::Arguments, digest(fields, Keep::All, &arguments));
    }
    Ok(())
}

fn put_source(aspects: &mut Aspects, fields: Fields<'_, '_>) {
    let resolved = digest(fields, Keep::All, &["database", "identifier", "schema"]);
    // From dbt 1.9 on, a source also tells what was written; the resolved names depend on the target.
    if fields.object.has("unrendered_schema") || fields.object.has("unrendered_database") {
        let written = digest(fields, Keep::All, &["identifier", "unrendered_database", "unrendered_schema"]);
        put(aspects, Aspect::Relation, written);
        put(aspects, Aspect::RelationResolved, resolved);
    } else {
        put(aspects, Aspect::Relation, resolved);
    }
    let freshness = ["freshness", "loaded_at_field", "loaded_at_query"];
    put(aspects, Aspect::Freshness, digest(fields, Keep::All, &freshness));
    put(aspects, Aspect::Definition, digest(fields, Keep::All, &["external", "loader", "quoting"]));
}

/// Columns without documentation; a column of which nothing is left (it was only described) is none.
fn columns(fields: Fields<'_, '_>) -> Result<Option<Sha256Digest>, ArtifactError> {
    let Some(columns) = fields.child("columns")? else {
        return Ok(None);
    };
    let mut encoder = Encoder::new();
    encoder.begin_object();
    for (name, column) in columns.iter() {
        match column.as_object() {
            Some(column) => {
                encoder.member(name, |encoder| encoder.object(column, Keep::Behaviour, |field| field != "name"));
            }
            None => return Err(fields.wrong("columns", "an object of objects")),
        }
    }
    encoder.end();
    Ok(encoder.digest_unless_empty())
}

/// The contract, once enforced.
pub(crate) fn contract<'v, 'a>(fields: Fields<'v, 'a>) -> Result<Option<&'v Object<'a>>, ArtifactError> {
    let contract = fields.child("contract")?;
    Ok(contract.filter(|contract| contract.get("enforced").and_then(Value::as_bool) == Some(true)))
}

/// Without dbt's own checksum of the contract, which is over Python's spelling of the columns.
fn contract_digest(fields: Fields<'_, '_>) -> Result<Option<Sha256Digest>, ArtifactError> {
    let contract = contract(fields)?;
    let mut encoder = Encoder::new();
    encoder.begin_object();
    if let Some(constraints) = fields.get("constraints") {
        encoder.member("constraints", |encoder| encoder.value(constraints, Keep::All));
    }
    if let Some(contract) = contract {
        encoder.member("contract", |encoder| encoder.object(contract, Keep::All, |name| name != "checksum"));
    }
    encoder.end();
    Ok(encoder.digest_unless_empty())
}

/// Exports as written: their rendered schema depends on the target.
fn saved_query_definition(fields: Fields<'_, '_>) -> Result<Option<Sha256Digest>, ArtifactError> {
    let exports = fields.list("exports")?.unwrap_or_default();
    let exports = exports.iter().map(Value::as_object).collect::<Option<Vec<_>>>();
    let exports = exports.ok_or_else(|| fields.wrong("exports", "an array of objects"))?;
    let mut encoder = Encoder::new();
    encoder.begin_object();
    encoder.member("exports", |encoder| {
        encoder.begin_list();
        for export in exports {
            let config = if export.get("unrendered_config").is_some() { "unrendered_config" } else { "config" };
            encoder.object(export, Keep::All, |name| name == "name" || name == config);
        }
        encoder.end();
    });
    if let Some(label) = fields.get("label") {
        encoder.member("label", |encoder| encoder.value(label, Keep::All));
    }
    encoder.end();
    Ok(encoder.digest_unless_empty())
}

/// The digest of an object of the named fields. The names stand in the order of their bytes.
fn digest(fields: Fields<'_, '_>, keep: Keep, names: &[&str]) -> Option<Sha256Digest> {
    debug_assert!(names.is_sorted());
    let mut encoder = Encoder::new();
    encoder.object(fields.object, keep, |name| names.contains(&name));
    encoder.digest_unless_empty()
}

fn documentation(fields: Fields<'_, '_>, names: &[&str]) -> Option<Sha256Digest> {
    debug_assert!(names.is_sorted());
    let mut encoder = Encoder::new();
    encoder.begin_object();
    for (name, value) in fields.object.iter().filter(|(name, _)| names.contains(name)) {
        let keep = match name {
            // What dbt writes for everything that nobody described.
            "description" | "source_description" if value.as_text() == Some("") => continue,
            "docs" if is_default_docs(value) => continue,
            "description" | "docs" | "source_description" => Keep::All,
            _ => Keep::Documentation,
        };
        encoder.member(name, |encoder| encoder.value(value, keep));
    }
    encoder.end();
    encoder.digest_unless_empty()
}

/// A field that dbt keeps at the top of some resources and only in the config of others.
fn first(fields: Fields<'_, '_>, name: &'static str) -> Result<Option<Sha256Digest>, ArtifactError> {
    if fields.get(name).is_some() {
        return Ok(digest(fields, Keep::All, &[name]));
    }
    let config = fields.child("config")?.unwrap_or(&EMPTY);
    Ok(digest(Fields { object: config, ..fields }, Keep::All, &[name]))
}

/// `{"show": true}`, null members apart.
fn is_default_docs(value: &Value<'_>) -> bool {
    let Some(docs) = value.as_object() else { return false };
    docs.iter().all(|(name, value)| match value {
        Value::Null => true,
        Value::Bool(shown) => name == "show" && *shown,
        Value::Int(_) | Value::UInt(_) | Value::Real(_) | Value::Text(_) | Value::List(_) | Value::Object(_) => false,
    })
}
