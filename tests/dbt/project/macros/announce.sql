{% macro announce() %}{{ log("ledger") }}{% endmacro %}

{% macro dbt_version_note() %}{{ dbt.concat(["'a'", "'b'"]) }}{% endmacro %}

{% macro double_it(column) %}{{ return(adapter.dispatch('double_it')(column)) }}{% endmacro %}

{% macro default__double_it(column) %}({{ column }} * 2){% endmacro %}
