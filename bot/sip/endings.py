"""Texts for the end of a call and for a request without an answer, shared by all outputs."""

from __future__ import annotations

__all__ = ["NOTHING_SENT", "ended_text", "no_answer", "refused_text"]

NOTHING_SENT = "(nothing was sent)"
NO_CODE = "no status code was received"


def ended_text(code: int | None, reason: str, by: str | None) -> str:
    """``486 Busy Here, by remote``; without a status code only the reason."""
    words = f"{code} {reason}".rstrip() if code else reason or NO_CODE
    return f"{words}, by {by}" if by else words


def refused_text(remote_uri: str, peer: str, code: int, reason: str, why: str) -> str:
    """``an INVITE from <sip:a@b> (192.0.2.1:5060) was refused with 488 Not Acceptable Here: ...``."""
    return f"an INVITE from {remote_uri} ({peer}) was refused with {f'{code} {reason}'.rstrip()}: {why}"


def no_answer(
    method: str, peer: str, sent: int, *, seconds: float | None = None, heard: str = "", why: str = ""
) -> str:
    """``no answer from 192.0.2.1:5060 within 32 s (7 INVITEs sent, nothing received)``.

    ``heard`` is the last provisional response, ``why`` the error of the connection. With ``sent=0`` there was
    no connection: ``no connection to 192.0.2.1:5060: Connection refused (nothing was sent)``.
    """
    what = f"no {'final response' if heard else 'answer'} from {peer}" if sent else f"no connection to {peer}"
    within = f" within {seconds:.{0 if seconds >= 10 else 1}f} s" if seconds is not None else ""
    plural = "" if sent == 1 or method.endswith("S") else "s"
    requests = f"{sent} {method}{plural} sent"
    if not sent:
        return f"{what}{within}{f': {why}' if why else ''} {NOTHING_SENT}"
    received = f"only {heard} received" if heard else "nothing received"
    return f"{what}{within}{f': {why}' if why else ''} ({requests}, {received})"
