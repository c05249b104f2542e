"""Samples: a small shop's files of changes, seeded, with what such files do to whoever loads them."""
