"""What became of a call's transfers (RFC 3515, 3891), asked for by either side; for expectations."""

from __future__ import annotations

import re

from .call import Call
from .model import CallState
from .record import TracedMessage

__all__ = ["Asked", "Followed", "Replaced"]

REFUSED = 300


class Asked:
    """This side has asked its peer to call somebody else; read from the REFERs and what the peer tells."""

    def __init__(self, call: Call, code: int) -> None:
        self._known = call.known
        self._code = code

    def holds(self) -> bool:
        """Whether the peer's call came to the code, or the REFER was refused with it."""
        return self._code in {self._result(), self._refusal()}

    def hopeless(self) -> str | None:
        """Why that cannot happen any more."""
        result, refusal = self._result(), self._refusal()
        if refusal is not None:
            return f"the peer refused the REFER with {refusal}"
        return f"the peer's call came to {result}" if result is not None else None

    def observed(self) -> str:
        """The answers to the REFERs, and what the peer said since."""
        answers = [str(one.message.status) for one in self._answers()]
        told = [f"{event.code} {event.reason}" for event in self._known.transfers]
        if not self._refers():
            return "no REFER was sent"
        return f"REFER answered with {', '.join(answers) or 'nothing'}; told {', '.join(told) or 'nothing'}"

    def _refers(self) -> list[TracedMessage]:
        return [one for one in self._known.messages if one.sent and one.message.method == "REFER"]

    def _answers(self) -> list[TracedMessage]:
        return [one for one in self._known.messages if not one.sent and answers_refer(one)]

    def _refusal(self) -> int | None:
        asked = max((one.at for one in self._refers()), default=0.0)
        codes = (one.message.status for one in self._answers() if one.at >= asked)
        return next((code for code in codes if code >= REFUSED), None)

    def _result(self) -> int | None:
        asked = max((one.at for one in self._refers()), default=0.0)
        final = [event.code for event in self._known.transfers if event.final and event.at >= asked]
        return final[-1] if final else None


class Followed:
    """This side was asked to call somebody else, and did."""

    def __init__(self, call: Call, to: re.Pattern[str] | None) -> None:
        self._call = call
        self._to = to

    def holds(self) -> bool:
        """Whether the call that it made goes where it should, and was answered."""
        new = self._call.transferred_to
        return new is not None and self._right(new) and new.known.reached(CallState.CONFIRMED) is not None

    def hopeless(self) -> str | None:
        """Why that cannot happen any more: unless one was answered, a call's peer may ask for another one."""
        new, end = self._call.transferred_to, self._call.known.ended
        if new is None:
            return f"the call ended: {end.code} {end.reason}, and no call was made for it" if end else None
        if not self._right(new) and (end or new.known.reached(CallState.CONFIRMED)):
            return f"it calls {new.remote_uri}"
        over = new.known.ended
        return f"the call that it made ended: {over.code} {over.reason}" if end and over else None

    def observed(self) -> str:
        """The call that was made."""
        new = self._call.transferred_to
        if new is None:
            return f"no call was made, {self._refer()}"
        over = new.known.ended
        return f"{new}, {new.state}" + (f" {over.code} {over.reason}" if over else "")

    def _right(self, new: Call) -> bool:
        return self._to is None or self._to.search(new.remote_uri) is not None

    def _refer(self) -> str:
        messages = self._call.known.messages
        came = any(one.message.method == "REFER" for one in messages if not one.sent)
        codes = [str(one.message.status) for one in messages if one.sent and answers_refer(one)]
        return (
            f"and the REFER was answered with {', '.join(codes) or 'nothing'}"
            if came
            else "and no REFER came"
        )


class Replaced:
    """Another call has taken the place of this one."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def holds(self) -> bool:
        """Whether that call is up, or was, and this one has ended."""
        new = self._call.replaced_by
        up = new is not None and new.known.reached(CallState.CONFIRMED) is not None
        return up and self._call.known.ended is not None

    def hopeless(self) -> str | None:
        """Why that cannot happen any more."""
        new, end = self._call.replaced_by, self._call.known.ended
        if new is None:
            return f"the call ended: {end.code} {end.reason}, by {self._call.known.ended_by}" if end else None
        over = new.known.ended
        return f"the call that replaced it ended: {over.code} {over.reason}" if over else None

    def observed(self) -> str:
        """Both calls."""
        new = self._call.replaced_by
        if new is None:
            return f"no INVITE took its place, {self._call.state}"
        return f"replaced by {new}, {new.state}; this one is {self._call.state}"


def answers_refer(traced: TracedMessage) -> bool:
    """Whether it is a response to a REFER."""
    return bool(traced.message.status) and traced.message.cseq_method == "REFER"
