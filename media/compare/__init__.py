"""Full-reference comparison of a recording: alignment, missing or replaced audio, verdict."""
