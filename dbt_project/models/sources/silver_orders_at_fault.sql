-- Made from the contracts by `medallion dbt-prepare`: change the contracts, not this file.
-- Rows of silver.orders that a test of a column may find: one pass over its files for all of them.
{{ config(materialized='table', schema='failures') }}
select * from {{ source('silver', 'orders') }}
where
    order_id is null
    or status is null
    or ordered_at is null
    or order_date is null
    or is_deleted is null
    or _sequence_micros is null
    or _export_id is null
    or status not in ('completed', 'shipped', 'pending', 'cancelled', 'returned')
