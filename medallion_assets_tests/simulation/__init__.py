"""A week of the whole pipeline on a virtual clock."""
