"""Pages: how answers look in a terminal."""
