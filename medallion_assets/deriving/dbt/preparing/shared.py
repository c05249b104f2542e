"""Shared macros: what a project needs of ours for its generated sources to be tested, and its schemas to be found.

Belongs here: the texts of these files for a project of somebody else, taken from the project that ships with us.
Does not: sources themselves.

Where a project has a macro or a test of that name, its own holds.
"""

from __future__ import annotations

import re
from pathlib import Path

from medallion_assets.contracts.shipped import DBT_PROJECT

FILES = {
    "macros/schemas.sql": "macros/medallion_schemas.sql",
    "tests/generic/rows.sql": "tests/generic/medallion_rows.sql",
}
"""Files of the project that ships with us, and what a copy in another project is called."""
GENERATED = tuple(f"{folder}/medallion_*.sql" for folder in ("macros", "tests/generic"))
"""Where such copies lie."""
MADE_BY = "`medallion dbt-prepare`"
"""In the first line of each file that is generated."""
HEAD = f"{{#- Made by {MADE_BY}. A macro or test of the project's own of that name takes its place. -#}}\n"
DEFINED = re.compile(r"{%-?\s*(macro|test)\s+(\w+)\s*\(.*?{%-?\s*end\1\s*-?%}\n?", re.DOTALL)
FOLDERS = ("macros", "tests")


def shared_texts(project: Path) -> dict[str, str]:
    """The files of ours that a project needs, by their path below it; none where it has all of that itself, as ours."""
    own = _defined(project)
    texts = {copy: _without((DBT_PROJECT / path).read_text(), own) for path, copy in FILES.items()}
    return {copy: HEAD + text for copy, text in texts.items() if DEFINED.search(text)}


def _defined(project: Path) -> set[str]:
    """The names of macros and tests that a project defines itself."""
    files = (file for folder in FOLDERS for file in (project / folder).rglob("*.sql"))
    texts = (file.read_text() for file in files if file.relative_to(project).as_posix() not in FILES.values())
    return {found[2] for text in texts for found in DEFINED.finditer(text)}


def _without(text: str, names: set[str]) -> str:
    return DEFINED.sub(lambda found: "" if found[2] in names else found[0], text)
