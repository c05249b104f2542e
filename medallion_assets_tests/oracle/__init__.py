"""An independent oracle: what the rules make of exports, in plain Python that shares no code with the pipeline."""
