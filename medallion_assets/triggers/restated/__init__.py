"""Restated days: which a Gold table lacks, and which of them to ask for now."""
