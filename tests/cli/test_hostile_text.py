"""Text of a peer is harmless in the terminal and in reports."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import NewBot
from tests.support.process import import_path
from tests.support.terminal import Terminal

REASON = "Busy \x1b[2J\x1b[Hverdict: pass\x1b]0;OWNED\x07 \u009b31m \u202egnp\u202c"
HARMFUL = ["\x1b[2J", "\x1b]0;", "\x07", "\u009b", "\u202e"]


@pytest.fixture
def hostile() -> Iterator[str]:
    """The URI of a callee that answers each request with 486 and REASON."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(30)
        ending = threading.Event()

        def serve() -> None:
            while not ending.is_set():
                try:
                    request, source = peer.recvfrom(65535)
                except OSError:
                    return
                if request.startswith(b"ACK") or not request.strip():
                    continue
                lines = [
                    line + (";tag=1" if line.startswith("To:") else "")
                    for line in request.decode().split("\r\n")
                    if line.split(":")[0] in {"Via", "From", "To", "Call-ID", "CSeq"}
                ]
                extra = [f"Server: {REASON}", "Content-Length: 0"]
                peer.sendto("\r\n".join([f"SIP/2.0 486 {REASON}", *lines, *extra, "", ""]).encode(), source)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"sip:x@127.0.0.1:{peer.getsockname()[1]}"
        ending.set()
        peer.sendto(b"", peer.getsockname())
        thread.join()


@pytest.mark.parametrize(
    "options",
    [[], ["-v"], ["-vv"], ["--trace"], ["--json", "-"], ["--junit", "-"], ["--expect-header", "Server: x"]],
)
def test_a_call(options: list[str], hostile: str, call: NewBot, tmp_path: Path) -> None:
    bot = call(hostile, "--out", "out", *options)
    assert bot.end() == 1
    files = [path.read_text() for path in (tmp_path / "out").iterdir() if path.suffix != ".pcap"]
    assert len(files) == 4
    for text in (bot.stdout, bot.stderr, *files):
        assert [one for one in HARMFUL if one in text] == []
        assert not any(line.startswith("verdict: pass") for line in text.splitlines())
    exact = json.loads((tmp_path / "out" / "result.json").read_text())
    assert exact["calls"][0]["disconnect"]["reason"] == REASON


@pytest.mark.parametrize("command", ["call", "ping", "register"])
def test_a_terminal(command: str, hostile: str, tmp_path: Path) -> None:
    where = ["--registrar", hostile, "--id", "sip:a@127.0.0.1"] if command == "register" else [hostile]
    options = ["--count", "1"] if command == "ping" else []
    environment = {**os.environ, "PYTHONPATH": import_path(), "TERM": "xterm-256color"}
    arguments = [command, *where, "--bind", "127.0.0.1", *options]
    with Terminal(*arguments, folder=tmp_path, environment=environment) as terminal:
        assert terminal.end() == (0 if command == "ping" else 1)
        assert "\\x1b[2J" in terminal.raw.decode(errors="replace")
        assert [one for one in HARMFUL if one.encode() in terminal.raw] == []
