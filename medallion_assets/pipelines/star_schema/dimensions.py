"""Gold dimensions: whom, what and when a fact is about.

Belongs here: their contracts.
Does not: how they are made (dbt_project/models/).
"""

from __future__ import annotations

from medallion_assets.contracts.table import Boolean, Column, Date, Integer, Table, Text, TimestampUtc
from medallion_assets.pipelines.star_schema.crm_customers import CRM_CUSTOMERS
from medallion_assets.pipelines.star_schema.products import PRODUCTS

DIM_CUSTOMER = Table(
    name="gold.dim_customer",
    description="Every version of every customer (SCD2), and the unknown member, with the time in which it applies.",
    key=("customer_key",),
    columns=(
        Column("customer_key", Text(trim=False), "MD5 of customer_id|valid_from in microseconds; 32 zeros: unknown"),
        Column("customer_id", Text(trim=False), "the customer's key in the CRM; null: unknown", nullable=True),
        *(CRM_CUSTOMERS.column(name).derived for name in ("first_name", "last_name", "city", "country", "segment")),
        Column("valid_from", TimestampUtc(), "from when this version held, inclusive"),
        Column(
            "valid_to", TimestampUtc(), "until when this version held, exclusive; null while it does", nullable=True
        ),
        Column("applies_from", TimestampUtc(), "valid_from, but 1900-01-01 for a customer's first version (rule D2)"),
        Column("is_current", Boolean(), "the last version of a customer who is not deleted, or the unknown member"),
        Column("is_deleted", Boolean(), "the version ended when the customer was deleted"),
    ),
)
DIM_PRODUCT = Table(
    name="gold.dim_product",
    description="Every product that there ever was, as it stood last (SCD1), and the unknown member.",
    key=("product_key",),
    columns=(
        Column("product_key", Text(trim=False), "MD5 of product_id; 32 zeros: unknown"),
        Column("product_id", Text(trim=False), "the product's key in the shop; null: unknown", nullable=True),
        *(PRODUCTS.column(name).derived for name in ("product_name", "category")),
        Column("list_price", PRODUCTS.column("list_price").type, "price of one; null: unknown", nullable=True),
        Column("is_deleted", Boolean(), "the product was deleted"),
    ),
)
DIM_DATE = Table(
    name="gold.dim_date",
    description="Every day from 1990-01-01 to 2039-12-31, with its ISO and fiscal weeks and US federal holidays.",
    key=("date_key",),
    columns=(
        Column("date_key", Integer(), "the day as the number YYYYMMDD"),
        Column("full_date", Date(), "the day"),
        Column("year", Integer(), "calendar year"),
        Column("quarter", Integer(), "quarter of the calendar year, 1 to 4"),
        Column("month", Integer(), "month of the calendar year, 1 to 12"),
        Column("day", Integer(), "day of the month, 1 to 31"),
        Column("iso_year", Integer(), "year of the ISO week"),
        Column("iso_week", Integer(), "ISO week, 1 to 53"),
        Column("iso_day_of_week", Integer(), "1 for Monday to 7 for Sunday"),
        Column("fiscal_year", Integer(), "the year whose 1 February begins it"),
        Column("fiscal_week", Integer(), "weeks of seven days from the fiscal year's first day, from 1"),
        Column("day_name", Text(), "English name of the day"),
        Column("is_weekend", Boolean(), "Saturday or Sunday"),
        Column("holiday", Text(), "US federal holiday, observed ones included; null on other days", nullable=True),
    ),
)
