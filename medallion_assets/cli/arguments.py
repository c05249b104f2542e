"""Arguments of the command line, before any command reads them.

Belongs here: what no command can take, whatever it does. Does not: what a command's own arguments may be.
"""

from __future__ import annotations

import sys

from medallion_assets.cli.terminal import Terminal
from medallion_assets.errors import PermanentError
from medallion_assets.errors.visible_text import is_text


def expect_text() -> None:
    """See that every argument is text, which tables, pages and JSON can hold.

    Raises:
        typer.Exit: one is not; the message shows it.
    """
    with Terminal(as_json="--json" in sys.argv):
        for word in sys.argv[1:]:
            if not is_text(word):
                raise PermanentError(
                    "an argument is not text in UTF-8",
                    expected="characters, such as the name of a table, or of a folder in UTF-8",
                    found=ascii(word),
                    do="correct it; a folder with such a name has to be renamed",
                )
