"""What is changed in one call's own session descriptions: direction, codecs, keys, a user's edits."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Sequence

import pjsua2 as pj

from bot.agent.codec_choice import only_codecs
from bot.agent.descriptions import Descriptions
from bot.agent.media_lines import MediaLines
from bot.agent.refusal import Refused
from bot.model import MediaDirection
from bot.sdp_edits import SdpEdit, edited

__all__ = ["LocalSdp"]

CRYPTO_LINE = re.compile(r"^(a=crypto:\d+[ \t]+(\S+)[ \t]+inline:)([A-Za-z0-9+/=]+)", re.MULTILINE)
DIRECTION_LINE = re.compile(r"^a=(sendrecv|sendonly|recvonly|inactive)(?=\r\n)", re.MULTILINE)
MEDIA_LINE = re.compile(r"^m=", re.MULTILINE)
UNUSABLE = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
"""Parses, but says nowhere where to: no offer of that kind is sent."""


class LocalSdp:
    """The descriptions of one call, as the library makes them and as they are sent.

    What was asked for stays. The library would offer its first keys again at the next re-INVITE, and send
    under a key and an index that were used before; and it forgets the direction when it has to answer, or
    when it offers before the call is confirmed.
    """

    def __init__(self, descriptions: Descriptions, lines: MediaLines) -> None:
        self._descriptions = descriptions
        self._lines = lines
        self.call_id = ""
        self.answers = False
        """Whether the last description was an answer."""
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
        """What this side wants."""
        return self._wanted or MediaDirection.SENDRECV

    def want(self, direction: MediaDirection | None, codecs: Sequence[str] = ()) -> None:
        """Say what is asked for from now on, None for the same; ``unwant`` when that was refused."""
        self._before = self._wanted, self._codecs
        self._wanted, self._codecs = direction or self._wanted, codecs or self._codecs

    def unwant(self) -> None:
        """What was asked for last does not hold."""
        self._wanted, self._codecs = self._before

    def prepare(
        self, edits: Sequence[SdpEdit], *, offer: bool, rekey: bool = False, response: bool = False
    ) -> None:
        """Say what to change in the next description; ``offer`` when the command at hand makes one.

        An offer that cannot be edited is not sent, unless it is in a ``response``, which has to be. Refused
        when this build does not allow edits.
        """
        if edits and not self._descriptions.usable:
            raise Refused("native", "this build of the library exports too little to edit SDP")
        self._problem, self._rekey, self._response = None, rekey, response
        self._edits = edits if offer else ()
        if edits and not offer:
            self._descriptions.edit_leaving(self.call_id, edits)

    def created(self, session: pj.SdpSession, *, answer: bool) -> str | None:
        """The library has made a description: what to use instead, or None for the same."""
        made = session.wholeSdp
        if self._descriptions.usable:  # the bindings show nothing when it is longer than 1,023 bytes
            made = self._descriptions.text_of(int(session.pjSdpSession))
        first, self._described, self.answers = not self._described, True, answer
        changed = self._changed(made, answer=answer, first=first)
        return None if changed == made else changed

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
        if first:  # the library asserts that a first offer is valid, so it has to fail later
            self._descriptions.stop(self.call_id)
            return description
        return UNUSABLE

    def check(self) -> None:
        """After the library has done as it was told: Refused when the edited description is not what left."""
        self._edits, self._rekey = (), False
        problem, self._problem = self._problem, None
        if problem:
            raise Refused("config", problem)

    def check_sent(self) -> None:
        """After a message was sent: Refused when its description left as the library made it."""
        problem = self._descriptions.unedited(self.call_id)
        if problem:
            raise Refused("config", f"the SDP was sent unedited: {problem}")

    def forget(self) -> None:
        """Nothing that was prepared is to be done any more."""
        self._descriptions.forget(self.call_id)


def new_key(key: str) -> str:
    """Another key and salt of the same length, in base64.

    Without a zero byte, at which the library would stop to compare keys and find two of them equal.
    """
    length = len(base64.b64decode(key))
    return base64.b64encode(bytes(1 + secrets.randbelow(255) for _ in range(length))).decode("ascii")
