"""Admission: messages that are refused since their source takes too much, and INVITEs that cannot be calls.

The limits stand in one table (``Admission.rates``). What exceeds one gets 503 with Retry-After (RFC 3261
21.5.4), or nothing when its source has had enough responses. The library does not survive an offer of
DTLS-SRTP, which its build lacks, nor more calls than it has sockets for: they get 488 and 503.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from bot.agent.call_limits import CallLimits, Room
from bot.agent.header_lines import CALL_ID_RAW, TO_RAW
from bot.agent.limit_reports import LimitReports
from bot.agent.workarounds.socket_budget import SocketBudget
from bot.config import EndpointConfig
from bot.model import Keying
from bot.rates import EVERYBODY, Sources, host_of
from bot.sip import StatusCode
from bot.sip.intake import SILENCE, Refusal

__all__ = ["Admission", "OverLimit", "cannot_be_keyed", "expires_of", "invite_judge"]

SDES_OFFER = re.compile(r"\nm=\S+ [1-9]\S* RTP/SAVPF? ", re.IGNORECASE)
DTLS_OFFER = re.compile(r"\nm=\S+ \S+ UDP/TLS/", re.IGNORECASE)
EXPIRES = re.compile(rb"\nExpires[ \t]*:[ \t]*([0-9]{1,10})", re.IGNORECASE)
EVENT = re.compile(rb"\n(?:Event|o)[ \t]*:", re.IGNORECASE)
"""A search for a line end is much faster than one for the beginning of a line; no field is the first line."""
TAG = re.compile(rb";\s*tag\s*=", re.IGNORECASE)
WITHOUT_TRANSACTION = {b"ACK", b"BYE", b"CANCEL", b"PRACK"}
"""Requests that end something, or that make no transaction of their own outside of a call."""
ALL_SOURCES = 3.0
"""Rate of all sources together, as a multiple of the rate of one source."""
REFUSALS_PER_S = 250.0
"""Responses to refused requests of one source; further ones are dropped."""
RESERVED_CALLS = 8
"""Sockets' worth of calls that sources which exceed limits leave to others."""
HEADERS: dict[int, tuple[tuple[str, str], ...]] = {
    StatusCode.SERVICE_UNAVAILABLE: (("Retry-After", "10"),),
    StatusCode.BAD_EVENT: (("Allow-Events", "refer"),),
}
"""Header fields of the responses (RFC 3261 21.5.4, RFC 6665 8.3.2)."""
USUAL_EXPIRES_S = 3600
"""Of presence (RFC 3856 6.4)."""


class OverLimit(Refusal):
    """A refusal because of the rate of the source."""


@dataclass(frozen=True)
class Rate:
    """A rate of messages per second: ``per_s`` for one source, ``together`` for all sources."""

    rule: str
    what: str
    counts: Callable[[bytes, bool], bool]
    """Whether a message counts, by its method and whether it belongs to a dialog."""
    per_s: float
    together: float
    code: int


class Admission:
    """Judges messages by their source, before the library reads them."""

    def __init__(self, config: EndpointConfig, reports: LimitReports) -> None:
        limits = config.limits
        self._subscriptions = Subscriptions(limits.subscriptions) if config.accept_subscriptions else None
        self.sources = Sources()
        self.calls: CallLimits | None = None
        """The calls that there are; without it nothing is known of calls."""
        self._reports = reports
        self._host = self._call_id = ""
        """Of the message at hand."""
        per_s = limits.requests_per_s
        self.rates = (
            Rate("message-rate", "SIP messages", lambda method, inside: True,
                 limits.messages_per_s, 0, SILENCE),
            Rate("invite-rate", "INVITEs", lambda method, inside: method == b"INVITE" and not inside,
                 limits.invites_per_s, 0, StatusCode.SERVICE_UNAVAILABLE),
            Rate("request-rate", "requests", makes_transaction,
                 per_s, ALL_SOURCES * per_s, StatusCode.SERVICE_UNAVAILABLE),
        )  # fmt: skip

    def judge(self, data: bytes, peer: str) -> Refusal | None:
        """Count a message from ``host:port``; why it is refused, or None."""
        host = self._host = host_of(peer)
        text = data.lstrip(b"\r\n")
        if not text or not host:
            return None
        method, inside = (
            (b"", True) if text[:4].upper() == b"SIP/" else (text.split(b" ", 1)[0], in_dialog(text))
        )
        for rate in self.rates:
            if not rate.counts(method, inside):
                continue
            if not self.sources.takes(host, rate.rule, rate.per_s):
                self.sources.abused(host)
                return self._refused(
                    rate.rule, peer, rate.code, f"more than {rate.per_s:g} {rate.what} a second"
                )
            if not self.sources.takes(EVERYBODY, rate.rule, rate.together):
                why = f"more than {rate.together:g} {rate.what} a second of all sources"
                return self._refused(rate.rule, peer, rate.code, why)
        return None

    def judge_whole(self, data: bytes, peer: str) -> Refusal | None:
        """Why a well-formed message begins no call and no subscription, or None."""
        if data.startswith(b"SUBSCRIBE ") and EVENT.search(data) and not in_dialog(data):
            return self._judge_subscription(data, peer)
        return self._judge_call(data, peer)

    def _judge_subscription(self, data: bytes, peer: str) -> Refusal | None:
        if self._subscriptions is None:
            why = "subscriptions are not accepted (accept_subscriptions)"
            return self._refused("subscription", peer, StatusCode.BAD_EVENT, why)
        if not self._subscriptions.begins(expires_of(data)):
            why = f"{self._subscriptions.most} subscriptions at once"
            return self._refused("subscriptions", peer, StatusCode.SERVICE_UNAVAILABLE, why)
        return None

    def _judge_call(self, data: bytes, peer: str) -> Refusal | None:
        """Why a well-formed message cannot begin a call, or None; ends a call that stands in its way."""
        if not data.startswith(b"INVITE ") or in_dialog(data):
            return None
        call_id = CALL_ID_RAW.search(data)
        self._call_id = call_id[1].decode("latin-1") if call_id else ""
        room = self.room()
        if not room.why or room.waits:
            return None
        return self._refused("calls-per-source", peer, StatusCode.BUSY_HERE, room.why)

    @property
    def caller(self) -> tuple[str, str]:
        """The source and the Call-ID of the INVITE at hand."""
        return self._host, self._call_id

    def room(self, caller: tuple[str, str] | None = None) -> Room:
        """Whether this caller, or that of the INVITE at hand, may begin a call."""
        return self.calls.make_room(*(caller or self.caller)) if self.calls is not None else Room()

    def reserved(self, host: str) -> int:
        """How many calls' sockets a source may not take."""
        return RESERVED_CALLS if self.sources.is_abusing(host) else 0

    def _refused(self, rule: str, peer: str, code: int, why: str) -> OverLimit:
        self._reports.reached(rule, peer, why)
        if code != SILENCE and not self.sources.takes(self._host, "refusals", REFUSALS_PER_S):
            code = SILENCE
        return OverLimit(rule, code, why, headers=HEADERS.get(code, ()))


class Subscriptions:
    """How many there are at once, each for as long as it asked for at first."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.most, self._clock = most, clock
        self._until: list[float] = []

    def begins(self, seconds: float) -> bool:
        """Count one more, if there is room."""
        now = self._clock()
        self._until = [key for key in self._until if key > now]
        if 0 < self.most <= len(self._until):
            return False
        self._until.append(now + seconds)
        return True


def expires_of(data: bytes) -> float:
    """The seconds that a SUBSCRIBE asks for (RFC 6665 4.1.2.1)."""
    found = EXPIRES.search(data)
    return min(float(found[1]), USUAL_EXPIRES_S * 24.0) if found else USUAL_EXPIRES_S


def makes_transaction(method: bytes, inside: bool) -> bool:
    """Whether the library keeps a transaction of the request for 32 s (RFC 3261 17.2.2)."""
    return bool(method) and method not in WITHOUT_TRANSACTION and (inside or method != b"INVITE")


def in_dialog(data: bytes) -> bool:
    """Whether a request has a To tag (RFC 3261 12.2)."""
    to = TO_RAW.search(data)
    return to is not None and TAG.search(to[1].rpartition(b">")[2]) is not None


def offers_dtls(message: str) -> bool:
    """Whether the SDP of this message offers DTLS-SRTP (RFC 5764 8), as WebRTC does."""
    return DTLS_OFFER.search(message) is not None


def cannot_be_keyed(message: str, keying: Collection[Keying]) -> bool:
    """Whether no key exchange of the endpoint takes the SRTP that this message offers."""
    if offers_dtls(message):
        return Keying.DTLS not in keying
    return Keying.SDES not in keying and bool(SDES_OFFER.search(message)) and "a=fingerprint:" not in message


def invite_judge(
    received: Callable[[], str], budget: SocketBudget, admission: Admission, keying: Collection[Keying]
) -> Callable[[], int]:
    """A function that returns the status code to refuse the received INVITE with.

    0 lets it in, and 100 lets it wait for a call to end. A library without DTLS-SRTP must not see its offers.
    """

    def judge() -> int:
        if cannot_be_keyed(received(), keying):
            return StatusCode.NOT_ACCEPTABLE_HERE
        if admission.room().waits:
            return StatusCode.TRYING
        host, _ = admission.caller
        if budget.room_in(admission.reserved(host)) > 0:
            return StatusCode.SERVICE_UNAVAILABLE
        budget.attempted()
        return 0

    return judge
