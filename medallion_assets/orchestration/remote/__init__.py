"""Stages that run elsewhere: launching them, watching them, and taking what they report, over Dagster Pipes."""
