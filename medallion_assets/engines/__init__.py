"""Engines: what computes on data files. None of them knows a table, a rule or a commit."""
