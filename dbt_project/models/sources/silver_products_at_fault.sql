-- Made from the contracts by `medallion dbt-prepare`: change the contracts, not this file.
-- Rows of silver.products that a test of a column may find: one pass over its files for all of them.
{{ config(materialized='table', schema='failures') }}
select * from {{ source('silver', 'products') }}
where
    product_id is null
    or product_name is null
    or category is null
    or list_price is null
    or valid_from is null
    or is_current is null
    or is_deleted is null
    or _sequence_micros is null
    or _export_id is null
