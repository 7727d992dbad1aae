"""An IVR: menus that callers walk through by DTMF, from a YAML file (``bot.bots.script``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bot.bots.mailbox import Limits, Mailbox
from bot.bots.script import Action, load_script
from bot.bots.sounds import sound
from bot.bots.taking import Taking
from bot.bots.talk import Talk, Talking
from bot.call import Call
from bot.errors import ConfigError

__all__ = ["Ivr"]

FULL = "reorder:2"
HELD_S = 300.0
"""What plays longer than this is not heard, for instance since the caller put the call on hold."""


class Ivr(Talking):
    """Speaks the prompts of the file ``menu``, does what its keys say, records to the folder ``messages``."""

    def __init__(
        self,
        menu: Path,
        *,
        messages: Path | None = None,
        max_messages: int = 100,
        max_bytes: int = 200_000_000,
        **answering: Any,
    ) -> None:
        super().__init__(**answering)
        self.script = load_script(menu)
        longest = self.script.longest_recording
        if longest and messages is None:
            raise ConfigError(f"messages: {menu} records; name a folder for what callers say")
        limits = Limits(messages=max_messages, bytes=max_bytes, seconds=max(1.0, longest))
        self.mailbox = Mailbox(messages, limits) if messages is not None and longest else None
        self.full = sound(FULL)

    def on_start(self) -> None:
        super().on_start()
        if self.mailbox is not None:
            self.mailbox.open()

    def on_end(self) -> None:
        if self.mailbox is not None:
            self.mailbox.close()

    def new_talk(self, call: Call) -> Talk:
        return Choosing(self, call)


class Choosing(Talk):
    """One caller in the menus."""

    def __init__(self, ivr: Ivr, call: Call) -> None:
        super().__init__(ivr, call)
        self.ivr = ivr
        self._menu = ivr.script.menus[ivr.script.start]
        self._tries = 0
        self._doing: Action | None = None
        self._taking: Taking | None = None

    def begin(self) -> None:
        self._prompt()

    def digit(self, digit: str) -> None:
        if self._taking is not None:
            self._taking.press(digit)
            if digit == "#":
                self._saved("#")
        elif self._doing is None:
            self._choose(self._menu.keys.get(digit))

    def end(self) -> None:
        self._save("hangup")

    def _prompt(self) -> None:
        """Speak the prompt and wait for a key, which may come before its end."""
        self._doing = None
        self.later("key", HELD_S, self.hang_up)
        self.say(self._menu.spoken, lambda: self.later("key", self._menu.timeout, self._nothing))

    def _nothing(self) -> None:
        self._tries += 1
        if self._tries < self._menu.tries:
            self._prompt()
        else:
            self.hang_up()

    def _choose(self, action: Action | None) -> None:
        self.never("key")
        if action is None:
            self.later("key", HELD_S, self.hang_up)
            self.say(self._menu.wrong, self._nothing)
            return
        self._tries, self._doing = 0, action
        if action.spoken is not None:
            self.later("key", HELD_S, self.hang_up)
            self.say(action.spoken, self._record)
        else:
            self._record()

    def _record(self) -> None:
        mailbox, ready = self.ivr.mailbox, self.ivr.endpoint.ready
        if self._doing is None or self._doing.record is None or mailbox is None or ready is None:
            self._go_on()
        elif mailbox.full(ready.conference_rate) is not None:
            self.say(self.ivr.full, self._go_on)
        else:
            self._taking = Taking.of(self.call, mailbox)
            self.never("key")
            self.later("record", self._doing.record, lambda: self._saved("limit"))

    def _saved(self, ended_by: str) -> None:
        self.never("record")
        self._save(ended_by)
        self._go_on()

    def _save(self, ended_by: str) -> None:
        if self._taking is not None:
            taking, self._taking = self._taking, None
            taking.finish(ended_by)

    def _go_on(self) -> None:
        """After what a key does: hang up, or the next menu, or this one again."""
        action, self._doing = self._doing, None
        if action is not None and action.hangup:
            self.hang_up()
            return
        if action is not None and action.goto is not None:
            self._menu = self.ivr.script.menus[action.goto]
        self._prompt()
