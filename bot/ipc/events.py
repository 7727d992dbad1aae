"""The lists of events: events that cross the process boundary, and events that a journal can contain.

This module does not depend on the transport or the receivers of events.
"""

from __future__ import annotations

from bot.ipc.call_events import (
    CallRefused,
    CallStarted,
    CallStateChanged,
    Redirected,
    TransferProgressed,
    TransferRequested,
)
from bot.ipc.endpoint_events import (
    UNREAD,
    UNREAD_STATUS,
    AgentCrashed,
    AgentReady,
    AgentReplaced,
    AgentStopped,
    CallbackFailed,
    CommandDone,
    CommandFailed,
    ExpectationChecked,
    Heartbeat,
    KeyNegotiated,
    LimitReached,
    Listener,
    MessageAnswered,
    MessageReceived,
    MessageRefused,
    MessageWaiting,
    NativeLogged,
    PresenceChanged,
    RegistrationChanged,
    ReplacementFailed,
    ReportsDropped,
    RequestEnded,
    RequestSent,
    SipReceived,
    SipSent,
    StorageFailed,
    SubscriptionReceived,
    TlsSession,
    TransportChanged,
)
from bot.ipc.event import (
    CallEvent,
    Event,
)
from bot.ipc.media_events import (
    AudioHeard,
    DtmfFinished,
    DtmfReceived,
    DtmfReleased,
    DtmfSent,
    MediaStateChanged,
    PlaybackFinished,
    PlaybackStarted,
    RecordingFinished,
    RecordingStarted,
    StreamMeasured,
    VoiceChanged,
)

__all__ = [
    "UNREAD",
    "UNREAD_STATUS",
    "AgentCrashed",
    "AgentReady",
    "AgentReplaced",
    "AgentStopped",
    "AnyEvent",
    "AudioHeard",
    "CallEvent",
    "CallRefused",
    "CallStarted",
    "CallStateChanged",
    "CallbackFailed",
    "CommandDone",
    "CommandFailed",
    "DtmfFinished",
    "DtmfReceived",
    "DtmfReleased",
    "DtmfSent",
    "Event",
    "ExpectationChecked",
    "Heartbeat",
    "KeyNegotiated",
    "LimitReached",
    "Listener",
    "MediaStateChanged",
    "MessageAnswered",
    "MessageReceived",
    "MessageRefused",
    "MessageWaiting",
    "NativeLogged",
    "PlaybackFinished",
    "PlaybackStarted",
    "PresenceChanged",
    "RecordingFinished",
    "RecordingStarted",
    "Redirected",
    "RegistrationChanged",
    "ReplacementFailed",
    "ReportsDropped",
    "RequestEnded",
    "RequestSent",
    "SipReceived",
    "SipSent",
    "StorageFailed",
    "StreamMeasured",
    "SubscriptionReceived",
    "TlsSession",
    "TransferProgressed",
    "TransferRequested",
    "TransportChanged",
    "VoiceChanged",
    "Wired",
]

Wired = (
    AgentReady
    | AgentStopped
    | Heartbeat
    | NativeLogged
    | ReportsDropped
    | StorageFailed
    | CallbackFailed
    | CommandDone
    | CommandFailed
    | SipSent
    | SipReceived
    | KeyNegotiated
    | TransportChanged
    | RegistrationChanged
    | MessageWaiting
    | RequestSent
    | RequestEnded
    | MessageReceived
    | MessageRefused
    | LimitReached
    | SubscriptionReceived
    | PresenceChanged
    | MessageAnswered
    | CallStarted
    | CallRefused
    | CallStateChanged
    | Redirected
    | MediaStateChanged
    | StreamMeasured
    | DtmfReceived
    | DtmfReleased
    | DtmfSent
    | DtmfFinished
    | TransferProgressed
    | TransferRequested
    | AudioHeard
    | PlaybackStarted
    | PlaybackFinished
    | RecordingStarted
    | RecordingFinished
)
"""All structs that cross the process boundary."""

AnyEvent = Wired | AgentCrashed | AgentReplaced | ReplacementFailed | VoiceChanged | ExpectationChecked
"""All structs that a journal can contain."""
