"""Offers of DTLS-SRTP (RFC 5763) that no key exchange can follow.

The library, when none of its key exchanges takes an offer, goes on with a call that it has given up.
"""

from __future__ import annotations

from bot.sip.dtls import offer_problem
from bot.sip.intake.refusal import NOT_ACCEPTABLE_HERE, Refusal
from bot.sip.sdp import parse_sdp

__all__ = ["check_dtls_offer"]

OFFERING = {b"INVITE", b"UPDATE"}
"""Requests whose description is an offer (RFC 3264, RFC 3311)."""


def check_dtls_offer(method: bytes, body: bytes) -> None:
    """Raise Refusal for an offer of DTLS-SRTP without a usable fingerprint or role."""
    if method not in OFFERING or b"TLS/" not in body.upper():
        return
    offer = parse_sdp(body.decode("utf-8", "replace"))
    for media in offer.media:
        if media.rejected or "TLS/" not in media.profile.upper():
            continue
        problem = offer_problem(offer, media)
        if problem is not None:
            what = f"its offer of {media.profile} has {problem}"
            raise Refusal("dtls-offer", NOT_ACCEPTABLE_HERE, what, "304 Media type not available")
