-- Every line with an order of the same day is a fact (rule D6).
select lines.order_id, lines.line_number, lines.order_date
from {{ ref('stg_order_lines') }} as lines
inner join {{ ref('stg_orders') }} as orders
    on
        lines.order_id = orders.order_id
        and lines.order_date = orders.order_date
left join {{ ref('fct_order_line') }} as facts
    on
        lines.order_id = facts.order_id
        and lines.line_number = facts.line_number
where facts.order_id is null
