select {{ gross('amount') }} from {{ ref('fct_orders') }}
