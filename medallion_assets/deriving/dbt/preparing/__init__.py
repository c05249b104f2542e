"""What a project is given before anything is built: generated sources, shared macros, what Dagster shows of it."""
