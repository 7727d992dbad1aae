"""What is said of a stream of a capture: its figures, what was agreed for it, and whether that was kept.

It counts nothing itself. RFC 3711, RFC 4568.
"""

from __future__ import annotations

import msgspec

from bot.pcap.calls import CapturedCall
from bot.pcap.keys import GRACE_S, Due
from bot.pcap.streams import Stream

__all__ = ["Analysis", "Protection", "StreamReport", "report"]


class Protection(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the packets of a stream that is protected, or should be.

    Each packet is one of authenticated, plain, failed and swapped; reused ones are counted beside that.
    """

    suite: str | None
    """Of the key that opened most packets, else the answered one."""
    packets: int
    authenticated: int
    plain: int
    plain_allowed: bool
    """Whether plain RTP is right too: neither the profile nor the answer demands protection."""
    failed: int
    """With a key that is not known, was not chosen, or is no longer in force."""
    swapped: int
    """Authenticated with nothing but the other side's key."""
    reused: int
    """A key stream used twice: same key, SSRC and index, other bytes (RFC 3711 section 9.1)."""
    rtcp_packets: int
    rtcp_authenticated: int
    problems: tuple[str, ...] = ()

    @property
    def intact(self) -> bool:
        """Whether every packet was as it should be."""
        broken = self.failed or self.swapped or self.reused or (self.plain and not self.plain_allowed)
        unprotected_rtcp = self.rtcp_authenticated < self.rtcp_packets and not self.plain_allowed
        return not broken and not unprotected_rtcp


class StreamReport(msgspec.Struct, frozen=True, kw_only=True):
    """One stream; times in seconds since 1970, None for what could not be measured."""

    source: str
    target: str
    ssrc: int
    kind: str
    """RTP or SRTP; RTCP for a source of which nothing but reports was seen."""
    call_id: str | None
    from_caller: bool | None
    media_index: int | None
    """Of its m= line, from 0."""
    codec: str | None
    clock_rate: int | None
    payload_types: tuple[int, ...]
    packets: int
    lost: int
    duplicates: int
    reordered: int
    jitter_ms_mean: float | None
    jitter_ms_max: float | None
    started: float
    """Of its first packet, RTCP included."""
    ended: float
    """Of its last."""
    duration_s: float
    """Of its RTP."""
    rtcp_packets: int
    profile: str | None
    offered: tuple[str, ...]
    """The suites of the offer in their order."""
    answered: str | None
    protection: Protection | None
    """None for plain RTP that may be plain."""


class Analysis(msgspec.Struct, frozen=True, kw_only=True):
    """A capture understood."""

    calls: tuple[CapturedCall, ...]
    streams: tuple[StreamReport, ...]
    """In the order in which they began."""
    notes: tuple[str, ...]
    """What was left out or could not be read, one sentence each."""


def report(stream: Stream) -> StreamReport:
    """Everything about a stream whose last packet has come."""
    stream.unopened.conclude()
    statistics = stream.statistics
    form = stream.main_format
    measured = form is not None and statistics.packets > 1
    route = stream.route
    protection = _protection(stream)
    profile, offered, answered = _agreed(stream)
    kind = "SRTP" if protection else "RTP"
    return StreamReport(
        source=str(stream.source),
        target=str(stream.target),
        ssrc=stream.ssrc,
        kind=kind if statistics.packets else "RTCP",
        call_id=route.hop.call_id if route else None,
        from_caller=route.by_caller if route else None,
        media_index=route.media_index if route else None,
        codec=form.codec if form else None,
        clock_rate=form.clock_rate if form else None,
        payload_types=tuple(sorted(stream.payload_types)),
        packets=statistics.packets,
        lost=statistics.lost,
        duplicates=statistics.duplicates,
        reordered=statistics.reordered,
        jitter_ms_mean=statistics.jitter_ms_mean if measured else None,
        jitter_ms_max=statistics.jitter_ms_max if measured else None,
        started=stream.began,
        ended=stream.ended,
        duration_s=statistics.duration_s,
        rtcp_packets=stream.rtcp_packets,
        profile=profile,
        offered=offered,
        answered=answered,
        protection=protection,
    )


def _agreed(stream: Stream) -> tuple[str | None, tuple[str, ...], str | None]:
    """The profile in force, the suites of the offer, that of the answer."""
    route, agreement = stream.route, stream.agreement()
    if route is None:
        return None, (), None
    if agreement is None:
        sdp = route.hop.last_offer(route.by_caller) or route.hop.last_offer(not route.by_caller)
        if sdp is None or route.media_index >= len(sdp.media):
            return None, (), None
        media = sdp.media[route.media_index]
        return media.profile, tuple(one.suite for one in media.crypto), None
    crypto = agreement.crypto[route.media_index]
    answered = agreement.media(route.media_index, not agreement.by_caller)
    return answered.profile if answered else None, crypto.offered, crypto.answered


def _protection(stream: Stream) -> Protection | None:
    counted = stream.unopened
    opened = stream.authenticated + stream.swapped + stream.stale + stream.unchosen
    due = stream.negotiated.due is not Due.NOTHING
    if not (due or opened or counted.protected > counted.plain or stream.rtcp_authenticated):
        return None
    failed = counted.protected + stream.stale + stream.unchosen
    suite = stream.suites.most_common(1)[0][0] if stream.suites else _agreed(stream)[2]
    return Protection(
        suite=suite,
        packets=stream.statistics.packets,
        authenticated=stream.authenticated,
        plain=counted.plain,
        plain_allowed=not due,
        failed=failed,
        swapped=stream.swapped,
        reused=stream.reused,
        rtcp_packets=stream.rtcp_packets,
        rtcp_authenticated=stream.rtcp_authenticated,
        problems=(*_of_packets(stream, due), *_of_rtcp(stream, due), *stream.negotiated.problems),
    )


def _of_packets(stream: Stream, due: bool) -> list[str]:
    """What is wrong with the RTP packets, in sentences."""
    found = []
    if stream.unopened.plain and due:
        found.append(f"{_packets(stream.unopened.plain)} plain RTP where {_demand(stream)} demands SRTP")
    if stream.swapped:
        found.append(f"{_packets(stream.swapped)} protected with the key of the other side")
    if stream.unchosen:
        found.append(
            f"{_packets(stream.unchosen)} protected with an offered key that the answer did not choose"
        )
    if stream.stale:
        found.append(
            f"{_packets(stream.stale)} protected with an old key more than {GRACE_S:g} s after it changed"
        )
    if stream.unopened.protected:
        found.append(f"{_packets(stream.unopened.protected)} {_why_unopened(stream)}")
    if stream.reused:
        found.append(
            f"{_packets(stream.reused)} protected with a key stream that was used before (two-time pad)"
        )
    return found


def _why_unopened(stream: Stream) -> str:
    if stream.negotiated.due is Due.DTLS:
        return "protected with keys of DTLS-SRTP, which no capture holds"
    if not len(stream.ring):
        return "protected with a key that is not known"
    keys = len(stream.ring)
    return f"not authentic with {'the only key' if keys == 1 else f'any of {keys} keys'} that may protect it"


def _of_rtcp(stream: Stream, due: bool) -> list[str]:
    found = []
    failed = stream.rtcp_packets - stream.rtcp_plain - stream.rtcp_authenticated
    if failed:
        found.append(f"{failed} of {stream.rtcp_packets} RTCP packets not authentic")
    if stream.rtcp_plain and due:
        found.append(f"{stream.rtcp_plain} of {stream.rtcp_packets} RTCP packets plain under SRTP")
    return found


def _demand(stream: Stream) -> str:
    profile = _agreed(stream)[0]
    return f"the description ({profile})" if profile else "the description"


def _packets(count: int) -> str:
    return f"{count:,} packet{'s' * (count != 1)}"
