"""Captures for tests: the messages of calls, RTP and SRTP, in the order of the calls of a scene's methods."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from pathlib import Path

from media.capture.reader import Address, CaptureWriter
from media.rtp.srtp import SUITES, SrtpContext, SrtpKey

__all__ = ["ALICE", "BOB", "START", "Party", "Scene", "inline", "key_of", "rtp", "sdp"]

START = 1_700_000_000.0
SUITE = "AES_CM_128_HMAC_SHA1_80"


class Party:
    """One side of a call: where its SIP and its RTP are."""

    def __init__(self, name: str, host: str, sip: int, media: int) -> None:
        self.name, self.host = name, host
        self.sip, self.media = Address(host, sip), Address(host, media)
        self.rtcp = Address(host, media + 1)


ALICE = Party("alice", "192.0.2.1", 5060, 4000)
BOB = Party("bob", "192.0.2.2", 5060, 6000)


def inline(suite: str, seed: int) -> str:
    """A key, always the same for a seed."""
    made = SUITES[suite]
    size = made.key_length + made.salt_length
    return "inline:" + base64.b64encode(bytes((seed * 37 + n * 11) % 256 for n in range(size))).decode()


def key_of(suite: str, seed: int) -> SrtpKey:
    return SrtpKey.from_inline(suite, inline(suite, seed))


def sdp(
    party: Party,
    *crypto: str,
    profile: str = "RTP/SAVP",
    formats: str = "0 101",
    session: int = 1,
    extra: Sequence[str] = (),
    media: Address | None = None,
) -> str:
    """A description; ``crypto`` are the values of its a=crypto lines."""
    host, port = media or party.media
    family = "IP6" if ":" in host else "IP4"
    lines = [
        "v=0",
        f"o={party.name} {session} 1 IN {family} {host}",
        "s=-",
        f"c=IN {family} {host}",
        "t=0 0",
        f"m=audio {port} {profile} {formats}",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        *(f"a=crypto:{one}" for one in crypto),
        *extra,
    ]
    return "\r\n".join(lines) + "\r\n"


def rtp(
    sequence: int,
    timestamp: int,
    ssrc: int,
    payload: bytes = b"\xff" * 160,
    *,
    payload_type: int = 0,
    marker: bool = False,
) -> bytes:
    head = struct.pack(
        ">BBHII", 0x80, payload_type | marker << 7, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc
    )
    return head + payload


class Scene:
    """Collects what is on the wire; ``now`` (s since 1970) goes on with what happens."""

    def __init__(self, call_id: str = "one@example") -> None:
        self.now = START
        self.call_id = call_id
        self.sent: list[tuple[float, Address, Address, bytes]] = []
        self.contexts: dict[SrtpKey, SrtpContext] = {}

    def packet(self, source: Address, target: Address, payload: bytes) -> None:
        self.sent.append((self.now, source, target, payload))

    def message(
        self,
        start: str,
        source: Party,
        target: Party,
        body: str = "",
        *,
        cseq: str = "1 INVITE",
        caller: Party = ALICE,
        tags: tuple[str, str] = ("a", "b"),
        branch: str = "",
        headers: Sequence[str] = (),
        ends: tuple[Address, Address] | None = None,
    ) -> str:
        """A SIP message, sent as a datagram; ``tags`` are those of From and To."""
        from_tag, to_tag = tags
        transaction = branch or cseq.replace(" ", "")
        lines = [
            start,
            f"Via: SIP/2.0/UDP {source.host}:{source.sip.port};branch=z9hG4bK{transaction}",
            f"From: <sip:{caller.name}@example>;tag={from_tag}",
            "To: <sip:bob@example>" + (f";tag={to_tag}" if to_tag else ""),
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq}",
            *headers,
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body.encode())}",
        ]
        text = "\r\n".join(lines) + "\r\n\r\n" + body
        self.now += 0.01
        self.packet(*(ends or (source.sip, target.sip)), text.encode())
        return text

    def invite(self, offer: str = "", *, cseq: int = 1, to_tag: str = "") -> None:
        self.message(
            "INVITE sip:bob@example SIP/2.0", ALICE, BOB, offer, cseq=f"{cseq} INVITE", tags=("a", to_tag)
        )

    def answer(self, answer: str = "", *, cseq: int = 1, status: str = "200 OK", to_tag: str = "b") -> None:
        self.message(f"SIP/2.0 {status}", BOB, ALICE, answer, cseq=f"{cseq} INVITE", tags=("a", to_tag))

    def ack(self, answer: str = "", *, cseq: int = 1) -> None:
        self.message(
            "ACK sip:bob@example SIP/2.0", ALICE, BOB, answer, cseq=f"{cseq} ACK", branch=f"ack{cseq}"
        )

    def bye(self) -> None:
        self.message("BYE sip:bob@example SIP/2.0", ALICE, BOB, cseq="9 BYE")
        self.message("SIP/2.0 200 OK", BOB, ALICE, cseq="9 BYE")

    def call(self, offer: str, answer: str) -> None:
        """From INVITE to ACK."""
        self.invite(offer)
        self.answer(answer)
        self.ack()

    def talk(
        self,
        source: Address,
        target: Address,
        key: SrtpKey | None,
        *,
        ssrc: int,
        first: int = 1,
        count: int = 50,
        payload: bytes | None = None,
        context: SrtpContext | None = None,
    ) -> None:
        """Packets of 20 ms each, of which the payload says the number."""
        if key is not None and context is None:
            context = self.contexts.setdefault(key, SrtpContext(key))
        for number in range(first, first + count):
            body = bytes([number % 256]) * 160 if payload is None else payload
            packet = rtp(number, number * 160, ssrc, body)
            self.packet(source, target, context.protect(packet) if context else packet)
            self.now += 0.02

    def write(self, path: Path) -> Path:
        with CaptureWriter(path) as writer:
            for each in self.sent:
                writer.write(*each)
        return path
