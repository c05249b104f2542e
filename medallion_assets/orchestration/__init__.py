"""Orchestration: everything that knows Dagster. What assets, sensors and jobs do is elsewhere."""
