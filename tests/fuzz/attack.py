"""Who sends: datagrams to an agent that answers, responses to an agent that calls."""

from __future__ import annotations

import contextlib
import re
import select
import socket
import time
from collections import deque
from random import Random

from tests.fuzz import seeds
from tests.fuzz.mutations import mutated
from tests.fuzz.target import HOST, Target
from tests.support.hostile import CASES, filled, messages

__all__ = ["BATCH", "TO_TAG", "Attack", "Callee", "Caller"]

KILLERS = [text for case in CASES for text in messages(case)]
BATCH = 40
"""Datagrams between two signs of life."""
ALIVE_S = 12.0
PATIENCE_S = 0.6
TO_TAG = re.compile(rb"^To:[^\r\n]*;tag=([^;\r\n]+)", re.MULTILINE)
CONNECTION = re.compile(rb"^m=audio ([0-9]+)", re.MULTILINE)
FINAL = re.compile(rb"SIP/2\.0 [2-6]")
INVITED = re.compile(rb"^CSeq[ \t]*:[ \t]*([0-9]+)[ \t]+INVITE", re.MULTILINE | re.IGNORECASE)
REPEATED = re.compile(rb"^(?:Via|From|To|Call-ID|CSeq)[ \t]*:[^\r\n]*\r\n", re.MULTILINE | re.IGNORECASE)


class Attack:
    """Random choices, what was sent last, and whether the agent still lives."""

    LIFE = 20_000
    """Datagrams to one agent; the next has other settings."""

    def __init__(self, target: Target, random: Random, own: socket.socket) -> None:
        self.target, self.random, self.socket = target, random, own
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        self.me = self.socket.getsockname()[1]
        self.sent: deque[tuple[float, bytes]] = deque(maxlen=3 * BATCH)
        self.count = 0
        self.pool = [seeds.request(one, **self.facts(one[0])) for one in seeds.OUTSIDE]
        self.packets = seeds.packets()

    def facts(self, method: str, **more: object) -> dict[str, object]:
        """For a request: a new dialog and a new transaction."""
        return {
            "host": self.target.host,
            "port": self.target.port,
            "me": self.me,
            "branch": f"{self.random.getrandbits(60):x}",
            "call_id": f"{self.random.getrandbits(60):x}",
            "tag": f"{self.random.getrandbits(30):x}",
            "to": "",
            "cseq": 1,
            **more,
        }

    def batch(self) -> None:
        """Send some, and serve what comes back."""
        raise NotImplementedError

    def send(self, data: bytes, port: int = 0) -> None:
        """One datagram; one that is too long is cut."""
        data = data[:60_000]
        self.sent.append((time.monotonic(), data))
        self.count += 1
        with contextlib.suppress(OSError):
            self.socket.sendto(data, (self.target.host, port or self.target.port))

    def drain(self) -> None:
        """Serve what has arrived."""
        while select.select([self.socket], [], [], 0)[0]:
            self.serve(self.socket.recv(65535))

    def connects(self, stream: socket.socket) -> bool:
        """Connect; False if the agent has died, or accepts none for now since it has had so many."""
        try:
            stream.connect((self.target.host, self.target.tcp_port))
        except TimeoutError:
            return False
        except OSError:
            if self.target.wait(lambda: self.target.dead is not None, ALIVE_S):
                return False
            raise
        return True

    def pause(self, seconds: float) -> None:
        """Wait, and serve what arrives."""
        select.select([self.socket], [], [], seconds)
        self.drain()

    def serve(self, data: bytes) -> None:
        """Acknowledge an answer and end its call; answer a request."""
        repeated = b"".join(REPEATED.findall(data))
        if data.startswith(b"SIP/2.0 2") and INVITED.search(data):
            for method, step in ((b"ACK", 0), (b"BYE", 1)):
                number = INVITED.search(repeated)
                cseq = b"CSeq: %d %s\r\n" % (int(number[1]) + step if number else 1, method)
                head = re.sub(rb"(?im)^(?:CSeq|Via)[ \t]*:[^\r\n]*\r\n", b"", repeated)
                via = b"Via: SIP/2.0/UDP %s:%d;rport;branch=z9hG4bK%x\r\n" % (
                    self.target.host.encode(),
                    self.me,
                    self.random.getrandbits(60),
                )
                start = b"%s sip:a@%s:%d SIP/2.0\r\n" % (method, self.target.host.encode(), self.target.port)
                self.reply(start + via + head + cseq + b"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n")
        elif not data.startswith((b"SIP/2.0", b"ACK")) and b" SIP/2.0\r\n" in data[:300]:
            self.reply(b"SIP/2.0 200 OK\r\n" + repeated + b"Content-Length: 0\r\n\r\n")

    def reply(self, data: bytes) -> None:
        """What is no part of the attack."""
        self.socket.sendto(data, (self.target.host, self.target.port))

    def alive(self) -> bool:
        """Whether the agent answers OPTIONS."""
        for _ in range(3):
            facts = self.facts("OPTIONS")
            data = seeds.request(("OPTIONS", "", "", ""), **facts)
            self.socket.sendto(data, (self.target.host, self.target.port))
            if self.response(str(facts["call_id"]).encode(), ALIVE_S / 3) or self.target.dead:
                break
        else:
            return False
        return self.target.dead is None

    def response(self, call_id: bytes, seconds: float) -> bytes | None:
        """The final response in a dialog."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and self.target.dead is None:
            if not select.select([self.socket], [], [], min(left, 0.1))[0]:
                continue
            data = self.socket.recv(65535)
            if call_id in data and FINAL.match(data):
                return data
            self.serve(data)
        return None


class Callee(Attack):
    """Requests to an agent that answers."""

    def batch(self) -> None:
        """Send one."""
        chance = self.random.random()
        if chance < 0.35:
            self.outside()
        elif chance < 0.95:
            self.in_dialog()
        else:
            self.stream()
        self.target.end_calls()

    def outside(self) -> None:
        for _ in range(BATCH):
            form = self.random.choice(seeds.OUTSIDE)
            while form[0] == "INVITE" and self.random.random() < 0.9:
                form = self.random.choice(seeds.OUTSIDE)
            facts = self.facts(form[0])
            data = self.killer(facts) if self.random.random() < 0.2 else seeds.request(form, **facts)
            self.send(mutated(data, self.random, self.pool))
        self.drain()

    def killer(self, facts: dict[str, object]) -> bytes:
        """A message that has ended an agent, or one before it."""
        head, _, body = self.random.choice(KILLERS).partition("\n\n")
        content = filled(body, facts)
        return filled(head, {**facts, "length": len(content)}) + b"\r\n\r\n" + content

    def in_dialog(self) -> None:
        """A call, mutated requests in it, its end."""
        description = self.random.choice(seeds.DESCRIPTIONS[:8])
        facts = self.facts("INVITE", media=self.me)
        call_id = str(facts["call_id"]).encode()
        self.send(seeds.request(("INVITE", "Supported: timer, 100rel\r\n", seeds.SDP, description), **facts))
        answer = self.response(call_id, 0.3)
        tag = TO_TAG.search(answer or b"")
        if answer is None or not answer.startswith(b"SIP/2.0 200") or tag is None:
            self.response(b"nothing", 0.1)
            return
        facts["to"] = ";tag=" + tag[1].decode("latin-1")
        facts["branch"] = f"{self.random.getrandbits(60):x}"
        if self.random.random() < 0.9:
            self.send(seeds.request(("ACK", "", "", ""), **facts))
        for cseq in range(2, 2 + self.random.choice((10, BATCH, 2 * BATCH))):
            facts["cseq"], facts["branch"] = cseq, f"{self.random.getrandbits(60):x}"
            form = self.random.choice(seeds.IN_DIALOG)
            data = seeds.request(form, **facts)
            self.send(mutated(data, self.random, self.pool) if self.random.random() < 0.9 else data)
            if form[0] == "INVITE" and self.random.random() < 0.7 and self.response(call_id, 0.01):
                self.send(seeds.request(("ACK", "", seeds.SDP, ""), **facts))
            port = CONNECTION.search(answer)
            if port and self.random.random() < 0.1:
                self.send(mutated(self.random.choice(self.packets), self.random, self.packets), int(port[1]))
        facts["cseq"], facts["branch"] = 200, f"{self.random.getrandbits(60):x}"
        self.send(seeds.request(("BYE", "", "", ""), **facts))
        self.drain()

    def stream(self) -> None:
        """Messages over TCP, in pieces."""
        with socket.socket() as stream:
            stream.settimeout(1.0)
            if not self.connects(stream):
                return
            try:
                data = b""
                for _ in range(8):
                    form = self.random.choice(seeds.OUTSIDE)
                    one = seeds.request(form, **self.facts(form[0], transport="TCP"))
                    data += mutated(one, self.random, self.pool) if self.random.random() < 0.7 else one
                    self.count += 1
                self.sent.append((time.monotonic(), b"TCP " + data))
                while data:
                    size = self.random.choice((1, 50, 500, 5000))
                    stream.sendall(data[:size])
                    data = data[size:]
            except OSError:
                pass


class Caller(Attack):
    """Responses to the requests of an agent that calls and registers, and requests in its calls."""

    LIFE = 1500
    """Few, since a call whose Contact leads nowhere keeps its place for 32 s."""

    def __init__(self, target: Target, random: Random, own: socket.socket) -> None:
        super().__init__(target, random, own)
        self.inviting: deque[tuple[float, bytes]] = deque()
        """When an INVITE came, and what a response repeats of it."""

    def batch(self) -> None:
        """One call, or one registration."""
        if self.random.random() < 0.4:
            self.target.register()
        else:
            self.target.call(self.me, self.random.getrandbits(60))
        deadline = time.monotonic() + 0.15
        while time.monotonic() < deadline and self.target.dead is None:
            if self.random.random() < 0.1:
                self.target.act(self.me, self.random)
            if select.select([self.socket], [], [], 0.05)[0]:
                self.react(self.socket.recv(65535))
        self.target.end_calls()
        while self.inviting and time.monotonic() - self.inviting[0][0] > PATIENCE_S:
            _, repeated = self.inviting.popleft()
            self.reply(b"SIP/2.0 486 Busy Here\r\n" + repeated + b"Content-Length: 0\r\n\r\n")

    def react(self, data: bytes) -> None:
        """Answer a request with mutated responses; now and then send a request in its dialog."""
        if data.startswith((b"SIP/2.0", b"ACK")) or not data.strip():
            return
        repeated = b"".join(REPEATED.findall(data))
        tag = b";tag=%x" % self.random.getrandbits(30)
        repeated = re.sub(rb"(?m)^(To:[^\r\n;]*(?:;(?!tag)[^\r\n;]*)*)\r\n", rb"\1" + tag + b"\r\n", repeated)
        if data.startswith(b"INVITE"):
            self.inviting.append((time.monotonic(), repeated))
            if self.random.random() < 0.3:
                self.accept(repeated)
        for _ in range(self.random.choice((1, 3, 12))):
            code, fields, described = self.random.choice(seeds.RESPONSE_FIELDS)
            body = self.random.choice(seeds.DESCRIPTIONS) if described else ""
            facts = {"host": HOST, "me": self.me, "media": self.me}
            text = (body % facts).encode()
            contact = f"Contact: <sip:x@{HOST}:{self.me}>\r\n" if "Contact" not in fields else ""
            kind = "Content-Type: application/sdp\r\n" if text else ""
            start = f"SIP/2.0 {code} Reason\r\n".encode()
            rest = f"{contact}{fields % facts}{kind}Content-Length: {len(text)}\r\n\r\n".encode()
            message = start + repeated + rest + text
            self.send(
                mutated(message, self.random, [*self.pool, message])
                if self.random.random() < 0.85
                else message
            )
        if data.startswith(b"INVITE") and self.random.random() < 0.3:
            self.call_back(data, tag)
        if not data.startswith(b"INVITE"):
            self.conclude(data, repeated)

    def accept(self, repeated: bytes) -> None:
        """A right 200 to an INVITE."""
        facts = {"host": self.target.host, "media": self.me}
        text = (seeds.DESCRIPTIONS[0] % facts).encode()
        contact = f"Contact: <sip:x@{self.target.host}:{self.me}>\r\nContent-Type: application/sdp\r\n"
        self.reply(
            b"SIP/2.0 200 OK\r\n" + repeated + f"{contact}Content-Length: {len(text)}\r\n\r\n".encode() + text
        )

    def conclude(self, data: bytes, repeated: bytes) -> None:
        """A right final response, lest the agent wait 32 s for one and have no place for the next call."""
        self.reply(b"SIP/2.0 200 OK\r\n" + repeated + b"Content-Length: 0\r\n\r\n")
        if data.startswith(b"CANCEL"):
            of_invite = repeated.replace(b" CANCEL\r\n", b" INVITE\r\n")
            self.reply(b"SIP/2.0 487 Request Terminated\r\n" + of_invite + b"Content-Length: 0\r\n\r\n")

    def call_back(self, invite: bytes, tag: bytes) -> None:
        """Requests of the callee's in the dialog."""
        ours = re.search(rb"(?m)^From:[^\r\n]*;tag=([^;\r\n]+)", invite)
        call_id = re.search(rb"(?m)^Call-ID: *([^\r\n]+)", invite)
        if not (ours and call_id):
            return
        facts = self.facts("", tag=tag[5:].decode(), to=";tag=" + ours[1].decode("latin-1"))
        facts["call_id"] = call_id[1].decode("latin-1")
        for cseq in range(1, self.random.choice((3, 10, 20))):
            facts["cseq"], facts["branch"] = cseq, f"{self.random.getrandbits(60):x}"
            data = seeds.request(self.random.choice(seeds.IN_DIALOG), **facts)
            self.send(mutated(data, self.random, self.pool))
