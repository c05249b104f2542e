"""The packages of a user's pipelines come along, and what an executor has is compared with them."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from pathlib import Path
from zipfile import ZipFile

import pytest

from medallion_assets.engines.spark.versions import OtherVersionError, expect_same, versions
from medallion_assets.settings import load_settings
from medallion_assets.settings.spark import PROJECT
from medallion_assets.storage.packages import NONE, changed_at, digest, is_changed_since, zipped

RULE = "def rule() -> int:\n    return {}\n"
NAMES = ("shop_package", "shop_namespace", "shop_module")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a package, a namespace and a module lie, on the path of this process."""
    folder = tmp_path / "driver"
    for name in ("shop_package", "shop_namespace"):
        (folder / name / "inner").mkdir(parents=True)
        (folder / name / "inner" / "rules.py").write_text(RULE.format(1))
    (folder / "shop_package" / "__init__.py").write_text("NAME = 1\n")
    (folder / "shop_package" / ".hidden.py").write_text("no source")
    (folder / "shop_module.py").write_text(RULE.format(1))
    monkeypatch.syspath_prepend(folder)
    forget()
    return folder


def forget() -> None:
    """As another process that has imported nothing of it."""
    for name in [name for name in sys.modules if name.startswith("shop_")]:
        del sys.modules[name]
    importlib.invalidate_caches()
    versions.cache_clear()


def test_what_comes_along_is_what_the_driver_has(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On an executor that has nothing of it, or an older version: the zip comes first."""
    driver = versions(NAMES)
    sent = zipped(NAMES, tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(shop)])
    forget()
    assert [digest(name) for name in NAMES] == [NONE] * 3
    with pytest.raises(OtherVersionError, match=r"another package shop_package, .*; found: package shop_package none"):
        expect_same(driver)
    monkeypatch.syspath_prepend(sent)
    forget()
    expect_same(driver)
    for module in ("shop_package.inner.rules", "shop_namespace.inner.rules", "shop_module"):
        assert importlib.import_module(module).rule() == 1
        assert str(importlib.import_module(module).__file__).startswith(sent)


def test_another_version_of_a_pipeline_on_an_executor(shop: Path) -> None:
    driver = versions(NAMES)
    (shop / "shop_package" / "inner" / "rules.py").write_text(RULE.format(2))
    forget()
    with pytest.raises(OtherVersionError, match="has another package shop_package than the driver"):
        expect_same(driver)


@pytest.mark.parametrize("name", NAMES)
def test_when_something_of_a_package_was_written(shop: Path, name: str) -> None:
    """Not what else lies in its folder, nor the time that somebody gave to its content."""
    (file,) = shop.glob(f"{name}/inner/rules.py") if (shop / name).is_dir() else shop.glob(f"{name}.py")
    newest = max(path.stat().st_ctime for path in (file, *shop.glob(f"{name}/__init__.py")))
    assert changed_at(name) == newest
    (file.parent / "notes.txt").touch()
    (file.parent / ".hidden.py").touch()
    assert changed_at(name) == newest
    os.utime(file, (1, 1))
    assert changed_at(name) == file.stat().st_ctime >= newest


def test_nobody_knows_when_what_is_not_there_was_written() -> None:
    assert changed_at("no_such_package") == 0


def test_what_was_compiled_has_to_be_installed(shop: Path, tmp_path: Path) -> None:
    (shop / "shop_package" / "fast.so").touch()
    assert "shop_package" not in zipped_names(tmp_path)


def test_equal_packages_are_equal_bytes_whenever_they_are_zipped(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else Spark refuses what is sent again to a session: another content under a name that it has."""
    bodies = []
    for year in (2025, 2026):
        monkeypatch.setattr(time, "localtime", lambda *_, year=year: (year, 1, 2, 3, 4, 5, 0, 1, 0))
        bodies.append(Path(zipped(NAMES, tmp_path)).read_bytes())
    assert shop.exists()
    assert bodies[0] == bodies[1]


def zipped_names(folder: Path) -> set[str]:
    return {name.partition("/")[0] for name in ZipFile(zipped(NAMES, folder)).namelist()}


def test_the_packages_are_those_of_the_pipelines_but_this_project() -> None:
    named = (
        "shop.orders:SHOP, shop.stock:STOCK single:ONE medallion_assets.pipelines.transactions.pipeline:TRANSACTIONS"
    )
    assert load_settings({"MEDALLION_PIPELINES": named}).spark.packages == ("shop", "single")
    assert load_settings({}).spark.packages == ()


def test_this_project_is_sent_with_all_that_it_reads(tmp_path: Path) -> None:
    names = ZipFile(zipped([PROJECT], tmp_path)).namelist()
    assert {f"{PROJECT}/__init__.py", f"{PROJECT}/engines/spark/work.py"} <= set(names)
    assert not [name for name in names if name.endswith(".pyc")]


ON_SPARK = """
import os, sys
from dataclasses import replace
from medallion_assets.engines.spark.engine import SparkEngine
from medallion_assets_tests.services.spark import settings_for_tests

sys.path.insert(0, sys.argv[1])
from shop_package.inner import rules
conf = {"spark.driver.memory": "512m"}
settings = replace(settings_for_tests(), master="local[1]", conf=conf, packages=tuple(sys.argv[2:]))
print(*SparkEngine(settings=settings).map_items(rules.rule_of, [7]))
"""


@pytest.mark.slow
@pytest.mark.usefixtures("spark_elsewhere")
def test_functions_of_a_users_package_run_on_executors(shop: Path) -> None:
    """On executors that have another path than the driver."""
    (shop / "shop_package" / "inner" / "rules.py").write_text("def rule_of(item):\n    return item + 1\n")
    words = [sys.executable, "-c", ON_SPARK, str(shop), "shop_package"]
    environment = {**os.environ, "POLARS_MAX_THREADS": "1"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert (done.stdout, done.returncode) == ("8\n", 0), done.stderr[-2000:]


def test_a_file_that_is_dated_later_than_now_hides_none_that_was_written_now(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock was set back; of files that were there by then nothing follows."""
    monkeypatch.setattr("medallion_assets.storage.packages.AHEAD_SECONDS", 0.0)
    now = changed_at("shop_package")
    while changed_at("shop_package") == now:  # clocks of file systems have ticks
        (shop / "shop_package" / "later.py").touch()
    assert is_changed_since("shop_package", now, now)
