"""Before any test: what the commands that it starts inherit, and what a failed assertion shows.

A missing peer skips its tests and says how to get it.
"""

from __future__ import annotations

import signal

import pytest

# An assertion in tests.support shows its values, as one in a test does.
pytest.register_assert_rewrite("tests.support")

# A shell that starts the tests in the background has them ignore SIGINT, and so would their commands.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# nohup has them ignore SIGHUP.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip the tests of peers that are not here."""
    for marker in item.iter_markers("peer"):
        from tests.support.missing import missing

        if reason := missing(str(marker.args[0])):
            pytest.skip(reason)
