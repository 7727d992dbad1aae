"""The messages of one kind in a call, and the values of their header fields."""

from __future__ import annotations

from bot.sip import Message, MessageFilter
from bot.ua import CallRecord

__all__ = ["MatchingMessages"]


class MatchingMessages:
    """The received or sent messages of a kind; each query reads the call again."""

    def __init__(self, facts: CallRecord, kind: str | None, *, sent: bool) -> None:
        """Raises ConfigError for an unknown kind of message."""
        self._facts = facts
        self._kind = MessageFilter(kind)
        self._sent = sent

    def __str__(self) -> str:
        """``received 200``, ``sent INVITE``, ``received messages``."""
        return f"{'sent' if self._sent else 'received'} {self._kind}"

    @property
    def is_there(self) -> bool:
        """Whether there is such a message."""
        return bool(self._messages)

    def values(self, name: str) -> list[str]:
        """The distinct values of a header field, in order."""
        return list(dict.fromkeys(value for message in self._messages for value in message.headers(name)))

    def described(self, name: str) -> str:
        """The observed header field, in words."""
        found = ", ".join(f"{name}: {value}" for value in self.values(name))
        seen = self._messages
        return found or (f"no {name} in {len(seen)} {self}" if seen else f"no {self}")

    def no_more(self, ended: str | None) -> str | None:
        """Why no other such message can arrive: it comes once per call, or the call has ``ended``."""
        if self._kind.comes_once and self._messages:
            return f"the {self._kind} is here"
        return None if self._kind.outlives_the_call and not self._messages else ended

    @property
    def _messages(self) -> list[Message]:
        of_its_side = [traced.message for traced in self._facts.messages if traced.sent is self._sent]
        return [message for message in of_its_side if self._kind.fits(message)]
