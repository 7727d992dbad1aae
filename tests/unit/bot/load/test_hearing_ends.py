"""The processes that search recordings end with the command that started them, however it ends."""

from __future__ import annotations

import subprocess
import sys

import psutil

PARENT = """
from bot.load.hearing import Hearing
if __name__ == "__main__":
    with Hearing(2) as hearing:
        hearing.listen("nothing.wav", 1)
        print("ready", flush=True)
        input()
"""
ENDS_S = 10.0


def test_a_killed_command_leaves_no_process() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        processes = psutil.Process(parent.pid).children(recursive=True)
        parent.kill()
    assert processes
    assert not psutil.wait_procs(processes, timeout=ENDS_S)[1]
