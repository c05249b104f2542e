-- Every version in Silver is in the dimension, under a key of its own (rule D1).
select customers.customer_id, customers.valid_from
from {{ ref('stg_customers') }} as customers
left join {{ ref('dim_customer') }} as dimension
    on
        customers.customer_id = dimension.customer_id
        and customers.valid_from = dimension.valid_from
where dimension.customer_key is null
