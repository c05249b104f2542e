"""`medallion sql`: answers as a page, CSV and JSON, a prompt, and what a reader of them can rely on."""

from __future__ import annotations

import csv
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
import typer

from medallion_assets.cli.pages.sql import write_csv, write_json
from medallion_assets.delta.notes.commit_notes import commits_since
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import PermanentError
from medallion_assets.operations.sql.answer import QueryAnswer
from medallion_assets.operations.sql.answer import answer as ask
from medallion_assets_tests.cli.command_line import answer, run
from medallion_assets_tests.pipeline import CUSTOMER_TRANSACTIONS
from medallion_assets_tests.services.s3 import S3Server

ODD = """select 1.10::decimal(18,4) as price, timestamptz '2025-03-08 01:00:00+00' as moment, date '2025-03-08' as day,
null as gap, [1, null] as list, {'a': 0.5::decimal(2,1)} as struct, 'nan'::double as nan, 'ab'::blob as bytes,
'290000-01-01'::date as far, 'a,"b' as text, 1 as text"""


@pytest.mark.usefixtures("lakehouse")
def test_json_is_exact() -> None:
    """Exact numbers are text, moments ISO 8601; a name that comes twice is told apart."""
    found = answer("sql", ODD)
    assert found["rows"] == [
        {
            "price": "1.1000",
            "moment": "2025-03-08T01:00:00+00:00",
            "day": "2025-03-08",
            "gap": None,
            "list": [1, None],
            "struct": {"a": "0.5"},
            "nan": "nan",
            "bytes": "6162",
            "far": "290000-01-01",
            "text": 'a,"b',
            "text_1": 1,
        }
    ]
    assert found["columns"][:2] == [
        {"name": "price", "type": "DECIMAL(18,4)"},
        {"name": "moment", "type": "TIMESTAMP WITH TIME ZONE"},
    ]
    assert found["row_count"] == 1


@pytest.mark.usefixtures("lakehouse")
def test_csv_is_read_back_as_it_was() -> None:
    (row,) = csv.DictReader(StringIO(run("sql", ODD.removesuffix(", 1 as text"), "--csv").stdout))
    assert (row["price"], row["moment"], row["gap"], row["list"]) == (
        "1.1000",
        "2025-03-08T01:00:00+00:00",
        "",
        "[1, null]",
    )
    assert row["text"] == 'a,"b'


def test_a_page_shows_some_rows_and_says_how_many_there_are(lakehouse: Lakehouse) -> None:
    version = lakehouse.open(CUSTOMER_TRANSACTIONS).version
    query = "select range + 1000 as number, transaction_id from range(12345), silver.customer_transactions"
    page = run("sql", query, "--rows", "3").stdout
    assert f"the first 3 of 12,345 rows; silver.customer_transactions @{version}" in page
    assert "1002" in page
    assert "1003" not in page
    assert "1 row;" in run("sql", "from silver.customer_transactions").stdout


def test_every_table_can_be_read_as_of_a_moment(lakehouse: Lakehouse) -> None:
    first = commits_since(lakehouse.open(CUSTOMER_TRANSACTIONS), -1)[-1]
    made_at = datetime.fromtimestamp(first["timestamp"] / 1000, UTC)
    query = "select count(*) as rows from silver.customer_transactions_all"
    assert answer("sql", query, "--as-of", made_at.isoformat())["rows"] == [{"rows": 0}]
    assert answer("sql", query, "--as-of", (datetime.now(UTC) + timedelta(days=1)).isoformat())["rows"] == [{"rows": 2}]
    assert "did not exist yet" in run("sql", query, "--as-of", "2020-01-01").stderr


@pytest.mark.usefixtures("lakehouse")
def test_an_error_says_what_to_do_and_ends_with_two() -> None:
    result = run("sql", "from silver.custmers")
    assert result.exit_code == 2
    assert "such as silver.customers" in result.stderr
    assert answer("sql", "from silver.custmers")["error"]["what"] == "there is no table silver.custmers"


def test_json_that_an_error_cuts_off_is_whole() -> None:
    """Rows that came before it are there, and so is the error."""

    def batches() -> Iterator[list[tuple[int]]]:
        yield [(1,), (2,)]
        raise PermanentError("a file is gone", do="bring it back")

    out = StringIO()
    with pytest.raises(typer.Exit):
        write_json(QueryAnswer(columns=("a",), types=("INTEGER",), versions={"silver.x": 3}, batches=batches()), out)
    found = json.loads(out.getvalue())
    assert (found["rows"], found["versions"]) == ([{"a": 1}, {"a": 2}], {"silver.x": 3})
    assert found["error"]["do"] == "bring it back"


@pytest.mark.usefixtures("lakehouse")
def test_tables_and_their_columns_are_listed() -> None:
    tables = run("sql", "\\d").stdout
    for name in ("silver.customers", "gold.customer_ltv", "quarantine.customers", "operations.alerts"):
        assert name in tables
    assert "DECIMAL(18,4)" in run("sql", "\\d customer_transactions").stdout
    assert {"table", "description"} == answer("sql", "show tables;")[0].keys()


@pytest.mark.usefixtures("lakehouse")
def test_statements_come_from_a_pipe() -> None:
    """Each ends with a semicolon at the end of a line, the last one may go without."""
    result = run("sql", "--csv", typed="select 1\n as a;\n\nselect 2 as b")
    assert result.stdout.splitlines() == ["a", "1", "b", "2"]
    broken = run("sql", "--csv", typed="from nothing;\nselect 2 as b;")
    assert (broken.exit_code, broken.stdout) == (2, "")


def test_a_prompt_goes_on_after_an_error(lakehouse: Lakehouse, home: Path) -> None:
    """A terminal of its own: statements over several lines, an error, and leaving."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from medallion_assets.cli import app; app()", "sql"]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True) as process:
        os.close(theirs)
        os.write(ours, b"from silver.custmers;\nselect 'o'\n|| 'k' as word;\n\\q\n")
        seen = b""
        try:
            while chunk := os.read(ours, 4096):
                seen += chunk
        except OSError:  # how a terminal ends on Linux
            pass
        assert process.wait() == 0
    os.close(ours)
    assert b"such as silver.customers" in seen
    assert b" ok" in seen
    assert "select 'o'" in (home / "sql_history").read_text()
    assert lakehouse.url == str(home / "lakehouse")


@pytest.mark.parametrize("write", [write_csv, write_json])
def test_rows_are_written_while_they_come(lakehouse: Lakehouse, tmp_path: Path, write: object) -> None:
    """The first is out before the last is computed: an answer of any length is never held."""

    class Full(Exception):  # noqa: N818 - it ends the test's output
        pass

    class Output(StringIO):
        def write(self, text: str) -> int:
            if self.tell() > 1_000_000:
                raise Full
            return super().write(text)

    with ask(lakehouse, "from range(1000000000000)", workspace=tmp_path) as found, pytest.raises(Full):
        write(found, Output())  # type: ignore[operator]


def test_a_lakehouse_in_a_bucket_is_asked_alike(
    s3_server: S3Server, home: Path, sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = s3_server.make_bucket()
    for file in (file for file in sound.rglob("*") if file.is_file()):
        s3_server.client.upload_file(str(file), bucket, f"lake/{file.relative_to(sound)}")
    for name, value in {**s3_server.environment, "MEDALLION_LAKEHOUSE_URL": f"s3://{bucket}/lake"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TMPDIR", str(home))
    found = answer("sql", "select transaction_id, amount from silver.customer_transactions where amount > 0")
    assert found["rows"] == [{"transaction_id": "t1", "amount": "11.0000"}]
