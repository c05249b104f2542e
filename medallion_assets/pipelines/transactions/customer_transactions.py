"""Silver customer transactions: typed, judged, one live row a transaction.

Belongs here: what a transaction is and what makes one valid.
Does not: decoding, ordering and deletes, enrichment.
"""

from __future__ import annotations

import narwhals as nw

from medallion_assets.contracts.expectations import expect, expect_or_drop
from medallion_assets.contracts.table import Column, Date, Integer, Money, Table, Text, TimestampUtc

CURRENCIES = ("USD",)
STATUSES = ("completed", "refunded", "pending", "cancelled")
PAYMENT_METHODS = (
    "credit_card",
    "debit_card",
    "paypal",
    "apple_pay",
    "google_pay",
    "bank_transfer",
    "gift_card",
    "cash",
)

CUSTOMER_TRANSACTIONS = Table(
    name="silver.customer_transactions",
    description="Every transaction in its current state: one live row per transaction, deleted ones as tombstones.",
    key=("transaction_id",),
    partition_by="transaction_date",
    columns=(
        Column("transaction_id", Text(trim=False), "the transaction's key in DynamoDB", source="transaction_id"),
        Column("customer_id", Text(trim=False), "who paid; a key of silver.customers", source="customer_id"),
        Column("transaction_at", TimestampUtc(), "when the customer paid (UTC)", source="transaction_timestamp"),
        Column("transaction_date", Date(), "the business day of transaction_at", business_date_of="transaction_at"),
        Column("amount", Money, "total of the transaction in units of currency, 4 decimals", source="amount"),
        Column("currency", Text(case="upper"), "ISO 4217 code", source="currency"),
        Column("product_id", Text(), "what was bought", source="product_id"),
        Column("product_category", Text(case="lower"), "the product's category", source="product_category"),
        Column("quantity", Integer(), "how many units", source="quantity"),
        Column("payment_method", Text(case="lower"), "how it was paid", source="payment_method", nullable=True),
        Column("status", Text(case="lower"), "one of " + ", ".join(STATUSES), source="status"),
    ),
    expectations=(
        expect_or_drop("amount_out_of_range", (nw.col("amount") > 0) & (nw.col("amount") < 1_000_000), "amount"),
        expect_or_drop("quantity_out_of_range", nw.col("quantity").is_between(1, 10_000), "quantity"),
        expect_or_drop("currency_unsupported", nw.col("currency").is_in(CURRENCIES), "currency"),
        expect_or_drop("status_unknown", nw.col("status").is_in(STATUSES), "status"),
        expect("payment_method_unknown", nw.col("payment_method").is_in(PAYMENT_METHODS), "payment_method"),
    ),
)
