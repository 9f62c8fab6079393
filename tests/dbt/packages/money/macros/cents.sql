{% macro to_cents(column) %}cast({{ column }} * {{ money.factor() }} as bigint){% endmacro %}

{% macro factor() %}{{ var('cents') }}{% endmacro %}
