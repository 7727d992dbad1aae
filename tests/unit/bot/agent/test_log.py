"""bot.agent.log: lines on a pipe that nobody reads are counted, never waited for."""

from __future__ import annotations

import os
import subprocess
import sys

LINES = 50_000
SCRIPT = f"""
from bot.agent import log
log.never_wait()
for number in range({LINES}):
    log.write_line(f"line {{number}} " + "x" * 60)
print("done", flush=True)
input()
log.write_line("and on")
"""


def test_a_log_that_is_not_read_loses_lines_and_says_how_many() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"done\n"
        read = b""
        os.set_blocking(process.stderr.fileno(), False)
        while chunk := process.stderr.read(1 << 16):
            read += chunk
        os.set_blocking(process.stderr.fileno(), True)
        process.stdin.write(b"\n")
        process.stdin.flush()
        read += process.stderr.read()
    lines = [line for line in read.decode().splitlines() if line]
    assert lines[-1] == "and on"
    lost = int(lines[-2].removeprefix("(").split()[0])
    assert lost > 0
    kept = [line for line in lines if line.startswith("line ")]
    assert len(kept) + lost in {LINES, LINES + 1}  # one may be cut short
