"""The log of ``call`` and ``answer``: one line for each event of a call on standard error, text or JSON."""

from __future__ import annotations

import re
from datetime import timedelta

import click
import msgspec

from bot.harmless import harmless_json
from bot.ipc import (
    CallRefused,
    CallStarted,
    CallStateChanged,
    DtmfReceived,
    DtmfSent,
    Event,
    MediaStateChanged,
    RecordingFinished,
    Redirected,
    RegistrationChanged,
    TransferRequested,
)
from bot.report.event_log import narrate, words
from bot.ua import Entry, Journal

__all__ = ["EventLog"]

LOGGED = (
    CallStarted, CallRefused, CallStateChanged, MediaStateChanged, DtmfSent, DtmfReceived, RecordingFinished,
    Redirected, RegistrationChanged, TransferRequested,
)  # fmt: skip
INNER_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")


class EventLog:
    """Observer of a journal that prints a line for each event of ``LOGGED``."""

    def __init__(self, journal: Journal, *, as_json: bool) -> None:
        self._journal = journal
        self._as_json = as_json
        journal.observe(self._observe)

    def _observe(self, entry: Entry) -> None:
        if isinstance(entry.event, LOGGED):
            line = self._json(entry) if self._as_json else narrate(entry, self._journal, messages=False)
            click.echo(line, err=True)

    def _json(self, entry: Entry) -> str:
        """An object with the time, the name of the event, its call and the words of the text."""
        seconds = self._journal.since_start(entry.event)
        told = {
            "time": self._journal.started + timedelta(seconds=seconds),
            "at_s": round(seconds, 6),
            "endpoint": entry.endpoint,
            "event": name_of(entry.event),
            "call": getattr(entry.event, "call", None),
            "text": words(entry),
        }
        return harmless_json(msgspec.json.encode(told)).decode()


def name_of(event: Event) -> str:
    """The name of the event's class in lower case, with hyphens: ``call-state-changed``."""
    return INNER_CAPITAL.sub("-", type(event).__name__).lower()
