-- Facts have the gross revenue of Silver, every month, to the last decimal: no join lost or doubled a line.
with silver as (
    select
        cast(date_trunc('month', lines.order_date) as date) as order_month,
        sum(lines.quantity * cast(lines.unit_price as decimal(30, 4))) as gross_amount
    from {{ ref('stg_order_lines') }} as lines
    where exists (
        select 1 from {{ ref('stg_orders') }} as orders
        where orders.order_id = lines.order_id and orders.order_date = lines.order_date
    )
    group by cast(date_trunc('month', lines.order_date) as date)
),

facts as (
    select order_month, sum(gross_amount) as gross_amount
    from {{ ref('fct_order_line') }}
    group by order_month
)

select
    coalesce(silver.order_month, facts.order_month) as order_month,
    silver.gross_amount as silver_gross_amount,
    facts.gross_amount as fact_gross_amount
from silver
full outer join facts
    on silver.order_month = facts.order_month
where coalesce(silver.gross_amount, -1) <> coalesce(facts.gross_amount, -1)
