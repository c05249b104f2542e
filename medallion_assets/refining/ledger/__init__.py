"""The ledger of a judged table: which batches are settled, what people decided, and which batches come next."""
