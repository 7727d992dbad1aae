"""Scenarios in YAML: endpoints, steps and expectations; ``srtpbot run`` performs them.

``load`` reads and validates a file, ``runner`` performs one case of it.
"""
