"""Silver customers: every version of a customer, and when it was valid.

Belongs here: what a customer is and what makes one valid.
Does not: how versions are made from records, or who uses them.
"""

from __future__ import annotations

import narwhals as nw

from medallion_assets.contracts.expectations import expect
from medallion_assets.contracts.table import Column, Date, Table, Text

CUSTOMERS = Table(
    name="silver.customers",
    description="The history of every customer: one row a version, with the time in which it was valid.",
    key=("customer_id",),
    history=True,
    columns=(
        Column("customer_id", Text(trim=False), "the customer's key in DynamoDB", source="customer_id"),
        Column("customer_name", Text(), "full name", source="customer_name", nullable=True),
        Column("email", Text(), "e-mail address", source="email", nullable=True),
        Column(
            "customer_segment",
            Text(case="lower"),
            "what the customer counts as in the figures",
            source="customer_segment",
        ),
        Column("region", Text(case="lower"), "where the customer counts in the figures", source="region"),
        Column("signup_date", Date(), "the day the customer signed up", source="signup_date"),
    ),
    expectations=(expect("email_malformed", nw.col("email").str.contains(r"^[^@]+@[^@]+$"), "email"),),
)
