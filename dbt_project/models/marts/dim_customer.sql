-- SCD2 from the history that Silver keeps: late, repeated and deleted versions are settled there (rules D1 and D2).
select
    md5(concat(customer_id, '|', cast({{ epoch_micros('valid_from') }} as string))) as customer_key,
    customer_id,
    first_name,
    last_name,
    city,
    country,
    segment,
    valid_from,
    valid_to,
    case when version = 1 then {{ beginning() }} else valid_from end as applies_from,
    is_current,
    is_deleted
from {{ ref('stg_customers') }}

union all

select
    {{ unknown_key() }} as customer_key,
    cast(null as string) as customer_id,
    'unknown' as first_name,
    'unknown' as last_name,
    'unknown' as city,
    'unknown' as country,
    'unknown' as segment,
    {{ beginning() }} as valid_from,
    nullif({{ beginning() }}, {{ beginning() }}) as valid_to,
    {{ beginning() }} as applies_from,
    true as is_current,
    false as is_deleted
