"""Detection of in-band DTMF and of voice activity in the received audio of calls, while they run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bot.ipc import AnyEvent, AudioHeard, CallStateChanged, DtmfReceived, VoiceChanged
from bot.model import CallState, DtmfMethod

if TYPE_CHECKING:
    from media.detect.dtmf import DigitHeard, DtmfDetector
    from media.detect.voice_activity import VoiceActivity

__all__ = ["InbandDetector", "InbandDetectors"]

FULL_SCALE = 32768.0
PAUSE_S = 0.5
"""A gap in the audio that ends a digit; the clock of a busy machine may lag by less."""


class InbandDetector:
    """Detector of one call. The event of a digit comes at its end, and has the time of its start."""

    def __init__(self, call: int) -> None:
        self._call = call
        self._detector: DtmfDetector | None = None
        self._activity: VoiceActivity | None = None
        self._heard_s = 0.0
        self._until = 0.0

    def hear(self, audio: AudioHeard) -> Iterator[DtmfReceived]:
        """The digits that ended in this piece of audio."""
        import numpy as np

        from media.detect.dtmf import DtmfDetector

        samples = np.frombuffer(audio.samples, "<i2").astype(np.float32) / np.float32(FULL_SCALE)
        if self._detector is None or audio.at - len(samples) / audio.rate - self._until > PAUSE_S:
            yield from self.finish()
            self._detector, self._heard_s = DtmfDetector(audio.rate), 0.0
        self._heard_s += len(samples) / audio.rate
        self._until = audio.at
        yield from map(self._dated, self._detector.feed(samples))

    def follow(self, audio: AudioHeard) -> Iterator[VoiceChanged]:
        """Starts and ends of speech in this piece of audio, or shortly before it."""
        import numpy as np

        from media.detect.voice_activity import VoiceActivity

        if self._activity is None:
            self._activity = VoiceActivity(audio.rate)
        samples = np.frombuffer(audio.samples, "<i2").astype(np.float32) / np.float32(FULL_SCALE)
        for turn in self._activity.feed(samples):
            at = audio.at - (self._activity.heard_s - turn.at_s)
            yield VoiceChanged(at=at, call=self._call, speaking=turn.speaking)

    def finish(self) -> Iterator[DtmfReceived]:
        """The digit that the end of the call cuts short."""
        if self._detector is not None:
            yield from map(self._dated, self._detector.finish())

    def _dated(self, digit: DigitHeard) -> DtmfReceived:
        return DtmfReceived(
            at=self._until - (self._heard_s - digit.start_s),
            call=self._call,
            digit=digit.digit,
            method=DtmfMethod.INBAND,
            duration_ms=round(digit.duration_ms),
        )


class InbandDetectors:
    """Detectors of the calls of an endpoint."""

    def __init__(self) -> None:
        self._by_call: dict[int, InbandDetector] = {}

    def events(self, event: AnyEvent) -> Iterator[DtmfReceived | VoiceChanged]:
        """The digits and the speech in the audio of an event; at the end of a call its last digit."""
        if isinstance(event, AudioHeard):
            detector = self._by_call.setdefault(event.call, InbandDetector(event.call))
            yield from detector.hear(event)
            yield from detector.follow(event)
        elif isinstance(event, CallStateChanged) and event.state is CallState.DISCONNECTED:
            detector = self._by_call.pop(event.call, InbandDetector(event.call))
            yield from detector.finish()
