"""The Dagster UI of a home: it shows, and starts nothing by itself.

Belongs here: the web server alone, without a daemon; which home it shows, and under which variables.
Does not: sensors, schedules, a queue.

Whoever materializes an asset in it gets the run at once: a queue would wait for a daemon. All else is as in
`medallion dev`.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from medallion_assets.cli.dagster_home import link_dev_yaml
from medallion_assets.cli.demo.home import PIPELINES, RECORD, demo_home, is_demo_home
from medallion_assets.cli.shown_variables import chosen_variables
from medallion_assets.errors import PermanentError
from medallion_assets.orchestration.hosting.instance_settings import DAGSTER_YAML
from medallion_assets.orchestration.hosting.ports import expect_free
from medallion_assets.settings import DBT_DOCS_URL, PAGES_URL, Settings
from medallion_assets.settings.command_prefix import COMMAND_PREFIX
from medallion_assets.settings.hints import with_variables

HOST = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class WebUi:
    """What is to be run: the command and its environment. `own_dagster_yaml` is null where ours holds."""

    url: str
    pages_url: str
    home: Path
    is_demo: bool
    own_dagster_yaml: Path | None
    command: list[str]
    environment: Mapping[str, str]


def web_ui(settings: Settings, environment: Mapping[str, str], *, port: int, demo: bool | None = None) -> WebUi:
    """The web server over a home's runs, or over those of its demo.

    Without `demo` it is the home, unless nothing was run there yet and there is a demo.

    Raises:
        PermanentError: the port is taken, or there is no demo.
    """
    from medallion_assets.orchestration.ui_instance import instance_at_once  # it brings Dagster, which is heavy

    check_port(port, "--port")
    place = demo_home(settings.home)
    if demo and not is_demo_home(place):
        raise PermanentError(f"there is no demo in {place}", do="run `medallion demo` first")
    is_demo = is_demo_home(place) and (demo or (demo is None and not _has_runs(settings)))
    home = place if is_demo else settings.home
    left_out = ("MEDALLION_RAW_URL", "MEDALLION_LAKEHOUSE_URL", DBT_DOCS_URL) if is_demo else ()
    pipelines = {"MEDALLION_PIPELINES": " ".join(PIPELINES)} if is_demo else {}
    dagster_home = replace(settings, home=home).dagster_home
    is_ours = link_dev_yaml(dagster_home)
    url, pages_url = ui_address(port), ui_address(pages_port(port))
    kept = {name: value for name, value in environment.items() if name not in left_out}
    homes = {"MEDALLION_HOME": str(home), "DAGSTER_HOME": str(dagster_home)}
    shown = homes | chosen_variables(settings, kept) | pipelines
    variables = {COMMAND_PREFIX: with_variables(shown), **kept, **shown} | {
        "MEDALLION_UI_URL": url,
        PAGES_URL: pages_url,
        "DAGSTER_WEBSERVER_INSTANCE_REF": instance_at_once(dagster_home),  # in a command line all could read it
    }
    command = [sys.executable, "-m", "medallion_assets.cli.page_server", "-m", "medallion_assets.definitions"]
    command += ["--host", HOST, "--port", str(port), "--dagster-log-level", "warning"]
    command += ["--code-server-log-level", "warning"]
    return WebUi(
        url=url,
        pages_url=pages_url,
        home=home,
        is_demo=is_demo,
        own_dagster_yaml=None if is_ours else dagster_home / DAGSTER_YAML,
        command=command,
        environment=variables,
    )


def ui_address(port: int) -> str:
    """The UI's URL, which only this machine reaches."""
    return f"http://{HOST}:{port}"


def pages_port(port: int) -> int:
    """The port for the pages beside a UI: the one after its own, or any that is free."""
    for wanted in (port + 1, 0):
        with socket.socket() as listener, suppress(OSError, OverflowError):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((HOST, wanted))
            return int(listener.getsockname()[1])
    raise PermanentError("no free port for the pages", do="stop a process that uses one")


def check_port(port: int, option: str, *, host: str = HOST) -> None:
    """See that a server can listen there.

    Raises:
        PermanentError: none can; the message names the option that chooses another port.
    """
    expect_free(host, port, do=f"choose another with {option}")


def _has_runs(settings: Settings) -> bool:
    """Whether a person ran something there, and not an old demo, which lay in the home itself with its record."""
    return (settings.dagster_home / "history").is_dir() and not (settings.home / RECORD).exists()
