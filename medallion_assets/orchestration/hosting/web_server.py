"""The web server of a deployment, as whoever asks it from outside sees it.

Belongs here: whether it answers, and has the definitions.
Does not: starting one (cli, deploy).
"""

from __future__ import annotations

import httpx

from medallion_assets.errors import PermanentError
from medallion_assets.errors.service_hints import log_of

LOCATIONS = """{ workspaceOrError { ... on Workspace { locationEntries {
  name locationOrLoadError { __typename ... on PythonError { message } } } } ... on PythonError { message } } }"""


def expect_definitions(url: str, *, seconds: float) -> str:
    """See that the web server at `url` answers within so many seconds, and knows the definitions.

    Raises:
        PermanentError: it does not, and whose log says why.
    """
    try:
        version = httpx.get(f"{url}/server_info", timeout=seconds).json()["dagster_version"]
        answer = httpx.post(f"{url}/graphql", json={"query": LOCATIONS}, timeout=seconds)
        workspace = answer.json()["data"]["workspaceOrError"]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError) as error:
        raise PermanentError(f"nothing answers at {url}: {error}", do=log_of("webserver")) from error
    for entry in workspace.get("locationEntries", [{"name": "workspace", "locationOrLoadError": workspace}]):
        loaded = entry["locationOrLoadError"] or {"message": "it is still loading"}
        if loaded.get("__typename") != "RepositoryLocation":
            message = loaded.get("message", "").strip().splitlines()
            found = f"{entry['name']} is not loaded: {message[0] if message else ''}"
            raise PermanentError(found, do=log_of("code-server"))
    return f"{url}, Dagster {version}"
