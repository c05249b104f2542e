-- Every day that a fact may have (rule D5). The fiscal year N begins on 1 February of N.
with days as (
    {{ days('1990-01-01', '2039-12-31') }}
),

parts as (
    select
        full_date,
        cast(extract(year from full_date) as integer) as year,
        cast(extract(month from full_date) as integer) as month,
        cast(extract(day from full_date) as integer) as day,
        cast({{ iso_day_of_week('full_date') }} as integer) as iso_day_of_week
    from days
),

fiscal_years as (
    select
        *,
        case when month = 1 then year - 1 else year end as fiscal_year
    from parts
)

select
    year * 10000 + month * 100 + day as date_key,
    full_date,
    year,
    cast(extract(quarter from full_date) as integer) as quarter,
    month,
    day,
    cast({{ iso_year('full_date') }} as integer) as iso_year,
    cast(extract(week from full_date) as integer) as iso_week,
    iso_day_of_week,
    fiscal_year,
    cast(floor(
        {{ dbt.datediff("cast(concat(cast(fiscal_year as string), '-02-01') as date)", 'full_date', 'day') }} / 7
    ) as integer) + 1 as fiscal_week,
    case iso_day_of_week
        when 1 then 'Monday'
        when 2 then 'Tuesday'
        when 3 then 'Wednesday'
        when 4 then 'Thursday'
        when 5 then 'Friday'
        when 6 then 'Saturday'
        else 'Sunday'
    end as day_name,
    iso_day_of_week >= 6 as is_weekend,
    us_holidays.holiday
from fiscal_years
left join {{ ref('us_holidays') }} as us_holidays
    on fiscal_years.full_date = us_holidays.holiday_date
