"""Spark: a scheduler of work items, and frames for Gold. Nothing here is imported unless the engine is Spark."""
