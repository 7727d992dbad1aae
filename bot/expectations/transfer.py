"""Expectations of transfers (RFC 3515, RFC 3891) in either direction."""

from __future__ import annotations

from bot.deadline import TIMEOUT_S
from bot.expectations.base import Expectation
from bot.expectations.definition import expectation
from bot.expectations.values import PatternText
from bot.model import CallState
from bot.pattern import Pattern
from bot.sip import is_failure
from bot.ua import Call, TracedMessage

__all__ = ["TransferExpectation"]


class TransferExpectation(Expectation):
    """Expectations of transfers; every ``timeout`` is in seconds."""

    def to_have_transferred(self, *, code: int = 200, timeout: float = TIMEOUT_S) -> None:
        """The peer was asked to call another party, and reports this final status code for that call.

        For a refused REFER the code is that of the refusal.
        """
        asked = Asked(self._call, code)
        self._await(
            "has transferred its peer",
            str(code),
            asked.observed,
            asked.holds,
            timeout=timeout,
            hopeless=asked.hopeless,
        )

    @expectation("transferred", value=PatternText, check=Pattern)
    def to_have_been_transferred(self, *, to: str | None = None, timeout: float = TIMEOUT_S) -> None:
        """The peer transferred this call with REFER, and the new call was answered; ``to`` matches its URI.

        ``call.transferred_to`` is the new call. Raises ConfigError for an invalid regular expression.
        """
        followed = Followed(self._call, Pattern(to) if to is not None else None)
        self._await(
            "has been transferred",
            f"an answered call to /{to or ''}/",
            followed.observed,
            followed.holds,
            timeout=timeout,
            hopeless=followed.hopeless,
        )

    @expectation("replaced")
    def to_have_been_replaced(self, *, timeout: float = TIMEOUT_S) -> None:
        """Another call took the place of this one (RFC 3891), which ended; it is ``call.replaced_by``."""
        replaced = Replaced(self._call)
        self._await(
            "has been replaced",
            "an answered call in its place, and its own end",
            replaced.observed,
            replaced.holds,
            timeout=timeout,
            hopeless=replaced.hopeless,
        )


class Asked:
    """A transfer that this side requested; judged from the REFERs and the peer's NOTIFYs."""

    def __init__(self, call: Call, code: int) -> None:
        self._facts = call.facts
        self._code = code

    def holds(self) -> bool:
        """Whether the peer's call, or the refused REFER, has the expected code."""
        return self._code in {self._result(), self._refusal()}

    def hopeless(self) -> str | None:
        """Why that can no longer happen."""
        result, refusal = self._result(), self._refusal()
        if refusal is not None:
            return f"the peer refused the REFER with {refusal}"
        return f"the peer's call came to {result}" if result is not None else None

    def observed(self) -> str:
        """The responses to the REFERs, and the peer's progress reports."""
        answers = [str(answer.message.status) for answer in self._answers()]
        told = [f"{event.code} {event.reason}" for event in self._facts.transfers]
        if not self._refers():
            return "no REFER was sent"
        return f"REFER answered with {', '.join(answers) or 'nothing'}; NOTIFY {', '.join(told) or 'none'}"

    def _refers(self) -> list[TracedMessage]:
        return [traced for traced in self._facts.messages if traced.sent and traced.message.method == "REFER"]

    def _answers(self) -> list[TracedMessage]:
        return [message for message in self._facts.messages if not message.sent and answers_refer(message)]

    def _refusal(self) -> int | None:
        asked = max((refer.at for refer in self._refers()), default=0.0)
        codes = (answer.message.status for answer in self._answers() if answer.at >= asked)
        return next((code for code in codes if is_failure(code)), None)

    def _result(self) -> int | None:
        asked = max((refer.at for refer in self._refers()), default=0.0)
        final = [event.code for event in self._facts.transfers if event.final and event.at >= asked]
        return final[-1] if final else None


class Followed:
    """A transfer that the peer requested and this side carried out."""

    def __init__(self, call: Call, to: Pattern | None) -> None:
        self._call = call
        self._to = to

    def holds(self) -> bool:
        """Whether the new call goes to the expected URI and was answered."""
        new = self._call.transferred_to
        return new is not None and self._right(new) and new.facts.reached(CallState.CONFIRMED) is not None

    def hopeless(self) -> str | None:
        """Why that can no longer happen; after an unanswered call, the peer may request another one."""
        new, end = self._call.transferred_to, self._call.facts.ended
        if new is None:
            return (
                f"the call ended: {self._call.facts.ended_text}, and no call was made for it" if end else None
            )
        if not self._right(new) and (end or new.facts.reached(CallState.CONFIRMED)):
            return f"it calls {new.remote_uri}"
        over = new.facts.ended
        return f"the call that it made ended: {new.facts.ended_text}" if end and over else None

    def observed(self) -> str:
        """The new call."""
        new = self._call.transferred_to
        if new is None:
            return f"no call was made, {self._refer()}"
        over = new.facts.ended
        return f"{new}, {new.state}" + (f" {new.facts.ended_text}" if over else "")

    def _right(self, new: Call) -> bool:
        return self._to is None or self._to.found_in(new.remote_uri)

    def _refer(self) -> str:
        messages = self._call.facts.messages
        came = any(one.message.method == "REFER" for one in messages if not one.sent)
        codes = [str(traced.message.status) for traced in messages if traced.sent and answers_refer(traced)]
        return (
            f"and the REFER was answered with {', '.join(codes) or 'nothing'}"
            if came
            else "and no REFER came"
        )


class Replaced:
    """A call that another call replaced (RFC 3891)."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def holds(self) -> bool:
        """Whether the replacing call is or was up, and this call has ended."""
        new = self._call.replaced_by
        up = new is not None and new.facts.reached(CallState.CONFIRMED) is not None
        return up and self._call.facts.ended is not None

    def hopeless(self) -> str | None:
        """Why that can no longer happen."""
        new, end = self._call.replaced_by, self._call.facts.ended
        if new is None:
            return f"the call ended: {self._call.facts.ended_text}" if end else None
        over = new.facts.ended
        return f"the call that replaced it ended: {new.facts.ended_text}" if over else None

    def observed(self) -> str:
        """Both calls."""
        new = self._call.replaced_by
        if new is None:
            return f"no INVITE took its place, {self._call.state}"
        return f"replaced by {new}, {new.state}; this one is {self._call.state}"


def answers_refer(traced: TracedMessage) -> bool:
    """Whether the message is a response to a REFER."""
    return bool(traced.message.status) and traced.message.cseq_method == "REFER"
