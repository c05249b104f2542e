"""A host of its own for a deployment that is set up as docs/production.md says: /opt, /etc, /var/lib and /var/backups.

Belongs here: the mounts that keep everything else of this machine as it is, shell commands of the page, and starting
what the units name, as far as that goes without systemd. Does not: what the page is expected to bring about.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from medallion_assets_tests.services.processes import ServiceMissingError
from medallion_assets_tests.services.small_disk import small_disk

PLACES = ("/opt", "/etc", "/var/lib", "/var/backups")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""That of an account of a new host: no Python of somebody's home."""
STANDS_IN = '#!/bin/sh\n[ "$*" = daemon-reload ]\n'
"""For systemctl in the middle of a line; lines that begin with it are `Units`."""
DISK_MEGABYTES = 4000
COMMAND_SECONDS = 600.0
TOLD_TO_END_SECONDS = 60.0


@dataclass
class Host:
    """Commands run in it as root; files of it lie below `root` for everybody else."""

    root: Path
    namespace: int
    environment: dict[str, str]
    units: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    enabled: list[str] = field(default_factory=list)

    def path(self, absolute: str) -> Path:
        """Where a file of the host lies for processes outside of it."""
        return self.root / absolute.removeprefix("/")

    def run(self, command: str) -> str:
        """What a line of shell prints.

        Raises:
            AssertionError: it ended with another code than 0.
        """
        done = subprocess.run(
            [*self._inside, "bash", "-euo", "pipefail", "-c", command],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS,
        )
        assert done.returncode == 0, f"{command}\nended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def systemctl(self, verb: str, names: list[str]) -> None:
        """Enable, start or stop units as their files say; the target stands for all that are enabled.

        Raises:
            AssertionError: beside the target, units are not named that it does not start, or whose stop nobody awaits.
        """
        if verb == "enable":
            self.enabled += [name for name in names if name.startswith("medallion-")]
        elif verb != "restart" and "medallion.target" in names:
            forgotten = [unit for unit in self.enabled if not self._is_named(unit, names, stopping=verb == "stop")]
            assert not forgotten, f"{verb}: nobody thinks of {', '.join(forgotten)}"
        for name in self._ordered(names, stopping=verb == "stop"):
            if verb == "stop":
                self._stop(name)
            else:
                self._start(name)

    def end(self) -> None:
        """End every process that a unit began, those of runs too."""
        self.systemctl("stop", ["medallion.target", "medallion-*"])

    def last_words(self, lines: int = 40) -> str:
        """The ends of what the units said, each under its name."""
        logs = sorted(self.root.glob("*.log"))
        return "\n".join(f"--- {log.stem}\n" + "\n".join(log.read_text().splitlines()[-lines:]) for log in logs)

    def _is_named(self, unit: str, names: list[str], *, stopping: bool) -> bool:
        """Whether a line names a unit; a start need not name what the target wants."""
        if any(fnmatch(unit, name) for name in names):
            return True
        target = self.path("/etc/systemd/system/medallion.target").read_text()
        own = self.path(f"/etc/systemd/system/{unit}.service")
        is_wanted = own.exists() and re.search(r"^WantedBy=.*\bmedallion\.target\b", own.read_text(), re.MULTILINE)
        return not stopping and (own.name in target or bool(is_wanted))

    @property
    def _inside(self) -> list[str]:
        return ["nsenter", f"--mount=/proc/{self.namespace}/ns/mnt", "--"]

    def _ordered(self, names: list[str], *, stopping: bool) -> list[str]:
        """Services in the order of a start, or of a stop; one that only runs now and then is none."""
        files = {name: self.path(f"/etc/systemd/system/{name}.service") for name in sorted(self.enabled, key=_place)}
        known = [name for name, path in files.items() if path.exists() and "Type=oneshot" not in path.read_text()]
        whole = "medallion.target" in names
        chosen = [name for name in known if whole or name in names]
        if not stopping:
            return [name for name in chosen if name not in self.units]
        chosen = [name for name in reversed(chosen) if name in self.units]
        return [*chosen, "medallion-runs"] if whole and "medallion-runs" in files else chosen

    def _start(self, name: str) -> None:
        unit = self._unit(name)
        for before in unit.get("ExecStartPre", []):
            done = subprocess.run(self._as_unit(unit, before), capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{name}: {before}\n{done.stdout}{done.stderr}"
        with (self.root / f"{name}.log").open("ab") as log:
            self.units[name] = subprocess.Popen(
                self._as_unit(unit, *unit["ExecStart"]), stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def _stop(self, name: str) -> None:
        unit = self._unit(name)
        for command in unit.get("ExecStop", []):
            subprocess.run(self._as_unit(unit, command), check=True, capture_output=True)
        process = self.units.pop(name, None)
        if process is None:
            return
        process.terminate()
        process.wait(TOLD_TO_END_SECONDS)
        if unit.get("KillMode") != ["process"]:  # as systemd: the rest of the unit ends with it
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return

    def _unit(self, name: str) -> dict[str, list[str]]:
        """The settings of a unit's file, each with all its values."""
        found: dict[str, list[str]] = {}
        for line in self.path(f"/etc/systemd/system/{name}.service").read_text().splitlines():
            if re.match(r"[A-Z]\w+=", line):
                key, _, value = line.partition("=")
                found.setdefault(key, []).append(value)
        return found

    def _as_unit(self, unit: Mapping[str, list[str]], command: str) -> list[str]:
        """A command of a unit with its account, folder and environment, and with no other variable."""
        (settings,), (account,), (folder,) = unit["EnvironmentFile"], unit["User"], unit["WorkingDirectory"]
        given = [part for line in unit["Environment"] for part in shlex.split(line)]
        lines = self.path(settings).read_text().splitlines()
        given += [part for line in lines if not line.startswith("#") for part in shlex.split(line)]
        values = dict(variable.split("=", 1) for variable in given)
        expanded = re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], command)
        become = ["setpriv", f"--reuid={account}", f"--regid={account}", "--init-groups"]
        return [
            *self._inside,
            *become,
            "env",
            "-i",
            f"--chdir={folder}",
            *(f"{name}={value}" for name, value in values.items()),
            *expanded.split(),
        ]


@contextmanager
def host(environment: Mapping[str, str]) -> Iterator[Host]:
    """An empty host while the block runs; `environment` is that of its commands, beside this machine's.

    Its disk is in memory: what is installed there is written and removed in no time.

    Raises:
        ServiceMissingError: this account may mount nothing, or the system has no Python that makes environments.
    """
    _expect_python()
    with small_disk(megabytes=DISK_MEGABYTES) as disk:
        root = disk.path
        for place in PLACES:
            (root / place.removeprefix("/")).mkdir(parents=True)
        subprocess.run(["cp", "-a", "/etc/.", str(root / "etc")], check=True)
        binds = "".join(f"mount --bind {root}{place} {place} && " for place in PLACES)
        holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", f"{binds}echo ready && exec sleep infinity"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert holder.stdout is not None
        assert holder.stderr is not None
        try:
            if holder.stdout.readline() != "ready\n":
                raise ServiceMissingError(f"a host needs root, and the right to mount: {holder.stderr.read().strip()}")
            made = Host(root, holder.pid, _variables(root, environment))
            try:
                yield made
            finally:
                made.end()
        finally:
            holder.kill()
            holder.communicate()


def _variables(root: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Those of the machine but for what is about this environment, this project or these tests."""
    programs = root / "opt" / "stand_ins"
    programs.mkdir()
    (programs / "systemctl").write_text(STANDS_IN)
    (programs / "systemctl").chmod(0o755)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(
            ("MEDALLION_", "DAGSTER_", "VIRTUAL_ENV", "PYTEST_", "POLARS_", "PYENV", "MAKE", "MFLAGS")
        )
    }
    return {**kept, "PATH": f"/opt/stand_ins:{PATH}", **environment}


def _expect_python() -> None:
    for program in ("make", "git", "nsenter", "setpriv"):
        if shutil.which(program, path=PATH) is None:
            raise ServiceMissingError(f"there is no {program}")
    tried = subprocess.run(
        ["python3", "-c", "import sys, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))"],
        env={"PATH": PATH},
        capture_output=True,
        check=False,
    )
    if tried.returncode:
        raise ServiceMissingError(
            "the system has no Python 3.11 to 3.13 that makes environments: apt-get install python3-venv"
        )


def _place(name: str) -> int:
    """The code server first: the others ask it."""
    return 0 if name == "medallion-code-server" else 1
