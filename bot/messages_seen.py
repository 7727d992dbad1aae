"""The messages of one kind that a call has seen so far, and what their header fields say."""

from __future__ import annotations

from .message_kind import MessageKind
from .record import CallRecord
from .sip import Message

__all__ = ["MessagesSeen"]


class MessagesSeen:
    """Those that were received, or sent; looked for anew at each question."""

    def __init__(self, known: CallRecord, kind: str | None, *, sent: bool) -> None:
        """Raise ConfigError for what names no kind of message."""
        self._known = known
        self._kind = MessageKind(kind)
        self._sent = sent

    def __str__(self) -> str:
        """``received 200``, ``sent INVITE``, ``received messages``."""
        return f"{'sent' if self._sent else 'received'} {self._kind}"

    @property
    def is_there(self) -> bool:
        """Whether there is one."""
        return bool(self._messages)

    def values(self, name: str) -> list[str]:
        """The different values of a header, in order."""
        return list(dict.fromkeys(value for one in self._messages for value in one.headers(name)))

    def described(self, name: str) -> str:
        """The header as it was seen."""
        found = ", ".join(f"{name}: {value}" for value in self.values(name))
        seen = self._messages
        return found or (f"no {name} in {len(seen)} {self}" if seen else f"no {name}, for there is no {self}")

    def no_more(self, ended: str | None) -> str | None:
        """Why no other one is waited for: it comes once, or not after the call, which ``ended`` like that."""
        if self._kind.comes_once and self._messages:
            return f"the {self._kind} is here"
        return None if self._kind.outlives_the_call and not self._messages else ended

    @property
    def _messages(self) -> list[Message]:
        of_its_side = [one.message for one in self._known.messages if one.sent is self._sent]
        return [one for one in of_its_side if self._kind.fits(one)]
