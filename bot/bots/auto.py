"""Bot ``auto``: the user of the Request-URI selects the bot (``parrot@``, ``machine@``, ``reject-486@``)."""

from __future__ import annotations

from typing import Any

from bot.bots import NAMES, bot, options_of
from bot.bots.base import called_user
from bot.bots.reject import Rejecter
from bot.errors import ConfigError
from bot.ipc import VoiceChanged
from bot.model import CallState, MediaState
from bot.ua import Call, Controller, Digit

__all__ = ["Auto"]

NOT_FOUND = 404


class Auto(Controller):
    """Passes each call to the bot with the name of the called user; rejects other users with 404.

    Each bot gets its own options. A bot without a required option, for instance ``machine`` without
    ``messages``, is not available.
    """

    def __init__(self, **options: Any) -> None:
        self._rejecter = Rejecter(NOT_FOUND)
        self._bots: dict[str, Controller] = {}
        for name in NAMES:
            supported = {} if name == "auto" else options_of(name)
            given = {option: value for option, value in options.items() if option in supported}
            required = {option for option, (_, default) in supported.items() if default is ...}
            if name != "auto" and required <= set(given):
                self._bots[name] = bot(name, **suited(name, given))
        self._serving: dict[int, Controller] = {}

    @property
    def secret_digits(self) -> bool:
        return any(controller.secret_digits for controller in self._bots.values())

    def on_start(self) -> None:
        for controller in (*self._bots.values(), self._rejecter):
            controller.serve(self)

    def on_end(self) -> None:
        for controller in self._bots.values():
            controller.on_end()

    def on_incoming_call(self, call: Call) -> None:
        serving = self._serving[call.number] = self._named(called_user(call).lower())
        call.secret_digits = serving.secret_digits
        serving.on_incoming_call(call)

    def on_call_state(self, call: Call, state: CallState, code: int, reason: str) -> None:
        serving = self._serving.get(call.number, self._rejecter)
        if state is CallState.DISCONNECTED:
            self._serving.pop(call.number, None)
        serving.on_call_state(call, state, code, reason)

    def on_media_state(self, call: Call, media: MediaState) -> None:
        self._serving.get(call.number, self._rejecter).on_media_state(call, media)

    def on_dtmf(self, call: Call, digit: Digit) -> None:
        self._serving.get(call.number, self._rejecter).on_dtmf(call, digit)

    def on_played(self, call: Call, complete: bool) -> None:
        self._serving.get(call.number, self._rejecter).on_played(call, complete)

    def on_voice(self, call: Call, voice: VoiceChanged) -> None:
        self._serving.get(call.number, self._rejecter).on_voice(call, voice)

    def _named(self, user: str) -> Controller:
        if user in self._bots:
            return self._bots[user]
        if not user.startswith("reject-"):
            return self._rejecter
        try:
            rejecter = bot(user)
        except ConfigError:  # for instance reject-200
            return self._rejecter
        rejecter.serve(self)
        return rejecter


def suited(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options of a bot beside other bots: its own folder of messages, and the code only where it fits."""
    if name == "ivr" and options.get("messages") is not None:
        return options | {"messages": options["messages"] / "ivr"}
    if name == "redirect":  # the code belongs to reject and ringer
        return {option: value for option, value in options.items() if option not in {"code", "reason"}}
    return options
