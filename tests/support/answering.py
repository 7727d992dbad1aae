"""``srtpbot answer`` as users run it: a program of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import psutil

from bot.deadline import Deadline
from tests.support.programs import LOOPBACK, Program

__all__ = ["Answering"]

LAUNCH = "from bot.cli.main import main; main()"
READY_S = 15.0
POLL_S = 0.02
REPORT_S = 30.0
"""It writes its reports before it ends, of a thousand calls on a busy machine."""


class Answering(Program):
    """Listens at ``uri``; what it reported lies in ``folder`` once it has ended."""

    def __init__(self, folder: Path, role: str, *options: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        super().__init__(
            [
                *(sys.executable, "-u", "-c", LAUNCH, "answer", "--as", role),
                *("--bind", LOOPBACK, "--port", "0", "--codec", "PCMU", "--codec", "PCMA"),
                *("--out", str(folder / "out")),
                *options,
            ],
            folder=folder,
        )
        try:
            self.uri = self.wait_for_line(r"^ready (sip:\S+)", READY_S)[1]
        except BaseException:
            self.stop()
            raise
        [self.agent] = psutil.Process(self.pid).children()

    def stop(self, timeout: float = REPORT_S) -> int:
        """SIGTERM; the exit status, after the reports are written."""
        return super().stop(timeout)

    def journal(self) -> list[dict[str, Any]]:
        """The events that it reported so far."""
        lines = (self.folder / "out" / "journal.jsonl").read_text().splitlines()
        return [json.loads(line)["event"] for line in lines[1:]]

    def wait_for_events(self, kind: str, count: int, *, timeout: float = 10.0, **fields: object) -> None:
        """Wait until its journal has so many events of a kind with these fields."""
        deadline = Deadline(timeout)
        while len(found := [event for event in self.journal() if matches(event, kind, fields)]) < count:
            assert not deadline.passed, f"only {len(found)} of {count} {kind} {fields}:\n{self.tail}"
            assert not self.ended_within(POLL_S), f"srtpbot answer ended:\n{self.tail}"

    def assert_unharmed(self) -> None:
        """Program and agent are those that were started."""
        assert self.running, f"srtpbot answer ended:\n{self.tail}"
        agents = psutil.Process(self.pid).children()
        assert agents == [self.agent], f"the agent is another one:\n{self.tail}"


def matches(event: dict[str, Any], kind: str, fields: dict[str, object]) -> bool:
    """Whether the event is of that kind and has these values."""
    return event["type"] == kind and all(event.get(name) == value for name, value in fields.items())
