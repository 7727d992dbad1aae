"""The negotiation of DTLS-SRTP in SDP (RFC 5763): a=fingerprint (RFC 8122) and a=setup (RFC 4145)."""

from __future__ import annotations

import re

import msgspec

from bot.sip.sdp import Sdp, SdpMedia

__all__ = [
    "DtlsNegotiation",
    "Fingerprint",
    "fingerprints",
    "negotiated_dtls",
    "offer_problem",
    "offers_dtls",
]

HASH_BYTES = {"sha-1": 20, "sha-224": 28, "sha-256": 32, "sha-384": 48, "sha-512": 64, "md5": 16, "md2": 16}
"""Length of the hash by its name (RFC 8122 section 5)."""
FINGERPRINT = re.compile(r"([A-Za-z0-9-]+)[ \t]+([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})*)[ \t]*")
OFFERED = ("actpass", "active", "passive")
ANSWERED = ("active", "passive")


class Fingerprint(msgspec.Struct, frozen=True, kw_only=True):
    """Hash of a certificate (a=fingerprint, RFC 8122 section 5)."""

    hash: str
    """Name of the hash function in lower case, for instance ``sha-256``."""
    value: str
    """The hash, in upper-case hexadecimal bytes with colons."""

    def __str__(self) -> str:
        return f"{self.hash} {self.value}"


class DtlsNegotiation(msgspec.Struct, frozen=True, kw_only=True):
    """The negotiation of DTLS-SRTP for one m= line; None for what a description does not have."""

    offered_setup: str | None = None
    """Value of a=setup in the offer: ``actpass``, ``active`` or ``passive``."""
    answered_setup: str | None = None
    """Value of a=setup in the answer: ``active`` (the answerer is the DTLS client) or ``passive``."""
    offered_fingerprint: Fingerprint | None = None
    """First fingerprint of the offer."""
    answered_fingerprint: Fingerprint | None = None
    """First fingerprint of the answer."""
    disagreement: str | None = None
    """The first violation of RFC 5763 or RFC 8122, in one sentence."""
    deviation: str | None = None
    """A harmless violation: the profile of the answer differs in feedback only (SAVP, SAVPF; RFC 4585)."""


def attributes(name: str, sdp: Sdp, media: SdpMedia) -> list[str]:
    """Values of an attribute at an m= line; those of the session level where the line has none."""
    own = [value.strip() for key, value in media.attributes if key.lower() == name]
    return own or [value.strip() for key, value in sdp.attributes if key.lower() == name]


def setup_of(sdp: Sdp, media: SdpMedia) -> str | None:
    """The role in the DTLS handshake (a=setup), in lower case; None without the attribute."""
    values = attributes("setup", sdp, media)
    return values[0].lower() if values else None


def fingerprints(sdp: Sdp, media: SdpMedia) -> list[Fingerprint]:
    """The well-formed fingerprints of an m= line, in order."""
    found = [FINGERPRINT.fullmatch(value) for value in attributes("fingerprint", sdp, media)]
    return [Fingerprint(hash=one[1].lower(), value=one[2].upper()) for one in found if one is not None]


def offers_dtls(sdp: Sdp, media: SdpMedia) -> bool:
    """Whether an m= line is keyed by DTLS: by its profile (RFC 5764 section 8), or by a fingerprint.

    RTP/SAVP with a fingerprint is how some offer SDES and DTLS in one m= line.
    """
    return "TLS/" in media.profile.upper() or bool(attributes("fingerprint", sdp, media))


def offer_problem(offer: Sdp, media: SdpMedia) -> str | None:
    """Why an offered m= line cannot be keyed by DTLS; None when it can."""
    return _fingerprint_problem(offer, media) or _setup_problem(setup_of(offer, media))


def negotiated_dtls(offer: Sdp, answer: Sdp, index: int) -> DtlsNegotiation | None:
    """The negotiation of the m= line ``index``; None when its answer does not choose DTLS."""
    if index >= min(len(offer.media), len(answer.media)):
        return None
    offered, answered = offer.media[index], answer.media[index]
    if answered.rejected or not offers_dtls(answer, answered) or answered.crypto:
        return None
    same = offered.profile.upper() == answered.profile.upper()
    made, given = fingerprints(offer, offered), fingerprints(answer, answered)
    return DtlsNegotiation(
        offered_setup=setup_of(offer, offered),
        answered_setup=setup_of(answer, answered),
        offered_fingerprint=made[0] if made else None,
        answered_fingerprint=given[0] if given else None,
        disagreement=_disagreement(offer, answer, index),
        deviation=None if same else f"the answer says {answered.profile} to the offered {offered.profile}",
    )


def _disagreement(offer: Sdp, answer: Sdp, index: int) -> str | None:
    offered, answered = offer.media[index], answer.media[index]
    if offered.profile.upper().rstrip("F") != answered.profile.upper().rstrip("F"):
        return f"the offer's profile is {offered.profile}, the answer's is {answered.profile}"
    for name, sdp, media in (("offer", offer, offered), ("answer", answer, answered)):
        if problem := _fingerprint_problem(sdp, media):
            return f"the {name} has {problem}"
    return _roles_problem(setup_of(offer, offered), setup_of(answer, answered))


def _fingerprint_problem(sdp: Sdp, media: SdpMedia) -> str | None:
    written, read = attributes("fingerprint", sdp, media), fingerprints(sdp, media)
    if not written:
        return "no fingerprint (RFC 5763 section 5)"
    if len(read) < len(written):
        return "a malformed fingerprint (RFC 8122 section 5)"
    for one in read:
        size = len(one.value.split(":"))
        if HASH_BYTES.get(one.hash, size) != size:
            return f"a fingerprint of {size} bytes for {one.hash}, which has {HASH_BYTES[one.hash]}"
    return None


def _setup_problem(offered: str | None) -> str | None:
    if offered is None:
        return "no a=setup (RFC 5763 section 5)"
    if offered not in OFFERED:
        return f"a=setup:{offered}, which is not {', '.join(OFFERED)} (RFC 5763 section 5)"
    return None


def _roles_problem(offered: str | None, answered: str | None) -> str | None:
    if problem := _setup_problem(offered):
        return f"the offer has {problem}"
    if answered is None:
        return "the answer has no a=setup (RFC 5763 section 5)"
    if answered not in ANSWERED:
        return (
            f"the answer says a=setup:{answered}, which is not {' or '.join(ANSWERED)} (RFC 5763 section 5)"
        )
    if offered == answered:
        return f"offer and answer both say a=setup:{offered} (RFC 4145 section 4.1)"
    return None
