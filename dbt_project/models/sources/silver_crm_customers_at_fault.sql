-- Made from the contracts by `medallion dbt-prepare`: change the contracts, not this file.
-- Rows of silver.crm_customers that a test of a column may find: one pass over its files for all of them.
{{ config(materialized='table', schema='failures') }}
select * from {{ source('silver', 'crm_customers') }}
where
    customer_id is null
    or first_name is null
    or last_name is null
    or city is null
    or country is null
    or segment is null
    or valid_from is null
    or is_current is null
    or is_deleted is null
    or _sequence_micros is null
    or _export_id is null
