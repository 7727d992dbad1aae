"""bot.workers: jobs on threads, in the order of their ends, and signals at any moment."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from bot.workers import Workers

SIGNALS = """
import random, signal, threading
from bot.workers import Workers

class Ended(Exception):
    pass

interrupted = 0
for attempt in range(300):
    with Workers(3, "job") as workers:
        signal.signal(signal.SIGALRM, lambda *_: workers.interrupt(Ended()))
        signal.setitimer(signal.ITIMER_REAL, random.Random(attempt).uniform(1e-6, 1e-3))
        leaving = threading.Event()
        try:
            for _ in workers.run({number: lambda: leaving.wait(0.001) for number in range(6)}):
                pass
        except Ended:
            interrupted += 1
            workers.cancel()
            leaving.set()
        signal.setitimer(signal.ITIMER_REAL, 0)
print(interrupted, threading.active_count())
"""


def test_results_come_in_the_order_of_their_ends() -> None:
    first = threading.Event()

    def later() -> str:
        first.wait(10)
        return "later"

    def sooner() -> str:
        return "sooner"

    with Workers(2, "job") as workers:
        found = []
        for key, value in workers.run({1: later, 2: sooner}):
            found.append((key, value))
            first.set()
    assert found == [(2, "sooner"), (1, "later")]


def test_the_exception_of_a_job_is_raised() -> None:
    def fails() -> None:
        raise LookupError("no such job")

    with Workers(1, "job") as workers, pytest.raises(LookupError, match="no such job"):
        list(workers.run({1: fails}))


def test_an_interrupt_is_raised_by_the_wait() -> None:
    leaving = threading.Event()
    with Workers(1, "job") as workers:
        workers.interrupt(InterruptedError("enough"))
        with pytest.raises(InterruptedError, match="enough"):
            list(workers.run({1: lambda: leaving.wait(10), 2: lambda: leaving.wait(10)}))
        workers.cancel()
        leaving.set()


def test_signals_at_any_moment_leave_no_lock_and_no_thread() -> None:
    text = subprocess.check_output([sys.executable, "-c", SIGNALS], text=True, timeout=50)
    interrupted, threads = map(int, text.split())
    assert interrupted > 100
    assert threads == 1
