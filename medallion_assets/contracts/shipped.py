"""What ships with the package beside its modules.

Belongs here: where it lies.
Does not: what is in it.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
_PACKAGED = _PACKAGE / "dbt_project"
DBT_PROJECT = _PACKAGED if _PACKAGED.exists() else _PACKAGE.parent / "dbt_project"
"""Within the package where it was installed from a wheel, else at the top of the repository."""
