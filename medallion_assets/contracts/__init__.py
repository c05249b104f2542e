"""Contracts: what a table is and promises; no table of anybody, and nothing that reads or writes."""
