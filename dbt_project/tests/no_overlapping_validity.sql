-- Versions of a customer begin before they end, and none begins before the one before it has ended (rule D2).
with periods as (
    select
        customer_key,
        customer_id,
        valid_from,
        valid_to,
        lead(valid_from) over (partition by customer_id order by valid_from) as next_valid_from
    from {{ ref('dim_customer') }}
    where customer_id is not null
)

select *
from periods
where
    valid_to <= valid_from
    or valid_to > next_valid_from
    or (valid_to is null and next_valid_from is not null)
