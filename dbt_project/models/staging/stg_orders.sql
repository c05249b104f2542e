-- Every live order.
select
    order_id,
    customer_id,
    status,
    ordered_at,
    order_date
from {{ source('silver', 'orders') }}
