"""Checks of session descriptions in bytes: structure, counts, ports, addresses (RFC 8866, 3264, 3605).

The library's scanner reads over the end of a line whose fields are missing, so a line that it could join with
the next one is refused.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from bot.sip.intake.refusal import BAD_REQUEST, NOT_ACCEPTABLE_HERE, Mended, Refusal

__all__ = ["IPV4_ONLY", "Hosts", "checked_description"]

MOST_MEDIA = 16
"""PJMEDIA_MAX_SDP_MEDIA."""
MOST_ENABLED = 4
"""Maximum number of enabled m= lines for the library, which opens two sockets per line."""
MOST_LINES = 1024
TOKEN = rb"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+"
LINE = re.compile(rb"([a-z])=([^\0\r]*)")
ORIGIN = re.compile(rb"[^ ]+ [0-9]+ [0-9]+ [^ ]+ [^ ]+ [^ ]+( .*)?")
TIME = re.compile(rb"[0-9]+ [0-9]+([ \t].*)?")
BANDWIDTH = re.compile(rb"[^: ]+:[0-9]+([ \t].*)?")
MEDIA = re.compile(
    rb"(%s) ([0-9]{1,5})(?:/[0-9]{1,5})? ([A-Za-z0-9!#$%%&'*+./^_`{|}~-]+)((?: %s)+)[ \t]*" % (TOKEN, TOKEN)
)
CONNECTION = re.compile(rb"IN IP([46]) ([^ /]+)(/[0-9/]+)?[ \t]*", re.IGNORECASE)
ATTRIBUTE = re.compile(rb"(%s)(?::(.*)|[ \t]*)" % TOKEN, re.DOTALL)
RTCP = re.compile(rb"[ \t]*([0-9]{1,5})(?:[ \t]+IN[ \t]+IP([46])[ \t]+([^ \t/]+))?[ \t]*")
RTPMAP = re.compile(rb"[ \t]*([0-9]{1,3})[ \t]+(%s)[ \t]*/[ \t]*([0-9]{1,10})(?![0-9])" % TOKEN)
FMTP = re.compile(rb"[ \t]*([^ \t]+)(?:[ \t]+(.*))?", re.DOTALL)
HOST = re.compile(rb"[A-Za-z0-9.-]{1,255}").fullmatch
HIGHEST_PORT, HIGHEST_PAYLOAD_TYPE, HIGHEST_RATE = 65535, 127, 192_000
ADDRESS_OF_VERSION: dict[int, Callable[[str], object]] = {4: ipaddress.IPv4Address, 6: ipaddress.IPv6Address}
VERSION, NAME = "300 Incompatible network protocol", "301 Incompatible network address formats"
NO_ADDRESS = b"c=IN IP4 0.0.0.0"


class Hosts(NamedTuple):
    """The allowed addresses in a description, and of the next hop."""

    names: bool = False
    """Whether host names are permitted."""
    versions: Collection[int] = (4,)
    """The permitted IP versions."""
    signalling: Collection[int] = (4,)
    """The IP versions of SIP."""


IPV4_ONLY = Hosts()


@dataclass(slots=True)
class Formats:
    """The a=rtpmap and a=fmtp lines of one m= line, in any order."""

    codecs: list[tuple[int, bytes]] = field(default_factory=list)
    parameters: list[tuple[bytes, bytes]] = field(default_factory=list)

    def check(self) -> None:
        """Raise Refusal for parameters that make the library fail to open a codec."""
        for form, text in self.parameters:
            if form.isdigit() and (int(form), b"ilbc") in self.codecs:
                check_mode(text)


@dataclass(slots=True)
class Line:
    """One m= line with its attributes."""

    place: int
    """Index in the lines of the description."""
    kind: bytes
    port: int
    addressed: bool = False
    problem: Refusal | None = None
    """Why nothing can be sent to its address."""
    formats: Formats = field(default_factory=Formats)


class Description:
    """The lines of a description, their values, and their replacements."""

    def __init__(self, lines: list[bytes], hosts: Hosts) -> None:
        self.lines, self.hosts = lines, hosts
        self.media: list[Line] = []
        self.addressed = False
        """Whether there is a c= line for all m= lines."""
        self.problem: Refusal | None = None
        """Why nothing can be sent to that address."""
        self._session = Formats()
        self._unusable: list[tuple[int, bytes | None]] = []
        """The lines with such addresses, and their replacements."""
        self.rule = ""
        """The name of the rule by which a line was changed."""

    def read(self, place: int, kind: bytes, value: bytes) -> None:
        """Read one line; raises Refusal."""
        match kind:
            case b"o" if not ORIGIN.fullmatch(value):
                raise malformed("its o= line is not like '- 1 1 IN IP4 192.0.2.1'")
            case b"s" if not value:
                self.lines[place] = b"s=-"
                self.rule = "session-name"
            case b"t" if not TIME.fullmatch(value):
                raise malformed("its t= line is not like '0 0'")
            case b"b" if not BANDWIDTH.fullmatch(value):
                raise malformed("its b= line is not like 'AS:64'")
            case b"m":
                self.media.append(media_line(place, value))
            case b"c":
                self._read_connection(place, value)
            case b"a":
                self._read_attribute(place, value)
            case _:
                pass

    def _read_connection(self, place: int, value: bytes) -> None:
        found = CONNECTION.fullmatch(value)
        if found is None:
            raise malformed("its c= line is not like 'IN IP4 192.0.2.1'")
        problem = address_problem(found[1], found[2], "c=", self.hosts)
        if problem is not None:
            self._unusable.append((place, NO_ADDRESS))
        if self.media:
            self.media[-1].addressed = True
            self.media[-1].problem = self.media[-1].problem or problem
        else:
            self.addressed, self.problem = True, problem

    def _read_attribute(self, place: int, value: bytes) -> None:
        found = ATTRIBUTE.fullmatch(value)
        if found is None:
            raise malformed(f"line {place + 1} is not of the form a=name or a=name:value")
        name, text = found[1], found[2] or b""
        formats = self.media[-1].formats if self.media else self._session
        if name == b"rtpmap":
            read_mapping(text, formats)
        elif name == b"fmtp":
            parameters = FMTP.fullmatch(text)
            if parameters is None:
                raise malformed("an a=fmtp line has no format")
            formats.parameters.append((parameters[1], parameters[2] or b""))
        elif name == b"rtcp":
            self._read_control(place, text)

    def _read_control(self, place: int, text: bytes) -> None:
        """The address of RTCP (RFC 3605)."""
        found = RTCP.fullmatch(text)
        if found is None or int(found[1]) > HIGHEST_PORT:
            raise malformed("its a=rtcp is not like '4001 IN IP4 192.0.2.1'")
        problem = address_problem(found[2], found[3], "a=rtcp", self.hosts) if found[2] else None
        if problem is not None and not self.media:
            raise problem
        if problem is not None:
            self._unusable.append((place, None))
            self.media[-1].problem = self.media[-1].problem or problem

    def mended(self) -> Mended | None:
        """Changes of legal lines that the library does not survive, or that nothing can be sent to."""
        for line in self.media:
            line.formats.check()
        if len(self.media) > MOST_MEDIA:
            raise refused(
                "many-media-lines", f"it has {len(self.media)} m= lines, and {MOST_MEDIA} are the most"
            )
        self._disable_unusable()
        surplus = [one for one in self.media if one.port][MOST_ENABLED:]
        if surplus:
            self.rule = "many-media-lines"
            self._disable(surplus)
        for one in reversed(self.media):
            if not (self.addressed or one.addressed):
                if one.port:
                    raise malformed("an m= line has no address (RFC 8866 5.7)")
                self.rule = "line-without-address"
                self.lines.insert(one.place + 1, NO_ADDRESS)
        return Mended(self.rule, b"\r\n".join(self.lines) + b"\r\n") if self.rule else None

    def _disable_unusable(self) -> None:
        """Disable the m= lines that nothing can be sent to; raise Refusal when no line for audio is left."""
        problems = {
            line.place: problem
            for line in self.media
            if (problem := line.problem or (None if line.addressed else self.problem)) is not None
        }
        if not self._unusable:
            return
        if problems and not any(
            one.port and one.kind == b"audio" and one.place not in problems for one in self.media
        ):
            raise next(iter(problems.values()))
        first = next(iter(problems.values()), None) or self.problem
        self.rule = first.rule if first is not None else self.rule
        self._disable(one for one in self.media if one.place in problems)
        for place, replacement in reversed(self._unusable):
            if replacement is not None:
                self.lines[place] = replacement
            else:
                self.lines[place] = b"a=inactive"

    def _disable(self, media: Iterable[Line]) -> None:
        """Set the port of these m= lines to 0."""
        for line in media:
            found = MEDIA.fullmatch(self.lines[line.place][2:])
            if found is not None and line.port:
                line.port = 0
                self.lines[line.place] = b"m=%s 0 %s%s" % (found[1], found[3], found[4])


def checked_description(body: bytes, hosts: Hosts = IPV4_ONLY, fragment: bool = False) -> Mended | None:
    """Check a session description; returns a replacement for it, or None to keep it.

    A ``fragment`` (RFC 8840 9) need not begin with v=0, nor have addresses. Raises Refusal for a description
    that cannot be processed.
    """
    lines = re.split(rb"\r?\n", body.rstrip(b"\r\n\0 \t"))
    if len(lines) > MOST_LINES:
        raise malformed(f"it has more than {MOST_LINES} lines")
    description = Description(lines, hosts)
    description.addressed = fragment
    for place, line in enumerate(list(lines)):
        found = LINE.fullmatch(line)
        if found is None:
            raise malformed(f"line {place + 1} is not of the form x=value")
        if not fragment and (place == 0) != (found[1] == b"v"):
            raise malformed("it does not begin with v=0")
        description.read(place, found[1], found[2])
    return description.mended()


def media_line(place: int, value: bytes) -> Line:
    """Parse an m= line; raises Refusal."""
    found = MEDIA.fullmatch(value)
    if found is None or int(found[2]) > HIGHEST_PORT:
        raise malformed(f"line {place + 1} is not an m= line like 'audio 4000 RTP/AVP 8'")
    return Line(place, found[1].lower(), int(found[2]))


def read_mapping(text: bytes, formats: Formats) -> None:
    """Read an a=rtpmap as far as the library reads it; raises Refusal for numbers that it cannot hold."""
    found = RTPMAP.match(text)
    if found is None:  # the library ignores its format, as it ignores an unknown format
        return
    if int(found[1]) > HIGHEST_PAYLOAD_TYPE or not 0 < int(found[3]) <= HIGHEST_RATE:
        raise malformed("an a=rtpmap is not like '8 PCMA/8000'")
    formats.codecs.append((int(found[1]), found[2].lower()))


def address_problem(version: bytes, address: bytes, where: str, hosts: Hosts) -> Refusal | None:
    """Why nothing can be sent to an address; 0.0.0.0 holds (RFC 2543) and is nowhere to send to."""
    number = int(version)
    if number not in hosts.versions and address != b"0.0.0.0":
        what = f"the address of its {where} is IPv{number}"
        return Refusal(f"ipv{number}-media", NOT_ACCEPTABLE_HERE, what, VERSION)
    if hosts.names and HOST(address):
        return None
    try:
        if b"%" in address:
            raise ValueError("SDP has no zones (RFC 8866 9)")
        ADDRESS_OF_VERSION[number](address.decode("ascii", "replace"))
    except ValueError:
        what = f"{where}, {address.decode()}," if HOST(address) else where
        return Refusal(
            "name-in-sdp", NOT_ACCEPTABLE_HERE, f"the address of its {what} is not an IP address", NAME
        )
    return None


def check_mode(text: bytes) -> None:
    """Raise Refusal for an iLBC mode that the library cannot open."""
    for parameter in text.split(b";"):
        name, _, mode = parameter.partition(b"=")
        if name.strip().lower() == b"mode" and mode.strip() not in (b"20", b"30"):
            raise refused("ilbc-mode", "the mode of iLBC is neither 20 nor 30 (RFC 3952 5)")


def malformed(why: str) -> Refusal:
    """A Refusal for a syntax error in the description."""
    return Refusal("malformed-sdp", BAD_REQUEST, f"its SDP is malformed: {why}")


def refused(rule: str, why: str) -> Refusal:
    """A Refusal for a description that is not acceptable."""
    return Refusal(
        rule, NOT_ACCEPTABLE_HERE, f"its SDP cannot be accepted: {why}", "304 Media type not available"
    )
