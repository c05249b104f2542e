"""A page: one HTML document that needs nothing but a browser, with the looks that all pages share.

Belongs here: putting template and styles together, and what the browser may do with the page.
Does not: what a page says, or where it is written.

Every text is escaped, by Jinja or by MarkupSafe. Should one slip through, it does nothing: the page's policy lets its
own styles through, which it knows by their hash, and forbids every script and every request.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from medallion_assets.operations.drawing.markup import breakable, with_code

PACKAGE = "medallion_assets.operations"


def render_page(template: str, **values: Any) -> str:
    """A template, `room/name.html` of this package, with its values. Equal values give equal pages."""
    css = _part("drawing/page.css")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return _environment().get_template(template).render(css=css, policy=policy, **values)


@cache
def _environment() -> Environment:
    """What compiles each template once: that takes longer than filling it in."""
    environment = Environment(
        loader=FunctionLoader(_part),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = breakable
    environment.filters["with_code"] = with_code
    return environment


@cache
def _part(name: str) -> str:
    return files(PACKAGE).joinpath(*name.split("/")).read_text("utf-8")
