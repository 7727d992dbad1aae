"""The pytest plugin by its former name; it has moved out of the package ``bot`` (``srtpbot_pytest``)."""

from __future__ import annotations

from srtpbot_pytest import (
    call_artifacts,
    new_endpoint,
    parrot,
    pytest_addoption,
    pytest_configure,
    pytest_runtest_call,
    pytest_runtest_makereport,
    pytest_runtest_setup,
    pytest_runtest_teardown,
    pytest_sessionfinish,
    pytest_terminal_summary,
)

__all__ = [
    "call_artifacts",
    "new_endpoint",
    "parrot",
    "pytest_addoption",
    "pytest_configure",
    "pytest_runtest_call",
    "pytest_runtest_makereport",
    "pytest_runtest_setup",
    "pytest_runtest_teardown",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
]
