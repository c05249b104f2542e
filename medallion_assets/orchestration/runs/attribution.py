"""Who started a run from the web UI: the user whom a proxy in front of it names, as the tag `user` of the run.

Belongs here: taking the name out of the header, where the web server hands a run over, which is Dagster's documented
place for it (a run coordinator of one's own).
Does not: proving who somebody is, which the proxy does; what a run without the tag counts as.
"""

from __future__ import annotations

import dagster as dg

from medallion_assets.settings.environment import inherited_environment
from medallion_assets.settings.user import user_header

USER = "user"
"""The tag of a run that names the person."""
LONGEST_NAME = 200


class AttributedQueue(dg.QueuedRunCoordinator):
    """Dagster's queue of runs, which notes who sent a request to the web server.

    A header that is named in MEDALLION_USER_HEADER counts more than a tag that the person typed. Where there is none,
    and for runs that sensors, schedules and backfills start, nothing changes.
    """

    def submit_run(self, context: dg.SubmitRunContext) -> dg.DagsterRun:
        """Queue a run, with its user."""
        header = user_header(inherited_environment())  # Dagster makes this queue, and hands it no settings
        name = (context.get_request_header(header) or "").strip() if header else ""
        if name:
            self._instance.add_run_tags(context.dagster_run.run_id, {USER: name[:LONGEST_NAME]})
        return super().submit_run(context)
