"""What is done to the project, one scenario at a time. `oracle` records what dbt says to each; see fixtures/dbt-state/README.md.

An edit is a function of the folder that holds `project/` and `packages/`; paths without `packages/` in front are the project's.
"""

SCENARIOS = {}


def scenario(name, does, *edits, before=(), state=None, target=None):
    """One scenario: `edits` make the later project; `before` the earlier one, where that is not the base project.

    `state` changes the earlier manifest as an older dbt would have written it; `target` is the later run's.
    """
    assert name not in SCENARIOS, name
    SCENARIOS[name] = {"does": does, "edits": edits, "before": before, "state": state, "target": target}


def place(root, path):
    return root / path if path.startswith("packages/") else root / "project" / path


def edit(path, old, new):
    def apply(root):
        file = place(root, path)
        text = file.read_text()
        assert text.count(old) == 1, f"{path} has {text.count(old)} times {old!r}"
        file.write_text(text.replace(old, new))

    return apply


def put(path, text):
    def apply(root):
        file = place(root, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    return apply


def add(path, text):
    def apply(root):
        file = place(root, path)
        file.write_text(file.read_text() + text)

    return apply


def remove(path):
    return lambda root: place(root, path).unlink()


def move(path, to):
    def apply(root):
        place(root, to).parent.mkdir(parents=True, exist_ok=True)
        place(root, path).rename(place(root, to))

    return apply


def rows(path, count, rate):
    """A seed of `count` rows: dbt hashes the content of one up to 1 MiB, and knows only the path of a larger one."""
    return put(path, "id,rate\n" + "".join(f"{number},{rate}\n" for number in range(count)))


def older(version):
    """The earlier manifest as the dbt of that schema version writes it: without what came later."""

    def apply(manifest):
        manifest["metadata"]["dbt_schema_version"] = f"https://schemas.getdbt.com/dbt/manifest/v{version}.json"
        manifest["metadata"]["dbt_version"] = {9: "1.5.11", 10: "1.6.18", 11: "1.7.19"}[version]
        gone = ["unit_tests", "functions"] + ["saved_queries"] * (version < 11) + ["semantic_models"] * (version < 10)
        for section in gone:
            del manifest[section]
        for node in manifest["nodes"].values():
            for field in ("doc_blocks", "functions", "primary_key", "time_spine", "build_path"):
                node.pop(field, None)
            for column in node["columns"].values():
                for field in ("config", "granularity", "doc_blocks"):
                    column.pop(field, None)
        for source in manifest["sources"].values():
            for field in ("loaded_at_query", "unrendered_database", "unrendered_schema", "doc_blocks"):
                source.pop(field, None)
        for model in manifest.get("semantic_models", {}).values():
            for part in model["entities"] + model["measures"] + model["dimensions"]:
                part.pop("config")
        for metric in manifest["metrics"].values():
            metric.pop("time_granularity", None)
            if version == 10 and metric["filter"]:
                metric["filter"] = metric["filter"]["where_filters"][0]
        return manifest

    return apply


def compiled(manifest):
    """As after `dbt build`: with compiled code and paths, which say nothing about the project."""
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model":
            node.update(compiled=True, compiled_code="select 1", compiled_path="target/x.sql", build_path="target/y.sql")
    return manifest


STAGING, MARTS, SOURCES, PROJECT = "sql/staging/staging.yml", "sql/marts/marts.yml", "sql/staging/sources.yml", "dbt_project.yml"
PAID, DAILY, SEMANTICS = "sql/marts/fct_paid.sql", "sql/marts/rpt_daily.sql", "sql/metrics/semantics.yml"
AMOUNTS, UNITS, EXPOSURES = "macros/amounts.sql", "sql/marts/unit_tests.yml", "sql/marts/exposures.yml"
BIG = rows("seeds/big.csv", 120_000, "1.00")

scenario("identical", "Nothing is changed.")

# Bodies.
scenario("body", "A model computes something else.", edit(PAID, "sum(cents)", "sum(abs(cents))"))
scenario("body_whitespace", "One more space inside a model.", edit(PAID, "group by 1", "group by  1"))
scenario("body_comment", "A comment in a model.", edit(PAID, "group by 1", "-- per order\ngroup by 1"))
scenario("body_outer_whitespace", "Blank lines at both ends of a model.", put(PAID, "\n\nselect order_id, sum(cents) as cents\nfrom {{ ref('stg_payments') }}\ngroup by 1\n\n\n"))
scenario("body_ephemeral", "An ephemeral model.", edit("sql/staging/stg_lines.sql", "select 1", "select 2"))
scenario("body_python", "A Python model.", edit("sql/marts/score.py", "stg_customers", "stg_orders"))
scenario("body_of_package", "A model of an installed package.", edit("packages/money/sql/currencies.sql", "'EUR'", "'USD'"))
scenario("body_version", "One version of a model.", edit("sql/marts/dim_customer_v2.sql", "score", "score + 1 as score"))
scenario("body_snapshot", "A snapshot written as a block.", edit("history/payments.sql", "select *", "select id, cents"))
scenario("body_singular_test", "A singular test.", edit("checks/assert_paid.sql", "< 0", "<= 0"))
scenario("body_analysis", "An analysis, which `dbt ls` lists only when it is asked to.", edit("analyses/explore.sql", "select", "select distinct"))
scenario("body_function", "A function.", edit("functions/double_amount.sql", "* 2", "+ amount"))
scenario("body_ref", "A model reads another model.", edit(DAILY, "ref('fct_orders')", "ref('stg_orders')"))

# Macros.
scenario("macro_called", "A macro that a model calls itself.", edit(AMOUNTS, "* {{ tax() }})", "* {{ tax() }} )"))
scenario("macro_second", "A macro two calls away.", edit(AMOUNTS, "round({{ column }}, {{ digits() }})", "trunc({{ column }}, {{ digits() }})"))
scenario("macro_third", "A macro three and four calls away.", edit(AMOUNTS, "{% macro digits() %}2", "{% macro digits() %}3"))
scenario("macro_side_branch", "A macro on the other branch of the calls.", edit(AMOUNTS, "1.2", "1.25"))
scenario("macro_unused", "A macro that nothing calls.", edit(AMOUNTS, "{% macro unused() %}0", "{% macro unused() %}1"))
scenario("macro_whitespace", "A space in a macro.", edit(AMOUNTS, "{% macro digits() %}2", "{% macro digits() %} 2"))
scenario("macro_added", "A macro that nothing calls yet.", add(AMOUNTS, "\n{% macro later() %}1{% endmacro %}\n"))
scenario("macro_removed", "A macro that nothing called.", edit(AMOUNTS, "{% macro unused() %}0{% endmacro %}\n", ""))
scenario("macro_renamed", "A macro under another name, with all its callers.",
         edit(AMOUNTS, "{% macro digits() %}", "{% macro places() %}"), edit(AMOUNTS, "{{ digits() }}", "{{ places() }}"))
scenario("macro_moved", "A macro moves to another file.", move(AMOUNTS, "macros/money/amounts.sql"))
scenario("macro_not_called_any_more", "A model calls no macro any more, and the macro is as it was.", edit(DAILY, "{{ gross('amount') }}", "amount * 1.2"))
scenario("macro_not_called_and_changed", "A model stops calling a macro that changes too.",
         edit(DAILY, "{{ gross('amount') }}", "amount * 1.2"), edit(AMOUNTS, "1.2", "1.25"))
scenario("macro_newly_called", "A model calls one more macro, which was there.", edit(PAID, "sum(cents)", "sum({{ net('cents') }})"))
scenario("macro_of_package", "A macro of a package, two calls away.", edit("packages/money/macros/cents.sql", "{{ var('cents') }}", "{{ var('cents') | int }}"))
scenario("macro_dispatched", "The default implementation of a dispatched macro.", edit("macros/announce.sql", "* 2", "+ 1"))
scenario("macro_dispatch_overridden", "An adapter's implementation of a dispatched macro comes in.", add("macros/announce.sql", "\n{% macro duckdb__double_it(column) %}({{ column }} + 1){% endmacro %}\n"))
scenario("macro_overrides_engine", "The project has its own `is_incremental` now.", put("macros/own.sql", "{% macro is_incremental() %}{{ return(false) }}{% endmacro %}\n"))
scenario("macro_overrides_engine_dispatch", "The project has its own `duckdb__dateadd` now.", put("macros/own.sql", "{% macro duckdb__dateadd(datepart, interval, from_date_or_timestamp) %}1{% endmacro %}\n"))
scenario("macro_overrides_engine_test", "The project has its own `unique` test now.", put("macros/own.sql", "{% test unique(model, column_name) %}select 1{% endtest %}\n"))
scenario("macro_generic_test", "The macro of a generic test.", edit("macros/test_positive.sql", "select *", "select 1"))
scenario("macro_generic_test_missing", "The macro of a generic test goes, and the test stays: dbt refuses.", remove("macros/test_positive.sql"))
scenario("macro_described", "The description of a macro.", edit("macros/macros.yml", "With tax.", "Tax included."))
scenario("macro_alias_name", "How relations are named.", edit("macros/names.sql", "custom_alias_name, node)", "custom_alias_name, node) | lower"))
scenario("macro_of_hook", "The macro that a run begins with.", edit("macros/announce.sql", '"ledger"', '"ledger!"'))
scenario("hook_of_run", "One more statement at the beginning of a run.", edit(PROJECT, 'on-run-start: "{{ announce() }}"', 'on-run-start: ["{{ announce() }}", "select 1"]'))

# Config in the file, in yml and in dbt_project.yml.
scenario("config_in_file", "How a model is built, in its file.", edit("sql/staging/stg_payments.sql", "materialized='view'", "materialized='table'"))
scenario("config_meta", "meta in yml.", edit(STAGING, "owner: ann", "owner: bob"))
scenario("config_numbers", "Numbers of meta in another spelling, equal to Python.", edit(STAGING, "[1, 2.5]", "[true, 2.50]"))
scenario("config_numbers_other", "A number becomes a text.", edit(STAGING, "[1, 2.5]", "['1', 2.5]"))
scenario("config_default_written", "The default, written down.", edit(STAGING, "config:\n      meta: {owner: ann", "config:\n      full_refresh: null\n      meta: {owner: ann"))
scenario("config_enabled_written", "enabled: true, written down.", edit(STAGING, "config:\n      meta: {owner: ann", "config:\n      enabled: true\n      meta: {owner: ann"))
scenario("config_moved_to_yml", "The same config in yml instead of the file.",
         edit("sql/staging/stg_payments.sql", "materialized='view', ", ""),
         edit(STAGING, "- name: stg_payments\n", "- name: stg_payments\n    config: {materialized: view}\n"))
scenario("config_project_materialized", "How a folder is built.", edit(PROJECT, "+materialized: table", "+materialized: view"))
scenario("config_project_meta", "meta of a folder.", edit(PROJECT, "team: finance", "team: sales"))
scenario("config_project_meta_overridden", "meta of a folder, and one model that already had it.",
         edit(PROJECT, "+meta: {team: finance}", "+meta: {team: finance, tier: 1}"),
         edit(MARTS, "- name: fct_paid\n", "- name: fct_paid\n    config: {meta: {tier: 1}}\n"))
scenario("config_grants", "Grants of a folder.", edit(PROJECT, "select: [analyst]", "select: [analyst, auditor]"))
scenario("config_tags", "Tags of a folder.", edit(PROJECT, "+tags: [staging]", "+tags: [staging, nightly]"))
scenario("config_tags_in_file", "Tags in the file: the text of the file is the body.", edit("sql/staging/stg_payments.sql", "tags=['payments']", "tags=['paid']"))
scenario("config_group", "A model of another group.", edit(MARTS, "group: finance", "group: sales"))
scenario("config_alias", "An alias in yml.", edit(MARTS, "- name: fct_paid\n", "- name: fct_paid\n    config: {alias: paid}\n"))
scenario("config_schema", "A schema of a folder.", edit(PROJECT, "+meta: {team: finance}", "+meta: {team: finance}\n      +schema: marts"))
scenario("config_database", "A database in yml.", edit(MARTS, "- name: fct_paid\n", "- name: fct_paid\n    config: {database: memory}\n"))
scenario("config_post_hook", "A hook in the file.", edit("sql/staging/stg_payments.sql", "analyze", "vacuum"))
scenario("config_pre_hook_of_folder", "A hook of a folder.", edit(PROJECT, "+tags: [staging]", '+tags: [staging]\n      +pre-hook: "select 1"'))
scenario("config_spacing", "A space in the config of a file, which is a part of its text.", edit("sql/staging/stg_payments.sql", "post_hook=", "post_hook = "))
scenario("config_unique_key", "A key of two columns.", edit("sql/marts/fct_orders.sql", "unique_key='id'", "unique_key=['id', 'amount']"))
scenario("config_docs", "The colour of a node in the documentation.", edit(MARTS, "- name: fct_paid\n", "- name: fct_paid\n    config: {docs: {node_color: red}}\n"))
scenario("config_of_adapter", "A key that only an adapter knows.", edit(MARTS, "- name: fct_paid\n", "- name: fct_paid\n    config: {indexes: [{columns: [order_id]}]}\n"))
scenario("config_event_time", "The event time of a model.", edit(MARTS, "- name: fct_paid\n", "- name: fct_paid\n    config: {event_time: paid_at}\n"))
scenario("config_freshness", "When a model has to be built again.", edit(MARTS, "- name: fct_paid\n", "- name: fct_paid\n    config: {freshness: {build_after: {count: 1, period: day}}}\n"))
scenario("config_persist_docs_on", "Descriptions of a folder are written to the warehouse now.", edit(PROJECT, "+meta: {team: finance}", "+meta: {team: finance}\n      +persist_docs: {relation: true}"))
scenario("config_of_package", "The project configures a package.", edit(PROJECT, "\nseeds:", "  money:\n    +materialized: table\n\nseeds:"))
scenario("config_var", "A variable that a config is made from: as written it is the same.", edit(PROJECT, "totals_as: table", "totals_as: view"))
scenario("var_in_body", "A variable that a body is made from.", edit(PROJECT, "currency: EUR", "currency: USD"))
scenario("target", "Another target: another schema.", target="ci")
scenario("target_and_body", "Another target and one changed body.", edit(PAID, "sum(cents)", "max(cents)"), target="ci")

# Descriptions.
scenario("description", "A description that is not persisted.", edit(MARTS, "Orders as they count.", "Orders that count."))
scenario("description_persisted", "A description that is persisted.", edit(MARTS, "Revenue per day.", "Revenue by day."))
scenario("description_of_column", "The description of a column, not persisted.", edit(STAGING, "Net of tax.", "Net."))
scenario("description_of_column_persisted", "The description of a column, persisted.", edit(MARTS, "The day.", "Which day."))
scenario("description_of_columns_only", "Only columns are persisted, and the model's description changes.",
         edit(DAILY, "'relation': true, ", ""), edit(MARTS, "Revenue per day.", "Revenue by day."))
scenario("description_persisted_column_added", "One more column where columns are persisted.", edit(MARTS, "description: Gross.", "description: Gross.\n      - name: note"))
scenario("description_doc_block", "A doc block.", edit("sql/staging/docs.md", "cleaned", "tidied"))
scenario("description_persisted_doc_block", "A persisted description moves to a doc block with another text.",
         add("sql/staging/docs.md", "\n{% docs daily %}Per day.{% enddocs %}\n"), edit(MARTS, "description: Revenue per day.", "description: '{{ doc(\"daily\") }}'"))
scenario("persist_docs_turned_on_and_described", "Descriptions are persisted from now on, and one changes.",
         edit(PROJECT, "+meta: {team: finance}", "+meta: {team: finance}\n      +persist_docs: {relation: true, columns: true}"),
         edit(MARTS, "Orders as they count.", "Orders that count."))

# Place in the project; nodes that come and go.
scenario("fqn", "A model moves to another folder.", move(PAID, "sql/marts/paid/fct_paid.sql"))
scenario("fqn_of_folder_config", "A model moves to a folder with another config.", move("sql/metrics/days.sql", "sql/marts/days.sql"))
scenario("model_renamed", "A model under another name.", move(DAILY, "sql/marts/rpt_by_day.sql"),
         edit(MARTS, "name: rpt_daily", "name: rpt_by_day"), edit(EXPOSURES, "rpt_daily", "rpt_by_day"))
scenario("model_added", "A model that is new, with a test.", put("sql/marts/rpt_new.sql", "select {{ gross('1') }} as a\n"),
         put("sql/marts/new.yml", "models:\n  - name: rpt_new\n    columns:\n      - name: a\n        data_tests: [unique]\n"))
scenario("model_added_with_macro", "A model that is new and calls a macro that changes.", put("sql/marts/rpt_new.sql", "select {{ net('1') }} as a\n"),
         edit(AMOUNTS, "{% macro digits() %}2", "{% macro digits() %}3"))
scenario("model_removed", "A model goes.", remove("sql/marts/score.py"))
scenario("model_disabled", "A model is switched off.", edit(MARTS, "- name: rpt_daily\n", "- name: rpt_daily\n    config: {enabled: false}\n"), remove(EXPOSURES))
scenario("model_enabled", "A model is switched on.", edit("sql/marts/rpt_retired.sql", "enabled=false", "enabled=true"))
scenario("package_added", "One more package.", put("packages/dates/dbt_project.yml", "name: dates\nversion: '1.0.0'\nmodel-paths: [sql]\n"),
         put("packages/dates/sql/days_of_week.sql", "select 1 as day\n"), add("packages.yml", "  - local: ../packages/dates\n"))

# Contracts.
scenario("contract_enforced", "A contract is enforced.", edit(MARTS, "- name: fct_paid\n", "- name: fct_paid\n    config: {contract: {enforced: true}}\n"))
scenario("contract_not_enforced", "A contract is enforced no longer.", edit(MARTS, "      group: finance\n      contract: {enforced: true}\n", "      group: finance\n"))
scenario("contract_column_added", "One more column under a contract.", edit(MARTS, "- name: ordered_on\n        data_type: date", "- name: ordered_on\n        data_type: date\n      - name: note\n        data_type: varchar"))
scenario("contract_column_removed", "One column fewer under a contract.", edit(MARTS, "      - name: ordered_on\n        data_type: date\n", ""))
scenario("contract_type", "Another type under a contract.", edit(MARTS, "data_type: date\n", "data_type: timestamp\n"))
scenario("contract_type_size", "Another size of the same type under a contract.", edit(MARTS, "decimal(18, 2)", "decimal(20, 2)"))
scenario("contract_constraint_of_column", "A constraint of a column goes under a contract.", edit(MARTS, "        constraints: [{type: not_null}]\n", ""))
scenario("contract_constraint_of_model", "A constraint of the model goes under a contract.", edit(MARTS, "    constraints:\n      - type: primary_key\n        columns: [id]\n", ""))
scenario("contract_constraint_named", "A constraint under a contract gets a name.", edit(MARTS, "{type: not_null}", "{type: not_null, name: has_id}"))
scenario("contract_column_order", "The columns of a contract in another order.",
         edit(MARTS, "      - name: id\n        data_type: integer\n      - name: name\n        data_type: varchar\n", "      - name: name\n        data_type: varchar\n      - name: id\n        data_type: integer\n"))
scenario("contract_column_described", "A description under a contract.", edit(MARTS, "description: Net.", "description: Net of tax."))
scenario("contract_materialized", "A contracted model becomes a view.", edit("sql/marts/fct_archive.sql", "materialized='table'", "materialized='view'"))
scenario("contract_alias_types", "Types under a contract are taken as written.", edit(MARTS, "group: finance\n      contract: {enforced: true}", "group: finance\n      contract: {enforced: true, alias_types: false}"))
scenario("contract_none_column_type", "Another type where no contract is.", edit(MARTS, "data_type: bigint", "data_type: integer"))
scenario("contract_none_constraint", "A constraint where no contract is.", edit(MARTS, "data_type: bigint", "data_type: bigint\n        constraints: [{type: not_null}]"))
scenario("contract_model_removed", "A contracted model goes.", remove("sql/marts/fct_archive.sql"), remove("sql/marts/archive.yml"))
scenario("contract_model_disabled", "A contracted model is switched off.", edit("sql/marts/fct_archive.sql", "config(", "config(enabled=false, "))
scenario("contract_version_broken", "Another type under the contract of a version: dbt refuses.", edit(MARTS, "data_type: varchar\n    versions", "data_type: integer\n    versions"))
scenario("contract_version_column_added", "One more column under the contract of a version.", edit(MARTS, "data_type: varchar\n    versions", "data_type: varchar\n      - name: note\n        data_type: varchar\n    versions"))
scenario("contract_version_removed", "A version with a contract goes: dbt refuses.", remove("sql/marts/dim_customer_v1.sql"),
         edit(MARTS, "      - v: 1\n        deprecation_date: 2099-12-31\n", ""), edit(MARTS, "latest_version: 1", "latest_version: 2"))

# Versions, access, groups.
scenario("access", "A model becomes public.", edit(MARTS, "access: protected", "access: public"))
scenario("access_written", "The default access is no longer written down.", edit(MARTS, "    access: protected\n", ""))
scenario("version_latest", "Another latest version.", edit(MARTS, "latest_version: 1", "latest_version: 2"))
scenario("version_deprecated", "Another date of deprecation.", edit(MARTS, "2099-12-31", "2099-06-30"))
scenario("version_deprecated_spelling", "The same date of deprecation, with its time.", edit(MARTS, "2099-12-31", "2099-12-31 00:00:00"))
scenario("version_added", "One more version.", put("sql/marts/dim_customer_v3.sql", "select id, name from {{ ref('stg_customers') }}\n"),
         edit(MARTS, "      - v: 1\n", "      - v: 3\n      - v: 1\n"))
scenario("group_owner", "The owner of a group.", edit(MARTS, "finance@example.com", "ledger@example.com"))
scenario("group_renamed", "A group under another name.", edit(MARTS, "- name: finance", "- name: money"), edit(MARTS, "group: finance", "group: money"))

# Seeds.
scenario("seed_row", "A row of a seed.", edit("seeds/rates.csv", "0.9", "0.91"))
scenario("seed_line_end", "A blank line at the end of a seed.", add("seeds/rates.csv", "\n"))
scenario("seed_config", "The type of a seed's column.", edit("seeds/seeds.yml", "rate: double", "rate: float"))
scenario("seed_config_of_project", "The config of all seeds.", edit(PROJECT, "+quote_columns: false", "+quote_columns: true"))
scenario("seed_described", "The description of a seed.", edit("seeds/seeds.yml", "of the month", "of the day"))
scenario("seed_added", "One more seed.", put("seeds/codes.csv", "code\nA\n"))
scenario("seed_grows", "A seed grows above 1 MiB.", rows("seeds/rates.csv", 120_000, "1.00"))
scenario("seed_large_changed", "The content of a seed above 1 MiB: dbt does not look.", rows("seeds/big.csv", 120_000, "2.00"), before=(BIG,))
scenario("seed_large_moved", "A seed above 1 MiB moves.", move("seeds/big.csv", "seeds/large/big.csv"), before=(BIG,))
scenario("seed_large_shrinks", "A seed falls below 1 MiB.", put("seeds/big.csv", "id,rate\n1,1.00\n"), before=(BIG,))

# Sources.
scenario("source_identifier", "The table of a source.", edit(SOURCES, "payments_v3", "payments_v4"))
scenario("source_schema", "The schema of a source.", edit(SOURCES, "schema: crm", "schema: crm2"))
scenario("source_schema_var", "The variable in the schema of a source.", edit(PROJECT, "raw_schema: raw", "raw_schema: raw2"))
scenario("source_schema_written", "The schema of a source in another way, with the same result.", edit(SOURCES, "\"{{ var('raw_schema') }}\"", "raw"))
scenario("source_database", "The database of a source is not written down any more.", edit(SOURCES, "    database: memory\n", ""))
scenario("source_freshness", "How fresh a source has to be.", edit(SOURCES, "warn_after: {count: 12", "warn_after: {count: 6"))
scenario("source_freshness_off", "A source has to be fresh no longer.", edit(SOURCES, "      freshness:\n        warn_after: {count: 12, period: hour}\n        error_after: {count: 24, period: hour}\n", "      freshness: null\n"))
scenario("source_freshness_half", "Only a warning is left.", edit(SOURCES, "        error_after: {count: 24, period: hour}\n", "        error_after: null\n"))
scenario("source_freshness_filter", "Which rows count for freshness.", edit(SOURCES, "        warn_after: {count: 12", "        filter: id > 0\n        warn_after: {count: 12"))
scenario("source_freshness_on", "A source has to be fresh from now on.", edit(SOURCES, "      - name: accounts", "      - name: accounts\n        config: {loaded_at_field: at, freshness: {warn_after: {count: 1, period: day}}}"))
scenario("source_loaded_at", "The column that tells how fresh.", edit(SOURCES, "loaded_at_field: loaded_at", "loaded_at_field: synced_at"))
scenario("source_loaded_at_query", "A query that tells how fresh.", edit(SOURCES, "      - name: accounts", "      - name: accounts\n        config: {loaded_at_query: select now()}"))
scenario("source_quoting", "Quoting of a source.", edit(SOURCES, "identifier: true", "identifier: false"))
scenario("source_quoting_written", "The default quoting of a source, written down.", edit(SOURCES, "        external:\n", "        quoting: {schema: false}\n        external:\n"))
scenario("source_external", "Where an external table lies.", edit(SOURCES, "s3://bucket/customers", "s3://bucket/people"))
scenario("source_external_extra", "One more property of an external table.", edit(SOURCES, "file_format: parquet", "file_format: parquet\n          auto_refresh: true"))
scenario("source_described", "Descriptions of a source, a table and a column.", edit(SOURCES, "What replication", "All that replication"),
         edit(SOURCES, "One row per order.", "A row per order."), edit(SOURCES, "description: Key.", "description: The key."))
scenario("source_tags", "Tags of a source.", edit(SOURCES, "tags: [raw]", "tags: [raw, shop]"))
scenario("source_meta", "meta of a table.", edit(SOURCES, "        external:\n", "        config: {meta: {pii: true}}\n        external:\n"))
scenario("source_loader", "The loader of a source.", edit(SOURCES, "    description: What replication", "    loader: airbyte\n    description: What replication"))
scenario("source_column", "One more column of a source, with a test.", edit(SOURCES, "            data_tests: [unique, not_null]", "            data_tests: [unique, not_null]\n          - name: at\n            data_tests: [not_null]"))
scenario("source_added", "One more table.", edit(SOURCES, "      - name: accounts", "      - name: accounts\n      - name: contacts"))
scenario("source_removed", "A table goes.", edit(SOURCES, "      - name: accounts", "      - name: contacts"), remove("history/accounts.yml"))
scenario("source_disabled", "A table is switched off.", edit(SOURCES, "      - name: accounts", "      - name: accounts\n        config: {enabled: false}"), remove("history/accounts.yml"))
scenario("source_moved", "Sources in another folder.", move(SOURCES, "sql/raw/sources.yml"))
scenario("source_renamed", "A source under another name.", edit(SOURCES, "- name: crm", "- name: crm_eu"), edit("history/accounts.yml", "source('crm'", "source('crm_eu'"))

# Tests.
scenario("test_severity", "The severity of a generic test.", edit(STAGING, "severity: warn", "severity: error"))
scenario("test_severity_written", "The same severity in another case.", edit(STAGING, "severity: warn", "severity: WARN"))
scenario("test_severity_of_project", "The severity of all tests.", edit(PROJECT, "+severity: error", "+severity: warn"))
scenario("test_where", "Which rows a test looks at.", edit(STAGING, "amount is not null", "amount > 0"))
scenario("test_threshold", "From how many failures on a test fails.", edit(STAGING, "{severity: warn}", "{severity: warn, warn_if: '>10', limit: 100}"))
scenario("test_store_failures_as", "How failures are kept.", edit(STAGING, "{store_failures: true}", "{store_failures: true, store_failures_as: view}"))
scenario("test_schema", "Where failures are kept.", edit(STAGING, "{store_failures: true}", "{store_failures: true, schema: failures}"))
scenario("test_tags", "Tags and meta of a generic test.", edit(STAGING, "{severity: warn}", "{severity: warn, tags: [nightly], meta: {a: 1}}"))
scenario("test_arguments", "What a generic test is given: it has another id.", edit(STAGING, "at_least: 1", "at_least: 2"))
scenario("test_arguments_of_named", "What a generic test with a name of its own is given.",
         edit("sql/staging/named.yml", "at_least: 1", "at_least: 2"),
         before=(put("sql/staging/named.yml", "models:\n  - name: stg_lines\n    columns:\n      - name: id\n        data_tests:\n          - positive: {name: lines_positive, arguments: {at_least: 1}}\n"),))
scenario("test_added", "One more generic test.", edit(STAGING, "        data_tests: [not_null]", "        data_tests: [not_null, unique]"))
scenario("test_removed", "A generic test goes.", edit(STAGING, "        data_tests: [not_null]\n", ""))
scenario("test_disabled", "A generic test is switched off.", edit(STAGING, "{severity: warn}", "{severity: warn, enabled: false}"))
scenario("test_described", "The description of a generic test.", edit(STAGING, "- not_null:\n              config", "- not_null:\n              description: Always there.\n              config"))
scenario("test_moved", "Tests, in another folder with their yml.", move(STAGING, "sql/tested/staging.yml"))
scenario("test_singular_config", "The severity of a singular test, in yml.", put("checks/checks.yml", "data_tests:\n  - name: assert_paid\n    config: {where: cents is not null}\n"))
scenario("test_singular_described", "The description of a singular test.", put("checks/checks.yml", "data_tests:\n  - name: assert_paid\n    description: Nobody pays less than nothing.\n"))
scenario("test_singular_config_in_file", "The severity of a singular test, in its file.", edit("checks/assert_paid.sql", "severity='warn'", "severity='error'"))
scenario("test_singular_config_not_compared", "A config of a singular test that dbt does not compare.", put("checks/checks.yml", "data_tests:\n  - name: assert_paid\n    config: {meta: {owner: ann}}\n"))
scenario("test_singular_moved", "A singular test in another folder.", move("checks/assert_paid.sql", "checks/paid/assert_paid.sql"))

# Unit tests.
scenario("unit_given", "What a unit test is given.", edit(UNITS, "cents: 50", "cents: 60"))
scenario("unit_expect", "What a unit test expects.", edit(UNITS, "cents: 150", "cents: 151"))
scenario("unit_described", "The description of a unit test.", edit(UNITS, "Sums by order.", "Sums per order."))
scenario("unit_fixture", "The file behind a unit test.", put("checks/fixtures/paid.csv", "order_id,cents\n1,200\n"))
scenario("unit_overrides", "What a unit test overrides.", edit(UNITS, "    expect:\n      format: csv", "    overrides: {vars: {cents: 10}}\n    expect:\n      format: csv"))
scenario("unit_tags", "Tags and meta of a unit test.", edit(UNITS, "    description: Sums by order.", "    config: {tags: [fast], meta: {a: 1}}\n    description: Sums by order."))
scenario("unit_added", "One more unit test.", add(UNITS, "  - name: pays_nothing\n    model: fct_paid\n    given: [{input: ref('stg_payments'), rows: []}]\n    expect: {rows: []}\n"))
scenario("unit_removed", "The unit tests go.", remove(UNITS))
scenario("unit_moved", "Unit tests in another folder.", move(UNITS, "sql/units/unit_tests.yml"))

# Snapshots and functions.
scenario("snapshot_strategy", "The strategy of a snapshot, in yml.", edit("history/accounts.yml", "strategy: timestamp\n      updated_at: updated_at", "strategy: check\n      check_cols: all"))
scenario("snapshot_columns", "What a snapshot compares, in its file.", edit("history/payments.sql", "['cents']", "['cents', 'order_id']"))
scenario("snapshot_target", "Where snapshots go.", edit(PROJECT, "+target_schema: history", "+target_schema: past"))
scenario("snapshot_relation", "What a snapshot reads.", edit("history/accounts.yml", "source('crm', 'accounts')", "source('shop', 'customers')"))
scenario("snapshot_described", "The description of a snapshot.", edit("history/accounts.yml", "over time", "through time"))
scenario("function_argument", "The type of a function's argument.", edit("functions/functions.yml", "- name: amount\n        data_type: integer", "- name: amount\n        data_type: bigint"))
scenario("function_argument_described", "The description of a function's argument.", edit("functions/functions.yml", "What to double.", "What is doubled."))
scenario("function_returns", "What a function returns.", edit("functions/functions.yml", "returns:\n      data_type: integer", "returns:\n      data_type: bigint"))
scenario("function_described", "The description of a function.", edit("functions/functions.yml", "Twice.", "Two times."))
scenario("function_config", "The volatility of a function.", edit("functions/functions.yml", "deterministic", "stable"))
scenario("function_added", "One more function.", put("functions/half.sql", "amount / 2\n"),
         add("functions/functions.yml", "  - name: half\n    arguments: [{name: amount, data_type: integer}]\n    returns: {data_type: integer}\n"))

# Exposures, metrics, semantic models, saved queries.
scenario("exposure_owner", "The owner of an exposure.", edit(EXPOSURES, "name: Ann, ", "name: Bob, "))
scenario("exposure_owner_extra", "One more property of an owner.", edit(EXPOSURES, "email: ann@example.com", "email: ann@example.com, slack: ann"))
scenario("exposure_url", "The address of an exposure.", edit(EXPOSURES, "example.com/board", "example.com/board2"))
scenario("exposure_label", "The label of an exposure.", edit(EXPOSURES, "label: Board report", "label: Report of the board"))
scenario("exposure_described", "The description of an exposure.", edit(EXPOSURES, "What the board sees.", "Seen by the board."))
scenario("exposure_maturity", "The maturity of an exposure.", edit(EXPOSURES, "maturity: high", "maturity: low"))
scenario("exposure_type", "The type of an exposure.", edit(EXPOSURES, "type: dashboard", "type: application"))
scenario("exposure_reads", "What an exposure reads.", edit(EXPOSURES, "ref('fct_paid')", "ref('fct_orders')"))
scenario("exposure_reads_order", "What an exposure reads, in another order.", edit(EXPOSURES, "[ref('rpt_daily'), ref('fct_paid')]", "[ref('fct_paid'), ref('rpt_daily')]"))
scenario("exposure_tags", "Tags of an exposure.", edit(EXPOSURES, "tags: [board]", "tags: [board, monthly]"))
scenario("exposure_meta", "meta of an exposure.", edit(EXPOSURES, "tags: [board]", "tags: [board]\n      meta: {tier: 1}"))
scenario("exposure_added", "One more exposure.", add(EXPOSURES, "  - name: model_of_churn\n    type: ml\n    owner: {name: Bob}\n    depends_on: [ref('fct_paid')]\n"))
scenario("exposure_removed", "An exposure goes.", remove(EXPOSURES))
scenario("exposure_moved", "An exposure in another folder.", move(EXPOSURES, "sql/bi/exposures.yml"))
scenario("metric_described", "The description of a metric.", edit(SEMANTICS, "Net revenue.", "Revenue, net."))
scenario("metric_label", "The label of a metric.", edit(SEMANTICS, "label: Share of big orders", "label: Big orders"))
scenario("metric_filter", "The filter of a metric: dbt does not compare it.", edit(SEMANTICS, "    filter: \"{{ Dimension('order__size') }} = 'big'\"", "    filter: \"{{ Dimension('order__size') }} = 'small'\""))
scenario("metric_formula", "What a metric is made from: dbt does not compare it.", edit(SEMANTICS, "denominator: revenue\n", "denominator: revenue_big\n"))
scenario("metric_type", "The type of a metric.", edit(SEMANTICS, "    type: ratio\n    type_params:\n      numerator: revenue_big\n      denominator: revenue\n", "    type: derived\n    type_params:\n      expr: revenue_big\n      metrics: [{name: revenue_big}]\n"))
scenario("metric_meta", "meta of a metric.", edit(SEMANTICS, "= 'big'\"\n    config: {meta: {owner: ann}}", "= 'big'\"\n    config: {meta: {owner: bob}}"))
scenario("metric_group", "A metric of a group.", edit(SEMANTICS, "= 'big'\"\n    config: {meta: {owner: ann}}", "= 'big'\"\n    config: {group: finance, meta: {owner: ann}}"))
scenario("metric_added", "One more metric.", edit(SEMANTICS, "\nsaved_queries:", "  - name: revenue_again\n    label: Again\n    type: simple\n    type_params: {measure: revenue}\n\nsaved_queries:"))
scenario("metric_moved", "Metrics, semantic models and saved queries in another folder.", move(SEMANTICS, "sql/meaning/semantics.yml"))
scenario("semantic_measure", "What a measure computes.", edit(SEMANTICS, "expr: amount\n", "expr: amount + 0\n"))
scenario("semantic_dimension", "What a dimension is.", edit(SEMANTICS, "amount > 100", "amount > 1000"))
scenario("semantic_dimension_described", "The description of a dimension.", edit(SEMANTICS, "- name: size\n        type: categorical", "- name: size\n        description: Big or small.\n        type: categorical"))
scenario("semantic_entity", "What an entity is.", edit(SEMANTICS, "expr: id\n", "expr: id + 0\n"))
scenario("semantic_described", "The description of a semantic model.", edit(SEMANTICS, "Orders to count and sum.", "Orders to sum."))
scenario("semantic_meta", "meta of a semantic model.", edit(SEMANTICS, "    config: {meta: {owner: ann}}\n    entities", "    config: {meta: {owner: bob}}\n    entities"))
scenario("semantic_label", "The label of a semantic model.", edit(SEMANTICS, "    model: ref('fct_orders')", "    label: All orders\n    model: ref('fct_orders')"))
scenario("semantic_group", "A semantic model of a group.", edit(SEMANTICS, "    config: {meta: {owner: ann}}\n    entities", "    config: {group: finance, meta: {owner: ann}}\n    entities"))
scenario("semantic_default", "The default time of a semantic model.", edit(SEMANTICS, "    defaults: {agg_time_dimension: ordered_on}\n", ""),
         edit(SEMANTICS, "        expr: amount\n", "        expr: amount\n        agg_time_dimension: ordered_on\n"))
scenario("semantic_model", "The model behind a semantic model.", edit(SEMANTICS, "    model: ref('fct_orders')", "    model: ref('stg_orders')"))
scenario("semantic_granularity", "The granularity of a column.", edit(SEMANTICS, "granularity: day\n\n", "granularity: hour\n\n"))
scenario("saved_query_group_by", "By what a saved query groups.", edit(SEMANTICS, "'day')\"]", "'month')\"]"))
scenario("saved_query_where", "Which rows a saved query takes.", edit(SEMANTICS, "      where: [\"{{ Dimension('order__size') }} = 'big'\"]", "      where: [\"{{ Dimension('order__size') }} = 'small'\"]"))
scenario("saved_query_metrics", "Which metrics a saved query takes.", edit(SEMANTICS, "metrics: [revenue]\n      group_by", "metrics: [revenue, share_big]\n      group_by"))
scenario("saved_query_limit", "How many rows a saved query takes: dbt does not compare it.", edit(SEMANTICS, "      where: [", "      limit: 10\n      order_by: [\"Metric('revenue')\"]\n      where: ["))
scenario("saved_query_label", "The label of a saved query.", edit(SEMANTICS, "label: Daily revenue", "label: Revenue of the day"))
scenario("saved_query_tags", "Tags of a saved query.", edit(SEMANTICS, "tags: [daily]", "tags: [daily, bi]"))
scenario("saved_query_meta", "meta of a saved query.", edit(SEMANTICS, "config: {tags: [daily]}", "config: {tags: [daily], meta: {a: 1}}"))
scenario("saved_query_cache", "The cache of a saved query.", edit(SEMANTICS, "config: {tags: [daily]}", "config: {tags: [daily], cache: {enabled: true}}"))
scenario("saved_query_export", "The alias of an export.", edit(SEMANTICS, "alias: daily_revenue", "alias: revenue_daily"))
scenario("saved_query_export_schema", "The schema of an export.", edit(SEMANTICS, "schema: exports", "schema: exports2"))
scenario("saved_query_added", "One more saved query.", add(SEMANTICS, "  - name: all_revenue\n    query_params: {metrics: [revenue]}\n"))

# Combinations.
scenario("combined_body_and_description", "A body and a persisted description.", edit(DAILY, "as day", "as the_day"), edit(MARTS, "The day.", "Which day."))
scenario("combined_everything_of_one", "Body, config, place, alias, contract and access of one model.",
         edit(PAID, "sum(cents)", "max(cents)"), move(PAID, "sql/marts/paid/fct_paid.sql"),
         edit(MARTS, "- name: fct_paid\n", "- name: fct_paid\n    access: public\n    config: {alias: paid, meta: {a: 1}, contract: {enforced: true}}\n"))
scenario("combined_macro_and_config", "A macro and a folder's config.", edit(AMOUNTS, "1.2", "1.25"), edit(PROJECT, "team: finance", "team: sales"))
scenario("combined_package_upgrade", "A package whose model, macro and config change.",
         edit("packages/money/sql/currencies.sql", "'EUR'", "'USD'"), edit("packages/money/macros/cents.sql", "{{ column }} *", "{{ column }}  *"),
         edit("packages/money/dbt_project.yml", "+materialized: view", "+materialized: table"))
scenario("combined_sources_and_tests", "Freshness, a column's test and its severity.", edit(SOURCES, "{count: 24", "{count: 36"),
         edit(STAGING, "severity: warn", "severity: error"), edit(STAGING, "amount is not null", "amount > 0"))
scenario("combined_metric_and_measure", "A metric's filter, a measure and an exposure's owner.",
         edit(SEMANTICS, "filter: \"{{ Dimension('order__size') }} = 'big'\"", "filter: \"{{ Dimension('order__size') }} = 'small'\""),
         edit(SEMANTICS, "expr: amount\n", "expr: amount * 1\n"), edit(EXPOSURES, "name: Ann", "name: Bob"))
scenario("combined_added_removed_changed", "One model comes, one goes, one changes.", put("sql/marts/rpt_new.sql", "select 1 as a\n"),
         remove("sql/marts/score.py"), edit(PAID, "sum(cents)", "min(cents)"))
scenario("combined_only_documentation", "Descriptions, tags and groups everywhere, nothing persisted.", edit(MARTS, "Orders as they count.", "Orders."),
         edit(STAGING, "Net of tax.", "Net."), edit(PROJECT, "+tags: [staging]", "+tags: [staging, x]"), edit(MARTS, "group: finance", "group: sales"))
scenario("combined_seed_and_snapshot", "A seed's row and a snapshot's key.", edit("seeds/rates.csv", "0.9", "0.8"), edit("history/accounts.yml", "unique_key: id", "unique_key: [id, name]"))

# The earlier manifest of an older dbt, or of another command.
scenario("before_v11", "The earlier manifest is of schema version 11, and a body changes.", edit(PAID, "sum(cents)", "max(cents)"), state=older(11))
scenario("before_v10", "The earlier manifest is of schema version 10, and a macro changes.", edit(AMOUNTS, "1.2", "1.25"), state=older(10))
scenario("before_v9", "The earlier manifest is of schema version 9, and a source changes: dbt drops its metrics.", edit(SOURCES, "payments_v3", "payments_v4"), state=older(9))
scenario("before_compiled", "The earlier manifest is one of `dbt build`.", state=compiled)

# What stands in a manifest otherwise than in dbt's memory.
scenario("memory_date", "A date in meta, the same on both sides.", before=(edit(STAGING, "owner: ann", "since: 2026-01-01"),))
scenario("memory_integer_key", "A number as a key inside meta, the same on both sides.", before=(edit(STAGING, "owner: ann", "owners: {1: ann}"),))
scenario("memory_tuple", "A tuple in the config of a file, the same on both sides.", before=(edit("sql/marts/fct_orders.sql", "unique_key='id'", "unique_key='id', meta={'keys': ('a', 'b')}"),))
