"""Parser for session descriptions (RFC 8866) with their crypto attributes (RFC 4568).

It describes the SDP of two sides. It does not know what the library or a socket does with it.
"""

from __future__ import annotations

import re

import msgspec

from bot.model import MediaDirection

__all__ = ["CryptoAttribute", "Sdp", "SdpMedia", "parse_sdp"]

_MAX_PROBLEMS = 100


class CryptoAttribute(msgspec.Struct, frozen=True, kw_only=True):
    """One a=crypto line (RFC 4568 section 4)."""

    tag: int
    suite: str
    key_params: str | None = None
    """``inline:...`` as written; None unless :func:`parse_sdp` was asked for the keys."""
    session_params: tuple[str, ...] = ()


class SdpMedia(msgspec.Struct, frozen=True, kw_only=True):
    """One m= line with its attributes and with the values inherited from the session level."""

    type: str
    port: int
    profile: str
    formats: tuple[str, ...] = ()
    direction: MediaDirection = MediaDirection.SENDRECV
    connection: str | None = None
    """The address of the c= line."""
    crypto: tuple[CryptoAttribute, ...] = ()
    rtpmaps: dict[str, str] = {}
    """Maps a payload type to its encoding: ``{"8": "PCMA/8000"}``."""
    fmtps: dict[str, str] = {}
    ptime: float | None = None
    rtcp_port: int | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    """Every a= line of this m= line in order, as name and value, except a=crypto."""

    @property
    def rejected(self) -> bool:
        """Whether the stream is refused or ended: its port is 0."""
        return self.port == 0

    @property
    def secure(self) -> bool:
        """Whether the profile demands SRTP: RTP/SAVP, RTP/SAVPF and those over DTLS."""
        return "/SAVP" in self.profile.upper()

    @property
    def keys(self) -> str:
        """The key exchange in one phrase: the crypto suites, the DTLS role, or ``no crypto``."""
        suites = list(dict.fromkeys(crypto.suite for crypto in self.crypto))
        setup = next((value.strip() for name, value in self.attributes if name == "setup"), "")
        if "TLS/" in self.profile.upper() or (setup and not suites):
            return f"DTLS {setup}".rstrip()
        return " ".join(suites) or "no crypto"

    @property
    def on_hold(self) -> bool:
        """Whether the sender does not want to receive: by its direction, or by c=0.0.0.0 as in RFC 2543."""
        held = self.direction in (MediaDirection.SENDONLY, MediaDirection.INACTIVE)
        return held or self.connection == "0.0.0.0"


class Sdp(msgspec.Struct, frozen=True, kw_only=True):
    """A session description."""

    media: tuple[SdpMedia, ...] = ()
    origin: str | None = None
    """The value of the o= line."""
    connection: str | None = None
    direction: MediaDirection = MediaDirection.SENDRECV
    attributes: tuple[tuple[str, str], ...] = ()
    """The a= lines of the session level in order."""
    problems: tuple[str, ...] = ()
    """Syntax errors, as "line 7: ..."; at most 100."""


# A suite has letters, digits and _ only (RFC 4568 9.1); so a misplaced key never counts as a suite.
_CRYPTO = re.compile(r"([0-9]{1,9})[ \t]+([A-Za-z0-9_]+)[ \t]+([^ \t]+)(.*)", re.DOTALL)
_MEDIA = re.compile(r"([^ ]+) +([0-9]{1,5})(?:/[0-9]{1,5})? +([^ ]+)((?: +[^ ]+)*) *")
_CONNECTION = re.compile(r"IN IP[46] ([^ /]+)(?:/[0-9/]+)?")
_LEADING_PORT = re.compile(r"([0-9]{1,5})(?: .*)?", re.DOTALL)
_PTIME = re.compile(r"[0-9]{1,5}(?:\.[0-9]{1,5})?")


class _Section:
    """The session level or one m= line during parsing."""

    def __init__(
        self, kind: str = "", port: int = 0, profile: str = "", formats: tuple[str, ...] = ()
    ) -> None:
        self.kind, self.port, self.profile, self.formats = kind, port, profile, formats
        self.connection: str | None = None
        self.direction: MediaDirection | None = None
        self.crypto: list[CryptoAttribute] = []
        self.rtpmaps: dict[str, str] = {}
        self.fmtps: dict[str, str] = {}
        self.ptime: float | None = None
        self.rtcp_port: int | None = None
        self.attributes: list[tuple[str, str]] = []

    @classmethod
    def of_media_line(cls, value: str) -> tuple[_Section, str | None]:
        if found := _MEDIA.fullmatch(value):
            return cls(found[1], int(found[2]), found[3], tuple(found[4].split())), None
        kind, *rest = value.split(" ", 3)  # it keeps its position, because answers refer to it by position
        profile = rest[1] if len(rest) > 1 else ""
        return cls(kind, 0, profile), f"{_excerpt(value)} is not an m= line like 'audio 4000 RTP/AVP 8'"

    def read_connection(self, value: str) -> str | None:
        found = _CONNECTION.fullmatch(value.strip())
        self.connection = found[1] if found else self.connection
        return None if found else f"{_excerpt(value)} is not a c= line like 'IN IP4 192.0.2.1'"

    def read_attribute(self, text: str, keys: bool) -> str | None:
        """Parse the value of an a= line; returns what is wrong with the value."""
        name, _, value = text.partition(":")
        if name == "crypto":
            attribute = _crypto(value.strip(), keys)
            if attribute is None:
                return "a=crypto is not like '1 AES_CM_128_HMAC_SHA1_80 inline:...'"
            self.crypto.append(attribute)
            return None
        self.attributes.append((name, value))
        if not value and name in tuple(MediaDirection):
            self.direction = MediaDirection(name)
        elif name in ("rtpmap", "fmtp"):
            form, _, what = value.strip().partition(" ")
            if not what:
                return f"a={name} has no format: {_excerpt(value)}"
            (self.rtpmaps if name == "rtpmap" else self.fmtps)[form] = what.strip()
        elif name == "ptime":
            if not _PTIME.fullmatch(value.strip()):
                return f"a=ptime is not a number: {_excerpt(value)}"
            self.ptime = float(value)
        elif name == "rtcp":
            found = _LEADING_PORT.fullmatch(value.strip())
            if not found:
                return f"a=rtcp is not a port: {_excerpt(value)}"
            self.rtcp_port = int(found[1])
        return None

    def media(self, session: _Section) -> SdpMedia:
        return SdpMedia(
            type=self.kind,
            port=self.port,
            profile=self.profile,
            formats=self.formats,
            direction=self.direction or session.direction or MediaDirection.SENDRECV,
            connection=self.connection or session.connection,
            crypto=tuple(self.crypto),
            rtpmaps=self.rtpmaps,
            fmtps=self.fmtps,
            ptime=self.ptime,
            rtcp_port=self.rtcp_port,
            attributes=tuple(self.attributes),
        )


def parse_sdp(text: str, *, keys: bool = False) -> Sdp:
    """Parse ``text`` as far as possible; ``problems`` has the syntax errors.

    The keys of a=crypto are left out unless ``keys`` is true.
    """
    session = section = _Section()
    media: list[_Section] = []
    problems: list[str] = []
    origin: str | None = None
    lines = text.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    for number, raw in enumerate(lines, start=1):
        line = raw.rstrip("\r")
        kind, equals, value = line[:1], line[1:2], line[2:]
        problem = None
        if equals != "=" or not ("a" <= kind <= "z"):
            problem = f"{_excerpt(line)} is not of the form x=value"
        elif number == 1 and kind != "v":
            problem = "a description begins with v=0"
        if kind + equals == "o=":
            origin = value
        elif kind + equals == "m=":
            section, problem = _Section.of_media_line(value)
            media.append(section)
        elif kind + equals == "c=":
            problem = section.read_connection(value) or problem
        elif kind + equals == "a=":
            problem = section.read_attribute(value, keys) or problem
        if problem and len(problems) < _MAX_PROBLEMS:
            problems.append(f"line {number}: {problem}")
    return Sdp(
        media=tuple(each.media(session) for each in media),
        origin=origin,
        connection=session.connection,
        direction=session.direction or MediaDirection.SENDRECV,
        attributes=tuple(session.attributes),
        problems=tuple(problems),
    )


def _crypto(value: str, keys: bool) -> CryptoAttribute | None:
    found = _CRYPTO.fullmatch(value)
    if not found:
        return None
    tag, suite, key_params, rest = found.groups()
    return CryptoAttribute(
        tag=int(tag), suite=suite, key_params=key_params if keys else None, session_params=tuple(rest.split())
    )


def _excerpt(text: str) -> str:
    """The start of a malformed line, for an error; never of a line that may contain a key."""
    return "it" if re.search(r"inline|crypto|key|k[ \t]*=", text, re.IGNORECASE) else repr(text[:40])


def _follows_ms_sdpext(offered: SdpMedia, answered: SdpMedia) -> bool:
    """Whether RTP/SAVP answers an offer of RTP/AVP with a=crypto."""
    profiles = offered.profile.upper(), answered.profile.upper()
    return profiles == ("RTP/AVP", "RTP/SAVP") and bool(offered.crypto and answered.crypto)
