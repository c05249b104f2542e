"""Names of variables: which there are, so that one that is misspelled is no silent default.

Belongs here: every `MEDALLION_*` variable that anything of this project reads.
Does not: what they mean (the room itself, docs/settings.md, deploy/medallion.env.example).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from medallion_assets.errors import SettingsError
from medallion_assets.errors.nearest import nearest_name
from medallion_assets.errors.pages import page
from medallion_assets.errors.visible_text import is_text
from medallion_assets.settings.alerts import ALERT_KINDS

PREFIX = "MEDALLION_"
OF_SETTINGS = (
    *("HOME", "RAW_URL", "EXPORT_EVENTS_QUEUE", "ARRIVALS_SECONDS", "LAKEHOUSE_URL", "PIPELINES"),
    *("FIRST_DAY", "STALE_SOURCES"),
    *("ENGINE", "SPARK_MASTER", "SPARK_REMOTE", "SPARK_CONF", "SPARK_JARS", "SPARK_PYTHON"),
    *(
        "TRIGGERS",
        "TIMERS",
        "SCHEDULES",
        "TIME_ZONE",
        "MISSED_DAYS",
        "DAILY_DONE_BY",
        "CLOSE_WAITS_UNTIL",
        "RETRIES",
        "RETRY_SECONDS",
    ),
    *("CREATE_TABLES", "SERVING_PREFIX", "PUBLISH_SAMPLES", "TOTAL_WCU"),
    *("USER_HEADER", "FORK_RUNS", "COMPUTE", "REMOTE_URL"),
    *(
        "DBT_MEMORY",
        "DBT_THREADS",
        "DBT_DOCS_URL",
        "QUERY_ALERTS",
        "ALERT_JOBS",
        "ALERT_RECOVERIES",
        "UI_URL",
        "PAGES_URL",
        "COMMAND_PREFIX",
    ),
    *(f"ALERTS_{kind.upper()}" for kind in ALERT_KINDS),
    "ALERTS_FOR",
)
OF_DEPLOYMENTS = ("ACCOUNT", "CODE_SERVER_PORT", "LOG_FORMAT", "PAGES_PORT", "SETTINGS", "UI_HOST", "UI_PORT")
OF_TESTS = ("EXAMPLES", "FAULTS", "KILLS", "REQUIRE", "STOPS")
KNOWN = tuple(f"{PREFIX}{name}" for name in (*OF_SETTINGS, *OF_DEPLOYMENTS, *OF_TESTS))


def expect_text(values: Mapping[str, str]) -> None:
    """See that every value with our prefix is UTF-8, as it is in tables, logs and the environment of other processes.

    Raises:
        SettingsError: one cannot; the message names its variable.
    """
    for name, value in values.items():
        if name.startswith(PREFIX) and not is_text(value):
            raise SettingsError(
                f"{name} is not text in UTF-8",
                expected="a value of characters, such as a path whose folders have names in UTF-8",
                found=ascii(value),
                do=f"set {name} to such a value, or rename the folder",
            )


def expect_known(names: Iterable[str]) -> None:
    """See that every variable with our prefix is one that there is.

    Raises:
        SettingsError: one is not; the message names the nearest that there is.
    """
    for name in sorted(names):
        if name.startswith(PREFIX) and name not in KNOWN:
            nearest = nearest_name(name, KNOWN)
            raise SettingsError(
                f"{name} is not a setting",
                expected=nearest
                or f"a variable that {page('settings.md')} lists: {PREFIX}... is reserved for this project",
                found=name,
                do=f"rename it to {nearest}, or unset it" if nearest else "unset it, or rename it",
            )
