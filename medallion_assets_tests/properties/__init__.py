"""Properties: whole histories of exports, against the oracle."""
