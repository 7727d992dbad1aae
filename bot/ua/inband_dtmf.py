"""Warnings about codecs that do not preserve DTMF tones."""

from __future__ import annotations

from bot.model import DtmfMethod
from bot.ua.call_record import CallRecord

__all__ = ["inband_warnings"]

LOW_RATE = {"GSM", "ILBC", "SPEEX"}
"""Codecs that model a voice: they do not guarantee a tone's waveform, which is why RFC 4733 has events."""


def inband_warnings(facts: CallRecord) -> list[str]:
    """A warning for each such codec of a call that sent or detected in-band digits."""
    inband = facts.listens or any(digit.method is DtmfMethod.INBAND for digit in facts.sent)
    if not inband:
        return []
    lines = [
        line for _, media in facts.media_history for line in media if line.type == "audio" and line.active
    ]
    codecs = dict.fromkeys(line.codec for line in lines if line.codec and line.codec.upper() in LOW_RATE)
    return [
        f"in-band DTMF through {codec} is not reliable: digits that are short, noisy or have twist may be "
        "missed; use telephone-events (RFC 4733), or PCMU, PCMA or G722"
        for codec in codecs
    ]
