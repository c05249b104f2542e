-- What completed and shipped orders brought in (rule D7).
select
    facts.order_month,
    customers.segment,
    products.category,
    count(*) as line_count,
    count(distinct facts.order_id) as order_count,
    sum(facts.quantity) as units_sold,
    sum(facts.gross_amount) as gross_revenue,
    sum(facts.net_amount) as net_revenue
from {{ ref('fct_order_line') }} as facts
inner join {{ ref('dim_customer') }} as customers
    on facts.customer_key = customers.customer_key
inner join {{ ref('dim_product') }} as products
    on facts.product_key = products.product_key
where facts.status in ('completed', 'shipped')
group by facts.order_month, customers.segment, products.category
