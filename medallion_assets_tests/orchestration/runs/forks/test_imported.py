"""What the fork server has imported: the code that a new process would have, and no thread but those it knows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FORKS = 40
PROGRAM = """
import json, os, signal, sys, time
from pathlib import Path
from medallion_assets.orchestration.runs.forks.imported import Imported
from medallion_assets.orchestration.runs.forks.server import fork

began_at = time.time()
imported = Imported(sys.argv[1])
told = []
def tell(what):
    told.append(what)
{body}
print(json.dumps(told))
"""
WORK = """
def work(number):
    import deltalake, polars as pl
    rows = pl.DataFrame({{"a": range(10_000)}}).lazy().group_by(pl.col("a") % 7).agg(pl.len()).collect()
    deltalake.write_deltalake(f"{folder}/{{number}}", rows)
"""


def told(folder: Path, module: str, body: str) -> Any:
    """What a process tells that has imported a module."""
    program = PROGRAM.format(body=body)
    environment = {**os.environ, "PYTHONPATH": str(folder), "MEDALLION_HOME": str(folder / "home")}
    done = subprocess.run(
        [sys.executable, "-c", program, module],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_graph_is_loaded_without_a_thread_that_makes_forks_hang(tmp_path: Path) -> None:
    """Whatever loading looks at in contracts: one query of Polars is enough, and every run would be started instead."""
    assert told(tmp_path, "medallion_assets.definitions", "tell(imported.problem())") == [None]


@pytest.mark.slow
def test_forks_compute_and_write_and_all_of_them_end(tmp_path: Path) -> None:
    """From a process that has imported the whole graph. Each has random names of its own for what it writes."""
    body = (
        WORK.format(folder=tmp_path / "tables")
        + f"""
for number in range({FORKS}):
    assert imported.problem() is None, imported.problem()
    if (pid := fork()) == 0:
        signal.alarm(60)
        work(number)
        os._exit(0)
    tell(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    )
    (tmp_path / "tables").mkdir()
    assert told(tmp_path, "medallion_assets.definitions", body) == [0] * FORKS
    names = [path.name for path in (tmp_path / "tables").glob("*/*.parquet")]
    assert len(names) == len(set(names)) == FORKS


@pytest.mark.slow
def test_importing_everything_opens_no_connection(tmp_path: Path) -> None:
    body = "import psutil\ntell([str(one) for one in psutil.Process().net_connections('all')])"
    assert told(tmp_path, "medallion_assets.definitions", body) == [[]]


@pytest.mark.slow
def test_a_process_that_has_computed_is_not_forked(tmp_path: Path) -> None:
    """A child of it would hang."""
    body = WORK.format(folder=tmp_path) + "tell(imported.problem())\nwork(0)\ntell(imported.problem())"
    (tmp_path / "module_of_a_user.py").write_text("")
    before, after = told(tmp_path, "module_of_a_user", body)
    assert before is None
    assert after.startswith("it has threads, and a fork of it could hang: ")
    assert "polars-0" in after


@pytest.mark.slow
def test_a_module_that_computes_when_it_is_imported_is_not_forked(tmp_path: Path) -> None:
    code = 'import polars as pl\npl.DataFrame({"a": range(10_000)}).lazy().group_by("a").agg(pl.len()).collect()'
    (tmp_path / "module_of_a_user.py").write_text(code)
    (problem,) = told(tmp_path, "module_of_a_user", "tell(imported.problem())")
    assert problem.endswith("Does module_of_a_user, or a module of a pipeline, compute when it is imported?")


def test_code_or_a_file_that_changes_is_noticed(tmp_path: Path) -> None:
    """A module that was imported, one that it imports, and what it reads besides; a new date alone is enough."""
    code = "import other\nfrom pathlib import Path\nPath(other.FILE).read_text()"
    (tmp_path / "module_of_a_user.py").write_text(code)
    (tmp_path / "other.py").write_text(f"FILE = {str(tmp_path / 'specs.json')!r}")
    (tmp_path / "specs.json").write_text("{}")
    for path in tmp_path.iterdir():
        os.utime(path, (1, 1))
    body = """
imported._changed = set()  # the files are as young as this process
tell(imported.changed())
for name in ("module_of_a_user.py", "other.py", "specs.json"):
    path = Path(sys.path[1] if sys.path[0] == "" else sys.path[0], name)
    before = path.read_text()
    path.write_text(before + " ")
    tell(imported.changed())
    imported._stamps.pop(str(path))
"""
    found = told(tmp_path, "module_of_a_user", body)
    assert found == [None, *(str(tmp_path / name) for name in ("module_of_a_user.py", "other.py", "specs.json"))]


@pytest.mark.slow
def test_a_file_that_gets_one_more_name_is_the_same(tmp_path: Path) -> None:
    """As when the same package is installed in another environment of this machine, and that is removed."""
    (tmp_path / "module_of_a_user.py").write_text("")
    (tmp_path / "elsewhere").mkdir()
    body = f"""
imported._changed = set()
linked = Path({str(tmp_path)!r}) / "elsewhere" / "linked"
linked.hardlink_to({str(tmp_path / "module_of_a_user.py")!r})
tell(imported.changed())
linked.unlink()
tell(imported.changed())
Path({str(tmp_path / "module_of_a_user.py")!r}).touch()
tell(imported.changed())
"""
    assert told(tmp_path, "module_of_a_user", body) == [None, None, str(tmp_path / "module_of_a_user.py")]


@pytest.mark.slow
def test_one_more_file_or_folder_beside_the_code_is_noticed(tmp_path: Path) -> None:
    """It is other code to those who compare, whoever imports it; what is no code, or hidden, changes nothing."""
    (tmp_path / "module_of_a_user.py").write_text("")
    body = f"""
imported._changed = set()
folder = Path({str(tmp_path)!r})
for name in ("data.json", ".helpers.py"):
    (folder / name).touch()
(folder / "__pycache__").mkdir(exist_ok=True)
tell(imported.changed())
for name in ("helpers.py", "more"):
    (folder / name).touch() if "." in name else (folder / name).mkdir()
    tell(imported.changed())
    imported._held[folder] = imported_names(folder)
tell(imported.changed())
"""
    body = "from medallion_assets.storage.packages import python_in as imported_names\n" + body
    assert told(tmp_path, "module_of_a_user", body) == [None, str(tmp_path), str(tmp_path), None]


@pytest.mark.slow
def test_what_changes_while_it_is_imported_is_noticed(tmp_path: Path) -> None:
    """Nobody knows which of both it has read."""
    (tmp_path / "module_of_a_user.py").write_text("from pathlib import Path\nPath(__file__).touch()")
    assert told(tmp_path, "module_of_a_user", "tell(imported.changed())") == [str(tmp_path / "module_of_a_user.py")]


@pytest.mark.slow
def test_a_module_that_cannot_be_imported_is_told_and_noticed_once_it_changes(tmp_path: Path) -> None:
    module = tmp_path / "module_of_a_user.py"
    module.write_text("none = 1 +")
    body = f"""
tell(imported.problem())
imported._changed = set()
tell(imported.changed())
Path({str(module)!r}).write_text("none = 1")
tell(imported.changed())
"""
    problem, before, after = told(tmp_path, "module_of_a_user", body)
    assert problem.startswith("module_of_a_user cannot be imported: ")
    assert "SyntaxError" in problem
    assert (before, after) == (None, str(module))


@pytest.mark.slow
def test_what_a_module_itself_writes_when_it_is_imported_is_no_change(tmp_path: Path) -> None:
    """Otherwise it would be imported again and again."""
    module = tmp_path / "module_of_a_user.py"
    cache = str(tmp_path / "cache")
    module.write_text(f"from pathlib import Path\nPath({cache!r}).write_text('x')\nPath({cache!r}).read_text()")
    body = f"imported._changed.discard({str(module)!r})\ntell(imported.changed())"
    assert told(tmp_path, "module_of_a_user", body) == [None]


@pytest.mark.slow
def test_a_module_that_ends_the_process_is_told(tmp_path: Path) -> None:
    (tmp_path / "module_of_a_user.py").write_text("raise SystemExit('no licence')")
    (problem,) = told(tmp_path, "module_of_a_user", "tell(imported.problem())")
    assert problem == "module_of_a_user cannot be imported: SystemExit: no licence"


@pytest.mark.slow
def test_a_module_may_import_numpy(tmp_path: Path) -> None:
    """Its threads have no names. The run's environment is as it was."""
    pytest.importorskip("numpy", reason="numpy comes with Spark: run make setup-spark")
    (tmp_path / "module_of_a_user.py").write_text("import numpy")
    body = "tell(imported.problem())\ntell('OPENBLAS_NUM_THREADS' in os.environ)"
    assert told(tmp_path, "module_of_a_user", body) == [None, False]
