"""Which SIP messages are meant: ``INVITE`` (a request), ``183`` (a response), ``200 BYE`` (to what)."""

from __future__ import annotations

import re

from .errors import ConfigError
from .sip import Message

__all__ = ["KIND_PATTERN", "MessageKind"]

KIND_PATTERN = r"^([A-Z]+|[1-6][0-9][0-9]( [A-Z]+)?)$"
TERMINATED = 487


class MessageKind:
    """A kind of message; without ``text`` it is every message."""

    def __init__(self, text: str | None) -> None:
        """Raise ConfigError for what names no kind."""
        if text is not None and not re.match(KIND_PATTERN, text):
            expected = "expected a method (INVITE), a code (183) or both (200 BYE)"
            raise ConfigError(f"{text!r} names no kind of SIP message; {expected}")
        self._text = text
        first, _, method = (text or "").partition(" ")
        self._code = int(first) if first.isdigit() else 0
        self._method = method if self._code else first

    def __str__(self) -> str:
        return self._text or "messages"

    def fits(self, message: Message) -> bool:
        """Whether a message is of this kind; a bare code answers any method."""
        if self._text is None:
            return True
        if not self._code:
            return message.method == self._method
        return message.status == self._code and self._method in {"", message.cseq_method}

    @property
    def comes_once(self) -> bool:
        """Whether a call has it once: the INVITE, or its final response when nothing else is said."""
        return self._text == "INVITE" or (self._code >= 200 and self._method in {"", "INVITE"})

    @property
    def outlives_the_call(self) -> bool:
        """Whether it comes when the call has ended here: a CANCEL that waits, what answers it or a BYE."""
        answers_bye = self._code != 0 and self._method == "BYE"
        return answers_bye or self._method == "CANCEL" or self._code == TERMINATED
