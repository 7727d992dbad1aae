"""Peers made of sockets that act a part in one call with the srtpbot command, as callee or as caller."""

from __future__ import annotations

import re
import select
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from bot.sip.message import Message
from bot.sip.sdp import parse_sdp
from media.rtp.srtp import SrtpKey
from tests.bench.wire import EVENTS, Datagram, key_line, new_key, numbered, protected, send, spoken
from tests.support.media_sockets import pair
from tests.support.sip_peer import Dialog, SipPeer, sdp

__all__ = ["SPEECH", "Acting", "Callee", "Caller", "Line", "Part", "Wire"]

SPEECH = "speech:4"
PATIENCE_S = 40.0
REFLECTS_S = 4.0


class Line:
    """The peer's end of an audio stream: its sockets, its key, and where it sends."""

    def __init__(self) -> None:
        self.rtp, self.rtcp = pair()
        self.port: int = self.rtp.getsockname()[1]
        self.key: SrtpKey = new_key()
        self.theirs = ""
        """The key lines of the other side."""
        self.target = 0
        self.events = EVENTS
        """The payload type of telephone-events."""
        self.done = threading.Event()

    def take(self, sdp: str) -> None:
        """What the other side described."""
        media = parse_sdp(sdp).media[0]
        self.target = media.port
        kinds = [kind for kind, name in media.rtpmaps.items() if name.startswith("telephone-event")]
        self.events = int(kinds[0]) if kinds else EVENTS
        self.theirs = "".join(f"{one}\r\n" for one in re.findall(r"a=crypto:[^\r\n]+", sdp))

    def sdp(
        self,
        *,
        secure: bool = True,
        crypto: str | None = None,
        formats: str = "",
        more: str = "",
        direction: str = "sendrecv",
        profile: str = "",
    ) -> str:
        """A description of this end; ``crypto`` replaces its key line."""
        formats = formats or f"8 {self.events}"
        keys = (key_line(self.key) if crypto is None else crypto) if secure else ""
        events = f"a=rtpmap:{self.events} telephone-event/8000\r\na=fmtp:{self.events} 0-15\r\n"
        return sdp(
            f"m=audio {self.port} {profile or ('RTP/SAVP' if secure else 'RTP/AVP')} {formats}\r\n"
            "a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
            f"{events}{more}a={direction}\r\n{keys}"
        )

    def reflect(self) -> None:
        """Send back every packet as it came for a while, or until it is done."""
        deadline = time.monotonic() + REFLECTS_S
        while not self.done.is_set() and time.monotonic() < deadline:
            if select.select([self.rtp], [], [], 0.05)[0]:
                data, sender = self.rtp.recvfrom(65536)
                self.rtp.sendto(data, sender)

    def close(self) -> None:
        """Free the ports."""
        self.rtp.close()
        self.rtcp.close()


Wire = Callable[[Line], Sequence[Datagram]]


def honest(line: Line) -> Sequence[Datagram]:
    """Speech under the key that was given."""
    return protected(numbered(spoken(SPEECH)), line.key)


@dataclass(frozen=True)
class Part:
    """What a peer says in SDP, what it sends, and how it ends the call."""

    describe: Callable[[Line], str] = Line.sdp
    wire: Wire | None = honest
    """None reflects what comes."""
    hangs_up: bool = False
    """As callee; a caller always does, after the last packet and ``stays``."""
    stays: float = 0.5
    """For how long the call goes on after the last packet, in seconds."""
    meanwhile: Callable[[Acting], None] | None = None
    """Done before the first packet, once the call is up."""


@dataclass
class Acting:
    """One call of a peer; leaving the block ends its threads."""

    part: Part = field(default_factory=Part)

    def __enter__(self) -> Self:
        self.line = Line()
        self.failure: BaseException | None = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.line.done.set()
        self.close()
        self.line.close()

    def close(self) -> None:
        """Close what a subclass opened."""

    def ask(self, method: str, headers: str = "", body: str = "") -> Message:
        """Send a request in the dialog; its final response."""
        raise NotImplementedError

    def reinvite(self, body: str) -> None:
        """Offer anew."""
        raise NotImplementedError

    def media(self) -> None:
        """Send all, or reflect; then stay."""
        line = self.line
        if self.part.wire is None:
            line.reflect()
        else:
            send(self.part.wire(line), line.rtp, line.rtcp, line.target, line.done)
        line.done.wait(self.part.stays)


class Callee(Acting):
    """Listens for one INVITE, and does its part in a thread of its own, or ``script`` instead of it."""

    def __init__(
        self,
        part: Part | None = None,
        script: Callable[[Callee], None] | None = None,
        *,
        patience: float = PATIENCE_S,
    ) -> None:
        super().__init__(part or Part())
        self._script = script or type(self).answer
        self._patience = patience

    def __enter__(self) -> Self:
        super().__enter__()
        self.peer = SipPeer(timeout=self._patience)
        self.uri = self.peer.uri
        self._thread = threading.Thread(target=self._act, daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        """End with the socket, which a waiting thread notices."""
        self._thread.join(1.0)
        self.peer.close()

    def _act(self) -> None:
        try:
            self.invite = self.peer.expect("INVITE")
            self.line.take(self.invite.sdp or "")
            self._script(self)
        except (OSError, ValueError, AssertionError) as error:
            self.failure = error

    def respond(self, code: int, reason: str, body: str = "", headers: str = "") -> None:
        """Respond to the INVITE."""
        self.peer.reply(self.invite, code, reason, body=body, headers=headers)

    def answer(self) -> None:
        """Answer, send, and wait for BYE, or hang up."""
        self.respond(200, "OK", self.part.describe(self.line))
        self.peer.expect("ACK")
        if self.part.meanwhile:
            self.part.meanwhile(self)
        if self.part.hangs_up:
            self.media()
            self.bye()
            return
        thread = threading.Thread(target=self.media, daemon=True)
        thread.start()
        self.reply_to_bye()
        self.line.done.set()
        thread.join()

    def reply_to_bye(self) -> None:
        """Wait for the BYE, and respond."""
        self.peer.reply(self.peer.expect("BYE"), 200)

    def ask(self, method: str, headers: str = "", body: str = "") -> Message:
        """Send a request in the dialog; its final response."""
        self._dialog = getattr(self, "_dialog", None) or Dialog.of(self.invite)
        return self.peer.ask(
            self.peer.request(method, dialog=self._dialog, headers=headers, body=body), PATIENCE_S
        )

    def bye(self) -> None:
        """Hang up."""
        self.ask("BYE")

    def reinvite(self, body: str) -> None:
        """Offer anew."""
        response = self.ask("INVITE", "", body)
        assert response.status == 200, response.status
        self.peer.ack(response)


class Caller(Acting):
    """Calls a URI once, does its part and hangs up."""

    def __init__(self, part: Part | None = None) -> None:
        super().__init__(part or Part())

    def place(self, uri: str) -> int:
        """Act the whole call; the status code of the answer."""
        self.user = SipPeer(uri)
        line = self.line
        self.user.send(self.user.request("INVITE", body=self.part.describe(line)))
        response = self.user.final(PATIENCE_S)
        self.user.ack(response)
        if response.status != 200:
            return response.status
        self._dialog = Dialog.of(response)
        line.take(response.sdp or "")
        if self.part.meanwhile:
            self.part.meanwhile(self)
        self.media()
        self.ask("BYE")
        return response.status

    def close(self) -> None:
        """Close the socket of the signalling."""
        if hasattr(self, "user"):
            self.user.close()

    def ask(self, method: str, headers: str = "", body: str = "") -> Message:
        """Send a request in the dialog; its final response."""
        return self.user.ask(
            self.user.request(method, dialog=self._dialog, headers=headers, body=body), PATIENCE_S
        )

    def reinvite(self, body: str) -> None:
        """Offer anew."""
        response = self.ask("INVITE", "", body)
        assert response.status == 200, response.status
        self.user.ack(response)
