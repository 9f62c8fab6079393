//! Documents against their published schemas.

use std::fs;
use std::path::Path;

use clyra_delta::compare::{Reason, semantic_delta};
use clyra_delta::warehouse_anchor::WarehouseAnchor;
use serde::Serialize;
use serde_json::{Value, json};

use crate::project::{edited, manifest, project, without};
use crate::runs::run;
use crate::states::{state_manifest, state_results};

pub(crate) fn validator(name: &str) -> jsonschema::Validator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../spec/def/{name}.schema.json"));
    let schema: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!(schema["$id"], format!("https://clyra.io/spec/{name}/v0"));
    jsonschema::draft202012::new(&schema).unwrap()
}

#[track_caller]
pub(crate) fn check(validator: &jsonschema::Validator, document: &impl Serialize) {
    let value = serde_json::to_value(document).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn deltas() {
    let validator = validator("semantic_delta");
    let base = project(&manifest());
    let test = "/nodes/test.shop.not_null_orders_id.0123456789";
    let after = edited(&manifest(), &format!("{test}/config/severity"), json!("warn"));
    let after =
        without(&edited(&after, "/macros/macro.dbt_utils.star/macro_sql", json!("x")), "/nodes/test.shop.assert_total");
    let after = project(&edited(&after, "/nodes/model.shop.new", json!({"resource_type": "rpc"})));
    for (before, after) in [(Some(&base), Some(&after)), (Some(&after), Some(&base)), (None, Some(&base)), (None, None)]
    {
        check(&validator, &semantic_delta(before, after));
    }
    check(&validator, &semantic_delta(Some(&state_manifest("base")), Some(&state_manifest("package_drift"))));
    let delta = semantic_delta(Some(&base), Some(&after));
    let text = serde_json::to_string(&delta).unwrap();
    assert_eq!(serde_json::from_str::<clyra_delta::compare::SemanticDelta>(&text).unwrap(), delta);
    assert!(!validator.is_valid(&json!({"documentType": "https://clyra.io/spec/semantic_delta/v0"})));
}

/// An anchor must fit its schema, and be read as it was written.
pub(crate) fn check_anchor(anchor: &WarehouseAnchor) {
    check(&validator("warehouse_anchor"), anchor);
    let text = serde_json::to_string(anchor).unwrap();
    assert_eq!(serde_json::from_str::<WarehouseAnchor>(&text).unwrap(), *anchor);
}

#[test]
fn deltas_of_columns() {
    let validator = validator("semantic_delta");
    let before = project(&manifest());
    for columns in [
        json!({}),
        json!({"net": {"data_type": "int"}}),
        json!({"id": {"data_type": "int", "constraints": [{"type": "unique"}]}, "net": {"data_type": "int"}}),
        json!({"id": {"data_type": "text"}}),
        json!({"id": {"description": "Key"}}),
    ] {
        let after = project(&edited(&manifest(), "/nodes/model.shop.orders/columns", columns));
        let delta = semantic_delta(Some(&before), Some(&after));
        assert!(!delta.nodes[0].columns.is_empty());
        check(&validator, &delta);
        let text = serde_json::to_string(&delta).unwrap();
        assert_eq!(serde_json::from_str::<clyra_delta::compare::SemanticDelta>(&text).unwrap(), delta);
    }
}

/// The schema names every reason there is.
#[test]
fn the_schema_knows_all_reasons() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/def/semantic_delta.schema.json");
    let schema: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!(schema["$defs"]["node"]["properties"]["reasons"]["items"]["enum"], json!(Reason::ALL));
}

#[test]
fn anchors() {
    let validator = validator("warehouse_anchor");
    check(&validator, &WarehouseAnchor::of(&state_results("base"), Some("duckdb")));
    let result = json!({"unique_id": "model.a.b", "status": "success", "adapter_response": {"query_id": "1", "rows_affected": 2}});
    let anchor = WarehouseAnchor::of(&run(json!([result]), json!({})), None);
    check(&validator, &anchor);
    let text = serde_json::to_string(&anchor).unwrap();
    assert_eq!(serde_json::from_str::<WarehouseAnchor>(&text).unwrap(), anchor);
    assert!(!validator.is_valid(&json!({"class": "observed"})));
}

/// A reach stands alone and as a part of a delta; its schema is told twice, because a schema refers to no other.
#[test]
fn a_reach_is_the_same_in_a_delta() {
    let schema = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../spec/def/{name}.schema.json"));
        serde_json::from_slice::<Value>(&fs::read(path).unwrap()).unwrap()
    };
    let (alone, delta) = (schema("reach"), schema("semantic_delta"));
    let renamed = |value: &Value| -> Value {
        let text =
            value.to_string().replace("$defs/group", "$defs/reachGroup").replace("$defs/node", "$defs/reachNode");
        serde_json::from_str(&text).unwrap()
    };
    for member in ["type", "required", "properties"] {
        assert_eq!(delta["$defs"]["reach"][member], renamed(&alone[member]), "{member}");
    }
    for (part, whole) in [("reachGroup", "group"), ("reachNode", "node")] {
        assert_eq!(delta["$defs"][part], renamed(&alone["$defs"][whole]), "{part}");
    }
}
