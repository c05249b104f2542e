"""The environment of this process: as it was inherited, or changed while a library works that would obey it.

Belongs here: its one reader, and what changes it. Does not: reading settings from it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

FOR_THIS_PROCESS = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
"""What a supervisor says to its own child alone."""


def inherited_environment() -> dict[str, str]:
    """The environment of this process.

    For what begins in a process of its own: a command, a worker, what Dagster or a library makes by itself. Whatever is
    called by one of them is handed it, or the settings that were read from it.
    """
    return dict(os.environ)


def environment_for_child() -> dict[str, str]:
    """The environment that a process gets which this one starts."""
    return {name: value for name, value in os.environ.items() if name not in FOR_THIS_PROCESS}


def set_environment(environment: Mapping[str, str]) -> None:
    """Give this process another environment than it inherited."""
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)


@contextmanager
def other_variables(variables: Mapping[str, str]) -> Iterator[None]:
    """Give variables other values, for a library that obeys them when it is imported."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def hidden_variables(prefix: str) -> Iterator[None]:
    """Take the variables that begin with `prefix` out of the environment, for a library that would obey them."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(prefix)}
    try:
        yield
    finally:
        os.environ.update(hidden)
