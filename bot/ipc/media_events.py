"""Events of a call's media: streams, DTMF digits, playbacks and recordings."""

from __future__ import annotations

from bot.ipc.event import CallEvent
from bot.model import AudioLevels, DtmfMethod, MediaState, StreamStats

__all__ = [
    "AudioHeard",
    "DtmfFinished",
    "DtmfReceived",
    "DtmfReleased",
    "DtmfSent",
    "MediaStateChanged",
    "PlaybackFinished",
    "PlaybackStarted",
    "RecordingFinished",
    "RecordingStarted",
    "StreamMeasured",
    "VoiceChanged",
]


class MediaStateChanged(CallEvent, frozen=True, kw_only=True):
    """The library (re)negotiated the media; the event has all m= lines in their new state."""

    media: list[MediaState]


class StreamMeasured(CallEvent, frozen=True, kw_only=True):
    """The counters of one stream; ``final`` when the stream has ended (a re-INVITE starts another stream).

    ``levels`` are those of the last frame (20 ms) of a running stream.
    """

    index: int
    stats: StreamStats
    final: bool
    levels: AudioLevels | None = None


class DtmfReceived(CallEvent, frozen=True, kw_only=True):
    """A digit began; a digit by SIP INFO is complete."""

    digit: str
    method: DtmfMethod
    duration_ms: int | None


class DtmfReleased(CallEvent, frozen=True, kw_only=True):
    """The last received digit ended, with its end bit (RFC 4733)."""

    digit: str
    method: DtmfMethod
    duration_ms: int


class DtmfSent(CallEvent, frozen=True, kw_only=True):
    """A digit was passed to the stream, the dialog or the tone generator."""

    transmission: int
    digit: str
    method: DtmfMethod


class DtmfFinished(CallEvent, frozen=True, kw_only=True):
    """All digits of a SendDtmf were sent, or failed: then ``problem`` has the reason."""

    transmission: int
    problem: str | None = None


class PlaybackFinished(CallEvent, frozen=True, kw_only=True):
    """A file was played to its end, or stopped."""

    playback: int
    complete: bool


class PlaybackStarted(CallEvent, frozen=True, kw_only=True):
    """A file was connected to the call's audio; its first frame is sent at the next clock tick (20 ms).

    ``duration_s`` is None for a loop.
    """

    playback: int
    source: str = ""
    duration_s: float | None = None


class RecordingStarted(CallEvent, frozen=True, kw_only=True):
    """A recording was connected to the call's audio.

    Its first frame is that of the next clock tick (20 ms).
    """

    recording: int


class AudioHeard(CallEvent, frozen=True, kw_only=True):
    """Received audio of the call up to ``at``: 16-bit little-endian mono at ``rate`` Hz; not journaled."""

    rate: int
    samples: bytes


class RecordingFinished(CallEvent, frozen=True, kw_only=True):
    """A recording is complete on disk."""

    recording: int
    path: str


class VoiceChanged(CallEvent, frozen=True, kw_only=True):
    """Voice activity began or ended in a call with a listener; detected by the parent."""

    speaking: bool
