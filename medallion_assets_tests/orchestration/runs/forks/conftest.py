"""What the tests of forks share."""

from __future__ import annotations

from medallion_assets_tests.orchestration.runs.forks.serving import same_environment

__all__ = ["same_environment"]
