"""Silver: typed, judged, one live row a key, history where it matters; one file a table."""
