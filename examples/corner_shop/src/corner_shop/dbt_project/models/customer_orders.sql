select
    coalesce(customer_id, 'unknown') as customer_id,
    count(*) as orders,
    max(order_date) as last_order_date
from {{ source('silver', 'orders') }}
where status <> 'cancelled'
group by 1
