"""Base class of the bots that answer calls, with delay, early media and recording."""

from __future__ import annotations

import time
from pathlib import Path

from bot.errors import BotError, ConfigError, NativeError
from bot.ipc import StorageFailed
from bot.sip import parse_uri
from bot.ua import Call, Controller, Endpoint, Playback, Recording

__all__ = ["Answering", "called_user", "play_once", "record", "report_storage"]


class Answering(Controller):
    """Answers every call after ``answer_after`` seconds, and records it to the file ``record``.

    The file of the second call is ``NAME-2.wav``, and so on.
    """

    def __init__(
        self, *, answer_after: float = 0.0, early_media: bool = False, record: Path | None = None
    ) -> None:
        self._answer_after = answer_after
        self._early_media = early_media
        self._record = record

    def on_incoming_call(self, call: Call) -> None:
        if self._record is not None:
            record(self.endpoint, call, numbered(self._record, call.number))
        if self._answer_after or self._early_media:
            call.ring(183 if self._early_media else 180)
        call.answer(after=self._answer_after)


def record(endpoint: Endpoint, call: Call, path: Path) -> Recording | None:
    """Record a call; None when the file cannot be created: the error is reported, and the call continues."""
    try:
        return call.record(path)
    except (ConfigError, NativeError) as error:
        report_storage(endpoint, path, error)
        return None


def report_storage(endpoint: Endpoint, path: Path, error: BotError) -> None:
    """Report a file that cannot be written: the verdict becomes ``error``, and the calls continue."""
    event = StorageFailed(at=time.monotonic(), path=str(path), reason=str(error))
    endpoint.journal.append(endpoint.name, event)


def numbered(path: Path, number: int) -> Path:
    """The recording file of the call with the number."""
    return path if number == 1 else path.with_stem(f"{path.stem}-{number}")


def play_once(call: Call, path: Path) -> Playback:
    """Play a caller's recording, and delete its converted copy from the cache: the player has it open."""
    playback = call.play(path)
    call.endpoint.playable(path).unlink(missing_ok=True)
    return playback


def called_user(call: Call) -> str:
    """The user of the Request-URI, at most 64 characters; empty without a user or without a traced INVITE."""
    messages = (entry.message for entry in call.facts.messages)
    invite = next((message for message in messages if message.method == "INVITE"), None)
    try:
        user = parse_uri(invite.uri if invite is not None else call.facts.local_uri).user
    except ConfigError:
        return ""
    return (user or "")[:64]
