"""Whether a silent process got no processor: then it is slow, not hung.

Linux has the times of each thread in ``/proc/PID/task/TID/schedstat`` (Documentation/scheduler/sched-stats):
nanoseconds on a processor, and nanoseconds of waiting for one while runnable. A wait is added when it ends,
so a thread that waits during the whole of a look shows in its state only.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

__all__ = ["ThreadTimes", "is_starved", "state_of", "times_of_threads"]

SHARE = 0.2
"""Part of a look that a thread of a starved process waits for a processor."""
RUNNABLE = "R"


class ThreadTimes(NamedTuple):
    """What a thread did until now: times in nanoseconds, state as in proc_pid_stat(5)."""

    ran_ns: int
    waited_ns: int
    state: str


def is_starved(before: Mapping[int, ThreadTimes], after: Mapping[int, ThreadTimes], look_s: float) -> bool:
    """Whether a thread of the process waited for a processor during a look of this many seconds.

    Any of its threads counts: the event loop may wait for the interpreter lock of a starved thread.
    """
    least_ns = look_s * 1e9 * SHARE
    for thread in before.keys() & after.keys():
        ran_ns = after[thread].ran_ns - before[thread].ran_ns
        waited_ns = after[thread].waited_ns - before[thread].waited_ns
        still_waits = before[thread].state == after[thread].state == RUNNABLE and ran_ns < least_ns
        if waited_ns > least_ns or still_waits:
            return True
    return False


def times_of_threads(pid: int) -> dict[int, ThreadTimes]:
    """The times of the threads of a process; empty where the system does not tell them."""
    times = {}
    for folder in Path(f"/proc/{pid}/task").glob("*"):
        try:
            ran_ns, waited_ns = (int(field) for field in (folder / "schedstat").read_text().split()[:2])
            times[int(folder.name)] = ThreadTimes(ran_ns, waited_ns, state_of(folder))
        except (OSError, ValueError, IndexError):  # it has ended, or this kernel counts no times
            continue
    return times


def state_of(folder: Path) -> str:
    """The state of a process or thread by its folder in /proc; raises OSError or IndexError without one."""
    return (folder / "stat").read_text().rpartition(")")[2].split()[0]
