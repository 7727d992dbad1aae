"""Cases of new offers and answers in a call: new keys, hold, UPDATE (RFC 3264, RFC 3311)."""

from __future__ import annotations

from bot.interop.case import Case, Step
from bot.model import SrtpMode

__all__ = ["BOTH_DIRECTIONS", "RENEGOTIATIONS"]

SRTP = ("SRTP *",)

RENEGOTIATIONS = (
    Case(
        "hold",
        "hold and resume",
        "media decrypts after the resume, whether keys were kept or not (RFC 3264 8.4, RFC 4568 7.1.4)",
        SRTP,
        steps=(Step.HOLD, Step.RESUME),
    ),
    Case(
        "rekey",
        "hold, resume with new keys",
        "a new offer may change the keys, and the media uses the new keys (RFC 4568 7.1.4)",
        SRTP,
        steps=(Step.HOLD, Step.RESUME_WITH_NEW_KEYS),
    ),
    Case(
        "late-offer",
        "INVITE without SDP: the peer offers in its 200",
        "the peer must make the offer, of its choice; this endpoint accepts it (RFC 3261 13.2.1)",
        ("SRTP *", "plain"),
        mode=SrtpMode.OPTIONAL,
        offer=False,
    ),
    Case(
        "re-invite-without-sdp",
        "re-INVITE without SDP: the peer offers anew",
        "a UAS should offer the session again in its 200 (RFC 3261 14.2)",
        SRTP,
        steps=(Step.REINVITE_WITHOUT_OFFER,),
    ),
    Case(
        "update",
        "UPDATE with the session's SDP",
        "a peer answers it like a re-INVITE, or refuses an unknown method (RFC 3311 5.2, RFC 3261 8.2.1)",
        ("SRTP *", "refused 405", "refused 501"),
        steps=(Step.UPDATE,),
    ),
)
"""In the order of their doing."""

BOTH_DIRECTIONS = Case(
    "both-directions",
    "we call the peer while it calls us",
    "two dialogs have nothing to do with each other, nor have their keys (RFC 3261 12, RFC 4568 7)",
    SRTP,
    calls_back=True,
)
