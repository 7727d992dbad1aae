"""Every bot at once: whom a caller asks for is who answers, ``parrot@``, ``machine@``, ``reject-486@``."""

from __future__ import annotations

from typing import Any

from bot.bots import NAMES, bot, options_of
from bot.bots.called import called_user
from bot.bots.reject import Rejecter
from bot.call import Call
from bot.controller import Controller
from bot.errors import ConfigError
from bot.events import VoiceChanged
from bot.model import CallState, MediaState
from bot.record import Digit

__all__ = ["Auto"]

NOT_FOUND = 404


class Auto(Controller):
    """Passes each call to the bot that the user of its Request-URI names; 404 when there is none.

    Each bot gets those of the options that it knows; one that lacks an option which it needs, as
    ``machine`` its ``messages``, is not there.
    """

    def __init__(self, **options: Any) -> None:
        self._nobody = Rejecter(NOT_FOUND)
        self._bots: dict[str, Controller] = {}
        for name in NAMES:
            known = {} if name == "auto" else options_of(name)
            given = {option: value for option, value in options.items() if option in known}
            needed = {option for option, (_, default) in known.items() if default is ...}
            if name != "auto" and needed <= set(given):
                self._bots[name] = bot(name, **suited(name, given))
        self._serving: dict[int, Controller] = {}

    def on_start(self) -> None:
        for one in (*self._bots.values(), self._nobody):
            one.serve(self)

    def on_end(self) -> None:
        for one in self._bots.values():
            one.on_end()

    def on_incoming_call(self, call: Call) -> None:
        serving = self._serving[call.number] = self._named(called_user(call).lower())
        serving.on_incoming_call(call)

    def on_call_state(self, call: Call, state: CallState) -> None:
        serving = self._serving.get(call.number, self._nobody)
        if state is CallState.DISCONNECTED:
            self._serving.pop(call.number, None)
        serving.on_call_state(call, state)

    def on_media_state(self, call: Call, media: MediaState) -> None:
        self._serving.get(call.number, self._nobody).on_media_state(call, media)

    def on_dtmf(self, call: Call, digit: Digit) -> None:
        self._serving.get(call.number, self._nobody).on_dtmf(call, digit)

    def on_played(self, call: Call, complete: bool) -> None:
        self._serving.get(call.number, self._nobody).on_played(call, complete)

    def on_voice(self, call: Call, voice: VoiceChanged) -> None:
        self._serving.get(call.number, self._nobody).on_voice(call, voice)

    def _named(self, user: str) -> Controller:
        if user in self._bots:
            return self._bots[user]
        if not user.startswith("reject-"):
            return self._nobody
        try:
            rejecter = bot(user)
        except ConfigError:  # reject-200, or worse
            return self._nobody
        rejecter.serve(self)
        return rejecter


def suited(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options of one of several: what they cannot share is its own."""
    if name == "ivr" and options.get("messages") is not None:
        return options | {"messages": options["messages"] / "ivr"}
    if name == "redirect":  # the code is that of reject, or else of ringer
        return {option: value for option, value in options.items() if option not in {"code", "reason"}}
    return options
