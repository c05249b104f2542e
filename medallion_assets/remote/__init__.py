"""Remote: one stage, run by a process of its own anywhere, which reports back. It knows Pipes, and not Dagster."""
