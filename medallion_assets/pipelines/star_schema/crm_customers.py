"""Silver customers of the CRM: every version of a customer, and when it was valid.

Belongs here: what a customer is and what makes one valid.
Does not: the dimension made of them (dbt_project/), or how versions are made from records.
"""

from __future__ import annotations

from medallion_assets.contracts.table import Column, Table, Text

CRM_CUSTOMERS = Table(
    name="silver.crm_customers",
    description="The history of every customer of the CRM: one row a version, with the time in which it was valid.",
    key=("customer_id",),
    history=True,
    columns=(
        Column("customer_id", Text(trim=False), "the customer's key in the CRM", source="customer_id"),
        Column("first_name", Text(case="title"), "first name", source="first_name"),
        Column("last_name", Text(case="title"), "last name", source="last_name"),
        Column("email", Text(), "e-mail address", source="email", nullable=True),
        Column("city", Text(), "where the customer lives", source="city", missing="Unknown"),
        Column("country", Text(), "the country of that city", source="country"),
        Column("segment", Text(case="lower"), "what the customer counts as in the figures", source="segment"),
    ),
)
