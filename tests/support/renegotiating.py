"""The exchanged SDP of two endpoints, for the tests of offers and answers."""

from __future__ import annotations

from bot import Call, Endpoint
from bot.ipc.events import KeyNegotiated
from bot.sip.sdp import Sdp, parse_sdp
from tests.support.starting import NewEndpoint, until

__all__ = ["keys", "secured", "sent_sdp", "sent_text"]


def secured(new_endpoint: NewEndpoint) -> tuple[Endpoint, Endpoint]:
    """A caller and a callee to whom SRTP is mandatory, and who tell their keys."""
    caller = new_endpoint(name="caller", srtp="mandatory", keep_keys=True)
    return caller, new_endpoint(name="callee", srtp="mandatory", keep_keys=True)


def sent_text(call: Call, start: str) -> str:
    """The last description that was sent in a message that begins with ``start``, once there is one."""

    def found() -> list[str]:
        texts = [one.text for one in call.facts.messages if one.sent and one.text.startswith(start)]
        return [body for text in texts if (body := text.partition("\r\n\r\n")[2])]

    until(call, lambda: bool(found()))
    return found()[-1]


def sent_sdp(call: Call, start: str) -> Sdp:
    """``sent_text``, read."""
    return parse_sdp(sent_text(call, start))


def keys(endpoint: Endpoint, *, sent: bool) -> list[str]:
    """The keys that were sent or received so far, in order."""
    events = [entry.event for entry in endpoint.journal.recent()]
    return [event.key for event in events if isinstance(event, KeyNegotiated) and event.sent is sent]
