"""A table of calls that cannot be drawn any more: the lines are printed, and a message about the table."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from bot.cli.progress import Progress
from bot.ipc.events import CallStarted
from bot.model import Direction
from bot.ua.journal import Journal


class Torn(io.StringIO):
    """A terminal that is gone."""

    def write(self, text: str) -> int:
        raise ValueError("I/O operation on closed file")


def test_it_is_told_and_nothing_is_lost(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    journal = Journal()
    progress = Progress(console=Console(file=Torn(), force_terminal=True))
    progress.follow(journal)
    journal.append(
        "bot",
        CallStarted(
            at=0.0,
            call=1,
            direction=Direction.INCOMING,
            sip_call_id="1",
            local_uri="sip:a@b",
            remote_uri="sip:c@d",
            transport="udp",
        ),
    )
    said = progress.say("FAIL  something")
    progress.stop()
    text = capsys.readouterr().out
    assert "the table of calls broke: ValueError: I/O operation on closed file" in text
    assert said is ("FAIL  something" in text)  # else it was the caller's to print
