"""Scenarios: calls and what is expected of them, written as steps in YAML; ``srtpbot run`` performs them.

``load`` reads and checks files before anything is sent, ``runner`` performs one expanded scenario.
"""
