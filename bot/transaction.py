"""Requests that were sent in a call, and what came of them; read from the messages on the wire."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Protocol

from .deadline import Deadline
from .errors import CallEnded, WaitTimeout
from .events import TransferProgressed
from .model import Direction
from .record import CallRecord
from .sip import Message

__all__ = ["GLARE", "Sent", "Transferral", "is_renegotiating"]

FINAL, REFUSED, GLARE = 200, 300, 491
BACK_OFF_S = {Direction.OUTGOING: (2.1, 4.0), Direction.INCOMING: (0.0, 2.0)}
"""After 491, by who made the call and with it its Call-ID (RFC 3261 14.1)."""
AFTER_THE_END_S = 0.5
"""How long an answer that crosses the end of its call is waited for."""


class Waiter(Protocol):
    """Who can wait until something about the call holds."""

    def wait_until(self, holds: Callable[[], bool], deadline: Deadline) -> bool:
        """Whether it held before the deadline passed."""


class Sent:
    """A request that was just sent in a call; ``again`` sends it once more."""

    def __init__(
        self, waiter: Waiter, known: CallRecord, method: str, again: Callable[[], None] | None = None
    ) -> None:
        self.waiter = waiter
        self.known = known
        self.method = method
        self._again = again
        self._first = max(self._requests(), default=0)

    @property
    def code(self) -> int | None:
        """The status code of the final response, when it has come; a challenge that was met is none."""
        last = max(self._requests(), default=0)
        answers = {
            message.cseq[0]: message.status
            for message in self._messages(sent=False)
            if message.cseq and message.status >= FINAL
        }
        return answers.get(last) if last >= self._first else None

    def wait(self, timeout: float = 32.0, *, retry: bool = False) -> int:
        """Wait for the final response, for which RFC 3261 gives 32 s, and return its status code.

        With ``retry`` a re-INVITE or an UPDATE that met one of the peer's (491, glare) is sent again after
        the random time of RFC 3261 14.1: 2.1 to 4 s by the caller, up to 2 s by the callee.

        Raises WaitTimeout when none has come, and CallEnded when the call ended before.
        """
        deadline = Deadline(timeout)
        while (code := self._answer(deadline, timeout)) == GLARE and retry and self._again is not None:
            pause = Deadline(random.uniform(*BACK_OFF_S[self.known.direction]))
            self.waiter.wait_until(lambda: self.known.ended is not None, pause)
            self._first = max(self._requests()) + 1
            self._again()
        return code

    def _answer(self, deadline: Deadline, timeout: float) -> int:
        self.waiter.wait_until(lambda: self.code is not None or self.known.ended is not None, deadline)
        end = self.known.ended
        if end is not None:
            crossing = Deadline(min(AFTER_THE_END_S, deadline.left))
            self.waiter.wait_until(lambda: self.code is not None, crossing)
        if self.code is None and end is not None:
            what = f"call {self.known.number}: it ended ({end.code} {end.reason})"
            raise CallEnded(f"{what} before {self.method} was answered")
        if self.code is None:
            raise WaitTimeout(f"call {self.known.number}: no answer to {self.method} within {timeout:g} s")
        return self.code

    def _requests(self) -> list[int]:
        """The CSeq numbers of the requests of this method that were sent."""
        return [message.cseq[0] for message in self._messages(sent=True) if message.cseq and message.method]

    def _messages(self, *, sent: bool) -> list[Message]:
        traced = (one.message for one in self.known.messages if one.sent is sent)
        return [message for message in traced if message.cseq_method == self.method]


class Transferral:
    """A transfer that was asked for with ``refer``; ``told`` is how often the peer had told of others."""

    def __init__(self, refer: Sent, told: int = 0) -> None:
        self.refer = refer
        self._told = told

    @property
    def progress(self) -> list[int]:
        """The status codes that the peer has told of its new call so far."""
        return [event.code for event in self._news]

    def wait(self, timeout: float = 60.0) -> int:
        """Wait until the peer has said what became of its call, or refused to make it; the status code.

        Raises CallEnded when this call ended before, and WaitTimeout after ``timeout`` seconds.
        """

        def decided() -> bool:
            end = self.refer.known.ended
            if self._result() is None and end is not None:
                raise CallEnded(
                    f"call {self.refer.known.number}: it ended ({end.code} {end.reason}) before the peer had "
                    "said what became of the transfer"
                )
            return self._result() is not None

        if not self.refer.waiter.wait_until(decided, Deadline(timeout)):
            raise WaitTimeout(
                f"call {self.refer.known.number}: the transfer was not over within {timeout:g} s"
            )
        result = self._result()
        assert result is not None
        return result

    def _result(self) -> int | None:
        final = [event.code for event in self._news if event.final]
        refused = self.refer.code if self.refer.code is not None and self.refer.code >= REFUSED else None
        return final[-1] if final else refused

    @property
    def _news(self) -> list[TransferProgressed]:
        return self.refer.known.transfers[self._told :]


def is_renegotiating(known: CallRecord) -> bool:
    """Whether a re-INVITE or an UPDATE of this side has no final response yet, or the peer's has no ACK."""
    open_ones: set[int] = set()
    unacknowledged: set[int] = set()
    for traced in known.messages:
        message = traced.message
        if message.cseq is None or message.cseq_method not in {"INVITE", "UPDATE"}:
            continue
        if traced.sent and message.is_request and message.to_tag is not None:
            open_ones.add(message.cseq[0])
        elif not traced.sent and message.status >= 200:
            open_ones.discard(message.cseq[0])
        elif not traced.sent and message.method == "INVITE" and message.to_tag is not None:
            unacknowledged.add(message.cseq[0])
        elif traced.sent and message.status >= REFUSED:
            unacknowledged.discard(message.cseq[0])
    acknowledged = {
        one.message.cseq[0]
        for one in known.messages
        if not one.sent and one.message.method == "ACK" and one.message.cseq
    }
    return bool(open_ones or unacknowledged - acknowledged)
