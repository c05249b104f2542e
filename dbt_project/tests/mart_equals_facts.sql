-- The mart has the net revenue and the lines of the facts that it counts, every month (rule D7).
with facts as (
    select order_month, count(*) as line_count, sum(net_amount) as net_revenue
    from {{ ref('fct_order_line') }}
    where status in ('completed', 'shipped')
    group by order_month
),

mart as (
    select order_month, sum(line_count) as line_count, sum(net_revenue) as net_revenue
    from {{ ref('mart_revenue') }}
    group by order_month
)

select
    coalesce(facts.order_month, mart.order_month) as order_month,
    facts.net_revenue as fact_net_revenue,
    mart.net_revenue as mart_net_revenue,
    facts.line_count as fact_lines,
    mart.line_count as mart_lines
from facts
full outer join mart
    on facts.order_month = mart.order_month
where
    coalesce(facts.net_revenue, -1) <> coalesce(mart.net_revenue, -1)
    or coalesce(facts.line_count, -1) <> coalesce(mart.line_count, -1)
