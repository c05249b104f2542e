"""Pipelines: what a user would write. Contracts and transforms, and nothing that runs them."""
