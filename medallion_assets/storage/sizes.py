"""Sizes in bytes.

Belongs here: the unit. Does not: how large anything may be, which stands where the limit is.
"""

from __future__ import annotations

MEBIBYTE = 1024 * 1024
