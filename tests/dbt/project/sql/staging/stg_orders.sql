select
    id,
    customer_id,
    {{ net('amount') }} as amount,
    ordered_at
from {{ source('shop', 'orders') }}
