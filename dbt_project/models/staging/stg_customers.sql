-- Every version of every customer, numbered from 1 (rule D1).
select
    customer_id,
    first_name,
    last_name,
    city,
    country,
    segment,
    valid_from,
    valid_to,
    is_current,
    is_deleted,
    row_number() over (partition by customer_id order by valid_from) as version
from {{ source('silver', 'crm_customers') }}
