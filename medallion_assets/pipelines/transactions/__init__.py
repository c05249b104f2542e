"""The transactions of a shop: its customers and sales, from exports to the figures of its API."""
