"""A process without a processor is slow, not hung."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from bot.ipc.starvation import ThreadTimes, is_starved, times_of_threads

LOOK_S = 0.05
MAIN, OTHER = 10, 11
ASLEEP = ThreadTimes(5_000_000, 1_000_000, "S")
READY = ThreadTimes(5_000_000, 1_000_000, "R")


@pytest.mark.parametrize(
    ("before", "after", "starved"),
    [
        ({MAIN: ASLEEP}, {MAIN: ASLEEP}, False),
        ({MAIN: READY}, {MAIN: READY._replace(waited_ns=40_000_000)}, True),
        ({MAIN: READY}, {MAIN: READY}, True),  # its wait is added when it ends
        ({MAIN: READY}, {MAIN: READY._replace(ran_ns=54_000_000)}, False),  # a loop without an end
        ({MAIN: ASLEEP}, {MAIN: READY}, False),  # it has just woken up
        ({MAIN: ASLEEP, OTHER: READY}, {MAIN: ASLEEP, OTHER: READY}, True),  # it may hold a lock
        ({MAIN: ASLEEP, OTHER: READY}, {MAIN: ASLEEP}, False),  # ended
        ({}, {}, False),
    ],
)
def test_a_process_without_a_processor_is_starved(
    before: dict[int, ThreadTimes], after: dict[int, ThreadTimes], starved: bool
) -> None:
    assert is_starved(before, after, LOOK_S) is starved


@pytest.mark.skipif(sys.platform != "linux", reason="the times of threads are those of Linux")
def test_the_times_of_a_process_that_is_stopped_do_not_change() -> None:
    with subprocess.Popen(["sleep", "60"]) as stopped:
        try:
            stopped.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, stopped.pid, os.WSTOPPED)
            before = times_of_threads(stopped.pid)
            assert before[stopped.pid].ran_ns > 0
            assert before[stopped.pid].state == "T"
            assert before == times_of_threads(stopped.pid)
        finally:
            stopped.kill()
    assert not times_of_threads(stopped.pid)
