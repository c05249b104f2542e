"""Names of settings: what is misspelled is refused, and nothing that is read is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from medallion_assets.errors import SettingsError
from medallion_assets.settings import load_settings
from medallion_assets.settings.names import KNOWN
from medallion_assets_tests.services.processes import REPOSITORY

KINDS = (".py", ".md", ".example", ".service", "")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("MEDALLION_LAKEHOUSE", "rename it to MEDALLION_LAKEHOUSE_URL"),
        ("MEDALLION_FRIST_DAY", "rename it to MEDALLION_FIRST_DAY"),
        ("MEDALLION_ALERTS_FAILURES", "rename it to MEDALLION_ALERTS_FAILURE"),
        ("MEDALLION_X", "unset it"),
    ],
)
def test_a_variable_that_there_is_not_is_refused_with_the_nearest(name: str, words: str) -> None:
    """Also an empty one: who wrote it meant something."""
    with pytest.raises(SettingsError, match=f"{name} is not a setting.*{words}"):
        load_settings({name: ""})


def test_every_variable_that_is_read_or_documented_is_known() -> None:
    """In code, scripts and pages; what ends in _ stands for several."""
    files = [
        path
        for folder in ("medallion_assets", "deploy", "docs", "examples")
        for path in (REPOSITORY / folder).rglob("*")
        if path.suffix in KINDS and path.is_file() and path != Path(__file__)
    ]
    found = {name for path in files for name in re.findall(r"MEDALLION_[A-Z0-9_]*[A-Z0-9]\b", path.read_text())}
    assert sorted(name for name in found - set(KNOWN) if not any(known.startswith(f"{name}_") for known in KNOWN)) == []
