-- A customer has exactly one current version, or none once deleted: the last one (rule D2).
with last_versions as (
    select
        customer_id,
        max(valid_from) as valid_from,
        sum(case when is_current then 1 else 0 end) as current_versions
    from {{ ref('dim_customer') }}
    where customer_id is not null
    group by customer_id
)

select
    versions.customer_key,
    versions.customer_id,
    versions.valid_from,
    versions.is_current,
    versions.is_deleted,
    last_versions.current_versions
from {{ ref('dim_customer') }} as versions
inner join last_versions
    on
        versions.customer_id = last_versions.customer_id
        and versions.valid_from = last_versions.valid_from
where
    last_versions.current_versions <> case when versions.is_deleted then 0 else 1 end
    or versions.is_current = versions.is_deleted
