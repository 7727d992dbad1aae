"""An unread terminal or pipe delays no call; output at the end is written when it is read."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot import expect
from tests.support.process import COMMAND, OK, TROUBLE, import_path
from tests.support.starting import LOOPBACK, NewEndpoint

CALLS = 6


class Unread:
    """``srtpbot answer`` whose outputs are read up to ``ready``, and then only when it is wanted."""

    def __init__(self, kind: str, folder: Path, *options: str) -> None:
        self.reading, writing = pty.openpty() if kind == "terminal" else os.pipe()
        environment = {**os.environ, "PYTHONPATH": import_path(), "TERM": "xterm", "NO_COLOR": "1"}
        command = [*COMMAND, "answer", "--bind", LOOPBACK, "--port", "0", *options]
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=writing, stderr=writing
        )
        os.close(writing)
        text = self.read(until="transport=udp")
        self.uri = "sip:" + text.partition("ready sip:")[2].partition(";")[0]

    def read(self, until: str = "") -> str:
        """What comes until there is this text, or until the end."""
        text, deadline = "", time.monotonic() + 30
        while not (until and until in text):
            assert select.select([self.reading], [], [], deadline - time.monotonic())[0], text
            try:
                piece = os.read(self.reading, 65536)
            except OSError:
                break
            if not piece:
                break
            text += piece.decode(errors="replace")
        return text


@contextmanager
def unread(kind: str, folder: Path, *options: str) -> Iterator[Unread]:
    one = Unread(kind, folder, *options)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.wait()
        os.close(one.reading)


@pytest.mark.parametrize("kind", ["terminal", "pipe"])
@pytest.mark.parametrize("shown", ["-vv", "--trace"])
def test_calls_go_on_and_the_verdict_is_there(
    kind: str, shown: str, new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    with unread(kind, tmp_path, shown, "--calls", str(CALLS)) as answering:
        place_calls(new_endpoint, answering.uri)
        assert "verdict: pass" in answering.read()
        assert answering.process.wait(30) == OK


def test_an_interrupt_ends_what_nobody_reads(new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    with unread("terminal", tmp_path, "-vv", "--out", "out") as answering:
        place_calls(new_endpoint, answering.uri)
        answering.process.send_signal(signal.SIGINT)
        assert answering.process.wait(30) == TROUBLE
    assert (tmp_path / "out" / "result.json").exists()


def place_calls(new_endpoint: NewEndpoint, uri: str) -> None:
    caller = new_endpoint(codecs=["PCMA"])
    for _ in range(CALLS):
        call = caller.make_call(uri)
        expect(call).to_be_confirmed(timeout=10)
        call.hangup()
