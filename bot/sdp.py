"""Reading session descriptions (RFC 8866), their crypto attributes (RFC 4568) and offer/answer (RFC 3264).

It knows what two sides said to each other, and nothing of what a library or a socket made of it.
"""

from __future__ import annotations

import re

import msgspec

from .model import MediaDirection
from .sip import Message

__all__ = [
    "CryptoAttribute",
    "CryptoNegotiation",
    "Negotiation",
    "OfferAnswer",
    "Sdp",
    "SdpMedia",
    "parse_sdp",
]

_MAX_PROBLEMS = 100


class CryptoAttribute(msgspec.Struct, frozen=True, kw_only=True):
    """One a=crypto line (RFC 4568 section 4)."""

    tag: int
    suite: str
    key_params: str | None = None
    """``inline:...`` as written; None unless :func:`parse_sdp` was asked for the keys."""
    session_params: tuple[str, ...] = ()


class SdpMedia(msgspec.Struct, frozen=True, kw_only=True):
    """One m= line and what belongs to it, with what it inherits from the session."""

    type: str
    port: int
    profile: str
    formats: tuple[str, ...] = ()
    direction: MediaDirection = MediaDirection.SENDRECV
    connection: str | None = None
    """The address of the c= line."""
    crypto: tuple[CryptoAttribute, ...] = ()
    rtpmaps: dict[str, str] = {}
    """From a format to what it is: ``{"8": "PCMA/8000"}``."""
    fmtps: dict[str, str] = {}
    ptime: float | None = None
    rtcp_port: int | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    """Every a= line of this m= line in order but a=crypto, by name and value."""

    @property
    def rejected(self) -> bool:
        """Whether the stream is refused or ended: its port is 0."""
        return self.port == 0

    @property
    def secure(self) -> bool:
        """Whether the profile demands SRTP: RTP/SAVP, RTP/SAVPF and those over DTLS."""
        return "/SAVP" in self.profile.upper()

    @property
    def on_hold(self) -> bool:
        """Whether its sender does not want to receive: by direction, or by c=0.0.0.0 as in RFC 2543."""
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
    """What is malformed, as "line 7: ..."; at most 100 of them."""


# The suite is letters, digits and _ (RFC 4568 9.1), so that a key that stands there is never taken for one.
_CRYPTO = re.compile(r"([0-9]{1,9})[ \t]+([A-Za-z0-9_]+)[ \t]+([^ \t]+)(.*)", re.DOTALL)
_MEDIA = re.compile(r"([^ ]+) +([0-9]{1,5})(?:/[0-9]{1,5})? +([^ ]+)((?: +[^ ]+)*) *")
_CONNECTION = re.compile(r"IN IP[46] ([^ /]+)(?:/[0-9/]+)?")
_LEADING_PORT = re.compile(r"([0-9]{1,5})(?: .*)?", re.DOTALL)
_PTIME = re.compile(r"[0-9]{1,5}(?:\.[0-9]{1,5})?")


class _Section:
    """The session level or one m= line while it is being read."""

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
        kind, *rest = value.split(" ", 3)  # it keeps its place, for answers refer to it by position
        profile = rest[1] if len(rest) > 1 else ""
        return cls(kind, 0, profile), f"{_excerpt(value)} is not an m= line like 'audio 4000 RTP/AVP 8'"

    def read_connection(self, value: str) -> str | None:
        found = _CONNECTION.fullmatch(value.strip())
        self.connection = found[1] if found else self.connection
        return None if found else f"{_excerpt(value)} is not a c= line like 'IN IP4 192.0.2.1'"

    def read_attribute(self, text: str, keys: bool) -> str | None:
        """Take in the value of an a= line and say what is wrong with it."""
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
                return f"a={name} says nothing of a format: {_excerpt(value)}"
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
    """Read ``text`` as far as it can be read; what is malformed is said in ``problems``.

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
    """The start of what was read, for a problem; never of a line that may carry a key."""
    return "it" if re.search(r"inline|crypto|key|k[ \t]*=", text, re.IGNORECASE) else repr(text[:40])


class Negotiation(msgspec.Struct, frozen=True, kw_only=True):
    """A complete offer/answer exchange."""

    offer: Sdp
    answer: Sdp
    offered_by_us: bool


class CryptoNegotiation(msgspec.Struct, frozen=True, kw_only=True):
    """What the two sides said about the keys of one stream."""

    offered: tuple[str, ...] = ()
    """The offered crypto suites in the order of the offer."""
    answered: str | None = None
    """The suite of the answer; None when the stream was refused, or accepted without a=crypto."""
    tag: int | None = None
    """The tag of the answer."""
    disagreement: str | None = None
    """What breaks RFC 4568, in one sentence."""

    @property
    def keyed(self) -> bool:
        """Whether both sides gave keys; an answer to an offer without any agrees on nothing."""
        return bool(self.offered and self.answered)


class _Exchange:
    """The descriptions that one transaction carried."""

    def __init__(self, branch: str) -> None:
        self.branch = branch
        self.offer: Sdp | None = None
        self.answer: Sdp | None = None
        self.offered_by_us = False
        self.offered_reliably = False
        self.answer_is_final = False
        self.answered_by: str | None = None
        """The To tag of the answer: where an INVITE forked, each branch answers it."""
        self.accepted = False
        """Whether the answer came in a 2xx or in a request; then none is better."""

    def takes(self, message: Message) -> bool:
        """Whether the SDP of ``message``, which is not the offer, is the answer as far as is known now."""
        by_another = not self.accepted and message.status >= 200 and message.to_tag != self.answered_by
        return not self.answer_is_final or by_another


_Key = tuple[int, bool]


class OfferAnswer:
    """The offers and answers of one dialog, from its messages in order (RFC 3264, RFC 6337).

    A transaction is told by its CSeq number and by who sent the request; an ACK belongs to its INVITE.
    Where a request of ours forked, or one of theirs came by two ways, it is still one exchange.
    """

    def __init__(self, *, keys: bool = False) -> None:
        """Begin with nothing said; ``keys`` keeps the keys of a=crypto too."""
        self._keys = keys
        self.last_offer: Sdp | None = None
        """The latest offer, answered or not."""
        self._exchanges: dict[_Key, _Exchange] = {}
        self._agreed: list[_Key] = []

    @property
    def current(self) -> Negotiation | None:
        """The last complete exchange whose transaction did not fail: what is in force."""
        if not self._agreed:
            return None
        exchange = self._exchanges[self._agreed[-1]]
        assert exchange.offer is not None
        assert exchange.answer is not None
        return Negotiation(offer=exchange.offer, answer=exchange.answer, offered_by_us=exchange.offered_by_us)

    def feed(self, sent: bool, message: Message) -> None:
        """Take the next message of the dialog in; ``sent`` when it left this side."""
        if message.cseq is None or message.cseq[1] == "CANCEL":
            return
        number, method = message.cseq
        key = (number, sent if message.is_request else not sent)
        if message.status >= 300:
            exchange = self._exchanges.get(key)
            if exchange is not None and exchange.branch != _branch(message):
                return  # it refuses the same request that came by another way (RFC 3261 section 8.2.2.2)
            self._exchanges.pop(key, None)
            self._agreed = [agreed for agreed in self._agreed if agreed != key]
            return
        text = message.sdp
        if text is None:
            return
        if message.is_request and method == "PRACK":
            key = self._acknowledged(sent, message) or key
        self._take(key, sent, message, parse_sdp(text, keys=self._keys))

    def _acknowledged(self, sent: bool, prack: Message) -> _Key | None:
        """The INVITE whose offer, made in a reliable provisional response, this PRACK answers (RFC 3262)."""
        rack = (prack.header("RAck") or "").split()
        if len(rack) != 3 or not re.fullmatch("[0-9]{1,10}", rack[1]):
            return None
        key = (int(rack[1]), sent)
        exchange = self._exchanges.get(key)
        if exchange is None or not exchange.offered_reliably or exchange.offered_by_us == sent:
            return None
        return None if exchange.answer else key

    def _take(self, key: _Key, sent: bool, message: Message, sdp: Sdp) -> None:
        exchange = self._exchanges.setdefault(key, _Exchange(_branch(message)))
        if exchange.offer is None:
            exchange.offer, exchange.offered_by_us = sdp, sent
            exchange.offered_reliably = message.status > 100 and message.header("RSeq") is not None
            self.last_offer = sdp
        elif sent != exchange.offered_by_us and exchange.takes(message):
            # An unreliable 18x only announces the answer, the 2xx has it (RFC 3261 section 13.2.1).
            exchange.answer, exchange.answered_by = sdp, message.to_tag
            exchange.accepted = not 100 < message.status < 200
            exchange.answer_is_final = exchange.accepted or message.header("RSeq") is not None
            if key not in self._agreed:
                self._agreed.append(key)

    def negotiated_crypto(self, media_index: int) -> CryptoNegotiation:
        """What was said about the keys of the m= line ``media_index`` (from 0) in what is in force.

        Before anything is in force it has what the last offer offered.
        """
        agreed = self.current
        offer = agreed.offer if agreed else self.last_offer
        offered = _media(offer, media_index)
        suites = tuple(attribute.suite for attribute in offered.crypto) if offered else ()
        if agreed is None or offered is None:
            return CryptoNegotiation(offered=suites)
        answered = _media(agreed.answer, media_index)
        if answered is None:
            missing = f"the answer has no m= line {media_index + 1}"
            return CryptoNegotiation(offered=suites, disagreement=missing)
        if answered.rejected:
            return CryptoNegotiation(offered=suites)
        chosen = answered.crypto[0] if answered.crypto else None
        return CryptoNegotiation(
            offered=suites,
            answered=chosen.suite if chosen else None,
            tag=chosen.tag if chosen else None,
            disagreement=_disagreement(offered, answered),
        )


_BRANCH = re.compile(r";\s*branch\s*=\s*([^\s;,]+)", re.IGNORECASE)
# The session parameters that an answer has to repeat (RFC 4568 section 6.3).
_NEGOTIATED_PARAMS = frozenset({"UNENCRYPTED_SRTP", "UNENCRYPTED_SRTCP", "UNAUTHENTICATED_SRTP"})


def _negotiated_params(attribute: CryptoAttribute) -> frozenset[str]:
    return _NEGOTIATED_PARAMS.intersection(param.upper() for param in attribute.session_params)


def _branch(message: Message) -> str:
    """What identifies the transaction: the branch of the top Via, empty when there is none."""
    found = _BRANCH.search((message.header("Via") or "").partition(",")[0])
    return found[1] if found else ""


def _media(sdp: Sdp | None, index: int) -> SdpMedia | None:
    return sdp.media[index] if sdp and 0 <= index < len(sdp.media) else None


def _disagreement(offered: SdpMedia, answered: SdpMedia) -> str | None:
    """The first thing that breaks RFC 4568 sections 5.1.2 and 7 (or RFC 3264 for the profile)."""
    by_tag = {attribute.tag: attribute for attribute in offered.crypto}
    if len(by_tag) < len(offered.crypto):
        return f"the offer uses a tag more than once: {', '.join(str(each.tag) for each in offered.crypto)}"
    if offered.profile.upper() != answered.profile.upper():
        return f"the offer's profile is {offered.profile}, the answer's is {answered.profile}"
    if len(answered.crypto) > 1:
        return f"the answer has {len(answered.crypto)} crypto attributes instead of one"
    if not answered.crypto:
        keyed_by_sdes = answered.secure and "TLS/" not in answered.profile.upper()
        return f"the answer accepts {answered.profile} without a crypto attribute" if keyed_by_sdes else None
    chosen = answered.crypto[0]
    if not offered.crypto:
        return f"the answer has the crypto attribute {chosen.tag}, the offer has none"
    if chosen.tag not in by_tag:
        return f"the answer's tag {chosen.tag} is not among the offered tags {', '.join(map(str, by_tag))}"
    wanted = by_tag[chosen.tag]
    if chosen.suite.upper() != wanted.suite.upper():  # names have no case (RFC 4568 4)
        return f"the answer says {chosen.suite} for the tag {chosen.tag}, which was offered as {wanted.suite}"
    changed = _negotiated_params(wanted) ^ _negotiated_params(chosen)
    if changed:
        return f"the answer has other session parameters than the offer: {', '.join(sorted(changed))}"
    return None
