"""Judging: lines become good records, and bad ones in quarantine; the gate says whether a batch may be published."""
