"""Text of journal events for the terminal: one line for each event."""

from __future__ import annotations

from bot.harmless import harmless, harmless_lines
from bot.ipc import (
    AgentCrashed,
    AgentReady,
    AgentReplaced,
    CallbackFailed,
    CallRefused,
    CallStarted,
    CallStateChanged,
    DtmfReceived,
    DtmfSent,
    ExpectationChecked,
    LimitReached,
    MediaStateChanged,
    MessageReceived,
    MessageRefused,
    MessageWaiting,
    NativeLogged,
    PlaybackStarted,
    PresenceChanged,
    RecordingFinished,
    RecordingStarted,
    Redirected,
    RegistrationChanged,
    ReplacementFailed,
    ReportsDropped,
    SipReceived,
    SipSent,
    StorageFailed,
    SubscriptionReceived,
    TransferRequested,
    TransportChanged,
)
from bot.model import MediaState
from bot.sip import ended_text, refused_text
from bot.ua import Entry, Journal

__all__ = ["narrate", "words"]


def narrate(entry: Entry, journal: Journal, *, messages: bool) -> str | None:
    """The event in a line with its time in seconds and its endpoint; None for an event without a line.

    ``messages`` adds the SIP messages, whole.
    """
    event = entry.event
    shows_message = messages and isinstance(event, SipSent | SipReceived)
    text = sip(event) if messages and isinstance(event, SipSent | SipReceived) else words(entry)
    if text is None:
        return None
    own_lines = shows_message or isinstance(entry.event, CallbackFailed)
    shown = harmless_lines(text) if own_lines else harmless(text)
    return f"{journal.since_start(entry.event):9.3f}  {entry.endpoint}: {shown}"


def sip(event: SipSent | SipReceived) -> str:
    """A message with an arrow, its lines indented."""
    arrow = "-->" if isinstance(event, SipSent) else "<--"
    body = "\n".join(f"    {line}" for line in event.text.rstrip().splitlines())
    return f"{arrow} {event.transport} {event.peer}\n{body}"


def words(entry: Entry) -> str | None:
    """The text of an event; None for an event without a line."""
    match entry.event:
        case AgentReady() as event:
            listeners = ", ".join(
                f"{listener.transport} {listener.host}:{listener.port}" for listener in event.listeners
            )
            return f"listens on {listeners}"
        case CallStarted() as event:
            way = "to" if event.direction == "outgoing" else "from"
            return f"call {event.call} {way} {event.remote_uri}"
        case CallRefused() as event:
            return refused_text(event.remote_uri, event.peer, event.code, event.reason, event.why)
        case CallStateChanged() as event:
            ending = ended_text(event.code, event.reason, event.by) if event.code or event.by else ""
            return f"call {event.call} {event.state} {ending}".rstrip()
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
            return f"call {event.call} plays {event.source or 'a file'}"
        case RecordingStarted() as event:
            return f"call {event.call} records"
        case RecordingFinished() as event:
            return f"call {event.call} recorded {event.path}"
        case RegistrationChanged() as event:
            answer = ended_text(event.code, event.reason, None)
            state = f"registration {'active' if event.active else 'not active'}: {answer}"
            return f"{state}, {event.account}" if event.account else state
        case MessageWaiting() as event:
            counts = "" if event.new is None else f": {event.new} new, {event.old} old"
            return f"{'messages' if event.waiting else 'no messages'} waiting for {event.account}{counts}"
        case MessageReceived() as event:
            return f"message from {event.from_uri}: {event.body}"
        case SubscriptionReceived() as event:
            return f"{event.from_uri} subscribed to the {event.package} of {event.account}"
        case PresenceChanged() as event:
            state = {True: "open", False: "closed", None: "not known"}[event.is_open]
            why = f" {event.code} {event.reason}" if event.code else ""
            return f"presence of {event.uri}: {state}, subscription {event.subscription}{why}"
        case TransferRequested() as event:
            return f"call {event.call} is asked to call {event.refer_to}"
        case NativeLogged() as event:
            return f"library: {event.text}"
        case TransportChanged() as event:
            problems = f" ({'; '.join(event.problems)})" if event.problems else ""
            agreed = f" {event.tls.version} {event.tls.cipher}" if event.tls else ""
            return f"{event.transport} to {event.peer} {event.state}{agreed} {event.reason}{problems}"
        case ExpectationChecked() as event:
            return f"{'pass' if event.passed else 'FAIL'}: {event.name}: {event.observed}"
        case ReportsDropped() as event:
            return f"not reported, since nobody read: {counted(event.counts)}"
        case StorageFailed() as event:
            return f"{event.path}: {event.reason}"
        case AgentCrashed() as event:
            return f"the agent crashed: {event.reason}{crash_words(event)}"
        case AgentReplaced() as event:
            return f"another agent listens, {event.after_s:.1f} s after the crash"
        case ReplacementFailed() as event:
            again = f"the next attempt is in {event.again_in_s:g} s"
            return f"no other agent could be started: {event.reason}; {again}"
        case CallbackFailed() as event:
            return f"{event.where} raised\n{event.traceback}"
        case MessageRefused() as event:
            return refused_message_text(event)
        case LimitReached() as event:
            return f"limit {limit_text(event)}"
        case _:
            return None


def refused_message_text(event: MessageRefused) -> str:
    """A message that the gate refused, in one line."""
    what = f"{event.summary!r} from {event.peer or 'somebody'}"
    fate = f"refused {what} with {event.code}" if event.code else f"dropped {what}"
    return f"{fate}: {event.why} ({event.rule})"


def limit_text(event: LimitReached) -> str:
    """A limit that a peer has reached, in one line."""
    what = f"call {event.call} is ended" if event.call is not None else "refused"
    times = f"{event.count} times " if event.count > 1 else ""
    return f"{event.rule} reached {times}by {event.peer or 'somebody'}, {what}: {event.why}"


def callback_text(event: CallbackFailed) -> str:
    """An exception in a callback, in one line."""
    last = event.traceback.strip().rpartition("\n")[2]
    ended = f"; call {event.call} is ended" if event.call is not None else ""
    return f"{event.where}: {last}{ended}"


def crash_words(event: AgentCrashed) -> str:
    """Text about a crash whose agent is replaced."""
    if event.replaced_in_s is None:
        return ""
    lost = f"; calls lost: {', '.join(map(str, event.lost_calls))}" if event.lost_calls else ""
    when = f"in {event.replaced_in_s:g} s" if event.replaced_in_s else "now"
    return f"{lost}; another one is started {when}"


def counted(counts: dict[str, int]) -> str:
    """How many of each kind."""
    return ", ".join(f"{number} {kind}" for kind, number in counts.items())


def media_words(line: MediaState) -> str:
    """An m= line."""
    if not line.active:
        return f"{line.type} inactive"
    return f"{line.type} {line.codec}/{line.clock_rate} {line.direction}, {line.suite or 'plain RTP'}"
