"""Reason for the refusal of an INVITE before a call existed, from its offer and the settings."""

from __future__ import annotations

from collections.abc import Sequence

from bot.model import Keying, SrtpMode
from bot.sip import Message, Sdp, SdpMedia, StatusCode, offers_dtls, parse_sdp

__all__ = ["why_refused"]

NOT_ACCEPTABLE = {
    StatusCode.NOT_ACCEPTABLE,
    StatusCode.NOT_ACCEPTABLE_HERE,
    StatusCode.NOT_ACCEPTABLE_ANYWHERE,
}
TOO_MANY = {StatusCode.SERVER_INTERNAL_ERROR, StatusCode.SERVICE_UNAVAILABLE}
UNKNOWN = "the offer is not acceptable"
MOST_LINES = 4
STATIC = {"0": "PCMU", "3": "GSM", "4": "G723", "8": "PCMA", "9": "G722", "15": "G728", "18": "G729"}
"""RFC 3551 6, where an rtpmap may lack."""


def why_refused(
    invite: str,
    code: int,
    complaint: str,
    *,
    srtp: SrtpMode,
    suites: Sequence[str],
    codecs: Sequence[str],
    keying: Sequence[Keying] = (Keying.SDES,),
) -> str:
    """The reason in one sentence; ``complaint`` is the text of the library, for lack of a better reason."""
    message = Message.parse(invite)
    if code == StatusCode.BUSY_HERE:
        return "as many calls as the library takes at once are in use"
    if code in TOO_MANY and not complaint:
        return "too many calls at once"
    if code == StatusCode.BAD_EXTENSION:
        return f"it requires {message.header('Require') or 'an extension'}, which this endpoint does not have"
    body = message.sdp
    if code in NOT_ACCEPTABLE and body is not None:
        return problem_with(parse_sdp(body), srtp, suites, codecs, keying) or complaint or UNKNOWN
    return complaint or "the library refused it"


def problem_with(
    offer: Sdp, srtp: SrtpMode, suites: Sequence[str], codecs: Sequence[str], keying: Sequence[Keying]
) -> str:
    """The part of the offer that this endpoint does not accept; empty when unknown."""
    audio = [line for line in offer.media if line.type == "audio" and not line.rejected]
    if not audio:
        kinds = ", ".join(f"{line.type} on port {line.port}" for line in offer.media[:MOST_LINES])
        return f"it offers no audio, only {kinds or 'nothing'}"
    line = audio[0]
    profile = line.profile.upper()
    if "TLS" in profile and Keying.DTLS not in keying:
        return f"it offers {line.profile} (DTLS-SRTP, as WebRTC does); this endpoint keys SRTP by SDES"
    if srtp is SrtpMode.MANDATORY and "SAVP" not in profile:
        return f"it offers {line.profile}, and srtp is mandatory"
    if srtp is SrtpMode.OFF and "SAVP" in profile:
        return f"it offers {line.profile}, and srtp is off"
    if profile in {"UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"}:
        return codec_problem(line, codecs)
    if "SAVP" in profile and Keying.SDES not in keying and not offers_dtls(offer, line):
        return f"it offers {line.profile} keyed by SDES; this endpoint keys SRTP by DTLS"
    if profile not in {"RTP/AVP", "RTP/SAVP"}:
        return f"it offers {line.profile}; this endpoint takes RTP/AVP and RTP/SAVP"
    return crypto_problem(line, suites) or codec_problem(line, codecs)


def crypto_problem(line: SdpMedia, suites: Sequence[str]) -> str:
    """What is wrong with the keys of RTP/SAVP."""
    if "SAVP" not in line.profile.upper():
        return ""
    if not line.crypto:
        return f"it offers {line.profile} without a crypto attribute"
    offered = [crypto.suite for crypto in line.crypto]
    if not {one.upper() for one in offered} & set(suites):
        return f"no crypto suite in common: it offers {', '.join(offered)}"
    return ""


def codec_problem(line: SdpMedia, codecs: Sequence[str]) -> str:
    """Whether no codec is in common."""
    names = [line.rtpmaps.get(one, STATIC.get(one, one)).split("/")[0] for one in line.formats]
    speech = [name for name in dict.fromkeys(names) if name.lower() != "telephone-event"]
    mine = {codec.split("/")[0].upper() for codec in codecs}
    if speech and {name.upper() for name in speech} & mine:
        return ""
    return f"no codec in common: it offers {', '.join(speech or ['telephone-event alone'])}"
