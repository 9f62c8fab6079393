{% macro gross(column) %}({{ net(column) }} * {{ tax() }}){% endmacro %}

{% macro net(column) %}{{ rounded(column) }}{% endmacro %}

{% macro rounded(column) %}round({{ column }}, {{ digits() }}){% endmacro %}

{% macro digits() %}2{% endmacro %}

{% macro tax() %}1.2{% endmacro %}

{% macro unused() %}0{% endmacro %}
