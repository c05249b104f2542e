"""Benchmarks: each beside a floor or a peer, measured in one run and printed as a ratio; `make bench` runs them all."""

import medallion_assets  # noqa: F401  (before Polars: it says how much of what was freed the allocator keeps)
