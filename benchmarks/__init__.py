"""Benchmarks: each beside a floor or a peer, measured in one run and printed as a ratio; `make bench` runs them all."""
