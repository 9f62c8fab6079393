{{ config(persist_docs={'relation': true, 'columns': true}) }}
select cast({{ dbt.dateadd('day', 1, 'ordered_on') }} as date) as day, {{ gross('amount') }} as amount
from {{ ref('fct_orders') }}
where currency = '{{ var("currency") }}'
