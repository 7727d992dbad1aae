"""Requests sent in a call, and their outcomes, derived from the traced messages."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from bot.deadline import Deadline
from bot.errors import CallEnded, CallFailed, WaitTimeout
from bot.ipc import TransferProgressed
from bot.model import Direction
from bot.sip import Message, StatusCode, is_failure
from bot.ua.call_record import CallRecord
from bot.ua.final_response import ExpectedCode, checked_response

if TYPE_CHECKING:
    from bot.ua.endpoint import Endpoint

__all__ = ["Cancellation", "SentRequest", "SentTransfer", "is_renegotiating"]

BACK_OFF_S = {Direction.OUTGOING: (2.1, 4.0), Direction.INCOMING: (0.0, 2.0)}
"""Delay of the retry after 491 in seconds, by the owner of the Call-ID (RFC 3261 14.1)."""
AFTER_THE_END_S = 0.5
"""How long an answer that crosses the end of its call is waited for."""


class SentRequest:
    """A request that was just sent in a call; ``again`` sends it once more."""

    def __init__(
        self, endpoint: Endpoint, facts: CallRecord, method: str, again: Callable[[], None] | None = None
    ) -> None:
        self.endpoint = endpoint
        self.facts = facts
        self.method = method
        self._again = again
        self._first = self._before = max(self._requests(), default=0)

    @property
    def code(self) -> int | None:
        """The status code of the final response, None before; an answered challenge does not count."""
        last = max(self._requests(), default=0)
        return self._answers().get(last, (None, ""))[0] if last >= self._first else None

    def wait(self, timeout: float = 32.0, *, code: ExpectedCode = None, retry: bool = False) -> int:
        """Wait for the final response, for which RFC 3261 gives 32 s, and return its status code.

        The response has to be a success (2xx), or have this ``code``; ``any`` takes every final response.
        With ``retry`` a re-INVITE or an UPDATE that met the peer's (491, glare) is sent again after the
        random time of RFC 3261 14.1: 2.1 to 4 s by the caller, up to 2 s by the callee.

        Raises RequestRefused for another response, WaitTimeout when none has come, and CallEnded when the
        call ended before.
        """
        deadline = Deadline(timeout)
        while (
            (final := self._answer(deadline, timeout)) == StatusCode.REQUEST_PENDING
            and retry
            and self._again is not None
        ):
            pause = Deadline(random.uniform(*BACK_OFF_S[self.facts.direction]))
            self.endpoint.wait_until(lambda: self.facts.ended is not None, pause)
            self._first = max(self._requests()) + 1
            self._again()
        return checked_response(f"call {self.facts.number}: {self.method}", final, code, self.reason)

    def wait_all(self, timeout: float = 32.0) -> None:
        """Wait for a success (2xx) to every request of this method sent since; raises as ``wait``."""
        deadline = Deadline(timeout)

        def open_ones() -> set[int]:
            return {number for number in self._requests() if number > self._before} - set(self._answers())

        def over() -> bool:
            return not open_ones() or self.facts.ended is not None

        self.endpoint.wait_until(over, deadline)
        for number, (code, reason) in self._answers().items():
            if number > self._before:
                checked_response(f"call {self.facts.number}: {self.method}", code, None, reason)
        if open_ones():
            ended = self.facts.ended
            kind, why = (CallEnded, "the call ended") if ended else (WaitTimeout, f"within {timeout:g} s")
            raise kind(f"call {self.facts.number}: no answer to {self.method}: {why}")

    def _answers(self) -> dict[int, tuple[int, str]]:
        """The status code and reason phrase of each final response, by its CSeq number."""
        return {
            message.cseq[0]: (message.status, message.reason)
            for message in self._messages(sent=False)
            if message.cseq and message.is_final
        }

    def _answer(self, deadline: Deadline, timeout: float) -> int:
        def over() -> bool:
            return self.facts.ended is not None and self.method != "BYE"  # which is answered after the end

        self.endpoint.wait_until(lambda: self.code is not None or over(), deadline)
        end = self.facts.ended if over() else None
        if end is not None:
            crossing = Deadline(min(AFTER_THE_END_S, deadline.left))
            self.endpoint.wait_until(lambda: self.code is not None, crossing)
        if self.code is None and end is not None:
            what = f"call {self.facts.number}: it ended ({self.facts.ended_text})"
            raise CallEnded(f"{what} before {self.method} was answered")
        if self.code is None:
            raise WaitTimeout(f"call {self.facts.number}: no answer to {self.method} within {timeout:g} s")
        return self.code

    @property
    def reason(self) -> str:
        """The reason phrase of the last final response."""
        return self._answers().get(max(self._requests(), default=0), (0, ""))[1]

    def _requests(self) -> list[int]:
        """The CSeq numbers of the requests of this method that were sent."""
        return [message.cseq[0] for message in self._messages(sent=True) if message.cseq and message.method]

    def _messages(self, *, sent: bool) -> list[Message]:
        traced = (one.message for one in self.facts.messages if one.sent is sent)
        return [message for message in traced if message.cseq_method == self.method]


class TransferResult(NamedTuple):
    """A final status code, 0 without a final response, and the reason phrase."""

    code: int
    reason: str


class SentTransfer:
    """A transfer by REFER; ``earlier`` is the number of NOTIFYs for earlier transfers."""

    def __init__(self, refer: SentRequest, earlier: int = 0) -> None:
        self.refer = refer
        self._earlier = earlier

    @property
    def progress(self) -> list[int]:
        """The status codes in the NOTIFYs so far."""
        return [event.code for event in self._news]

    def wait(self, timeout: float = 60.0, *, code: ExpectedCode = None) -> int:
        """Wait for the final NOTIFY of the transfer, or its refusal; the status code.

        The code has to be 2xx, or ``code``; ``any`` accepts every final code. Raises RequestRefused for
        another code, CallFailed when no NOTIFY has one, CallEnded when this call ended before, and
        WaitTimeout after ``timeout`` seconds.
        """

        def decided() -> bool:
            end = self.refer.facts.ended
            if self._result() is None and end is not None:
                raise CallEnded(
                    f"call {self.refer.facts.number}: it ended ({self.refer.facts.ended_text}) "
                    "before the outcome of the transfer was known"
                )
            return self._result() is not None

        self.refer.endpoint.wait_until(decided, Deadline(timeout))
        result = self._result()
        if result is None:
            raise WaitTimeout(
                f"call {self.refer.facts.number}: the transfer was not over within {timeout:g} s: "
                f"{self._progress_text}"
            )
        what = f"call {self.refer.facts.number}: the transfer"
        if not result.code:
            raise CallFailed(f"{what} failed: {result.reason}")
        return checked_response(what, result.code, code, result.reason)

    @property
    def _progress_text(self) -> str:
        """Text about the response to the REFER and the NOTIFYs so far."""
        codes = ", ".join(str(event.code) for event in self._news) or "no NOTIFY came"
        return f"REFER answered with {self.refer.code or 'nothing'}, {codes}"

    def _result(self) -> TransferResult | None:
        final = [TransferResult(event.code, event.reason) for event in self._news if event.final]
        refused = self.refer.code if self.refer.code is not None and is_failure(self.refer.code) else None
        if refused is not None:
            return TransferResult(refused, self.refer.reason)
        return final[-1] if final else None

    @property
    def _news(self) -> list[TransferProgressed]:
        return self.refer.facts.transfers[self._earlier :]


def is_renegotiating(facts: CallRecord) -> bool:
    """Whether a re-INVITE or an UPDATE of this side has no final response yet, or the peer's has no ACK."""
    open_ones: set[int] = set()
    unacknowledged: set[int] = set()
    for traced in facts.messages:
        message = traced.message
        if message.cseq is None or message.cseq_method not in {"INVITE", "UPDATE"}:
            continue
        if traced.sent and message.is_request and message.to_tag is not None:
            open_ones.add(message.cseq[0])
        elif not traced.sent and message.is_final:
            open_ones.discard(message.cseq[0])
        elif not traced.sent and message.method == "INVITE" and message.to_tag is not None:
            unacknowledged.add(message.cseq[0])
        elif traced.sent and message.is_failure:
            unacknowledged.discard(message.cseq[0])
    acknowledged = {
        one.message.cseq[0]
        for one in facts.messages
        if not one.sent and one.message.method == "ACK" and one.message.cseq
    }
    return bool(open_ones or unacknowledged - acknowledged)


class Cancellation:
    """An INVITE that this side does not want answered any more."""

    def __init__(self, endpoint: Endpoint, facts: CallRecord) -> None:
        self._endpoint = endpoint
        self._facts = facts
        invites = [
            traced.message for traced in facts.messages if traced.sent and traced.message.method == "INVITE"
        ]
        self._cseq = max((invite.cseq[0] for invite in invites if invite.cseq), default=0)

    @property
    def sent(self) -> bool:
        """Whether the CANCEL was sent; it waits for a provisional response (RFC 3261 section 9.1)."""
        return any(
            traced.sent
            and traced.message.method == "CANCEL"
            and traced.message.cseq == (self._cseq, "CANCEL")
            for traced in self._facts.messages
        )

    @property
    def code(self) -> int | None:
        """The status code of the INVITE's final response, when it has come: 487, unless it was too late."""
        codes = [
            traced.message.status
            for traced in self._facts.messages
            if not traced.sent and traced.message.cseq == (self._cseq, "INVITE") and traced.message.is_final
        ]
        return codes[-1] if codes else None

    def wait(self, timeout: float = 32.0, *, code: ExpectedCode = StatusCode.REQUEST_TERMINATED) -> int:
        """Wait for the INVITE's final response and return its status code.

        It has to be 487, or this ``code``: a CANCEL may come too late; ``any`` takes every final response.
        Raises RequestRefused for another response, WaitTimeout when none has come within ``timeout`` seconds.
        """
        self._endpoint.wait_until(lambda: self.code is not None, Deadline(timeout))
        came = self.code
        if came is None:
            held = "the CANCEL was sent" if self.sent else "no provisional response let the CANCEL go"
            raise WaitTimeout(f"call {self._facts.number}: the INVITE has no end after {timeout:g} s: {held}")
        return checked_response(f"call {self._facts.number}: the cancelled INVITE", came, code)
