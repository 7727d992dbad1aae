"""The agent's modules import the native library; without it there is nothing to test here."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("pjsua2") is not None else ["*"]


def pytest_report_header() -> str:
    """Says what is left out."""
    return "" if find_spec("pjsua2") is not None else "no module pjsua2: tests of the agent are left out"
