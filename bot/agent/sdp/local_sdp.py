"""Changes to the local session descriptions of one call: direction, codecs, keys, edits by the user."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from random import SystemRandom

import pjsua2 as pj

from bot.agent.callbacks import CommandRefused
from bot.agent.sdp.codec_filter import only_codecs
from bot.agent.sdp.media_lines import MediaLines
from bot.agent.sdp.rewriter import SdpRewriter
from bot.model import MediaDirection
from bot.sip import SdpEdit, edited

__all__ = ["LocalSdp"]

CRYPTO_LINE = re.compile(r"^(a=crypto:\d+[ \t]+(\S+)[ \t]+inline:)([A-Za-z0-9+/=]+)", re.MULTILINE)
DIRECTION_LINE = re.compile(r"^a=(sendrecv|sendonly|recvonly|inactive)(?=\r\n)", re.MULTILINE)
SECTION = re.compile(r"^(?=m=)", re.MULTILINE)
MID = re.compile(r"^a=mid:.*$", re.MULTILINE)
MEDIA_LINE = re.compile(r"^m=", re.MULTILINE)
KEY_BYTES = SystemRandom()
"""The operating system's, as ``secrets`` uses it; that module would load a second OpenSSL into each agent."""
UNUSABLE = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
"""A well-formed description without a connection address (c=); the library does not send such an offer."""


class LocalSdp:
    """The descriptions of one call, as the library creates them and as they are sent.

    Requested changes persist. Without that, the library would offer its first keys again at the next
    re-INVITE, and send with a key and an index that were used before. It also forgets the direction when it
    answers, or when it offers before the call is confirmed.
    """

    def __init__(self, descriptions: SdpRewriter, lines: MediaLines) -> None:
        self._descriptions = descriptions
        self._lines = lines
        self.call_id = ""
        self.answers = False
        """Whether the last description was an answer."""
        self.has_fingerprint = False
        """Whether the last description has a fingerprint: DTLS keys the media, if it is agreed on."""
        self._wanted: MediaDirection | None = None
        self._codecs: Sequence[str] = ()
        self._before: tuple[MediaDirection | None, Sequence[str]] = (None, ())
        self._keys: dict[str, str] = {}
        self._described = False
        self._edits: Sequence[SdpEdit] = ()
        self._rekey = self._response = False
        self._problem: str | None = None

    @property
    def wanted(self) -> MediaDirection:
        """The requested direction of this side."""
        return self._wanted or MediaDirection.SENDRECV

    def want(self, direction: MediaDirection | None, codecs: Sequence[str] = ()) -> None:
        """Request changes from now on; None keeps a value. ``unwant`` undoes a refused request."""
        self._before = self._wanted, self._codecs
        self._wanted, self._codecs = direction or self._wanted, codecs or self._codecs

    def unwant(self) -> None:
        """Undo the latest request."""
        self._wanted, self._codecs = self._before

    def prepare(
        self, edits: Sequence[SdpEdit], *, offer: bool, rekey: bool = False, response: bool = False
    ) -> None:
        """Prepare the changes to the next description; ``offer`` if the current command creates one.

        An offer that cannot be edited is not sent, unless it is in a ``response``, which must be sent.
        Raises Refused when this build does not permit edits.
        """
        if edits and not self._descriptions.usable:
            raise CommandRefused("native", "this build of the library exports too little to edit SDP")
        self._problem, self._rekey, self._response = None, rekey, response
        self._edits = edits if offer else ()
        if edits and not offer:
            self._descriptions.edit_leaving(self.call_id, edits)

    def created(
        self, session: pj.SdpSession, *, answer: bool, offer: pj.SdpSession | None = None
    ) -> str | None:
        """The library has created a description; returns its replacement, or None to keep it.

        ``offer`` is the peer's, that an answer belongs to.
        """
        made = session.wholeSdp
        if self._descriptions.usable:  # the bindings show no description of more than 1,023 bytes
            made = self._descriptions.text_of(int(session.pjSdpSession))
        original = made
        first, self._described, self.answers = not self._described, True, answer
        self.has_fingerprint = "\na=fingerprint:" in made
        if offer is not None and self._descriptions.usable:
            made = identified(made, self._descriptions.text_of(int(offer.pjSdpSession)))
        changed = self._changed(made, answer=answer, first=first)
        return None if changed == original else changed

    def _changed(self, description: str, *, answer: bool, first: bool) -> str:
        if self._rekey:
            self._keys.update((suite, new_key(key)) for _, suite, key in CRYPTO_LINE.findall(description))
            self._rekey = False
        if self._wanted is not None:
            description = DIRECTION_LINE.sub(f"a={self._wanted}", description)
        description = CRYPTO_LINE.sub(lambda line: line[1] + self._keys.get(line[2], line[3]), description)
        description = self._lines.written(description, answer=answer)
        try:
            description = only_codecs(description, self._codecs) if self._codecs else description
        except ValueError as error:
            self._problem = str(error)
            return description if answer else UNUSABLE
        if answer or not self._edits:
            return description
        edits, self._edits = self._edits, ()
        try:
            offer = edited(description, edits)
            if len(MEDIA_LINE.findall(offer)) != len(MEDIA_LINE.findall(description)):
                self._descriptions.edit_leaving(self.call_id, edits)
                return description
            self._problem = self._descriptions.problem_with(offer)
        except ValueError as error:
            self._problem = str(error)
        if self._problem is None:
            return offer
        if self._response:
            self._problem = f"the SDP was sent unedited: {self._problem}"
            return description
        self._problem = f"the edited SDP was not sent: {self._problem}"
        if first:  # the library asserts that a first offer is valid; so it must fail later
            self._descriptions.stop(self.call_id)
            return description
        return UNUSABLE

    def check(self) -> None:
        """Check the sent description after a command.

        Raises Refused if the edited description was not sent.
        """
        self._edits, self._rekey = (), False
        problem, self._problem = self._problem, None
        if problem:
            raise CommandRefused("config", problem)

    def check_sent(self) -> None:
        """Check a sent message; raises Refused if its description was sent without the edits."""
        problem = self._descriptions.unedited(self.call_id)
        if problem:
            raise CommandRefused("config", f"the SDP was sent unedited: {problem}")

    def forget(self) -> None:
        """Cancel all prepared changes."""
        self._descriptions.forget(self.call_id)


def identified(answer: str, offer: str) -> str:
    """An answer with the a=mid of the offer's m= lines (RFC 5888 9.1), which the library leaves out."""
    offered = [MID.search(section) for section in SECTION.split(offer)[1:]]
    session, *sections = SECTION.split(answer)
    for place, found in enumerate(offered[: len(sections)]):
        if found is not None and not MID.search(sections[place]):
            sections[place] += f"{found[0].rstrip()}\r\n"
    return session + "".join(sections)


def new_key(key: str) -> str:
    """A new random key and salt of the same length, in base64.

    It has no zero byte: the library stops the comparison of keys there and would find two of them equal.
    """
    length = len(base64.b64decode(key))
    return base64.b64encode(bytes(KEY_BYTES.randint(1, 255) for _ in range(length))).decode("ascii")
