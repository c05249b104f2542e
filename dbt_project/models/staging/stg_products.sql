-- The last version of every product, deleted ones too (rule D4).
with versions as (
    select
        product_id,
        product_name,
        category,
        list_price,
        is_deleted,
        row_number() over (partition by product_id order by valid_from desc) as version_from_last
    from {{ source('silver', 'products') }}
)

select
    product_id,
    product_name,
    category,
    list_price,
    is_deleted
from versions
where version_from_last = 1
