"""Finds calls that negotiated SRTP whose media are missing from the capture, so that protection is unproven.

It knows calls and streams, and no packets.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bot.capture.calls import CapturedCall, Hop, Route
from bot.capture.negotiated_keys import Due, negotiated
from bot.model import MediaDirection

__all__ = ["with_missing_media"]


def with_missing_media(
    calls: Iterable[CapturedCall], hops: Iterable[Hop], seen: Iterable[str | None]
) -> tuple[CapturedCall, ...]:
    """The calls, each with its problems; ``seen`` has the Call-IDs of the calls with RTP."""
    met = set(seen)
    by_call: dict[str, list[Hop]] = {}
    for hop in hops:
        by_call.setdefault(hop.call_id, []).append(hop)
    return tuple(
        msgspec.structs.replace(call, problems=problems)
        if call.answered is not None
        and call.call_id not in met
        and (problems := _missing(by_call.get(call.call_id, ())))
        else call
        for call in calls
    )


def _missing(hops: Iterable[Hop]) -> tuple[str, ...]:
    """The negotiated SRTP in one sentence; empty without SRTP."""
    for hop in hops:
        lines = max((len(sdp.media) for _, _, sdp in hop.descriptions), default=0)
        for index in range(lines):
            if not hop.accepts(index) or _is_inactive(hop, index):
                continue
            if negotiated(Route(hop, index, by_caller=True)).due is not Due.NOTHING:
                profile = next(
                    sdp.media[index].profile
                    for _, _, sdp in reversed(hop.descriptions)
                    if index < len(sdp.media)
                )
                what = profile if "/SAVP" in profile.upper() else f"SRTP ({profile} with a=crypto)"
                return (f"{what} was agreed, and the capture has no RTP of it",)
    return ()


def _is_inactive(hop: Hop, index: int) -> bool:
    """Whether one side never wanted media on this m= line (a=inactive, RFC 3264 5.1): none is due."""
    directions: dict[bool, set[MediaDirection]] = {}
    for _, by_caller, sdp in hop.descriptions:
        if index < len(sdp.media):
            directions.setdefault(by_caller, set()).add(sdp.media[index].direction)
    return {MediaDirection.INACTIVE} in directions.values()
