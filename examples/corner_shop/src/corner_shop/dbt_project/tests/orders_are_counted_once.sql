-- As many orders are counted by day as there are.
with counted as (select sum(orders) as orders from {{ ref('daily_orders') }})

select counted.orders from counted
where counted.orders <> (select count(*) from {{ source('silver', 'orders') }})
