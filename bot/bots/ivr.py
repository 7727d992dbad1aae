"""Bot ``ivr``: interactive voice response with DTMF menus from a YAML file (``bot.bots.ivr_menu``)."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from bot.audio_files import audio_file
from bot.bots.base import report_storage
from bot.bots.dialogue import Talk, Talking
from bot.bots.ivr_menu import Action, load_script
from bot.bots.voicemail.mailbox import Limits, Mailbox
from bot.bots.voicemail.message_recorder import Taking
from bot.errors import ConfigError
from bot.model import HIDDEN
from bot.ua import Call

__all__ = ["Ivr"]

FULL = "reorder:2"
HELD_S = 300.0
"""Longest time for a prompt, in seconds: a caller who holds the call never hears its end."""


class Ivr(Talking):
    """Plays the prompts of the file ``menu``, performs the actions of its keys, records to ``messages``."""

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
            raise ConfigError(f"messages: {menu} records messages; set the folder of the recordings")
        limits = Limits(messages=max_messages, bytes=max_bytes, seconds=max(1.0, longest))
        self.mailbox = Mailbox(messages, limits) if messages is not None and longest else None
        self.full = audio_file(FULL)

    @property
    def secret_digits(self) -> bool:
        return self.script.has_secrets

    def on_start(self) -> None:
        super().on_start()
        if self.mailbox is not None:
            self.mailbox.open(partial(report_storage, self.endpoint, self.mailbox.folder))

    def on_end(self) -> None:
        if self.mailbox is not None:
            self.mailbox.close()

    def new_talk(self, call: Call) -> Talk:
        return Choosing(self, call)


class Choosing(Talk):
    """Dialogue of one caller with the menus."""

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
        self._do(digit)
        self._guard()

    def _guard(self) -> None:
        """Hide keys in a secret menu; in a script with secret menus, show only keys that are awaited."""
        if self._is_secret:
            self.call.secrets.hide()
        elif self.ivr.script.has_secrets:
            self.call.secrets.show_awaited()

    @property
    def _is_secret(self) -> bool:
        """Whether the next key may be part of a secret, for this menu or the following menu."""
        action = self._doing
        goto = action.goto if action is not None else None
        return self._menu.secret or (goto is not None and self.ivr.script.menus[goto].secret)

    def _do(self, digit: str) -> None:
        if self._taking is not None:
            self._taking.press(HIDDEN if self._is_secret else digit)
            if digit == "#":
                self._saved("#")
        elif self._doing is None:
            self._choose(self._menu.keys.get(digit))

    def end(self) -> None:
        self._save("hangup")

    def _prompt(self) -> None:
        """Play the prompt and wait for a key; a key may interrupt the prompt."""
        self._doing = None
        self._guard()
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
            if self._taking is None:
                self.say(self.ivr.full, self._go_on)
                return
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
        """Complete the action of a key: hang up, go to a menu, or repeat this menu."""
        action, self._doing = self._doing, None
        if action is not None and action.hangup:
            self.hang_up()
            return
        if action is not None and action.goto is not None:
            self._menu = self.ivr.script.menus[action.goto]
        self._prompt()
