{{ config(materialized='incremental', unique_key='id', on_schema_change='append_new_columns') }}

select id, amount, cast(ordered_at as date) as ordered_on
from {{ ref('stg_orders') }}
{% if is_incremental() %}
where ordered_at > (select max(ordered_on) from {{ this }})
{% endif %}
