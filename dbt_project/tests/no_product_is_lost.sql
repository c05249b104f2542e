-- Every product that was ever told is in the dimension (rule D4).
select products.product_id
from {{ source('silver', 'products') }} as products
left join {{ ref('dim_product') }} as dimension
    on products.product_id = dimension.product_id
where dimension.product_key is null
