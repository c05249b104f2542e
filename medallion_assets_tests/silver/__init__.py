"""Tests of silver/: typed, judged, one live row a key, history where it matters."""
