//! A hand-made project, small enough to read, that the tests edit.

use clyra_delta::artifact::manifest::ManifestProjection;
use serde_json::{Value, json};

/// A manifest with one object of most types.
pub(crate) fn manifest() -> Value {
    let mut manifest = json!({
        "metadata": metadata(),
        "nodes": {
            "model.shop.orders": orders(),
            "model.shop.customers": {
                "resource_type": "model", "name": "customers", "package_name": "shop", "fqn": ["shop", "customers"],
                "raw_code": "select 1 as id", "config": {"materialized": "view"}, "unrendered_config": {"materialized": "view"},
                "columns": {}, "depends_on": {"nodes": [], "macros": []}, "description": "", "tags": [], "meta": {}
            },
            "seed.shop.rates": {
                "resource_type": "seed", "name": "rates", "package_name": "shop", "raw_code": "", "root_path": "/srv/a",
                "checksum": {"name": "sha256", "checksum": "aa"}, "unrendered_config": {}, "depends_on": {"macros": []}
            },
            "test.shop.not_null_orders_id.0123456789": generic_test("not_null", json!({"column_name": "id"})),
            "test.shop.accepted_values_orders_id.aaaaaaaaaa":
                generic_test("accepted_values", json!({"column_name": "id", "values": ["a", "b"]})),
            "test.shop.assert_total": {
                "resource_type": "test", "name": "assert_total", "package_name": "shop", "raw_code": "select 1 where false",
                "config": {"severity": "ERROR", "error_if": "!= 0", "warn_if": "!= 0"}, "unrendered_config": {},
                "depends_on": {"nodes": ["model.shop.orders"], "macros": []}
            }
        },
        "sources": {"source.shop.erp.invoices": {
            "resource_type": "source", "name": "invoices", "source_name": "erp", "package_name": "shop",
            "database": "prod", "schema": "raw", "identifier": "invoices", "unrendered_database": null,
            "unrendered_schema": "raw", "description": "Invoices", "loaded_at_field": "at",
            "freshness": {"warn_after": {"count": 12, "period": "hour"}, "error_after": {"count": null, "period": null}}
        }},
        "macros": {
            "macro.shop.cents": {"resource_type": "macro", "name": "cents", "package_name": "shop", "macro_sql": "x / 100",
                "depends_on": {"macros": ["macro.dbt.round"]}, "description": ""},
            "macro.dbt.round": {"resource_type": "macro", "name": "round", "package_name": "dbt", "macro_sql": "round(x)"},
            "macro.dbt_utils.star": {"resource_type": "macro", "name": "star", "package_name": "dbt_utils", "macro_sql": "*"},
            "macro.dbt_postgres.now": {"resource_type": "macro", "name": "now", "package_name": "dbt_postgres", "macro_sql": "now()"}
        },
        "disabled": {},
        "selectors": {"nightly": {"name": "nightly", "definition": {"method": "tag", "value": "nightly"}}}
    });
    let object = manifest.as_object_mut().unwrap();
    object.extend(consumers().as_object().unwrap().clone());
    manifest
}

pub(crate) fn metadata() -> Value {
    json!({
        "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "dbt_version": "1.11.15",
        "generated_at": "2026-03-01T10:00:20.000000Z", "invocation_id": "2f8b1f0e-5d0d-4f6e-9d7f-0a1b2c3d4e5f",
        "project_name": "shop", "adapter_type": "redshift", "env": {"DBT_ENV_CUSTOM_ENV_A": "secret-ish"}
    })
}

fn orders() -> Value {
    json!({
        "resource_type": "model", "name": "orders", "package_name": "shop", "fqn": ["shop", "orders"],
        "original_file_path": "models/orders.sql", "language": "sql", "raw_code": "select {{ cents('x') }} as id",
        "config": {"materialized": "incremental", "full_refresh": null, "access": "protected"},
        "unrendered_config": {"materialized": "incremental", "tags": ["a"], "meta": {"x": 1}},
        "columns": {"id": {"name": "id", "description": "Key", "data_type": "int", "constraints": [], "tags": [], "meta": {}}},
        "contract": {"enforced": false, "alias_types": true, "checksum": null}, "constraints": [],
        "access": "protected", "group": "finance", "version": null, "latest_version": null, "deprecation_date": null,
        "description": "Orders", "docs": {"show": true, "node_color": null}, "tags": ["a"], "meta": {"x": 1},
        "depends_on": {"nodes": ["source.shop.erp.invoices", "model.shop.customers"], "macros": ["macro.shop.cents", "macro.dbt.round"]},
        "created_at": 1.5, "compiled_code": "select x / 100 as id", "build_path": "target/run/a.sql", "future_field": {"a": [1]}
    })
}

fn generic_test(kind: &str, kwargs: Value) -> Value {
    json!({
        "resource_type": "test", "name": format!("{kind}_orders_id"), "package_name": "shop",
        "fqn": ["shop", format!("{kind}_orders_id")], "raw_code": format!("{{{{ test_{kind}(**_dbt_generic_test_kwargs) }}}}"),
        "test_metadata": {"name": kind, "namespace": null, "kwargs": kwargs}, "column_name": "id",
        "attached_node": "model.shop.orders",
        "config": {"severity": "ERROR", "where": null, "limit": null, "fail_calc": "count(*)", "warn_if": "!= 0", "error_if": "!= 0"},
        "unrendered_config": {}, "depends_on": {"nodes": ["model.shop.orders"], "macros": ["macro.dbt.test_not_null"]}
    })
}

fn consumers() -> Value {
    json!({
        "exposures": {"exposure.shop.close": {
            "resource_type": "exposure", "name": "close", "package_name": "shop", "type": "dashboard", "maturity": "high",
            "owner": {"name": "A. Person", "email": "a.person@example.com"}, "description": "Close",
            "depends_on": {"nodes": ["model.shop.orders"], "macros": []}
        }},
        "metrics": {"metric.shop.revenue": {
            "resource_type": "metric", "name": "revenue", "package_name": "shop", "type": "simple", "label": "Revenue",
            "type_params": {"measure": {"name": "amount", "filter": null}}, "filter": null, "metadata": null, "description": ""
        }},
        "semantic_models": {"semantic_model.shop.orders": {
            "resource_type": "semantic_model", "name": "orders", "package_name": "shop", "model": "ref('orders')",
            "measures": [{"name": "amount", "agg": "sum", "description": null, "config": {"meta": {}}}],
            "node_relation": {"schema_name": "prod"}, "metadata": {"file_slice": {"start_line_number": 3}}
        }},
        "saved_queries": {"saved_query.shop.weekly": {
            "resource_type": "saved_query", "name": "weekly", "package_name": "shop", "query_params": {"metrics": ["revenue"]},
            "exports": [{"name": "weekly", "config": {"schema_name": "prod"}, "unrendered_config": {"export_as": "table"}}]
        }},
        "unit_tests": {"unit_test.shop.orders.adds_up": {
            "resource_type": "unit_test", "name": "adds_up", "package_name": "shop", "model": "orders", "checksum": "00",
            "given": [{"input": "ref('customers')", "rows": [{"id": 1, "tags": "x"}]}], "expect": {"rows": [{"id": 1}]},
            "depends_on": {"nodes": ["model.shop.orders"], "macros": []}
        }},
        "groups": {"group.shop.finance": {"resource_type": "group", "name": "finance", "package_name": "shop", "owner": {"email": "f@example.com"}}}
    })
}

/// A copy with one value replaced at a JSON pointer, whose parent must exist.
pub(crate) fn edited(manifest: &Value, pointer: &str, value: Value) -> Value {
    let mut copy = manifest.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    copy.pointer_mut(parent).unwrap()[name.replace("~1", "/")] = value;
    copy
}

/// A copy with one member less.
pub(crate) fn without(manifest: &Value, pointer: &str) -> Value {
    let mut copy = manifest.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    assert!(copy.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).is_some(), "{pointer}");
    copy
}

pub(crate) fn project(manifest: &Value) -> ManifestProjection {
    ManifestProjection::from_manifest(manifest.to_string().as_bytes()).unwrap()
}
