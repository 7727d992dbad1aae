"""Bounds on the use of an endpoint by its peers: calls, rates, connections."""

from __future__ import annotations

import math
from typing import Annotated

import msgspec
from msgspec import Meta

from bot.config.validation import SettingError

__all__ = ["LimitsConfig"]

MOST = 1e7

Seconds = Annotated[float, Meta(extra_json_schema={"minimum": 0, "maximum": MOST})]
PerSecond = Annotated[float, Meta(extra_json_schema={"minimum": 0, "maximum": MOST})]
Count = Annotated[int, Meta(extra_json_schema={"minimum": 0, "maximum": MOST})]


class LimitsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds on the use of the endpoint by peers; a source is an IP address. 0: no limit."""

    unacknowledged_s: Seconds = 16.0
    """Longest time from the answer of an incoming call to its ACK, in seconds; then the call is ended."""
    silence_s: Seconds | None = None
    """Longest time without RTP in an incoming call that is not on hold, in seconds; then the call is ended.

    Comfort noise (RFC 3389) is no RTP here.
    The default is 300 for an endpoint with a controller (``srtpbot answer``), otherwise no limit.
    """
    call_length_s: Seconds | None = None
    """The longest incoming call in seconds; None is 43200 for an endpoint with a controller."""
    calls_per_source: Count = 0
    """Incoming calls of one source at once."""
    invites_per_s: PerSecond = 50.0
    """INVITEs of one source outside of calls, in a second; twice as many may come at once."""
    requests_per_s: PerSecond = 50.0
    """Other requests with a transaction per second and source: MESSAGE, SUBSCRIBE, INFO.

    A burst may be twice as large. All sources together may send three times as many.
    """
    messages_per_s: PerSecond = 500.0
    """SIP messages of one source in a second, whatever they are; twice as many may come at once."""
    subscriptions: Count = 100
    """Subscriptions of all peers at once, where ``accept_subscriptions`` grants them: each takes 25 KB."""
    first_message_s: Seconds = 32.0
    """Longest time from the start of a TCP or TLS connection to its first SIP message, in seconds."""
    idle_connection_s: Seconds = 600.0
    """Longest idle time of a TCP or TLS connection, in seconds.

    Not for a connection of a call, a registration or a subscription. Keep-alives (RFC 5626 4.4.1) count as
    use.
    """
    handshake_s: Seconds = 10.0
    """Longest TLS handshake in seconds."""
    connections_per_source: Count | None = None
    """Concurrent TCP and TLS connections of one source; default: two thirds of the library's limit."""
    make_room: bool | None = None
    """Whether a new call ends a useless call when all calls are in use.

    A useless call has no ACK after 1 s, no RTP after 1.5 s, or an unanswered BYE. The default is true for an
    endpoint with a controller.
    """

    def for_strangers(self) -> LimitsConfig:
        """The limits with the defaults of an endpoint with a controller."""
        usual = {"silence_s": 300.0, "call_length_s": 43_200.0, "make_room": True}
        undecided = {name: value for name, value in usual.items() if getattr(self, name) is None}
        return msgspec.structs.replace(self, **undecided)

    def __post_init__(self) -> None:
        """Refuse negative and infinite numbers."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, bool) or value is None:
                continue
            if not math.isfinite(value) or not 0 <= value <= MOST:
                raise SettingError(name, f"expected 0 (no limit) to {MOST:g}, got {value}")
