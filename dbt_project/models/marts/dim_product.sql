-- SCD1: a product as it stood last (rule D4).
select
    md5(product_id) as product_key,
    product_id,
    product_name,
    category,
    list_price,
    is_deleted
from {{ ref('stg_products') }}

union all

select
    {{ unknown_key() }} as product_key,
    cast(null as string) as product_id,
    'unknown' as product_name,
    'unknown' as category,
    cast(null as decimal(18, 4)) as list_price,
    false as is_deleted
