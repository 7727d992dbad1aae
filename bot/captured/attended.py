"""Attended transfers (RFC 5589 7): the other calls of a capture that the played side places for them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

from bot.captured.reading import CallOfCapture

__all__ = ["enquiries_of", "replaced_by"]

REPLACES = re.compile(r"[?&]replaces=([^&>\s]+)", re.IGNORECASE)


def replaced_by(refer_to: str) -> str | None:
    """The Call-ID in the Replaces of a Refer-To header field; None for a blind transfer."""
    found = REPLACES.search(refer_to)
    return unquote(found[1]).partition(";")[0].strip() if found is not None else None


def enquiries_of(call: CallOfCapture, calls: Sequence[CallOfCapture]) -> list[CallOfCapture]:
    """The calls by the caller of ``call`` whose remote ends its REFERs hand over, in their order."""
    own = {one.call_id: one for one in calls if one.invite.source.host == call.invite.source.host}
    referred = (
        replaced_by(one.message.header("Refer-To") or "")
        for one in call.said(as_caller=True)
        if one.by_caller and one.message.is_request and one.method == "REFER"
    )
    return [own[call_id] for call_id in dict.fromkeys(referred) if call_id in own and call_id != call.call_id]
