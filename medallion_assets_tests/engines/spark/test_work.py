"""What is left in a process after a task."""

from __future__ import annotations

import gc
import importlib
import pickle
import sys
import weakref
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from zipimport import zipimporter

import pytest

from medallion_assets.engines.spark.versions import OtherVersionError
from medallion_assets_tests.services.spark import spark_package

Work = Callable[[Iterable[Any], bytes, dict[str, str]], Iterator[Any]]


@pytest.fixture
def answers() -> Work:
    """What an executor imports, which imports pyarrow."""
    spark_package("pyspark")
    spark_package("pyarrow")
    from medallion_assets.engines.spark.work import answers

    return answers


def test_a_task_leaves_no_zip_to_be_read_anew_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: Work
) -> None:
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


def test_a_task_leaves_little_to_be_looked_at_by_the_collection_after_it(answers: Work) -> None:
    """What modules hold is taken out of it, once; garbage is not kept."""

    class Circle:
        def __init__(self) -> None:
            self.itself = self

    garbage = weakref.ref(Circle())
    gc.unfreeze()
    sys.modules[answers.__module__]._freeze.cache_clear()
    assert list(answers([], b"", {})) == []
    assert garbage() is None
    assert gc.get_freeze_count() > 20 * len(gc.get_objects())
    gc.unfreeze()
    assert list(answers([], b"", {})) == []
    assert gc.get_freeze_count() == 0
    gc.freeze()  # as all tests have it


def test_work_that_names_a_module_which_is_not_there_says_what_to_do(answers: Work) -> None:
    """No error of the item, that would be raised as it was and tried again."""
    import pyarrow as pa

    items = pa.record_batch([pa.array([0]), pa.array([pickle.dumps(1)], pa.binary())], names=["number", "item"])
    (batch,) = answers([items], b"cshop_elsewhere.rules\nwork\n.", {})
    _, error = pickle.loads(batch.column(1)[0].as_py())
    assert type(error) is OtherVersionError
    assert "expected: the module shop_elsewhere; found: No module named 'shop_elsewhere'" in str(error)
    assert "MEDALLION_PIPELINES" in str(error)
