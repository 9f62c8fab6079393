{{ config(materialized='view', tags=['payments'], post_hook="analyze {{ this }}") }}

select id, order_id, {{ money.to_cents('amount') }} as cents
from {{ source('shop', 'payments') }}
