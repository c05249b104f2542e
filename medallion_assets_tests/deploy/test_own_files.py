"""The files of whoever operates a deployment: secrets that are open to others are told, and nothing is overwritten."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from medallion_assets_tests.deploy.test_health import health
from medallion_assets_tests.services.processes import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
NOBODY = 65534


def run(program: str, *arguments: Path) -> tuple[int, str]:
    """The exit code, and what it said."""
    done = subprocess.run([DEPLOY / program, *arguments], capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(("mode", "is_private"), [(0o600, True), (0o400, True), (0o640, False), (0o604, False)])
def test_a_settings_file_that_others_can_read_is_told(tmp_path: Path, mode: int, is_private: bool) -> None:
    """With the command that closes it; a part of the health says the same."""
    settings = tmp_path / "medallion.env"
    settings.touch()
    settings.chmod(mode)
    told = "" if is_private else f"expected: mode 600; found: {mode:o}; what to do: chmod 600 {settings}"
    code, said = run("check-mode", settings)
    assert (code == 0, said.partition("others; ")[2].strip()) == (is_private, told)
    _, parts = health("--only", "secrets", MEDALLION_SETTINGS=str(settings), PATH=os.environ["PATH"])
    assert parts["secrets"]["is_well"] is is_private
    assert parts["secrets"]["do"] == ("" if is_private else f"chmod 600 {settings}")


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize(("mode", "is_private"), [(0o640, True), (0o644, False), (0o660, False)])
def test_an_account_may_read_by_its_group_what_another_owns(tmp_path: Path, mode: int, is_private: bool) -> None:
    settings = tmp_path / "medallion.env"
    settings.touch()
    settings.chmod(mode)
    os.chown(settings, NOBODY, -1)
    code, said = run("check-mode", settings)
    assert (code == 0, f"chmod 640 {settings}" in said) == (is_private, not is_private)


@pytest.mark.parametrize("name", ["deploy/medallion.env", "deploy/medallion.env.old", "mine.env", ".env"])
def test_git_ignores_settings_with_secrets(name: str) -> None:
    done = subprocess.run(["git", "check-ignore", "--quiet", "--no-index", name], cwd=REPOSITORY, check=False)
    if done.returncode == 128:
        pytest.skip("this is no git repository")
    assert done.returncode == 0
    example = ["git", "check-ignore", "--quiet", "--no-index", "deploy/medallion.env.example"]
    assert subprocess.run(example, cwd=REPOSITORY, check=False).returncode == 1


def test_dagster_yaml_is_linked_and_linked_again_after_a_move(tmp_path: Path) -> None:
    home, link = tmp_path / "dagster_home", tmp_path / "dagster_home" / "dagster.yaml"
    for _ in range(2):
        assert run("put-dagster-yaml", home) == (0, "")
        assert link.readlink() == DEPLOY / "dagster.yaml"
        link.unlink()
        link.symlink_to("/earlier/place/deploy/dagster.yaml")


@pytest.mark.parametrize("is_link", [True, False])
def test_a_dagster_yaml_of_somebodys_own_is_kept(tmp_path: Path, is_link: bool) -> None:
    own = tmp_path / "dagster.yaml"
    if is_link:
        own.symlink_to("/etc/dagster/ours.yaml")
    else:
        own.write_text("telemetry: {enabled: false}\n")
    code, said = run("put-dagster-yaml", tmp_path)
    assert (code, f"{own} is not a link to deploy/dagster.yaml: it is kept" in said) == (0, True)
    assert own.is_symlink() is is_link
    assert is_link or own.read_text() == "telemetry: {enabled: false}\n"


@pytest.mark.parametrize(
    ("place", "code"), [("/usr", 0), ("/opt/python3.12", 0), ("/root/.pyenv/versions/3.12", 2), ("/home/me/python", 2)]
)
def test_a_python_in_a_home_is_refused(tmp_path: Path, place: str, code: int) -> None:
    """The units do not see it: every one of them would end with "No such file or directory"."""
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho {place}\n")
    python.chmod(0o755)
    found, said = run("check-python", python, Path("no_such_account"))
    assert (found, f"found: {place}, in a home" in said) == (code, code == 2)


@pytest.mark.skipif(os.getuid() != 0, reason="only root runs commands as another account")
@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_a_python_that_the_account_cannot_run_is_refused(mode: int) -> None:
    with TemporaryDirectory() as folder:
        python = Path(folder) / "python"
        python.write_text("#!/bin/sh\necho /usr\n")
        python.chmod(0o755)
        Path(folder).chmod(mode)
        found, said = run("check-python", python, Path("nobody"))
    assert (found, "which nobody cannot run; what to do: remove .venv" in said) == (
        (0, False) if mode == 0o755 else (2, True)
    )


def test_a_deployment_of_root_needs_no_other_account(tmp_path: Path) -> None:
    """The command runs at once; otherwise it would call itself for ever."""
    settings = tmp_path / "medallion.env"
    settings.touch(0o600)
    named = {**os.environ, "MEDALLION_ACCOUNT": "root", "MEDALLION_SETTINGS": str(settings)}
    done = subprocess.run([DEPLOY / "as-medallion", "true"], env=named, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0


URL = "mailtos://u:p@host?to=me&from=y"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (f"A='{URL}'", URL),
        (f'A="{URL}"', URL),
        ("A=local[*]", "local[*]"),
        ("A=", ""),
        ("A=  # nothing", None),
        ("A=s3://raw#1", "s3://raw#1"),
        ("A=s3://raw  # ours", None),
        (f"A={URL}", None),
        ("A=b;c", None),
        ("A=b c", None),
        ("A=<b>", None),
        ("A=a$$b", None),
        ('A="a$1"', None),
        ("A='x'\"`b`\"", None),
        ("A='a$1$$ `b`'", "a$1$$ `b`"),
        ("A='a;b'\\''c&d'", "a;b'c&d"),
        ('A="a\\$1"', "a$1"),
        ('A="a #b $HOME"', None),
        ("A='a #b'", "a #b"),
        ("A='a #b' # c # $d", None),
    ],
)
def test_a_value_that_bash_would_cut_is_refused_by_its_name(tmp_path: Path, line: str, value: str | None) -> None:
    (settings := tmp_path / "medallion.env").write_text(f"# A & B\n\n{line}\n")
    settings.chmod(0o600)
    named = {**os.environ, "MEDALLION_ACCOUNT": "root", "MEDALLION_SETTINGS": str(settings)}
    command = [DEPLOY / "as-medallion", "printenv", "A"]
    done = subprocess.run(command, env=named, capture_output=True, text=True, check=False, timeout=60)
    if value is None:
        refused = f"{settings}: bash would not take the values in these lines as they are: 3:A; "
        do = "what to do: put them in single quotes, and comments in lines of their own\n"
        assert (done.returncode, done.stdout, done.stderr) == (2, "", refused + do)
    else:
        assert (done.returncode, done.stdout) == (0, f"{value}\n")


def test_each_line_of_the_example_can_be_used_as_it_is(tmp_path: Path) -> None:
    example = (DEPLOY / "medallion.env.example").read_text()
    (settings := tmp_path / "medallion.env").write_text(re.sub(r"^#(?=[A-Z_]+=)", "", example, flags=re.MULTILINE))
    command = f"cd {DEPLOY.parent} && . deploy/read-settings {settings} && printenv MEDALLION_ALERTS_FAILURE"
    subprocess.run(["bash", "-euo", "pipefail", "-c", command], check=True, timeout=60, capture_output=True)
