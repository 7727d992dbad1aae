"""The report on one RTP stream of a capture: statistics (RFC 3550), negotiated protection, violations.

It counts no packets itself. Keys are negotiated by RFC 4568 and used by RFC 3711.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from bot.capture.calls import CapturedCall
from bot.capture.digits import Heard
from bot.capture.formats import EVENT
from bot.capture.negotiated_keys import GRACE_S, Due
from bot.capture.stream import Restart, Stream
from media.rtp.srtp_replay import WINDOW

__all__ = ["Analysis", "Protection", "StreamReport", "is_kept", "is_open", "report"]

DISCARDED = "a receiver discards them (RFC 3711 section 3.3.2)"
UNAUTHENTICATED = "UNAUTHENTICATED_SRTP, RFC 4568 section 6.3.3"
MKI_SHOWN = 8
"""Maximum length (bytes) of an MKI that is shown in the SDP form, value:length."""


class Protection(msgspec.Struct, frozen=True, kw_only=True):
    """Packet counters of a stream that is protected or should be.

    Each packet counts once: as authenticated, untagged, plain, failed, swapped, discarded or cut.
    ``reused`` is an additional counter.
    """

    suite: str | None
    """The crypto suite of the key that opened most packets, else the suite of the answer."""
    packets: int
    authenticated: int
    plain: int
    plain_allowed: bool
    """Whether plain RTP is also correct: neither the profile nor the answer demands protection."""
    failed: int
    """Packets with an unknown, unselected or expired key, or with an index that no receiver accepts."""
    swapped: int
    """Packets that only the other side's key authenticates."""
    cut: int
    """Packets cut short by the snapshot length of the capture; they cannot be authenticated."""
    reused: int
    """Packets that reuse a key stream: same key, SSRC and index (RFC 3711 section 9.1)."""
    rtcp_packets: int
    """Packets that are whole in the capture."""
    rtcp_authenticated: int
    rtcp_discarded: int = 0
    untagged: int = 0
    """Packets that are encrypted without an authentication tag, as negotiated (UNAUTHENTICATED_SRTP)."""
    discarded: int = 0
    """Replayed packets and packets behind the replay window; receivers discard them (RFC 3711 3.3.2)."""
    reflected: int = 0
    """Reflected packets: the other direction has the same SSRC and payload (RFC 3550 section 8.2)."""
    shared_key: bool = False
    """Whether both directions have the same master key (RFC 3711 section 9.1)."""
    keyed_by_dtls: int = 0
    """Packets that look protected, with keys of DTLS-SRTP (RFC 5764), which no capture has."""
    rtcp_keyed_by_dtls: int = 0
    dtls_packets: int = 0
    """DTLS packets of the sender on the path of the stream."""
    problems: tuple[str, ...] = ()

    @property
    def intact(self) -> bool:
        """Whether every packet was protected correctly."""
        broken = self.failed or self.swapped or self.reused or self.reflected
        broken = broken or (self.plain and not self.plain_allowed)
        good_rtcp = self.rtcp_authenticated + self.rtcp_discarded + self.rtcp_keyed_by_dtls
        unprotected_rtcp = good_rtcp < self.rtcp_packets and not self.plain_allowed
        unknown = self.cut and not self.plain_allowed
        return not (broken or unprotected_rtcp or unknown or self.shared_key)


class StreamReport(msgspec.Struct, frozen=True, kw_only=True):
    """One stream; times in seconds since 1970, None for values that could not be measured."""

    source: str
    target: str
    ssrc: int
    kind: str
    """RTP or SRTP; RTCP for a source with RTCP packets only."""
    call_id: str | None
    from_caller: bool | None
    media_index: int | None
    """Index of the m= line, from 0."""
    codec: str | None
    clock_rate: int | None
    payload_types: tuple[int, ...]
    packets: int
    cut: int
    """Packets that were captured only in part."""
    lost: int
    """Sequence numbers that never arrived."""
    duplicates: int
    reordered: int
    jitter_ms_mean: float | None
    jitter_ms_max: float | None
    started: float
    """Time of the first packet, RTCP included."""
    ended: float
    """Time of the last packet, RTCP included."""
    duration_s: float
    """Duration of the RTP packets."""
    rtcp_packets: int
    profile: str | None
    offered: tuple[str, ...]
    """The crypto suites of the offer, in order."""
    answered: str | None
    protection: Protection | None
    """None for plain RTP that may be plain."""
    remarks: tuple[str, ...] = ()
    """Remarks that are no violations: a new SSRC, restarted sequence numbers, discarded packets."""

    @property
    def kept(self) -> bool:
        """Whether the stream matches its descriptions; a stream without a description always does."""
        if self.protection is None or self.protection.intact:
            return True
        return self.protection.plain_allowed and not self.answered and not self.protection.shared_key


class Analysis(msgspec.Struct, frozen=True, kw_only=True):
    """The result of the analysis of a capture."""

    calls: tuple[CapturedCall, ...]
    streams: tuple[StreamReport, ...]
    """The calls, in the order in which they began."""
    digits: tuple[Heard, ...]
    """The digits of telephone-events and SIP INFO, in order of time."""
    notes: tuple[str, ...]
    """Notes about parts that were left out or could not be read, one sentence each."""


def is_kept(analysis: Analysis) -> bool:
    """Whether every stream and every call matches its descriptions."""
    return all(stream.kept for stream in analysis.streams) and not any(
        call.problems for call in analysis.calls
    )


def is_open(analysis: Analysis) -> bool:
    """Whether ``is_kept`` holds and every protected packet could be decrypted."""
    return is_kept(analysis) and all(
        stream.protection.intact and not stream.protection.keyed_by_dtls
        for stream in analysis.streams
        if stream.protection is not None
    )


def report(stream: Stream, before: Stream | None = None, dtls_packets: int = 0) -> StreamReport:
    """The report of a finished stream; ``before`` is the sender's previous stream.

    ``dtls_packets`` is the number of DTLS packets from the sender on the stream's path.
    """
    stream.unopened.conclude()
    statistics = stream.statistics
    form = stream.main_format
    measured = form is not None and statistics.packets > 1
    route = stream.route
    protection = _protection(stream, dtls_packets)
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
        codec=form.codec if form else _undescribed(stream),
        clock_rate=form.clock_rate if form else None,
        payload_types=tuple(sorted(stream.payload_types)),
        packets=statistics.packets,
        cut=stream.cut,
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
        remarks=(*_remarks(stream, before), *_noticed(stream, protected=protection is not None)),
    )


def _remarks(stream: Stream, before: Stream | None) -> list[str]:
    """Remarks on behaviour of the sender that is correct but affects the figures."""
    statistics = stream.statistics
    found = []
    if before is not None:
        found.append(f"the sender changed its SSRC from {before.ssrc:08X} to {stream.ssrc:08X}")
    if statistics.restarts:
        found.append(_restarted("sequence numbers", statistics.restarts, statistics.restarted_at))
    if statistics.timestamp_restarts:
        found.append(
            _restarted("timestamps", statistics.timestamp_restarts, statistics.timestamps_restarted_at)
        )
    return found


def _restarted(what: str, count: int, places: Sequence[int]) -> str:
    shown = ", ".join(f"{place:,}" for place in places)
    more = "" if count == len(places) else f" and {count - len(places):,} more"
    return f"{what} restarted at packet{'s' * (count != 1)} {shown}{more}"


def _undescribed(stream: Stream) -> str | None:
    """The codec of a stream without a description; only telephone-events are recognizable by form."""
    numbers = stream.payload_types
    return EVENT if numbers and all(stream.digits.is_event(number) for number in numbers) else None


def _agreed(stream: Stream) -> tuple[str | None, tuple[str, ...], str | None]:
    """The profile in force, the crypto suites of the offer, and the suite of the answer."""
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


def _protection(stream: Stream, dtls_packets: int) -> Protection | None:
    counted = stream.unopened
    opened = sum(stream.suites.values())
    due = stream.negotiated.due is not Due.NOTHING
    if not (due or opened or counted.protected > counted.plain or stream.rtcp_authenticated):
        return None
    foreign = sum(stream.foreign_mki.values())
    by_dtls = stream.negotiated.due is Due.DTLS
    failed = stream.stale + stream.unchosen + stream.astray + foreign
    failed += 0 if by_dtls else counted.protected
    suite = stream.suites.most_common(1)[0][0] if stream.suites else _agreed(stream)[2]
    return Protection(
        suite=suite,
        packets=stream.statistics.packets,
        authenticated=stream.authenticated,
        plain=counted.plain,
        plain_allowed=not due,
        failed=failed,
        swapped=stream.swapped,
        cut=stream.cut,
        reused=stream.reused,
        rtcp_packets=stream.rtcp_packets - stream.rtcp_cut,
        rtcp_authenticated=stream.rtcp_authenticated,
        rtcp_discarded=stream.rtcp_discarded,
        untagged=stream.untagged,
        discarded=stream.replayed + stream.late,
        reflected=stream.reflected,
        shared_key=stream.negotiated.shared_key,
        keyed_by_dtls=counted.protected if by_dtls else 0,
        rtcp_keyed_by_dtls=_closed_rtcp(stream) if by_dtls else 0,
        dtls_packets=dtls_packets,
        problems=(*_of_packets(stream, due), *_of_rtcp(stream, due), *stream.negotiated.problems),
    )


def _of_packets(stream: Stream, due: bool) -> list[str]:
    """The violations of the RTP packets, in sentences."""
    found = [_reflected(stream)] if stream.reflected else []
    if stream.reused:
        found.append(
            f"{_packets(stream.reused)} protected with a key stream that was used before (two-time pad)"
        )
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
    if stream.restart:
        found.append(_of_rollovers(stream, stream.restart))
    if stream.foreign_mki:
        found.append(_of_foreign_mki(stream.foreign_mki))
    if stream.unopened.protected and stream.negotiated.due is not Due.DTLS:
        found.append(f"{_packets(stream.unopened.protected)} {_why_unopened(stream)}")
    if stream.cut and due:
        found.append(f"{_packets(stream.cut)} cut short by the snapshot length: they cannot be authenticated")
    return found


def _reflected(stream: Stream) -> str:
    count = _packets(stream.reflected)
    return f"{count} sent back by the peer: SSRC and payload are those of the other direction"


def _noticed(stream: Stream, *, protected: bool) -> list[str]:
    """Irregular packets that a receiver tolerates or discards without harm, in sentences."""
    found = [_reflected(stream)] if stream.reflected and not protected else []
    if stream.unopened.protected and stream.negotiated.due is Due.DTLS:
        found.append(
            f"{_packets(stream.unopened.protected)} protected with keys of DTLS-SRTP, which no capture "
            "holds: not decrypted without a key log"
        )
    if stream.without_mki:
        found.append(f"{_packets(stream.without_mki)} authentic without the MKI that was agreed")
    if stream.untagged:
        found.append(f"{_packets(stream.untagged)} encrypted without a tag, as agreed ({UNAUTHENTICATED})")
    if stream.replayed:
        found.append(f"{_packets(stream.replayed)} replayed: {DISCARDED}")
    if stream.late:
        found.append(f"{_packets(stream.late)} behind the replay window of {WINDOW}: {DISCARDED}")
    if stream.rtcp_discarded:
        found.append(f"{stream.rtcp_discarded} of {stream.rtcp_packets} RTCP packets replayed: {DISCARDED}")
    return found


def _of_rollovers(stream: Stream, restart: Restart) -> str:
    """How the sender's rollover counter differs from the receiver's estimate (RFC 3711 section 3.3.1)."""
    count = _packets(stream.astray)
    if restart.packet == 1:
        return (
            f"{count} not authentic: the sender began with {restart.rollovers} rollovers where a receiver "
            f"begins with {restart.due} (RFC 3711 section 3.3.1)"
        )
    how = "restarted" if restart.rollovers < restart.due else "advanced"
    return (
        f"{count} not authentic: the sender {how} its rollover counter at packet {restart.packet} "
        f"({restart.rollovers} where {restart.due} was due, RFC 3711 section 3.3.1)"
    )


def _of_foreign_mki(packets: Counter[bytes]) -> str:
    """The MKIs in packets that were not negotiated."""
    mki, _ = packets.most_common(1)[0]
    value = int.from_bytes(mki, "big")
    shown = f"{value}:{len(mki)}" if len(mki) <= MKI_SHOWN else f"of {len(mki)} bytes"
    return f"{_packets(sum(packets.values()))} not authentic: they carry the MKI {shown} that was not agreed"


def _why_unopened(stream: Stream) -> str:
    if not len(stream.ring):
        return "protected with a key that is not known"
    keys = len(stream.ring)
    return f"not authentic with {'the only key' if keys == 1 else f'any of {keys} keys'} that may protect it"


def _of_rtcp(stream: Stream, due: bool) -> list[str]:
    found = []
    failed = _closed_rtcp(stream)
    if failed and stream.negotiated.due is not Due.DTLS:
        found.append(f"{failed} of {stream.rtcp_packets} RTCP packets not authentic")
    if stream.rtcp_plain and due:
        found.append(f"{stream.rtcp_plain} of {stream.rtcp_packets} RTCP packets plain under SRTP")
    return found


def _closed_rtcp(stream: Stream) -> int:
    """RTCP packets that are neither plain nor opened by a key."""
    whole = stream.rtcp_packets - stream.rtcp_cut
    return whole - stream.rtcp_plain - stream.rtcp_authenticated - stream.rtcp_discarded


def _demand(stream: Stream) -> str:
    profile = _agreed(stream)[0]
    return f"the description ({profile})" if profile else "the description"


def _packets(count: int) -> str:
    return f"{count:,} packet{'s' * (count != 1)}"
