"""The journal as prose: one line for an event that a person would want to see."""

from __future__ import annotations

from bot.events import (
    AgentCrashed,
    AgentReady,
    CallbackFailed,
    CallStarted,
    CallStateChanged,
    DtmfReceived,
    DtmfSent,
    ExpectationChecked,
    MediaStateChanged,
    MessageReceived,
    MessageWaiting,
    PlaybackStarted,
    RecordingFinished,
    RecordingStarted,
    Redirected,
    RegistrationChanged,
    SipReceived,
    SipSent,
    TransportChanged,
)
from bot.journal import Entry, Journal
from bot.model import MediaState

__all__ = ["narrate"]


def narrate(entry: Entry, journal: Journal, *, messages: bool) -> str | None:
    """The event in a line that begins with seconds and the endpoint; None for what nobody asks for.

    ``messages`` adds the SIP messages, whole.
    """
    text = sip(entry) if isinstance(entry.event, SipSent | SipReceived) and messages else words(entry)
    return text and f"{journal.since_start(entry.event):9.3f}  {entry.endpoint}: {text}"


def sip(entry: Entry) -> str:
    """A message with an arrow, its lines indented."""
    event = entry.event
    assert isinstance(event, SipSent | SipReceived)
    arrow = "-->" if isinstance(event, SipSent) else "<--"
    body = "\n".join(f"    {line}" for line in event.text.rstrip().splitlines())
    return f"{arrow} {event.transport} {event.peer}\n{body}"


def words(entry: Entry) -> str | None:
    """What happened."""
    match entry.event:
        case AgentReady() as event:
            listeners = ", ".join(f"{one.transport} {one.host}:{one.port}" for one in event.listeners)
            return f"listens on {listeners}"
        case CallStarted() as event:
            way = "to" if event.direction == "outgoing" else "from"
            return f"call {event.call} {way} {event.remote_uri}"
        case CallStateChanged() as event:
            code = f" {event.code} {event.reason}" if event.code else ""
            return f"call {event.call} {event.state}{code}{f', by {event.by}' if event.by else ''}"
        case Redirected() as event:
            refused = f", not followed: {event.refused}" if event.refused else ""
            return f"call {event.call} redirected to {event.target} by {event.code}{refused}"
        case MediaStateChanged() as event:
            return f"call {event.call} media: {'; '.join(media_words(line) for line in event.media)}"
        case DtmfReceived() as event:
            return f"call {event.call} received digit {event.digit} by {event.method}"
        case DtmfSent() as event:
            return f"call {event.call} sent digit {event.digit} by {event.method}"
        case PlaybackStarted() as event:
            return f"call {event.call} plays a file"
        case RecordingStarted() as event:
            return f"call {event.call} records"
        case RecordingFinished() as event:
            return f"call {event.call} recorded {event.path}"
        case RegistrationChanged() as event:
            state = f"registration {'active' if event.active else 'not active'}: {event.code} {event.reason}"
            return f"{state}, {event.account}" if event.account else state
        case MessageWaiting() as event:
            counts = "" if event.new is None else f": {event.new} new, {event.old} old"
            return f"{'messages' if event.waiting else 'no messages'} waiting for {event.account}{counts}"
        case MessageReceived() as event:
            return f"message from {event.from_uri}: {event.body}"
        case TransportChanged() as event:
            problems = f" ({'; '.join(event.problems)})" if event.problems else ""
            return f"{event.transport} to {event.peer} {event.state} {event.reason}{problems}"
        case ExpectationChecked() as event:
            return f"{'pass' if event.passed else 'FAIL'}: {event.name}: {event.observed}"
        case AgentCrashed() as event:
            return f"the agent crashed: {event.reason}"
        case CallbackFailed() as event:
            return f"{event.where} raised\n{event.traceback}"
        case _:
            return None


def media_words(line: MediaState) -> str:
    """An m= line."""
    if not line.active:
        return f"{line.type} inactive"
    return f"{line.type} {line.codec}/{line.clock_rate} {line.direction}, {line.suite or 'plain RTP'}"
