{{ config(materialized=var('totals_as')) }}
select {{ dbt_version_note() }} as note, {{ function('double_amount') }}(count(*)) as orders
from {{ ref('fct_orders') }} left join {{ ref('stg_lines') }} using (id)
