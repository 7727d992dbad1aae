"""Expectations of the setup and the cancellation of a call, judged from its SIP messages (RFC 3261)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, get_args

from msgspec import Meta

from bot.deadline import TIMEOUT_S
from bot.errors import ConfigError
from bot.expectations.base import Expectation
from bot.expectations.cancel_rules import incomplete, wrong_with
from bot.expectations.definition import Companion, expectation
from bot.expectations.values import TargetUri
from bot.sip import Message, NegotiatedTimer, Uri, negotiated, parse_uri, reliable_responses, unacknowledged

__all__ = ["SetupExpectation"]

Refresher = Literal["uac", "uas"]
REFRESHER = Companion(
    Refresher, "Side that refreshes the session timer: ``uac`` or ``uas`` (RFC 4028 section 4)."
)
SessionInterval = Annotated[int, Meta(ge=90, description="seconds, RFC 4028")]


class SetupExpectation(Expectation):
    """Expectations of the beginning and the end of a call; every ``timeout`` is in seconds."""

    @expectation("cancelled")
    def to_have_cancelled_correctly(self, *, timeout: float = TIMEOUT_S) -> None:
        """The last CANCEL fits its INVITE (RFC 3261 9.1), both were answered, and the ACK was sent.

        Request-URI, Call-ID, From, To, CSeq number, top Via and Route are those of its INVITE, and it was not
        sent before a provisional response. On both sides, whichever sent it.
        """
        messages = self._facts.messages

        def faults() -> str:
            return "; ".join(wrong_with(messages))

        self._await(
            "has cancelled correctly",
            "a CANCEL that fits its INVITE (RFC 3261 9.1), both answered and acknowledged",
            lambda: faults() or incomplete(messages) or "the CANCEL fits, all is answered",
            lambda: not faults() and incomplete(messages) is None,
            timeout=timeout,
            hopeless=lambda: faults() or None,
        )

    @expectation(
        "redirected",
        description="Last target of the INVITE after redirections (3xx): name of an endpoint, or a SIP URI.",
    )
    def to_have_been_redirected(
        self, to: TargetUri | None = None, *, hops: int | None = None, timeout: float = TIMEOUT_S
    ) -> None:
        """The INVITE was redirected (``follow_redirects``), finally to ``to``, in ``hops`` redirections.

        Raises ConfigError for an invalid URI.
        """
        target = parse_uri(to) if to is not None else None
        facts = self._facts

        def right() -> bool:
            followed = [redirect for redirect in facts.redirects if not redirect.refused]
            return (
                bool(followed)
                and hops in {None, len(followed)}
                and (target is None or same(target, parse_uri(followed[-1].target)))
            )

        def observed() -> str:
            steps = [
                f"{one.hop}. {one.target} after {one.code}"
                + (f", not followed: {one.refused}" if one.refused else "")
                for one in facts.redirects
            ]
            return "; ".join(steps) or "not redirected"

        wanted = [*([f"to {to}"] if to else []), *([f"by {hops} hops"] if hops is not None else [])]
        self._await(
            "has been redirected",
            " ".join(wanted) or "to another target",
            observed,
            right,
            timeout=timeout,
            hopeless=self._ended,
        )

    @expectation("reliable", parameter=None, negative="not_to_use_reliable_provisionals")
    def to_use_reliable_provisionals(self, *, at_least: int = 1, timeout: float = TIMEOUT_S) -> None:
        """Provisional responses were sent reliably (RFC 3262), and each has its PRACK, which was answered."""

        def right() -> bool:
            seen = self._all_messages()
            return len(reliable_responses(seen)) >= at_least and not unacknowledged(seen)

        self._await(
            "uses reliable provisional responses",
            f"{at_least} or more, each acknowledged with PRACK",
            self._reliability,
            right,
            timeout=timeout,
            hopeless=self._ended,
        )

    def not_to_use_reliable_provisionals(self, *, timeout: float = TIMEOUT_S) -> None:
        """A provisional response came, other than 100, and none was sent reliably until now."""

        def rings() -> bool:
            return any(message.is_early for message in self._all_messages())

        self._await(
            "uses no reliable provisional responses",
            "provisional responses without RSeq",
            self._reliability,
            lambda: rings() and not reliable_responses(self._all_messages()),
            timeout=timeout,
            hopeless=lambda: "there is one" if reliable_responses(self._all_messages()) else self._ended(),
        )

    @expectation("session_expires", also={"refresher": REFRESHER})
    def to_use_session_timer(
        self,
        *,
        expires_s: SessionInterval | None = None,
        refresher: str | None = None,
        timeout: float = TIMEOUT_S,
    ) -> None:
        """The last successful INVITE or UPDATE set a session timer (RFC 4028) of this interval, in seconds.

        ``refresher`` is ``uac`` or ``uas`` of that request. Raises ConfigError for another.
        """
        if refresher not in {None, *get_args(Refresher)}:
            raise ConfigError(f"refresher {refresher!r} is unknown; expected uac or uas")

        def right() -> bool:
            timer = self._timer()
            return (
                timer is not None
                and expires_s in {None, timer.expires_s}
                and refresher in {None, timer.refresher}
            )

        wanted = [f"{expires_s} s" if expires_s else "any interval", *([refresher] if refresher else [])]
        self._await(
            "uses a session timer",
            ", refreshed by the ".join(wanted),
            lambda: str(self._timer() or "no session timer"),
            right,
            timeout=timeout,
            hopeless=self._ended,
        )

    def not_to_use_session_timer(self, *, timeout: float = TIMEOUT_S) -> None:
        """The INVITE was accepted, and no session timer was set."""

        def accepted() -> bool:
            return any(
                message.cseq_method == "INVITE" and message.is_success for message in self._all_messages()
            )

        self._await(
            "uses no session timer",
            "no Session-Expires in the answer",
            lambda: str(self._timer() or ("no session timer" if accepted() else "no answer")),
            lambda: accepted() and self._timer() is None,
            timeout=timeout,
            hopeless=lambda: str(self._timer()) if self._timer() else self._ended(),
        )

    def _all_messages(self) -> Sequence[Message]:
        return [traced.message for traced in self._facts.messages]

    def _timer(self) -> NegotiatedTimer | None:
        return negotiated(self._all_messages())

    def _reliability(self) -> str:
        seen = self._all_messages()
        return "; ".join(
            [f"{len(reliable_responses(seen))} reliable provisional responses", *unacknowledged(seen)]
        )


def same(one: Uri, other: Uri) -> bool:
    """Whether two URIs are equal, apart from their parameters."""
    return (one.user, one.host.lower(), one.port) == (other.user, other.host.lower(), other.port)
