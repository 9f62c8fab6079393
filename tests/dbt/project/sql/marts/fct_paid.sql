select order_id, sum(cents) as cents
from {{ ref('stg_payments') }}
group by 1
