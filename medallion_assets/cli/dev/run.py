"""Development: everything switched on, on this machine, until Ctrl-C.

Belongs here: what `medallion dev` starts, under which variables, and that nothing of it is left behind.
Does not: what the DynamoDB is given back, what is shown, sensors, schedules (triggers), samples, Dagster in production.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

from medallion_assets.cli.dagster_home import link_dev_yaml
from medallion_assets.cli.dev import COMMAND
from medallion_assets.cli.dev.child import END_SECONDS
from medallion_assets.cli.dev.docs import served
from medallion_assets.cli.embedded_dynamodb import KEY, REGION, EmbeddedDynamoDB, embedded_dynamodb
from medallion_assets.cli.home_lock import only_one
from medallion_assets.cli.page_server import served_pages
from medallion_assets.cli.shown_variables import chosen_variables
from medallion_assets.cli.web_ui import check_port, pages_port, ui_address
from medallion_assets.contracts.catalog import load_catalog
from medallion_assets.deriving.dbt.docs_place import FOLDER as DOCS
from medallion_assets.errors import PermanentError
from medallion_assets.orchestration.hosting.instance_settings import DAGSTER_YAML
from medallion_assets.publishing.failures import ENDPOINT
from medallion_assets.settings import DBT_DOCS_URL, PAGES_URL, Settings, load_settings
from medallion_assets.settings.command_prefix import COMMAND_PREFIX
from medallion_assets.settings.hints import with_variables
from medallion_assets.settings.places import EVENTS_QUEUE

if TYPE_CHECKING:  # it loads Dagster, which a command that is refused need not wait for
    from medallion_assets.cli.dev.serving import PublishedAgain

DEFAULTS = {
    "MEDALLION_TRIGGERS": "on",
    "MEDALLION_TIMERS": "none",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": KEY,
    "AWS_SECRET_ACCESS_KEY": KEY,
}
"""What holds unless the environment says otherwise: triggers without timers, and some AWS credentials."""
OF_EMBEDDED = {"MEDALLION_CREATE_TABLES": "yes"}
"""The same where the DynamoDB is ours: tables are made when missing."""
STARTING = "starting Dagster: code server, daemon and web server; this usually takes 20 to 40 seconds"
POLL_SECONDS = 0.25
LAST_LINES_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class DevServer:
    """What is up: where the UI is, and the variables under which other terminals see the same.

    `published_again` is what the embedded DynamoDB was given back; null where another one is used. `own_dagster_yaml`
    is a dagster.yaml that somebody put there; null where ours holds. `pages_url` is where the dashboard is served,
    `docs_url` where dbt docs are, or null. `is_elsewhere`: exports or tables lie outside `home`.
    """

    ui_url: str
    home: Path
    endpoint: str
    published_again: PublishedAgain | None
    own_dagster_yaml: Path | None
    variables: Mapping[str, str]
    pages_url: str
    docs_url: str | None = None
    is_elsewhere: bool = False


def run_dev(
    settings: Settings,
    environment: Mapping[str, str],
    *,
    port: int,
    dynamodb_port: int,
    doing: Callable[[str], object],
    up: Callable[[DevServer], object],
    show: Callable[[str], object],
) -> None:
    """Run Dagster's web server, daemon and code server, and a DynamoDB unless `environment` names one, until Ctrl-C.

    `doing` is called with what is done until the UI answers, then `up`; `show` with every line that Dagster prints. The
    embedded DynamoDB forgets all when this ends: what was published before is published again at first.

    Raises:
        PermanentError: another command works in the home, a port is taken, Dagster exited unexpectedly, or a table that
            was published cannot be read.
        TransientError: a storage did not answer.
    """
    with ExitStack() as stack:
        check_port(port, "--port")
        lock = stack.enter_context(only_one(settings.home, COMMAND))
        endpoint = environment.get(ENDPOINT)
        is_ours = link_dev_yaml(settings.dagster_home)
        published_again = None
        if not endpoint:
            check_port(dynamodb_port, "--dynamodb-port")
            doing("starting DynamoDB in this process, with what was published before")
            dynamodb = stack.enter_context(embedded_dynamodb(dynamodb_port))
            endpoint, published_again = dynamodb.endpoint, _publish_again(settings, dynamodb)
        ui_url = ui_address(port)
        variables = {
            "MEDALLION_HOME": str(settings.home),
            "DAGSTER_HOME": str(settings.dagster_home),
            ENDPOINT: endpoint,
        }
        chosen = chosen_variables(settings, environment)
        defaults = DEFAULTS if published_again is None else DEFAULTS | OF_EMBEDDED
        of_aws = {name: environment.get(name, value) for name, value in DEFAULTS.items() if name.startswith("AWS_")}
        shown = variables | chosen | {name: value for name, value in of_aws.items() if name.startswith("AWS_DEFAULT")}
        if published_again:
            shown |= {name: value for name, value in of_aws.items() if value == KEY}  # any other is a secret
        prefix = settings.command_prefix or with_variables(shown)
        docs_url = settings.dbt_docs_url or None
        if docs_url is None and load_catalog(settings.pipelines).dbt:
            docs_url = stack.enter_context(served(settings.home / DOCS))
            variables[DBT_DOCS_URL] = docs_url
        pages = served_pages(replace(settings, ui_url=ui_url, command_prefix=prefix), port=pages_port(port))
        variables[PAGES_URL] = stack.enter_context(pages).url
        of_dev = {"MEDALLION_UI_URL": ui_url, COMMAND_PREFIX: prefix}
        of_dev[EVENTS_QUEUE] = ""  # its messages are the deployment's alone
        everything = {**defaults, **environment, **variables, **of_dev}
        doing("loading the definitions")
        _expect_definitions(everything)
        doing(STARTING)
        process = stack.enter_context(_services(port, everything, show, lock))
        _wait_until(lambda: _answers(ui_url), process)
        up(
            DevServer(
                ui_url=ui_url,
                home=settings.home,
                endpoint=endpoint,
                published_again=published_again,
                own_dagster_yaml=None if is_ours else settings.dagster_home / DAGSTER_YAML,
                variables=shown,
                pages_url=variables[PAGES_URL],
                docs_url=docs_url,
                is_elsewhere=bool(settings.places_outside_home),
            )
        )
        _wait_until(lambda: False, process)


def _expect_definitions(environment: Mapping[str, str]) -> None:
    """See that the definitions load before Dagster is started, which would show an empty UI and go on.

    Raises:
        PermanentError: a setting, a contract with its conditions, or an alert URL is refused.
    """
    from medallion_assets.definitions import build_defs
    from medallion_assets.stages.usable import expect_conditions_of

    settings = load_settings(environment)
    build_defs(settings)
    expect_conditions_of(load_catalog(settings.pipelines))


def _publish_again(settings: Settings, dynamodb: EmbeddedDynamoDB) -> PublishedAgain:
    from medallion_assets.cli.dev.serving import publish_again

    return publish_again(settings, dynamodb.serving.client(), datetime.now(UTC))


@contextmanager
def _services(
    port: int, environment: Mapping[str, str], show: Callable[[str], object], lock: int
) -> Iterator[subprocess.Popen[bytes]]:
    """Dagster's services in a process group of their own; SIGINT and SIGTERM of this process end them and the block.

    Whoever starts a process in the background may have it ignore SIGINT, and its children as well. They do not ignore
    a signal for which this process has a handler. It holds the `lock` of the home as well, and ends itself when this
    process is killed (child.py).
    """
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    command = [sys.executable, "-m", "medallion_assets.cli.dev.child", str(os.getpid()), environment["DAGSTER_HOME"]]
    command += ["-m", "medallion_assets.cli.dev.services", str(port)]
    process = subprocess.Popen(  # noqa: S603 - our own command
        command,
        env=dict(environment),
        process_group=0,
        pass_fds=(lock,),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    is_ending = threading.Event()
    reader = threading.Thread(target=_pass_on, args=(process, show, is_ending), daemon=True)
    reader.start()
    try:
        yield process
    except KeyboardInterrupt:
        is_ending.set()
    finally:
        for number in before:
            signal.signal(number, signal.SIG_IGN)  # it is ending: a second Ctrl-C must leave nothing behind
        _end(process)
        reader.join(LAST_LINES_SECONDS)
        for number, handler in before.items():
            signal.signal(number, handler)


def _pass_on(process: subprocess.Popen[bytes], show: Callable[[str], object], is_ending: threading.Event) -> None:
    """Hand on every line; go on reading when nobody can be shown it any more, or Dagster would wait for a reader.

    Once it `is_ending` no line is handed on: Dagster's parts complain of each other then.
    """
    if process.stdout is not None:
        with process.stdout as lines:
            for line in lines:
                with suppress(OSError):
                    if not is_ending.is_set():
                        show(line.decode(errors="replace"))


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the services to end; kill what is left of its group."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    while not ready():
        if process.poll() is not None:
            raise PermanentError(
                "Dagster exited unexpectedly", found=f"exit code {process.returncode}", do="read its output above"
            )
        time.sleep(POLL_SECONDS)


def _answers(url: str) -> bool:
    try:
        with urlopen(f"{url}/server_info", timeout=2):  # noqa: S310 - our own address
            return True
    except (URLError, OSError):
        return False
