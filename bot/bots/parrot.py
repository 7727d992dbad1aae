"""A parrot: answers every call and sends back what it hears."""

from __future__ import annotations

from bot.bots.answering import Answering
from bot.call import Call
from bot.model import MediaState

__all__ = ["Parrot"]


class Parrot(Answering):
    """Echoes audio as soon as it flows."""

    def on_media_state(self, call: Call, media: MediaState) -> None:
        if media.active:
            call.loopback()
