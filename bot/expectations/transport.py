"""Expectations of the path of a call: SIP transport, connection, ICE candidates (RFC 8445)."""

from __future__ import annotations

from bot.deadline import TIMEOUT_S, Deadline
from bot.errors import ConfigError
from bot.expectations.base import Expectation
from bot.expectations.definition import expectation
from bot.expectations.names import named
from bot.model import CandidatePair, Transport
from bot.ua import Call, CallRecord

__all__ = ["PathExpectation"]

LOOK_EVERY_S = 0.05
CANDIDATE_TYPES = ("host", "srflx", "prflx", "relay")


class PathExpectation(Expectation):
    """Expectations of the path of messages and media; every ``timeout`` is in seconds."""

    @expectation("transport", value=Transport)
    def to_use_transport(
        self, transport: str | Transport, *, method: str = "INVITE", timeout: float = TIMEOUT_S
    ) -> None:
        """The first request of this method, the INVITE, is sent or received over this transport.

        A large request is sent over TCP although its URI says UDP, and over UDP where TCP is refused
        (RFC 3261 18.1.1): the transport of the answer counts.
        """
        wanted = named(Transport, transport, "transport")

        def ways(*, tried: bool) -> list[str]:
            its = (traced for traced in self._facts.messages if traced.message.cseq_method == method)
            return [one.transport for one in its if (one.sent and one.message.is_request) is tried]

        def used() -> str:
            return next(iter([*ways(tried=False), *reversed(ways(tried=True))]), "")

        if method != "ACK":  # an unanswered request may still be sent over another transport
            self._call.endpoint.wait_until(
                lambda: bool(ways(tried=False) or self._ended()), Deadline(timeout)
            )

        def wrong() -> str | None:
            return f"the {method} went by {used()}" if used() else self._ended()

        self._await(
            "uses transport",
            f"{method} by {wanted}",
            lambda: f"{method} by {used()}" if used() else f"no {method}",
            lambda: used() == wanted,
            timeout=timeout,
            hopeless=wrong,
        )

    def to_share_the_connection_of(self, other: Call) -> None:
        """All messages of this call so far went over connections that the other call used too (RFC 5923).

        Raises ConfigError for a call over UDP, which has no connections.
        """
        mine, others = connections(self._facts), connections(other.facts)
        if any(transport == Transport.UDP for transport, _, _ in mine | others):
            raise ConfigError(f"{self._call} or {other} went by UDP, which has no connections")
        self._decide(
            f"shares the connection of {other.label}",
            bool(mine) and mine <= others,
            " and ".join(map(shown, sorted(others))) or "a connection of the other call",
            " and ".join(map(shown, sorted(mine))) or "no messages",
        )

    def to_have_selected_candidates(
        self, *, local: str | None = None, remote: str | None = None, timeout: float = TIMEOUT_S
    ) -> None:
        """ICE came to a pair of candidates for the audio, of these types (host, srflx, prflx, relay)."""
        for kind in (local, remote):
            if kind is not None and kind not in CANDIDATE_TYPES:
                raise ConfigError(f"a candidate is one of {', '.join(CANDIDATE_TYPES)}, not {kind!r}")
        deadline = Deadline(timeout)
        while self._pair() is None and self._facts.ended is None and not deadline.passed:
            self._call.measure()  # the library has no event for the end of ICE, so its state is polled
            step = Deadline(min(LOOK_EVERY_S, deadline.left))
            self._call.endpoint.wait_until(lambda: self._pair() is not None, step)
        pair = self._pair()
        passed = pair is not None and local in {None, pair.local_type} and remote in {None, pair.remote_type}
        self._decide(
            "has selected candidates",
            passed,
            f"{local or 'any'} to {remote or 'any'}",
            f"{pair.local_type} {pair.local} to {pair.remote_type} {pair.remote}" if pair else "no pair",
            why="" if pair else (self._ended() or f"waited {timeout:g} s"),
        )

    def _pair(self) -> CandidatePair | None:
        line = self._facts.audio()
        return line.ice if line is not None else None


Connection = tuple[str, str, str]
"""Transport, local address, remote address."""


def connections(call: CallRecord) -> set[Connection]:
    """The connections of the messages of a call."""
    return {(message.transport, message.local, message.peer) for message in call.messages}


def shown(connection: Connection) -> str:
    """The text for a connection."""
    transport, local, peer = connection
    return f"{transport} {local or '?'} - {peer}"
