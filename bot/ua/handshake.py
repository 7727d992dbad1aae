"""The reason of a failed DTLS handshake, from the library's own text."""

from __future__ import annotations

from bot.model import MediaState

__all__ = ["failed_handshake"]

NOT_SUPPORTED = "operation is not supported"
"""Of PJ_ENOTSUP, for a fingerprint of a hash that the library does not compute."""


def failed_handshake(line: MediaState) -> str | None:
    """Why a stream has no keys of DTLS-SRTP; None when its handshake has not failed."""
    if line.handshake != "failed":
        return None
    problem = line.handshake_problem or ""
    if NOT_SUPPORTED in problem:
        return "the library does not compare fingerprints of the hash in the peer's SDP; sha-256 it does"
    if "ingerprint" in problem:
        return "the peer's certificate has another fingerprint than its SDP says (RFC 5763 section 5)"
    return f"the DTLS handshake failed: {problem}"
