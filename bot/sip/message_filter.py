"""A filter for SIP messages: ``INVITE`` (a request), ``183`` (a response), ``200 BYE`` (one to BYE)."""

from __future__ import annotations

import re

from bot.errors import ConfigError
from bot.sip.message import Message
from bot.sip.status import is_final

__all__ = ["KIND_PATTERN", "MessageFilter"]

KIND_PATTERN = r"^([A-Z]+|[1-6][0-9][0-9]( [A-Z]+)?)$"
TERMINATED = 487


class MessageFilter:
    """A kind of SIP message; an empty ``text`` matches every message."""

    def __init__(self, text: str | None) -> None:
        """Raises ConfigError for a text that names no kind of message."""
        if text is not None and not re.match(KIND_PATTERN, text):
            expected = "expected a method (INVITE), a code (183) or both (200 BYE)"
            raise ConfigError(f"{text!r} is not a kind of SIP message; {expected}")
        self._text = text
        first, _, method = (text or "").partition(" ")
        self._code = int(first) if first.isdigit() else 0
        self._method = method if self._code else first

    def __str__(self) -> str:
        return self._text or "messages"

    def fits(self, message: Message) -> bool:
        """Whether a message is of this kind; a status code alone matches the responses to any method."""
        if self._text is None:
            return True
        if not self._code:
            return message.method == self._method
        return message.status == self._code and self._method in {"", message.cseq_method}

    @property
    def comes_once(self) -> bool:
        """Whether a call has only one such message: the INVITE, or its final response."""
        return self._text == "INVITE" or (is_final(self._code) and self._method in {"", "INVITE"})

    @property
    def outlives_the_call(self) -> bool:
        """Whether the message can follow the local end of the call: CANCEL, its responses, those to BYE."""
        answers_bye = self._code != 0 and self._method == "BYE"
        return answers_bye or self._method == "CANCEL" or self._code == TERMINATED
