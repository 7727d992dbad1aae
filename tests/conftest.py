"""Before any test: what the commands that it starts inherit, and what a failed assertion shows."""

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
