"""The star schema of a shop: customers, products and orders of its CRM become dimensions, facts and a mart."""
