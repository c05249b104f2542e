-- Lines that are no facts yet: without an order, or with one of another day (rule D6). They are counted, and stop nothing.
{{ config(severity='warn') }}
select lines.order_id, lines.line_number, lines.order_date
from {{ ref('stg_order_lines') }} as lines
left join {{ ref('stg_orders') }} as orders
    on
        lines.order_id = orders.order_id
        and lines.order_date = orders.order_date
where orders.order_id is null
