"""Bot ``machine``: answering machine with greeting, beep, recording, and retrieval with a PIN."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

from bot.audio_files import audio_at, audio_file
from bot.bots.base import report_storage
from bot.bots.dialogue import Talk, Talking
from bot.bots.voicemail.mailbox import Limits, Mailbox
from bot.bots.voicemail.message_recorder import Taking
from bot.bots.voicemail.pin import Pin
from bot.bots.voicemail.retrieval import Owner
from bot.config import Secret
from bot.errors import ConfigError
from bot.ipc import VoiceChanged
from bot.model import HIDDEN
from bot.sip import StatusCode
from bot.ua import Call

__all__ = ["Machine"]

GREETING = Path("speech")
"""Default greeting: a file or a signal."""
BEEP = "silence:0.2,tone:1000:0.4"
SAVED = "tone:660:0.15,tone:880:0.15"
FULL = "reorder:2"
PATIENCE_S = 300.0
"""Longest time from the answer to the recording, in seconds: a caller who holds never hears the beep."""


class Machine(Talking):
    """Records messages to the folder ``messages``; ``limit`` and ``silence`` (seconds) end a message.

    With a ``pin``, the owner retrieves messages: ``*`` during the greeting, the PIN, ``#``. Logs and reports
    hide all digits before the correct PIN.
    """

    def __init__(
        self,
        messages: Path,
        *,
        greeting: Path = GREETING,
        pin: Secret | None = None,
        limit: float = 120.0,
        silence: float = 5.0,
        max_messages: int = 100,
        max_bytes: int = 200_000_000,
        **answering: Any,
    ) -> None:
        super().__init__(**answering)
        if not 1 <= silence <= 3600:
            raise ConfigError(f"silence: expected 1 to 3600 seconds, got {silence:g}")
        self.mailbox = Mailbox(messages, Limits(messages=max_messages, bytes=max_bytes, seconds=limit))
        self.pin = Pin(pin) if pin is not None else None
        self.silence = silence
        self.greeting, self.beep = audio_at("greeting", greeting), audio_file(BEEP)
        self.saved, self.full = audio_file(SAVED), audio_file(FULL)

    @property
    def secret_digits(self) -> bool:
        return self.pin is not None

    def on_start(self) -> None:
        super().on_start()
        self.mailbox.open(partial(report_storage, self.endpoint, self.mailbox.folder))

    def on_end(self) -> None:
        self.mailbox.close()

    def on_incoming_call(self, call: Call) -> None:
        full = self.why_full(limits_only=True)
        if self.pin is None and full is not None:  # with a PIN, the owner must be able to retrieve messages
            call.answer(StatusCode.TEMPORARILY_UNAVAILABLE, reason="Mailbox Full")
        else:
            super().on_incoming_call(call)

    def why_full(self, *, limits_only: bool = False) -> str | None:
        """Reason why the mailbox is full; None if it is not. ``limits_only`` ignores problems of the disk."""
        return self.mailbox.full(self.endpoint.started.conference_rate, limits_only=limits_only)

    def new_talk(self, call: Call) -> Talk:
        return Visit(self, call)


class Visit(Talk):
    """Dialogue with a caller who may leave a message."""

    def __init__(self, machine: Machine, call: Call) -> None:
        super().__init__(machine, call)
        self.machine = machine
        self._taking: Taking | None = None

    def begin(self) -> None:
        self.later("patience", PATIENCE_S, self.hang_up)
        self.say(self.machine.greeting, self._beep)

    def digit(self, digit: str) -> None:
        if self._taking is not None:
            self._taking.press(HIDDEN if self.call.secret_digits else digit)
            if digit == "#":
                self._finish("#")
        elif digit == "*" and self.machine.pin is not None:
            self.bot.turn_to(Owner(self.bot, self.call, self.machine.mailbox, self.machine.pin))

    def _beep(self) -> None:
        if (full := self.machine.why_full()) is not None:
            self.say(self.machine.full, lambda: self.hang_up(full))
        else:
            self.say(self.machine.beep, self._record)

    def _record(self) -> None:
        if self.machine.why_full() is not None:  # other calls have filled the mailbox during the beep
            self._beep()
            return
        self._taking = Taking.of(self.call, self.machine.mailbox)
        if self._taking is None:
            self.say(self.machine.full, lambda: self.hang_up("no message can be recorded"))
            return
        self.never("patience")
        self.call.listen()
        self.later("limit", self.machine.mailbox.limits.seconds, lambda: self._finish("limit"))
        self.later("silence", self.machine.silence, lambda: self._finish("silence"))

    def voice(self, voice: VoiceChanged) -> None:
        if self._taking is not None and voice.speaking:
            self.never("silence")
        elif self._taking is not None:
            since = time.monotonic() - voice.at
            self.later("silence", max(0.0, self.machine.silence - since), lambda: self._finish("silence"))

    def _finish(self, ended_by: str) -> None:
        """Complete the message and end the call."""
        self.never("limit")
        self.never("silence")
        self._save(ended_by)
        self.say(self.machine.saved, self.hang_up)

    def end(self) -> None:
        self._save("hangup")

    def _save(self, ended_by: str) -> None:
        if self._taking is not None:
            taking, self._taking = self._taking, None
            taking.finish(ended_by)
