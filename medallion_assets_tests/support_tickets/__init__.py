"""A second, tiny pipeline, as a repository of its own would have it: a help desk's tickets and agents."""
