"""Loading: batches that arrive become files of Bronze, each whole or not at all."""
