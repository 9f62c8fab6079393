select id, name, score from {{ ref('stg_customers') }}
