"""How the ready-made bots pick up: at once, or after ringing for a while; recording or not."""

from __future__ import annotations

from pathlib import Path

from bot.call import Call
from bot.controller import Controller

__all__ = ["Answering"]


class Answering(Controller):
    """Answers every call ``answer_after`` seconds after it arrived, and records it to ``record``.

    The second call is recorded to ``NAME-2.wav``, and so on.
    """

    def __init__(
        self, *, answer_after: float = 0.0, early_media: bool = False, record: Path | None = None
    ) -> None:
        self._answer_after = answer_after
        self._early_media = early_media
        self._record = record

    def on_incoming_call(self, call: Call) -> None:
        if self._record is not None:
            call.record(numbered(self._record, call.number))
        if self._answer_after or self._early_media:
            call.ring(183 if self._early_media else 180)
        call.answer(after=self._answer_after)


def numbered(path: Path, number: int) -> Path:
    """The file of the call with that number."""
    return path if number == 1 else path.with_stem(f"{path.stem}-{number}")
