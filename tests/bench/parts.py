"""What raw peers send, describe and do in ``verdicts``, honest ones and cheats."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import replace

from media.rtp.srtp import SrtpKey
from tests.bench.acting import SPEECH, Acting, Callee, Line, Part, Wire
from tests.bench.wire import (
    AES_80,
    Datagram,
    Frame,
    digits,
    key_line,
    new_key,
    numbered,
    protected,
    silent,
    spoken,
)

__all__ = [
    "AES_32",
    "AES_256",
    "BOTH",
    "CALLEE",
    "CAPTURED",
    "HEARS",
    "LAST_WORD",
    "LEFT_S",
    "MANDATORY",
    "SECURE_HEARS",
    "WORDS",
    "answers_a_cancel",
    "busy",
    "declines",
    "described",
    "every",
    "forged",
    "from_frame",
    "half_plain",
    "hangs_up_after",
    "holds_and_resumes",
    "honest_early_media",
    "insecure",
    "is_cancelled",
    "is_silent",
    "key_of",
    "keyed_digits",
    "late",
    "no_description",
    "nothing",
    "own_key",
    "plain",
    "plain_early_media",
    "redirects",
    "replayed",
    "sends_info",
    "some_twice",
    "swapped",
    "twice",
    "under_key",
    "with_32_bits",
    "with_mki",
    "with_other_key",
    "with_report",
]

AES_32 = "AES_CM_128_HMAC_SHA1_32"
AES_256 = "AES_256_CM_HMAC_SHA1_80"
HEARS = ("--expect-audio", SPEECH)
MANDATORY = ("--srtp", "mandatory")
SECURE_HEARS = (*MANDATORY, *HEARS)
CAPTURED = (*SECURE_HEARS, "--capture", "call.pcap")
BOTH, CALLEE, CALLER = ("callee", "caller"), ("callee",), ("caller",)
LEFT_S = 5.5
"""How long srtpbot stays in a call in which the peer says its speech."""
WORDS = spoken(SPEECH)
LAST_WORD = len(WORDS) - 30
CHANGE = 120
"""The frame from which on a stream is another."""


# ---- what is sent


def under_key(
    frames: Sequence[Frame],
    *,
    first: int = 1000,
    lost: Sequence[int] = (),
    keeps_rollovers: bool = True,
    changed: Callable[[list[Datagram]], list[Datagram]] = lambda packets: packets,
) -> Wire:
    """These frames under the key that was negotiated; ``changed`` is done to what is protected."""
    plain = numbered(frames, first, lost=lost)
    return lambda line: changed(protected(plain, line.key, keeps_rollovers=keeps_rollovers))


def plain(frames: Sequence[Frame], *, lost: Sequence[int] = ()) -> Wire:
    """These frames as they are."""
    return lambda line: numbered(frames, lost=lost)


def nothing(line: Line) -> Sequence[Datagram]:
    """No packet."""
    return ()


def with_other_key(line: Line) -> Sequence[Datagram]:
    """Speech under a key that nobody was given."""
    return protected(numbered(WORDS), new_key())


def with_mki(line: Line) -> Sequence[Datagram]:
    """Speech in packets with an MKI that SDP did not announce."""
    return protected(numbered(WORDS), line.key.with_mki(b"\x01"))


def with_32_bits(line: Line) -> Sequence[Datagram]:
    """Speech under the right key with shorter tags than negotiated."""
    return protected(numbered(WORDS), SrtpKey(AES_32, line.key.master_key, line.key.master_salt))


def half_plain(line: Line) -> Sequence[Datagram]:
    """Every other packet without protection."""
    bare = numbered(WORDS)
    return [bare[n] if n % 2 else one for n, one in enumerate(protected(bare, line.key))]


def forged(packets: list[Datagram]) -> list[Datagram]:
    """Every third packet has another tag."""
    flipped = [replace(one, data=one.data[:-1] + bytes([one.data[-1] ^ 1])) for one in packets]
    return [flipped[n] if n % 3 == 0 else one for n, one in enumerate(packets)]


def twice(packets: list[Datagram]) -> list[Datagram]:
    """Every packet comes twice in a row, as some networks do it."""
    return [replace(one, at=one.at + more) for one in packets for more in (0.0, 0.001)]


def some_twice(packets: list[Datagram]) -> list[Datagram]:
    """30 packets come twice."""
    return sorted(
        packets + [replace(one, at=one.at + 0.001) for one in packets[5:365:12]], key=lambda d: d.at
    )


def swapped(packets: list[Datagram]) -> list[Datagram]:
    """Every 10th packet comes after the next one."""
    moved = [replace(one, at=one.at + 0.025) if n % 10 == 5 else one for n, one in enumerate(packets)]
    return sorted(moved, key=lambda one: one.at)


def replayed(packets: list[Datagram]) -> list[Datagram]:
    """The first second of packets is sent instead of what follows it, once more and as it was."""
    again = [replace(old, at=one.at) for old, one in zip(packets[:50], packets[100:150], strict=True)]
    return sorted([*packets[:100], *packets[150:], *again], key=lambda one: one.at)


def report(rtcp: bool) -> Datagram:
    """A sender report (RFC 3550 6.4.1) in the middle."""
    body = struct.pack("!BBHIIIIII", 0x80, 200, 6, 0x1234, 0x83AA7E80, 0, 0, 1, 160)
    return Datagram(2.001, body, rtcp=rtcp)


def with_report(secure: bool) -> Wire:
    """Speech under the key and a report, protected or not."""

    def wire(line: Line) -> Sequence[Datagram]:
        own = report(True)
        told = protected([own], line.key) if secure else [own]
        return sorted([*protected(numbered(WORDS), line.key), *told], key=lambda one: one.at)

    return wire


def from_frame(**changes: int) -> tuple[Frame, ...]:
    """Speech whose frames have another SSRC or timestamps from ``CHANGE`` on."""
    ssrc, shift = changes.get("ssrc"), changes.get("timestamp", 0)
    later = [
        replace(one, ssrc=ssrc or one.ssrc, timestamp=one.timestamp + shift, marker=n == 0)
        for n, one in enumerate(WORDS[CHANGE:])
    ]
    return (*WORDS[:CHANGE], *later)


def late(frames: Sequence[Frame], seconds: float) -> tuple[Frame, ...]:
    """So much silence first."""
    before = silent(seconds)
    shift = len(before) * 160
    return (*before, *(replace(one, timestamp=one.timestamp + shift) for one in frames))


def every(number: int, count: int, first: int = 7) -> range:
    """The places of ``count`` losses, one in ``number``."""
    return range(first, first + number * count, number)


def keyed_digits(text: str, kind: int = 0, after: float = 0.5) -> Wire:
    """Digits under the key; ``kind`` is their payload type, 0 for the negotiated one."""
    return lambda line: protected(numbered(digits(text, kind=kind or line.events, after=after)), line.key)


# ---- what SDP says


def described(
    *,
    suite: str = AES_80,
    tag: int = 1,
    said: str = "",
    direction: str = "sendrecv",
    profile: str = "",
    crypto: bool = True,
    formats: str = "",
) -> Callable[[Line], str]:
    """A description with a key of this suite; ``said`` is the suite's name in it where that is another."""

    def describe(line: Line) -> str:
        line.key = new_key(suite)
        keys = key_line(line.key, tag, said) if crypto else ""
        return line.sdp(crypto=keys, direction=direction, profile=profile, formats=formats)

    return describe


def insecure(line: Line) -> str:
    """RTP/AVP without keys."""
    return line.sdp(secure=False)


def own_key(line: Line) -> str:
    """The other side's own key line in the answer."""
    chosen = line.theirs.splitlines(keepends=True)[0]
    line.key = key_of(chosen)
    return line.sdp(crypto=chosen)


def key_of(crypto: str) -> SrtpKey:
    """The key of an a=crypto line."""
    _, suite, inline = crypto.strip().split(" ")[:3]
    return SrtpKey.from_inline(suite, inline)


# ---- what is done besides


def sends_info(actor: Acting) -> None:
    """The digits 4 and 2 by SIP INFO."""
    for digit in "42":
        said = actor.ask(
            "INFO", "Content-Type: application/dtmf-relay\r\n", f"Signal={digit}\r\nDuration=160\r\n"
        )
        assert said.status == 200, said.status


def holds_and_resumes(actor: Acting) -> None:
    """Hold for a second (RFC 3264 8.4), then go on."""
    for direction in ("sendonly", "sendrecv"):
        actor.reinvite(actor.line.sdp(direction=direction))
        actor.line.done.wait(1.0)


def busy(callee: Callee) -> None:
    """486 at once."""
    callee.respond(486, "Busy Here")


def declines(callee: Callee) -> None:
    """Rings, and declines after a while."""
    callee.respond(180, "Ringing")
    callee.line.done.wait(1.0)
    callee.respond(603, "Decline")


def is_silent(callee: Callee) -> None:
    """Never responds."""


def redirects(callee: Callee) -> None:
    """302 to a place where nobody is."""
    callee.respond(302, "Moved Temporarily", headers="Contact: <sip:nobody@127.0.0.1:9>\r\n")


def plain_early_media(callee: Callee) -> None:
    """183 with plain RTP, then an honest answer."""
    callee.respond(183, "Session Progress", callee.line.sdp(secure=False))
    callee.line.done.wait(1.0)
    callee.answer()


def honest_early_media(callee: Callee) -> None:
    """Rings, 183 with SRTP, and the same answer a second later."""
    body = callee.line.sdp()
    callee.respond(180, "Ringing")
    callee.respond(183, "Session Progress", body)
    callee.line.done.wait(1.0)
    callee.answer()


def answers_a_cancel(callee: Callee) -> None:
    """Rings; 200 to the CANCEL and 200 to the INVITE as well."""
    callee.respond(180, "Ringing")
    callee.peer.reply(callee.peer.expect("CANCEL"), 200)
    callee.answer()


def is_cancelled(callee: Callee) -> None:
    """Rings; 200 to the CANCEL and 487 to the INVITE."""
    callee.respond(180, "Ringing")
    callee.peer.reply(callee.peer.expect("CANCEL"), 200)
    callee.respond(487, "Request Terminated")


def no_description(callee: Callee) -> None:
    """200 without SDP."""
    callee.respond(200, "OK")
    callee.peer.reply(callee.peer.expect("BYE"), 200)


def hangs_up_after(seconds: float) -> Part:
    """Speech that ends with BYE."""
    return Part(wire=under_key(WORDS[: int(seconds * 50)]), hangs_up=True, stays=0.0)
