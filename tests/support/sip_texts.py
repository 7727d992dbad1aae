"""SIP messages and session descriptions as an agent reports them: keys redacted."""

from __future__ import annotations

from collections.abc import Mapping

from bot.model import CryptoSuite
from bot.sip.redaction import redact

__all__ = ["KEY", "PEER", "SUITE", "invite", "message", "response", "sdp"]

KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
SUITE = CryptoSuite.AES_CM_128_HMAC_SHA1_80
PEER = "sip:peer@127.0.0.1:5070"


def invite(dialog: str, *, cseq: int = 1, headers: Mapping[str, str] | None = None, body: str = "") -> str:
    """An INVITE."""
    return message(f"INVITE {PEER} SIP/2.0", dialog, f"{cseq} INVITE", headers, body)


def response(
    dialog: str,
    status: int,
    reason: str,
    *,
    cseq: int = 1,
    headers: Mapping[str, str] | None = None,
    body: str = "",
) -> str:
    """A response to an INVITE."""
    return message(f"SIP/2.0 {status} {reason}", dialog, f"{cseq} INVITE", headers, body)


def message(
    start: str, dialog: str, cseq: str, headers: Mapping[str, str] | None = None, body: str = ""
) -> str:
    """A SIP message as an agent reports it."""
    fields = {"Via": "SIP/2.0/UDP 127.0.0.1:5062;branch=z9hG4bK1", "Call-ID": dialog, "CSeq": cseq}
    fields |= dict(headers or {})
    if body:
        fields["Content-Type"] = "application/sdp"
    lines = [start, *(f"{name}: {value}" for name, value in fields.items()), "", body]
    return redact("\r\n".join(lines))


def sdp(suite: str | None = SUITE, *, profile: str = "", tag: int = 1, codec: str = "8 PCMA/8000") -> str:
    """A session description with one audio line, and a key when there is a suite."""
    form, name = codec.split()
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=-",
        "c=IN IP4 127.0.0.1",
        "t=0 0",
        f"m=audio 4000 {profile or ('RTP/SAVP' if suite else 'RTP/AVP')} {form} 101",
        f"a=rtpmap:{form} {name}",
        "a=rtpmap:101 telephone-event/8000",
        *([f"a=crypto:{tag} {suite} inline:{KEY}"] if suite else []),
        "a=sendrecv",
        "",
    ]
    return "\r\n".join(lines)
