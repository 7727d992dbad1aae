"""What may happen to the keys of a call after its first offer and answer, as cases (RFC 3264, RFC 3311)."""

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
        "a new offer may change the keys, and media goes on with the new ones (RFC 4568 7.1.4)",
        SRTP,
        steps=(Step.HOLD, Step.RESUME_WITH_NEW_KEYS),
    ),
    Case(
        "late-offer",
        "INVITE without SDP: the peer offers in its 200",
        "the peer must offer, and chooses what; this endpoint takes what there is (RFC 3261 13.2.1)",
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
        "it is answered like a re-INVITE, or refused by who does not know it (RFC 3311 5.2, RFC 3261 8.2.1)",
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
