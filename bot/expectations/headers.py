"""Expectations of header fields and of requests in a call (RFC 3261)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.deadline import TIMEOUT_S, Deadline
from bot.errors import naming
from bot.expectations.base import Expectation
from bot.expectations.definition import Companion, expectation
from bot.expectations.messages import MatchingMessages
from bot.expectations.values import MessageSelection, PatternText, Sender
from bot.model import Direction
from bot.pattern import Pattern, SlowPattern
from bot.sip import header_list

__all__ = ["HeaderExpectation"]


MESSAGES = {
    "within": Companion(
        MessageSelection,
        "Messages for ``header`` and ``no_header``: a method (INVITE), a code (183), or both (200 BYE).",
        parameter="on",
    ),
    "whose": Companion(
        Sender,
        "Sender of the messages: remote (received messages, the default) or local (sent messages).",
        parameter="sent",
        convert=lambda whose: whose == "local",
    ),
}


def patterns(value: Mapping[str, str | Sequence[str]]) -> list[dict[str, Any]]:
    """The arguments for each header field of a mapping of patterns."""
    return [{"name": name, "matching": pattern} for name, pattern in value.items()]


def absent(value: str | Sequence[str] | Mapping[str, str]) -> list[dict[str, Any]]:
    """The arguments for each header field of a name, of a list of names, or of a mapping of patterns."""
    if isinstance(value, Mapping):
        return patterns(value)
    return [{"name": name} for name in ([value] if isinstance(value, str) else value)]


def check_patterns(value: Mapping[str, str | Sequence[str]]) -> None:
    """Raise ConfigError for an invalid regular expression."""
    for name, expressions in value.items():
        for expression in [expressions] if isinstance(expressions, str) else expressions:
            with naming(name):
                Pattern(expression)


def check_absent(value: str | Sequence[str] | Mapping[str, str]) -> None:
    """Raise ConfigError for an invalid name or an invalid regular expression."""
    check_patterns(value if isinstance(value, Mapping) else {})
    header_list({arguments["name"]: "" for arguments in absent(value)})


class HeaderExpectation(Expectation):
    """Expectations of SIP messages; every ``timeout`` is in seconds."""

    @expectation(
        "header",
        value=dict[str, str | list[str]],
        each=patterns,
        also=MESSAGES,
        fixed={"later": True},
        check=check_patterns,
        option="--expect-header",
        metavar="'NAME: REGEX'",
        description="Regular expressions by header field name; every expression of a list must match.",
    )
    def to_have_header(
        self,
        name: str,
        value: str | None = None,
        *,
        matching: str | Sequence[str] | None = None,
        on: str | None = None,
        sent: bool = False,
        later: bool = False,
        timeout: float = TIMEOUT_S,
    ) -> None:
        """A message received in the call, or ``sent``, has this header, with this value or a match.

        ``matching`` is a regular expression, or several, each of which has to be found. ``on`` selects the
        messages: ``INVITE``, ``183``, ``200 BYE``. Without ``on`` any message will do, and a callee waits for
        messages after the INVITE only if ``later``.
        """
        texts = [matching] if isinstance(matching, str) else list(matching or ())
        patterns = [Pattern(text) for text in texts] or [Pattern("")]
        seen = MatchingMessages(self._facts, on, sent=sent)

        def right() -> bool:
            found = [one for one in seen.values(name) if value in {None, one}]
            return all(any(pattern.found_in(one) for one in found) for pattern in patterns)

        def wrong() -> str | None:
            incoming = self._facts.direction is Direction.INCOMING
            if incoming and not on and not later and self._facts.messages:
                return "the INVITE is here, and later requests are not waited for"
            return seen.no_more(self._ended())

        wanted = value if value is not None else ", ".join(f"/{one}/" for one in texts) or "any value"
        self._await(
            f"has header in {seen}",
            f"{name}: {wanted}",
            lambda: seen.described(name),
            right,
            timeout=timeout,
            hopeless=wrong,
        )

    @expectation(
        "no_header",
        value=str | list[str] | dict[str, str],
        each=absent,
        also=MESSAGES,
        check=check_absent,
        description="Names of absent header fields, or expressions by header field name that must not match.",
    )
    def not_to_have_header(
        self,
        name: str,
        *,
        matching: str | None = None,
        on: str | None = None,
        sent: bool = False,
        timeout: float = TIMEOUT_S,
    ) -> None:
        """Such messages were seen, and none of them has this header, or none that matches."""
        pattern = Pattern(matching or "")
        seen = MatchingMessages(self._facts, on, sent=sent)
        self._call.endpoint.wait_until(
            lambda: seen.is_there or seen.no_more(self._ended()) is not None,
            Deadline(timeout),
        )
        why = ""
        try:
            absent = not any(pattern.found_in(found) for found in seen.values(name))
        except SlowPattern as slow:
            absent, why = False, str(slow)
        which = f" like /{matching}/" if matching is not None else ""
        self._decide(
            f"has no header {name} in {seen}",
            seen.is_there and absent,
            f"no {name}{which}",
            seen.described(name),
            why=why,
        )

    @expectation("info", value=PatternText, parameter="matching", fixed={"method": "INFO"}, check=Pattern)
    def to_have_received_request(
        self, method: str, *, matching: str | None = None, timeout: float = TIMEOUT_S
    ) -> None:
        """A request such as INFO was received in the call, with a match in its body."""
        pattern = Pattern(matching or "")

        def received() -> list[str]:
            messages = (traced.message for traced in self._facts.messages if not traced.sent)
            return [message.body for message in messages if message.method == method]

        self._await(
            "has received request",
            f"{method} with /{matching}/" if matching is not None else method,
            lambda: "; ".join(map(repr, received())) or f"no {method}",
            lambda: any(pattern.found_in(digit) for digit in received()),
            timeout=timeout,
            hopeless=self._ended,
        )
