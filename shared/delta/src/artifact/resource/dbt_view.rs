//! What dbt's own `state:modified` compares of a resource, as digests.
//!
//! [`crate::compare::dbt`] decides with it. Digests are of bytes that are equal exactly where dbt's comparison, which is
//! Python's `==` over what it reads from two manifests, says equal.

mod equality;

use std::collections::HashMap;

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::artifact::error::ArtifactError;
use crate::artifact::resource::ResourceType;
use crate::artifact::resource::dbt_view::equality::Bytes;
use crate::artifact::value::{EMPTY, Fields, Object, Value};

/// Config of a node that dbt does not compare, because it is a place ([`Part::Relation`]) or a label.
const NODE_CONFIG_SKIPPED: [&str; 5] = ["alias", "database", "group", "schema", "tags"];

/// All the config of a data test that dbt compares.
const TEST_CONFIG_COMPARED: [&str; 8] =
    ["error_if", "fail_calc", "limit", "severity", "store_failures", "store_failures_as", "warn_if", "where"];

/// What dbt compares of one resource.
///
/// Two things it compares as well are not repeated here, because the resource has them: the source text
/// ([`super::Aspect::Body`]), and the place in the project ([`super::Aspect::Location`]).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DbtView {
    /// One digest per part that is not empty, in the order of the parts.
    #[serde(skip_serializing_if = "is_empty", default)]
    parts: Box<[(Part, Sha256Digest)]>,
    /// Whether its description is written to the warehouse.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub(crate) persists_description: bool,
    /// Whether the descriptions of its columns are.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub(crate) persists_columns: bool,
    /// The macros of the engine that it calls itself, as places in [`EngineMacros`].
    #[serde(skip_serializing_if = "is_empty", default)]
    calls: Box<[u32]>,
}

/// A part that dbt compares by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Part {
    /// The text of a generic test, where its name does not tell it; the checksum of a seed, unless dbt calls it equal to
    /// nothing.
    Body,
    /// Names of columns with their descriptions.
    Columns,
    /// The config that is compared.
    Configs,
    /// The checksum of an enforced contract.
    Contract,
    /// The description of a node.
    Description,
    /// Where it is in the warehouse, as dbt compares that.
    Relation,
    /// All that `state:modified` compares and no sub-selector names.
    Rest,
}

/// The macros of the engine that anything calls: each id once, however many tests call it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct EngineMacros(Vec<String>);

/// Makes [`EngineMacros`].
#[derive(Default)]
pub(crate) struct EngineMacrosBuilder {
    ids: Vec<String>,
    places: HashMap<String, u32>,
}

impl EngineMacrosBuilder {
    /// The place of an id, which is its old one when it has been asked for before.
    pub(crate) fn place(&mut self, id: &str) -> u32 {
        if let Some(place) = self.places.get(id) {
            return *place;
        }
        // A manifest has at most MANIFEST_BYTES_MAX bytes, so fewer ids than that.
        let place = self.ids.len() as u32;
        self.ids.push(id.to_owned());
        self.places.insert(id.to_owned(), place);
        place
    }

    pub(crate) fn finish(self) -> EngineMacros {
        EngineMacros(self.ids)
    }
}

impl DbtView {
    /// Reads the view from one object of a manifest.
    ///
    /// # Errors
    /// When a field has another type than dbt gives it.
    pub(crate) fn from_fields(fields: Fields<'_, '_>, resource_type: ResourceType) -> Result<Self, ArtifactError> {
        let mut view = Parts::default();
        match resource_type {
            ResourceType::Model => view.put_model(fields)?,
            ResourceType::Seed => view.put_seed(fields)?,
            ResourceType::Snapshot => view.put_node(fields)?,
            ResourceType::Function => {
                view.put_node(fields)?;
                view.put_rest(fields, &["arguments", "returns"]);
            }
            ResourceType::Test => view.put_test(fields)?,
            ResourceType::Source => view.put_source(fields)?,
            ResourceType::Exposure => view.put_exposure(fields)?,
            ResourceType::Metric => view.put_metric(fields)?,
            ResourceType::SemanticModel => view.put_semantic_model(fields)?,
            ResourceType::SavedQuery => view.put_saved_query(fields)?,
            ResourceType::UnitTest => view.put_rest(fields, &["checksum"]),
            // dbt selects none of these (an analysis only where `dbt ls` is asked for analyses).
            ResourceType::Analysis
            | ResourceType::Group
            | ResourceType::Macro
            | ResourceType::Operation
            | ResourceType::Other
            | ResourceType::Selector => {}
        }
        // A data test has no such config, whatever stands there.
        let is_test = resource_type == ResourceType::Test;
        let (persists_description, persists_columns) = if is_test { (false, false) } else { persisted(fields)? };
        Ok(Self { parts: view.finish(), persists_description, persists_columns, calls: Box::default() })
    }

    /// The digest of one part; `None` where it is empty.
    pub(crate) fn part(&self, part: Part) -> Option<Sha256Digest> {
        self.parts.iter().find(|(known, _)| *known == part).map(|(_, digest)| *digest)
    }

    pub(crate) fn set_engine_macros(&mut self, places: Vec<u32>) {
        self.calls = places.into_boxed_slice();
    }

    /// The ids of the macros of the engine that it calls itself.
    pub(crate) fn engine_macros<'m>(&self, known: &'m EngineMacros) -> impl Iterator<Item = &'m str> {
        self.calls.iter().filter_map(|place| known.0.get(*place as usize)).map(String::as_str)
    }

    /// Whether there is nothing to keep.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn is_empty<T>(items: &[T]) -> bool {
    items.is_empty()
}

#[derive(Default)]
struct Parts(Vec<(Part, Sha256Digest)>);

impl Parts {
    fn put(&mut self, part: Part, bytes: Bytes) {
        if let Some(digest) = bytes.digest_unless_empty() {
            self.0.push((part, digest));
        }
    }

    fn finish(mut self) -> Box<[(Part, Sha256Digest)]> {
        self.0.sort_unstable_by_key(|(part, _)| *part);
        self.0.into_boxed_slice()
    }

    /// The named fields, null and absent alike.
    fn put_rest(&mut self, fields: Fields<'_, '_>, names: &[&str]) {
        let mut bytes = Bytes::default();
        bytes.members(fields.object, names);
        self.put(Part::Rest, bytes);
    }

    /// The config as written, of which `compared` says what counts. That a key stands there at all counts too.
    fn put_configs(&mut self, fields: Fields<'_, '_>, compared: impl Fn(&str) -> bool) -> Result<(), ArtifactError> {
        let config = fields.child("unrendered_config")?.unwrap_or(&EMPTY);
        let mut bytes = Bytes::default();
        for (name, value) in config.iter().filter(|(name, _)| compared(name)) {
            bytes.member(name, value);
        }
        self.put(Part::Configs, bytes);
        Ok(())
    }

    /// What all nodes but data tests have.
    fn put_node(&mut self, fields: Fields<'_, '_>) -> Result<(), ArtifactError> {
        self.put_configs(fields, |name| !NODE_CONFIG_SKIPPED.contains(&name))?;
        self.put_written_relation(fields)?;
        self.put_descriptions(fields)
    }

    fn put_written_relation(&mut self, fields: Fields<'_, '_>) -> Result<(), ArtifactError> {
        let mut relation = Bytes::default();
        relation.members(fields.child("unrendered_config")?.unwrap_or(&EMPTY), &["alias", "database", "schema"]);
        self.put(Part::Relation, relation);
        Ok(())
    }

    fn put_model(&mut self, fields: Fields<'_, '_>) -> Result<(), ArtifactError> {
        self.put_node(fields)?;
        let contract = Fields { object: fields.child("contract")?.unwrap_or(&EMPTY), ..fields };
        if contract.get("enforced").and_then(Value::as_bool) == Some(true) {
            let mut bytes = Bytes::default();
            bytes.text("enforced");
            bytes.members(contract.object, &["checksum"]);
            self.put(Part::Contract, bytes);
        }
        let mut rest = Bytes::default();
        if fields.text("access")?.is_some_and(|access| access != "protected") {
            rest.members(fields.object, &["access"]);
        }
        // Two spellings of one moment are equal.
        match fields.text("deprecation_date")?.map(str::parse::<Timestamp>) {
            Some(Ok(time)) => rest.text(&time.to_string()),
            Some(Err(_)) => rest.members(fields.object, &["deprecation_date"]),
            None => {}
        }
        rest.members(fields.object, &["latest_version"]);
        self.put(Part::Rest, rest);
        Ok(())
    }

    /// The text of a generic test is dbt's own; it is kept where it is more than a call by the test's name.
    fn put_test(&mut self, fields: Fields<'_, '_>) -> Result<(), ArtifactError> {
        self.put_configs(fields, |name| TEST_CONFIG_COMPARED.contains(&name))?;
        self.put_written_relation(fields)?;
        let Some(metadata) = fields.child("test_metadata")? else { return Ok(()) };
        let metadata = Fields { object: metadata, ..fields };
        let name = metadata.text("name")?.unwrap_or_default();
        let called = match metadata.text("namespace")? {
            Some(namespace) => format!("{{{{ {namespace}.test_{name}(**_dbt_generic_test_kwargs) }}}}"),
            None => format!("{{{{ test_{name}(**_dbt_generic_test_kwargs) }}}}"),
        };
        if fields.text("raw_code")? != Some(called.as_str()) {
            let mut body = Bytes::default();
            body.members(fields.object, &["raw_code"]);
            self.put(Part::Body, body);
        }
        Ok(())
    }

    /// Above its limit dbt gives the path for a checksum; `none` never equals anything, itself included.
    fn put_seed(&mut self, fields: Fields<'_, '_>) -> Result<(), ArtifactError> {
        self.put_node(fields)?;
        let checksum = Fields { object: fields.child("checksum")?.unwrap_or(&EMPTY), ..fields };
        if checksum.text("name")?.is_some_and(|name| name != "none") {
            let mut body = Bytes::default();
            body.members(checksum.object, &["checksum", "name"]);
            self.put(Part::Body, body);
        }
        Ok(())
    }

    /// All descriptions: whether they count is a matter of the later manifest's config.
    fn put_descriptions(&mut self, fields: Fields<'_, '_>) -> Result<(), ArtifactError> {
        let mut description = Bytes::default();
        if let Some(text) = fields.text("description")?.filter(|text| !text.is_empty()) {
            description.text(text);
        }
        self.put(Part::Description, description);
        let mut columns = Bytes::default();
        for (name, column) in fields.child("columns")?.unwrap_or(&EMPTY).iter() {
            let described = column.as_object().and_then(|column| column.get("description")).and_then(Value::as_text);
            columns.text(name);
            columns.text(described.unwrap_or_default());
        }
        self.put(Part::Columns, columns);
        Ok(())
    }

    fn put_source(&mut self, fields: Fields<'_, '_>) -> Result<(), ArtifactError> {
        self.put_configs(fields, |_| true)?;
        // Resolved names, unless the project sets `state_modified_compare_more_unrendered_values`, which no manifest tells.
        let mut relation = Bytes::default();
        relation.members(fields.object, &["database", "identifier", "schema"]);
        self.put(Part::Relation, relation);
        let mut rest = Bytes::default();
        rest.members(fields.child("quoting")?.unwrap_or(&EMPTY), &["column", "database", "identifier", "schema"]);
        rest.members(fields.object, &["loaded_at_field"]);
        if let Some(freshness) = fields.child("freshness")? {
            rest.text("freshness");
            rest.threshold(freshness, "error_after");
            rest.threshold(freshness, "warn_after");
            rest.members(freshness, &["filter"]);
        }
        if let Some(external) = fields.child("external")? {
            rest.text("external");
            rest.without_nulls(external);
        }
        self.put(Part::Rest, rest);
        Ok(())
    }

    fn put_exposure(&mut self, fields: Fields<'_, '_>) -> Result<(), ArtifactError> {
        self.put_configs(fields, |_| true)?;
        let mut rest = Bytes::default();
        if fields.text("description")?.is_some_and(|text| !text.is_empty()) {
            rest.members(fields.object, &["description"]);
        }
        rest.members(fields.object, &["label", "maturity", "type", "url"]);
        rest.text("owner");
        rest.without_nulls(fields.child("owner")?.unwrap_or(&EMPTY));
        // What it reads is compared as a set, which the resource keeps.
        self.put(Part::Rest, rest);
        Ok(())
    }

    /// Neither formula nor filter: dbt does not compare them.
    fn put_metric(&mut self, fields: Fields<'_, '_>) -> Result<(), ArtifactError> {
        self.put_configs(fields, |name| name != "group")?;
        self.put_rest(fields, &["description", "label", "type"]);
        Ok(())
    }

    fn put_semantic_model(&mut self, fields: Fields<'_, '_>) -> Result<(), ArtifactError> {
        self.put_rendered_config(fields)?;
        let mut rest = Bytes::default();
        rest.members(fields.object, &["description", "group", "model", "primary_entity"]);
        rest.defaulted(fields.object, &["defaults", "dimensions", "entities", "measures"]);
        self.put(Part::Rest, rest);
        Ok(())
    }

    fn put_saved_query(&mut self, fields: Fields<'_, '_>) -> Result<(), ArtifactError> {
        self.put_rendered_config(fields)?;
        let mut rest = Bytes::default();
        rest.members(fields.object, &["description", "group", "label"]);
        rest.members(fields.child("query_params")?.unwrap_or(&EMPTY), &["group_by", "metrics"]);
        rest.defaulted(fields.child("query_params")?.unwrap_or(&EMPTY), &["where"]);
        for export in fields.list("exports")?.unwrap_or_default() {
            let export = export.as_object().ok_or_else(|| fields.wrong("exports", "an array of objects"))?;
            rest.text("export");
            rest.members(export, &["name"]);
            let written = export.get("unrendered_config").and_then(Value::as_object).unwrap_or(&EMPTY);
            rest.members(written, &["alias", "export_as", "schema"]);
        }
        if fields.get("tags").is_some_and(|tags| tags.as_list().is_none_or(|tags| !tags.is_empty())) {
            rest.members(fields.object, &["tags"]);
        }
        self.put(Part::Rest, rest);
        Ok(())
    }

    /// The rendered config without members at their defaults, which an older manifest may lack.
    fn put_rendered_config(&mut self, fields: Fields<'_, '_>) -> Result<(), ArtifactError> {
        let is_default = |name: &str, value: &Value<'_>| match (name, value) {
            (_, Value::Null) | ("enabled", Value::Bool(true)) => true,
            ("meta", Value::Object(meta)) => meta.iter().next().is_none(),
            ("cache", Value::Object(cache)) => cache.get("enabled").and_then(Value::as_bool) != Some(true),
            _ => false,
        };
        let mut bytes = Bytes::default();
        for (name, value) in fields.child("config")?.unwrap_or(&EMPTY).iter() {
            if !is_default(name, value) {
                bytes.member(name, value);
            }
        }
        self.put(Part::Configs, bytes);
        Ok(())
    }
}

/// `persist_docs` of the rendered config: whether the description, and whether those of columns are persisted.
fn persisted(fields: Fields<'_, '_>) -> Result<(bool, bool), ArtifactError> {
    let config = Fields { object: fields.child("config")?.unwrap_or(&EMPTY), ..fields };
    let docs: &Object<'_> = config.get("persist_docs").and_then(Value::as_object).unwrap_or(&EMPTY);
    let is_on = |name| docs.get(name).is_some_and(equality::is_true);
    Ok((is_on("relation"), is_on("columns")))
}
