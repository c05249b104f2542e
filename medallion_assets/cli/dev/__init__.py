"""Development: everything switched on, on this machine, until Ctrl-C."""

from __future__ import annotations

COMMAND = "medallion dev"
