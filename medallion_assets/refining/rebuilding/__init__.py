"""Rebuilding: tables made again from what came before them, in place of what they hold."""
