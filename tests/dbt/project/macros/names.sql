{% macro generate_alias_name(custom_alias_name=none, node=none) -%}
{{ default__generate_alias_name(custom_alias_name, node) }}
{%- endmacro %}
