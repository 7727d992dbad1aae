"""The price of an agent and of its legs when it is full, beside the bare library that polls every 20 ms."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import psutil
from rich.table import Table

from tests.bench.ends import Raw, caller, cpu_percent, parrot, pause, talk

__all__ = ["table"]

LEGS = 4
"""As many calls as the wheel takes in a process."""
SETTLED_S = 3.0
"""The clock rests a second after the last audio."""
MB = 1e6


def table(speech: Path) -> Table:
    """Idle processes first, then the same ones with calls in which both sides send."""
    shown = Table(
        "load", "srtpbot", "bare library", "ratio", "target", title=f"processes of {LEGS} SRTP legs, PCMA"
    )
    with ExitStack() as stack:
        one = stack.enter_context(caller())
        callees = [stack.enter_context(parrot()) for _ in range(2)]
        raw = Raw("call", callees[1].uri, str(speech))
        stack.callback(raw.close)
        pids = one.pid, raw.process.pid
        pause(one, SETTLED_S)
        idle = cpu_percent(*pids)
        for _ in range(LEGS):
            talk(one, callees[0], speech)
            raw.tell("talk")
            raw.read("confirmed")
        pause(one, SETTLED_S)
        busy = [percent / LEGS for percent in cpu_percent(*pids)]
        memory = [psutil.Process(pid).memory_full_info() for pid in pids]
        callee = psutil.Process(callees[0].pid).memory_full_info()
    for name, (ours, bare), unit, target in (
        ("idle process", idle, "% of a core", "0.1"),
        ("leg, plays and records", busy, "% of a core", "0.30"),
        ("memory of a leg (RSS)", [each.rss / MB / LEGS for each in memory], "MB", "10"),
        ("memory of a leg (PSS)", [each.pss / MB / LEGS for each in memory], "MB", ""),
        ("memory of an echoing leg (PSS)", [callee.pss / MB / LEGS, 0.0], "MB", ""),
    ):
        beside = (f"{bare:.2f} {unit}", f"{ours / bare:.2f}") if bare else ("", "")
        shown.add_row(name, f"{ours:.2f} {unit}", *beside, target)
    return shown
