"""Invalid offers and answers of DTLS-SRTP (RFC 5763, RFC 8122), with their allowed outcomes."""

from __future__ import annotations

from bot.interop.case import Case
from bot.interop.outcome import BROKEN

__all__ = ["DTLS_ANSWERS", "DTLS_OFFERS"]

OTHER_FINGERPRINT = (r"^(a=fingerprint:\S+) ..:..:..", r"\1 00:00:00")
OTHER_KEY = "c3J0cGJvdCBzYXlzIHRoaXMgaXMgbm8gc2VjcmV0"
WITHOUT_SETUP = (r"^a=setup:.*\r\n", "")
REFUSED = ("refused *",)
NO_CALL = (*REFUSED, BROKEN)
"""A peer finds a wrong certificate only after it has answered (RFC 5763 6.7.1)."""
SRTP = ("SRTP *",)

DTLS_OFFERS = (
    Case(
        "dtls-wrong-fingerprint",
        "another fingerprint than that of our certificate",
        "the certificate has to match the fingerprint, else there is no media (RFC 5763 5, RFC 8122 5)",
        NO_CALL,
        edits=(OTHER_FINGERPRINT,),
    ),
    Case(
        "dtls-without-setup",
        "no a=setup",
        "the attribute is mandatory (RFC 5763 5), but it has a default (RFC 4145 4)",
        SRTP + NO_CALL,
        edits=(WITHOUT_SETUP,),
    ),
    Case(
        "dtls-without-fingerprint",
        "no a=fingerprint",
        "without a fingerprint there is no key exchange: the stream is refused (RFC 5763 5)",
        REFUSED,
        edits=((r"^a=fingerprint:.*\r\n", ""),),
        judges_media=False,
    ),
    Case(
        "dtls-and-sdes",
        "SDES and DTLS in one m= line of RTP/SAVP",
        "the peer chooses one of them, or refuses; that it keeps both is not allowed (RFC 5763 6.9)",
        SRTP + REFUSED,
        edits=(
            (r"^(m=audio \d+) UDP/TLS/RTP/SAVP ", r"\1 RTP/SAVP "),
            (r"(?=^a=setup:)", f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{OTHER_KEY}\r\n"),
        ),
        judges_media=False,
    ),
)
"""Cases of outgoing calls."""

DTLS_ANSWERS = (
    Case(
        "dtls-answer-wrong-fingerprint",
        "our answer has another fingerprint than that of our certificate",
        "the certificate has to match the fingerprint, else there is no media (RFC 5763 5, RFC 8122 5)",
        NO_CALL,
        edits=(OTHER_FINGERPRINT,),
    ),
    Case(
        "dtls-answer-actpass",
        "our answer says actpass, as the offer does",
        "an answer is active or passive (RFC 5763 5)",
        SRTP + NO_CALL,
        edits=((r"^a=setup:.*$", "a=setup:actpass"),),
    ),
    Case(
        "dtls-answer-without-setup",
        "our answer has no a=setup",
        "the attribute is mandatory (RFC 5763 5), but it has a default (RFC 4145 4)",
        SRTP + NO_CALL,
        edits=(WITHOUT_SETUP,),
    ),
)
"""Cases of calls of the peer."""
