"""What has to be there for a session: packages, Java, somebody who answers, and Spark's client of S3.

Belongs here: looking for it, and the errors that say what is missing and what to do.
Does not: starting the session.
"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from medallion_assets.engines.spark.failures import is_refused_by_s3
from medallion_assets.engines.spark.frames import NOT_THERE, hadoop_place
from medallion_assets.engines.spark.s3 import OTHER_JARS
from medallion_assets.errors import PermanentError, TransientError
from medallion_assets.errors.pages import page
from medallion_assets.settings.hints import has_makefile
from medallion_assets.settings.spark import SUBMITTED, SparkSettings

if TYPE_CHECKING:
    import grpc
    from pyspark.sql import SparkSession

PACKAGES = ("pyspark", "pyarrow", "pandas")
CONNECT_PACKAGES = {
    "grpc": "grpcio",
    "grpc_status": "grpcio-status",
    "google.rpc": "googleapis-common-protos",
    "zstandard": "zstandard",
}
"""What a client of Spark Connect imports, and the packages that have it."""
ANSWER_SECONDS = 10
OLDEST = 4
"""Artifacts and interrupts of classic sessions, and what ANSI mode is by default, came with it."""
NO_S3_CLIENT = ("Class org.apache.hadoop.fs.s3a.S3AFileSystem not found", "NoClassDefFoundError", "No FileSystem for")


class SparkMissingError(PermanentError):
    """What a session needs is not installed."""


def expect_installed(settings: SparkSettings) -> None:
    """See that this machine has what it needs.

    Raises:
        SparkMissingError: it has not.
    """
    if missing := _missing(PACKAGES):
        raise SparkMissingError(
            "MEDALLION_ENGINE is spark, and Spark's Python packages are not installed",
            expected="pyspark with pyarrow and pandas",
            found=f"no {', '.join(missing)}",
            do=f"{_install()}; or set MEDALLION_ENGINE=polars",
        )
    if settings.remote is not None and (missing := _missing(CONNECT_PACKAGES)):
        raise SparkMissingError(
            "MEDALLION_SPARK_REMOTE is set, and the packages of a Spark Connect client are not installed",
            expected=f"{', '.join(CONNECT_PACKAGES.values())}",
            found=f"no {', '.join(CONNECT_PACKAGES[name] for name in missing)}",
            do=f"{_install()} (pyspark[connect] brings them)",
        )
    if settings.remote is not None:
        return
    java = str(Path(settings.java_home, "bin", "java"))
    if settings.java_home and shutil.which(java) is None:
        raise SparkMissingError(
            "MEDALLION_ENGINE is spark, and there is no Java where JAVA_HOME says",
            expected="Java 17 in JAVA_HOME",
            found=f"no program {java}",
            do="correct JAVA_HOME, or unset it where java is on the PATH",
        )
    if not settings.java_home and shutil.which("java") is None:
        raise SparkMissingError(
            "MEDALLION_ENGINE is spark, and there is no Java",
            expected="Java 17, as java on the PATH or in JAVA_HOME",
            found="neither",
            do="install a Java 17 runtime (openjdk-17-jre-headless), or set MEDALLION_SPARK_REMOTE to a server that "
            "has one; or set MEDALLION_ENGINE=polars",
        )


def _install() -> str:
    wheel = "install medallion-assets[spark]"
    return f"run make setup-spark, or {wheel}" if has_makefile() else wheel


def _fetch_jars() -> str:
    return "run make spark-jars, or " if has_makefile() else ""


def expect_release(release: str, of: str) -> None:
    """See that a Spark is one that this project can use.

    Raises:
        SparkMissingError: it is older.
    """
    major = release.partition(".")[0]
    if major.isdigit() and int(major) < OLDEST:
        raise SparkMissingError(
            "this Spark is too old",
            expected=f"Spark {OLDEST}.0 or newer",
            found=f"Spark {release}, {of}",
            do="take a release that has it: emr-spark-8.0.0 of EMR (Spark of EMR 7 is 3.5), Databricks Runtime 17; on "
            f"a machine of your own {_install()}",
        )


def expect_answer(settings: SparkSettings) -> None:
    """See that somebody listens where Spark is, and at the lakehouse's own endpoint of S3, if it has one.

    Raises:
        TransientError: nobody does.
    """
    if settings.lakehouse_url.startswith("s3://") and settings.s3_endpoint:
        _expect_endpoint(settings.s3_endpoint)
    errors = [error for address in settings.addresses if (error := _no_answer(address)) is not None]
    if not errors or len(errors) < len(settings.addresses):
        return
    name = "MEDALLION_SPARK_REMOTE" if settings.remote else "MEDALLION_SPARK_MASTER"
    raise TransientError(
        f"no answer from {settings.where}",
        expected="a Spark Connect server" if settings.remote else "a Spark master",
        found="; ".join(dict.fromkeys(map(str, errors))),
        do=f"check that it runs and is reachable from this machine, or set {name} to where it is",
    ) from errors[0]


def _expect_endpoint(url: str) -> None:
    """Java's client of S3 would try a closed one for minutes, without a word."""
    parts = urlsplit(url)
    error = _no_answer((str(parts.hostname), parts.port or (80 if parts.scheme == "http" else 443)))
    if error is not None:
        raise TransientError(
            f"no answer from {url}",
            expected="the endpoint of S3 that the lakehouse has",
            found=str(error),
            do="check that it runs and is reachable from this machine, or correct AWS_ENDPOINT_URL",
        ) from error


def expect_connect(channel: grpc.Channel, where: str, *, seconds: float = ANSWER_SECONDS) -> None:
    """See that who listens speaks gRPC: pyspark would try anybody else for ten minutes.

    Raises:
        TransientError: nobody says so within seconds.
    """
    import grpc

    try:
        grpc.channel_ready_future(channel).result(timeout=seconds)
    except grpc.FutureTimeoutError as error:
        raise TransientError(
            f"no Spark Connect server answers at {where}",
            expected="a Spark Connect server",
            found=f"a process that listens, and is not ready within {seconds:g} s",
            do="check that MEDALLION_SPARK_REMOTE names its port (15002 usually), with /;use_ssl=true behind TLS, and "
            "that the server is not frozen",
        ) from error
    finally:
        channel.close()


def expect_jars(settings: SparkSettings) -> None:
    """See that a session that is started here, for a lakehouse in S3, has a client of S3 to take along.

    Raises:
        SparkMissingError: there is none in the folder, none in our own Spark, and none named elsewhere.
    """
    is_in_s3 = settings.lakehouse_url.startswith("s3://")
    if not is_in_s3 or settings.master == SUBMITTED or settings.has_own_spark or OTHER_JARS & settings.conf.keys():
        return
    own = find_spec("pyspark")
    folders = [settings.jars, *(Path(place, "jars") for place in (own and own.submodule_search_locations) or ())]
    if not any(list(folder.glob("hadoop-aws-*.jar")) for folder in folders):
        raise SparkMissingError(
            f"Spark has no S3 client, and the lakehouse is in S3 ({settings.lakehouse_url})",
            expected=f"hadoop-aws and what it needs in {settings.jars}",
            found="no such jar in it" if settings.jars.is_dir() else "no such folder",
            do=f"{_fetch_jars()}set MEDALLION_SPARK_JARS to the folder that has them; or name them in "
            f"spark.jars.packages ({page('scaling.md')})",
        )


def _no_answer(address: tuple[str, int]) -> OSError | None:
    try:
        socket.create_connection(address, timeout=ANSWER_SECONDS).close()
    except OSError as error:
        return error
    return None


def expect_s3(spark: SparkSession, settings: SparkSettings) -> None:
    """See that Spark itself reaches a lakehouse in S3: Gold reads frames of it. One request, for what is not there.

    Raises:
        SparkMissingError: Spark has no S3 client.
        PermanentError: S3 refuses it.
        TransientError: it has one, which cannot reach the lakehouse.
    """
    place = hadoop_place(settings.lakehouse_url)
    try:
        spark.read.schema("nothing string").parquet(f"{place}/_not_there").isEmpty()
    except Exception as error:
        text = str(error)
        if any(name in text for name in NOT_THERE):
            return
        lines = [line.strip() for line in text.splitlines() if "xception" in line or "Error" in line]
        found = lines[0] if lines else text.partition("\n")[0]
        if any(name in text for name in NO_S3_CLIENT):
            raise SparkMissingError(
                f"Spark has no S3 client, and the lakehouse is in S3 ({settings.lakehouse_url})",
                expected="hadoop-aws and what it needs among Spark's jars",
                found=found,
                do=f"where the session is started, {_fetch_jars()}set MEDALLION_SPARK_JARS to the folder that has "
                f"them; or name them in spark.jars.packages ({page('scaling.md')}), on a Spark Connect server when it "
                "starts",
            ) from error
        kind = PermanentError if is_refused_by_s3(text) else TransientError
        raise kind(
            "Spark cannot reach the lakehouse",
            expected=f"to read {place}",
            found=found,
            do="see that Spark's processes have AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in their environment, or "
            "a role; and the endpoint and region of the lakehouse (AWS_ENDPOINT_URL, AWS_REGION)",
        ) from error


def _missing(names: Iterable[str]) -> list[str]:
    return [name for name in names if not _is_there(name)]


def _is_there(name: str) -> bool:
    with suppress(ModuleNotFoundError):  # of a package of packages: the outer one
        return find_spec(name) is not None
    return False
