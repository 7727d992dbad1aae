"""Descriptions of DTLS-SRTP (RFC 5763) that the library cannot carry out as they stand.

The library, when none of its key exchanges takes an offer, goes on with a call that it has given up. Of the
fingerprints (RFC 8122) it reads the first one alone, and compares those of sha-256 and sha-1.
"""

from __future__ import annotations

import re

from bot.sip.dtls import fingerprints, offer_problem
from bot.sip.intake.refusal import NOT_ACCEPTABLE_HERE, Mended, Refusal
from bot.sip.sdp import Sdp, SdpMedia, parse_sdp

__all__ = ["check_dtls_offer", "with_usable_fingerprints"]

OFFERING = {b"INVITE", b"UPDATE"}
"""Requests whose description is an offer (RFC 3264, RFC 3311)."""
COMPARED = ("sha-256", "sha-1")
"""The hashes of fingerprints that the library computes, the stronger one first."""
HASH = re.compile(rb"a=fingerprint:[ \t]*([^ \t\r\n]+)", re.IGNORECASE)
LINE_END = re.compile(rb"(?<=\n)")


def check_dtls_offer(method: bytes, body: bytes) -> None:
    """Raise Refusal for an offer of DTLS-SRTP without a usable fingerprint or role."""
    if method not in OFFERING or b"TLS/" not in body.upper():
        return
    offer = parse_sdp(body.decode("utf-8", "replace"))
    for media in offer.media:
        if media.rejected or "TLS/" not in media.profile.upper():
            continue
        problem = offer_problem(offer, media) or hash_problem(offer, media)
        if problem is not None:
            what = f"its offer of {media.profile} has {problem}"
            raise Refusal("dtls-offer", NOT_ACCEPTABLE_HERE, what, "304 Media type not available")


def hash_problem(offer: Sdp, media: SdpMedia) -> str | None:
    """Why no fingerprint of an m= line can be compared with a certificate; None when one can."""
    hashes = [one.hash for one in fingerprints(offer, media)]
    if any(one in COMPARED for one in hashes):
        return None
    return f"a fingerprint of {' and '.join(hashes)}; the library compares {' and '.join(COMPARED)} alone"


def with_usable_fingerprints(body: bytes) -> Mended | None:
    """A description with the fingerprints of the strongest hash that the library compares (RFC 8122 5).

    None where nothing has to be left out. An m= line of RTP/SAVP that has none of those hashes keeps no
    fingerprint, so that its a=crypto is taken.
    """
    if b"fingerprint" not in body.lower():
        return None
    sections: list[list[bytes]] = [[]]
    for line in LINE_END.split(body):
        if line.startswith(b"m="):
            sections.append([])
        sections[-1].append(line)
    kept = b"".join(line for section in sections for line in usable_lines(section))
    return Mended("fingerprint-hash", kept) if kept != body else None


def usable_lines(section: list[bytes]) -> list[bytes]:
    """The lines of one m= section, or of the session level, without the fingerprints that are of no use."""
    hashes = {
        place: found[1].decode().lower() for place, line in enumerate(section) if (found := HASH.match(line))
    }
    best = next((one for one in COMPARED if one in hashes.values()), None)
    has_keys = any(line.lower().startswith(b"a=crypto:") for line in section)
    if best is None and not has_keys:
        return section
    return [line for place, line in enumerate(section) if hashes.get(place, best) == best]
