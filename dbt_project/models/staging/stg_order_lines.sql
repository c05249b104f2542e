-- Every live line of an order.
select
    order_id,
    line_number,
    product_id,
    quantity,
    unit_price,
    discount,
    order_date
from {{ source('silver', 'order_lines') }}
