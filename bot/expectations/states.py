"""Expectations of call states, of responses to the INVITE, and of their times (RFC 3261)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from bot.deadline import TIMEOUT_S, Deadline
from bot.errors import ConfigError
from bot.expectations.base import Expectation
from bot.expectations.definition import Companion, expectation
from bot.expectations.names import named
from bot.expectations.values import Milliseconds, StatusCode
from bot.model import CallState, EndedBy

__all__ = ["StateExpectation", "StateName"]

StateName = Literal["calling", "incoming", "early", "connecting", "confirmed", "disconnected"]
BY = Companion(EndedBy, "Side that ended the call: local, remote or error.")
CODE = Companion(StatusCode, "Status code with which the call ended.")


class StateExpectation(Expectation):
    """Expectations of states and responses; every ``timeout`` is in seconds."""

    def to_be_ringing(self, *, timeout: float = TIMEOUT_S) -> None:
        """The call has been, or gets, in the EARLY state by a 18x response."""
        self._reach("is ringing", "EARLY", (CallState.EARLY,), timeout)

    def to_be_confirmed(self, *, timeout: float = TIMEOUT_S) -> None:
        """The call has been, or gets, answered with 200 and acknowledged."""
        self._reach("is confirmed", "CONFIRMED", (CallState.CONFIRMED,), timeout)

    @expectation("by", parameter="by", value=EndedBy, description=BY.description)
    @expectation("code", parameter="code", value=StatusCode, also={"by": BY}, description=CODE.description)
    def to_be_disconnected(
        self, *, code: int | None = None, by: str | EndedBy | None = None, timeout: float = TIMEOUT_S
    ) -> None:
        """The call has ended, or ends, with this status code and by this side.

        An end by this side that nobody asked for, such as after an answer that it does not accept, is both
        ``local`` and an ``error``.
        """
        party = named(EndedBy, by, "by") if by is not None else None
        facts = self._facts

        def right() -> bool:
            end = facts.ended
            parties = {None, facts.ended_by, *([EndedBy.ERROR] if facts.broken else [])}
            return end is not None and code in {None, end.code} and party in parties

        expected = " ".join(
            ["DISCONNECTED", *([str(code)] if code is not None else []), *([f"by {party}"] if party else [])]
        )

        def wrong() -> str | None:
            return None if facts.awaits_final_response else self._ended()

        self._await("is disconnected", expected, self._state, right, timeout=timeout, hopeless=wrong)

    def _reach(self, name: str, expected: str, states: tuple[CallState, ...], timeout: float) -> None:
        facts = self._facts
        self._await(
            name,
            expected,
            self._state,
            lambda: facts.reached(*states) is not None,
            timeout=timeout,
            hopeless=self._ended,
        )

    @expectation(
        "state",
        value=StateName,
        also={"code": CODE, "by": BY},
        description="State that the call reaches or has reached.",
    )
    def to_have_reached(
        self,
        state: str | CallState,
        *,
        code: int | None = None,
        by: str | EndedBy | None = None,
        timeout: float = TIMEOUT_S,
    ) -> None:
        """The call has been, or gets, in this state, for instance ``connecting``.

        ``code`` and ``by`` are those of ``to_be_disconnected``, for the state ``disconnected``. Raises
        ConfigError for an unknown state, and for a code of another state.
        """
        wanted = named(CallState, state.upper(), "state")
        if wanted is CallState.DISCONNECTED:
            self.to_be_disconnected(code=code, by=by, timeout=timeout)
        elif code is not None or by is not None:
            raise ConfigError(f"code and by need the state disconnected, not {state}")
        else:
            self._reach(f"reaches {wanted}", wanted, (wanted,), timeout)

    @expectation("never_state", value=StateName)
    def not_to_have_reached(self, state: str | CallState, *, during: float = 0.0) -> None:
        """The call has not been in this state, and is not in the next ``during`` seconds."""
        wanted = named(CallState, state.upper(), "state")
        self._absent(
            f"never reaches {wanted}",
            f"never {wanted}",
            lambda: self._facts.reached(wanted) is not None,
            lambda: " ".join(one.state for one in self._facts.states),
            during,
        )

    # ---- responses

    @expectation("response")
    def to_have_response(self, code: StatusCode, *, timeout: float = TIMEOUT_S) -> None:
        """A response to the INVITE with this status code was, or is, sent or received (RFC 3261 21)."""
        self._await(
            f"has a {code} response",
            str(code),
            self._responses,
            lambda: self._facts.response_after_ms(code, code) is not None,
            timeout=timeout,
            hopeless=self._ended,
        )

    @expectation("no_response")
    def not_to_have_response(self, code: StatusCode, *, during: float = 0.0) -> None:
        """No response to the INVITE with this status code was, or is, sent or received.

        Responses of the next ``during`` seconds count too.
        """
        self._absent(
            f"has no {code} response",
            f"no {code}",
            lambda: self._facts.response_after_ms(code, code) is not None,
            self._responses,
            during,
        )

    @expectation("ringing_within_ms")
    def to_be_ringing_within(self, ms: Milliseconds, *, timeout: float = TIMEOUT_S) -> None:
        """The first 18x response comes at most this many ms after the INVITE (post-dial delay)."""
        self._respond("ringing", lambda: self._facts.ringing_after_ms, at_most=ms, timeout=timeout)

    @expectation("answered_within_ms", option="--expect-answer-within", metavar="MS")
    def to_be_answered_within(self, ms: Milliseconds, *, timeout: float = TIMEOUT_S) -> None:
        """The first 2xx response comes at most this many ms after the INVITE."""
        self._respond("answered", lambda: self._facts.answered_after_ms, at_most=ms, timeout=timeout)

    @expectation("answered_after_ms")
    def to_be_answered_after(self, ms: Milliseconds, *, timeout: float = TIMEOUT_S) -> None:
        """The first 2xx response comes at least this many ms after the INVITE."""
        self._respond("answered", lambda: self._facts.answered_after_ms, at_least=ms, timeout=timeout)

    def _respond(
        self,
        word: str,
        after: Callable[[], float | None],
        *,
        at_least: float = 0.0,
        at_most: float = math.inf,
        timeout: float,
    ) -> None:
        """Wait for the response and judge its time."""

        def over() -> bool:
            return after() is not None or self._ended() is not None

        came = self._endpoint.wait_until(over, Deadline(timeout))
        at = after()
        observed = f"after {at:.1f} ms" if at is not None else f"not {word}, {self._state()}"
        why = "" if came else f"waited {timeout:g} s"
        expected = f"within {at_most:g} ms" if at_most < math.inf else f"not before {at_least:g} ms"
        passed = at is not None and at_least <= at <= at_most
        self._decide(f"is {word} in time", passed, expected, observed, why=why)

    def _responses(self) -> str:
        messages = (
            traced.message for traced in self._facts.messages if traced.message.cseq_method == "INVITE"
        )
        codes = dict.fromkeys(str(message.status) for message in messages if message.status)
        return ", ".join(codes) or f"no response, {self._state()}"
