select order_date, status, count(*) as orders
from {{ source('silver', 'orders') }}
group by 1, 2
