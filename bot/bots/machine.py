"""An answering machine: a greeting, a beep, and what the caller says until it ends; its owner dials a PIN."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from bot.bots.mailbox import Limits, Mailbox
from bot.bots.owner import Owner
from bot.bots.pin import Pin
from bot.bots.sounds import sound
from bot.bots.taking import Taking
from bot.bots.talk import Talk, Talking
from bot.call import Call
from bot.config import Secret
from bot.errors import ConfigError
from bot.events import VoiceChanged

__all__ = ["Machine"]

GREETING = Path("speech")
"""A file or a signal, as everywhere."""
BEEP = "silence:0.2,tone:1000:0.4"
SAVED = "tone:660:0.15,tone:880:0.15"
FULL = "reorder:2"
PATIENCE_S = 300.0
"""From the answer to the recording at most; a caller on hold does not hear the greeting out."""
TEMPORARILY_UNAVAILABLE = 480


class Machine(Talking):
    """Messages go to the folder ``messages``; ``limit``, ``silence`` are the seconds that end one.

    With a ``pin`` who presses ``*`` during the greeting and dials it and ``#`` hears the messages.
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
        self.greeting, self.beep = sound(greeting), sound(BEEP)
        self.saved, self.full = sound(SAVED), sound(FULL)

    def on_start(self) -> None:
        super().on_start()
        self.mailbox.open()

    def on_end(self) -> None:
        self.mailbox.close()

    def on_incoming_call(self, call: Call) -> None:
        if self.pin is None and self.why_full() is not None:  # with one, the owner has to get in
            call.answer(TEMPORARILY_UNAVAILABLE, reason="Mailbox Full")
        else:
            super().on_incoming_call(call)

    def why_full(self) -> str | None:
        """Why no message can be taken now."""
        assert self.endpoint.ready is not None
        return self.mailbox.full(self.endpoint.ready.conference_rate)

    def new_talk(self, call: Call) -> Talk:
        return Visit(self, call)


class Visit(Talk):
    """Somebody calls and may leave a message."""

    def __init__(self, machine: Machine, call: Call) -> None:
        super().__init__(machine, call)
        self.machine = machine
        self._taking: Taking | None = None

    def begin(self) -> None:
        self.later("patience", PATIENCE_S, self.hang_up)
        self.say(self.machine.greeting, self._beep)

    def digit(self, digit: str) -> None:
        if self._taking is not None:
            self._taking.press(digit)
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
        if self.machine.why_full() is not None:  # others were faster
            self._beep()
            return
        self._taking = Taking.of(self.call, self.machine.mailbox)
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
        """The message is complete while the call goes on."""
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
