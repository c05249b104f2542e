"""What is left in a process after a task."""

from __future__ import annotations

import importlib
import sys
import zipfile
from pathlib import Path
from zipimport import zipimporter

import pytest

pytest.importorskip("pyarrow")

from medallion_assets.engines.spark.work import answers


def test_a_task_leaves_no_zip_to_be_read_anew_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "project.zip")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("zipped_first.py", "")
        archive.writestr("zipped_second.py", "")
    monkeypatch.syspath_prepend(path)
    importlib.import_module("zipped_first")
    assert any(isinstance(importer, zipimporter) for importer in sys.path_importer_cache.values())
    assert list(answers([], b"", {})) == []
    assert not any(isinstance(importer, zipimporter) for importer in sys.path_importer_cache.values())
    assert importlib.import_module("zipped_second").__name__ == "zipped_second"
