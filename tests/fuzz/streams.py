"""Who sends to media ports and over TCP: calls whose packets are wrong, messages whose framing is."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import time
from random import Random

from tests.fuzz import seeds
from tests.fuzz.attack import BATCH, TO_TAG, Attack
from tests.fuzz.mutations import mutated
from tests.fuzz.packets import KEY, SUITE, Sender, stun
from tests.fuzz.target import Target

__all__ = ["Framing", "Media"]

PORT = re.compile(rb"^m=audio ([0-9]+)", re.MULTILINE)
UFRAG = re.compile(rb"^a=ice-ufrag:(\S+)", re.MULTILINE)
PASSWORD = re.compile(rb"^a=ice-pwd:(\S+)", re.MULTILINE)
START = "v=0\r\no=- 1 1 IN IP4 %(host)s\r\ns=-\r\nc=IN IP4 %(host)s\r\nt=0 0\r\n"
FORMATS = (
    "8 0 3 9 97 98 101\r\na=rtpmap:97 iLBC/8000\r\na=rtpmap:98 speex/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\n"
)
FEEDBACK = "a=rtcp-fb:* nack\r\na=rtcp-fb:* nack pli\r\n"
ICE = (
    "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef01234567\r\n"
    "a=candidate:1 1 UDP 2130706431 %(host)s %(media)d typ host\r\n"
    "a=candidate:1 2 UDP 2130706430 %(host)s %(control)d typ host\r\n"
)
CLOSING = struct.pack("ii", 1, 0)
"""SO_LINGER with which a connection is reset."""
LENGTHS = (b"0", b"-1", b"+5", b"5 5", b"0x10", b"99999999999", b"4294967297", b"", b"1;x", b"3999", b"4001")
FIELD = re.compile(rb"^Content-Length[ \t]*:[^\r\n]*", re.IGNORECASE | re.MULTILINE)
NAMES = (b"Content-Length", b"l", b"CONTENT-LENGTH ", b"L\t", b"Content-Length\r\n ")


class Media(Attack):
    """Calls to an agent that answers; what is wrong are the packets for its media ports."""

    def __init__(self, target: Target, random: Random, own: socket.socket) -> None:
        super().__init__(target, random, own)
        self.host = target.host

    def batch(self) -> None:
        """One call."""
        with contextlib.ExitStack() as opened:
            media, control = (
                opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2)
            )
            for one in (media, control):
                one.bind((self.host, 0))
            self._call(media, control)
        self.target.end_calls()

    def _call(self, media: socket.socket, control: socket.socket) -> None:
        secure = self.random.random() < 0.5
        profile = "RTP/SAVP" if secure else "RTP/AVP"
        ports = {"media": media.getsockname()[1], "control": control.getsockname()[1]}
        body = f"{START}m=audio %(media)d {profile} {FORMATS}a=rtcp:%(control)d\r\n"
        body += f"a=crypto:1 {SUITE} inline:{KEY}\r\n" if secure else ""
        body += FEEDBACK if self.random.random() < 0.3 else ""
        body += ICE if self.target.uses_ice else ""
        facts = self.facts("INVITE", **ports)
        self.socket.sendto(
            seeds.request(("INVITE", "", seeds.SDP, body), **facts), (self.host, self.target.port)
        )
        answer = self.response(str(facts["call_id"]).encode(), 1.0) or b""
        tag, port = TO_TAG.search(answer), PORT.search(answer)
        if tag is None or port is None or not answer.startswith(b"SIP/2.0 200"):
            return
        facts["to"] = ";tag=" + tag[1].decode("latin-1")
        self._send(("ACK", "", "", ""), facts)
        self._stream(media, control, int(port[1]), answer, secure=secure)
        facts["cseq"] = 2
        self._send(("BYE", "", "", ""), facts)
        self.drain()

    def _send(self, form: tuple[str, str, str, str], facts: dict[str, object]) -> None:
        facts["branch"] = f"{self.random.getrandbits(60):x}"
        self.socket.sendto(seeds.request(form, **facts), (self.host, self.target.port))

    def _stream(
        self, media: socket.socket, control: socket.socket, port: int, answer: bytes, *, secure: bool
    ) -> None:
        """Packets to both ports, quickly and slowly, of all kinds."""
        sender = Sender(self.random, secure=secure and self.random.random() < 0.9)
        theirs, password = UFRAG.search(answer), PASSWORD.search(answer)
        user = f"{theirs[1].decode()}:abcd" if theirs else "a:b"
        key = password[1].decode() if password else "password"
        share = 0.4 if self.target.uses_ice else 0.1
        for _ in range(10):
            for _ in range(BATCH // 2):
                chance = self.random.random()
                if chance < share:
                    one, where, data = media, port, stun(self.random, user, key)
                elif chance < share + 0.2:
                    one, where, data = control, port + 1, sender.rtcp()
                else:
                    one, where, data = media, port, sender.rtp()
                if self.random.random() < 0.05:
                    one, where = self.random.choice((media, control)), self.random.choice((port, port + 1))
                self._packet(one, data, where)
            self.pause(0.01)

    def _packet(self, source: socket.socket, data: bytes, port: int) -> None:
        self.sent.append((time.monotonic(), b"MEDIA " + data))
        self.count += 1
        with contextlib.suppress(OSError):
            source.sendto(data, (self.host, port))


class Framing(Attack):
    """TCP connections in which the lengths of messages, or their ends, are wrong (RFC 3261 18.3)."""

    def batch(self) -> None:
        """One connection."""
        with socket.socket() as stream:
            stream.settimeout(1.0)
            if not self.connects(stream):
                return
            try:
                for _ in range(self.random.choice((1, 3, 10))):
                    self._write(stream, self._message())
            except OSError:
                pass
            if self.random.random() < 0.3:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, CLOSING)
        self.drain()
        self.target.end_calls()

    def _message(self) -> bytes:
        random = self.random
        form = random.choice(seeds.OUTSIDE)
        data = seeds.request(form, **self.facts(form[0], transport="TCP"))
        self.count += 1
        chance = random.random()
        if chance < 0.15:
            return random.choice((b"\r\n\r\n", b"\r\n", b"\0", b"\n\n\n", b"\r", random.randbytes(50)))
        if chance < 0.3:
            return mutated(data, random, self.pool)
        if chance < 0.4:
            return data[: random.randrange(len(data))]
        if chance < 0.5:
            filler = random.choice((b"x", b"\r\nX: ", b" ", b"\0", b":"))
            head, gap, body = data.partition(b"\r\n\r\n")
            return head + b"\r\nSubject: " + filler * random.choice((300, 3000, 30_000)) + gap + body
        if chance < 0.6:
            return data.replace(b"\r\n", random.choice((b"\n", b"\r", b"\r\r\n", b"\n\r")))
        name = random.choice(NAMES)
        length = random.choice((*LENGTHS, b"%d" % random.randrange(2000)))
        field = name + random.choice((b":", b" : ", b":\t", b":\r\n ")) + length
        times = random.choice((1, 1, 2, 0))
        return FIELD.sub(lambda found: b"\r\n".join([field] * times or [b"X: y"]), data, count=1)

    def _write(self, stream: socket.socket, data: bytes) -> None:
        self.sent.append((time.monotonic(), b"TCP " + data))
        while data:
            size = self.random.choice((1, 7, 100, 1400, 60_000))
            stream.sendall(data[:size])
            data = data[size:]
            if self.random.random() < 0.05:
                self.pause(0.005)
