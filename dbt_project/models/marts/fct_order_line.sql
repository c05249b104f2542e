-- One row a live line of a live order of the same day, with the version of its customer that held when it was ordered
-- (rules D3 and D6). A month follows from the orders and lines of that month alone.
with periods as (
    select
        customer_key,
        customer_id,
        applies_from,
        lead(applies_from) over (partition by customer_id order by applies_from) as applies_to
    from {{ ref('dim_customer') }}
    where customer_id is not null
),

orders as (
    select
        orders.order_id,
        orders.customer_id,
        orders.status,
        orders.ordered_at,
        orders.order_date,
        coalesce(periods.customer_key, {{ unknown_key() }}) as customer_key
    from {{ ref('stg_orders') }} as orders
    left join periods
        on
            orders.customer_id = periods.customer_id
            and orders.ordered_at >= periods.applies_from
            and (orders.ordered_at < periods.applies_to or periods.applies_to is null)
),

amounts as (
    select
        order_id,
        line_number,
        product_id,
        order_date,
        quantity,
        unit_price,
        discount,
        {{ money('quantity * cast(unit_price as decimal(30, 4))') }} as gross_amount
    from {{ ref('stg_order_lines') }}
),

lines as (
    select
        *,
        {{ money('cast(gross_amount as decimal(30, 4)) * discount') }} as discount_amount
    from amounts
)

select
    lines.order_id,
    lines.line_number,
    cast(date_trunc('month', orders.order_date) as date) as order_month,
    orders.order_date,
    cast(
        extract(year from orders.order_date) * 10000
        + extract(month from orders.order_date) * 100
        + extract(day from orders.order_date)
        as integer
    ) as date_key,
    orders.ordered_at,
    orders.customer_key,
    coalesce(products.product_key, {{ unknown_key() }}) as product_key,
    orders.customer_id,
    lines.product_id,
    orders.status,
    lines.quantity,
    lines.unit_price,
    lines.discount,
    lines.gross_amount,
    lines.discount_amount,
    {{ money('lines.gross_amount - lines.discount_amount') }} as net_amount
from lines
inner join orders
    on
        lines.order_id = orders.order_id
        and lines.order_date = orders.order_date
left join {{ ref('dim_product') }} as products
    on lines.product_id = products.product_id
