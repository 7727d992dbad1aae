"""Owns what can be expected of the way a call takes: its transport, its connection, its ICE candidates.

It must not know how a verdict is waited for and written down: ``deciding`` does.
"""

from __future__ import annotations

from .call import Call
from .deadline import TIMEOUT_S, Deadline
from .deciding import Deciding
from .errors import ConfigError
from .model import CandidatePair, Transport
from .record import CallRecord

__all__ = ["PathExpectation"]

LOOK_EVERY_S = 0.05
CANDIDATE_TYPES = ("host", "srflx", "prflx", "relay")


class PathExpectation(Deciding):
    """What can be expected of the way that a call's messages and media take; timeouts are in seconds."""

    def to_use_transport(
        self, transport: str | Transport, *, method: str = "INVITE", timeout: float = TIMEOUT_S
    ) -> None:
        """The request of this method, the first of them, goes by this transport, sent or received.

        A large request goes by TCP though its URI says UDP, and by UDP all the same where nobody takes
        it by TCP (RFC 3261 18.1.1): what counts is how it was answered.
        """
        wanted = transport_named(transport)

        def ways(*, tried: bool) -> list[str]:
            its = (one for one in self._known.messages if one.message.cseq_method == method)
            return [one.transport for one in its if (one.sent and one.message.is_request) is tried]

        def used() -> str:
            return next(iter([*ways(tried=False), *reversed(ways(tried=True))]), "")

        if method != "ACK":  # one that is not answered may leave by another transport yet
            self._call.host.wait_until(lambda: bool(ways(tried=False) or self._ended()), Deadline(timeout))

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
        mine, others = connections(self._known), connections(other.known)
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
        while self._pair() is None and self._known.ended is None and not deadline.passed:
            self._call.measure()  # the library tells nobody when ICE ends, so it is asked
            step = Deadline(min(LOOK_EVERY_S, deadline.left))
            self._call.host.wait_until(lambda: self._pair() is not None, step)
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
        line = self._known.audio()
        return line.ice if line is not None else None


Connection = tuple[str, str, str]
"""Transport, our end, the peer's end."""


def connections(call: CallRecord) -> set[Connection]:
    """Over what the messages of a call went."""
    return {(one.transport, one.local, one.peer) for one in call.messages}


def shown(connection: Connection) -> str:
    """A connection in words."""
    transport, local, peer = connection
    return f"{transport} {local or '?'} - {peer}"


def transport_named(name: str) -> Transport:
    """A transport by its name; raises ConfigError for another."""
    try:
        return Transport(name)
    except ValueError:
        raise ConfigError(f"transport {name!r} is unknown; expected one of {', '.join(Transport)}") from None
