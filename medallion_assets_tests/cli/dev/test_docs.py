"""dbt docs are served as long as development lasts."""

from __future__ import annotations

from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from medallion_assets.cli.dev.docs import NOT_YET, served


def test_pages_are_served_until_the_end_and_say_when_they_are_not_there_yet(tmp_path: Path) -> None:
    with served(tmp_path / "dbt_docs") as url:
        with pytest.raises(HTTPError) as missing:
            urlopen(f"{url}/shop/index.html")
        with missing.value as answer:
            assert (answer.code, answer.read().decode()) == (404, NOT_YET)
        (tmp_path / "dbt_docs" / "index.html").write_text("pages")
        with urlopen(f"{url}/index.html") as page:
            assert page.read() == b"pages"
    with pytest.raises(URLError):
        urlopen(url)
