"""Owns what is understood of a call's audio while it runs: digits, voice; it must not know who asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .events import AudioHeard, DtmfReceived, VoiceChanged
from .model import DtmfMethod

if TYPE_CHECKING:
    from media.dtmf_detector import DigitHeard, DtmfDetector
    from media.voice_activity import VoiceActivity

__all__ = ["Ear"]

FULL_SCALE = 32768.0
PAUSE_S = 0.5
"""After so long without audio a digit does not go on; the clock of a busy machine may lag by less."""


class Ear:
    """Turns what one call hears into events; the digits come when they end, dated when they began."""

    def __init__(self, call: int) -> None:
        self._call = call
        self._detector: DtmfDetector | None = None
        self._activity: VoiceActivity | None = None
        self._heard_s = 0.0
        self._until = 0.0

    def hear(self, audio: AudioHeard) -> Iterator[DtmfReceived]:
        """The digits that ended in this piece of audio."""
        import numpy as np

        from media.dtmf_detector import DtmfDetector

        samples = np.frombuffer(audio.samples, "<i2").astype(np.float32) / np.float32(FULL_SCALE)
        if self._detector is None or audio.at - len(samples) / audio.rate - self._until > PAUSE_S:
            yield from self.finish()
            self._detector, self._heard_s = DtmfDetector(audio.rate), 0.0
        self._heard_s += len(samples) / audio.rate
        self._until = audio.at
        yield from map(self._dated, self._detector.feed(samples))

    def follow(self, audio: AudioHeard) -> Iterator[VoiceChanged]:
        """Where in this piece of audio, or shortly before it, somebody began to speak or fell silent."""
        import numpy as np

        from media.voice_activity import VoiceActivity

        if self._activity is None:
            self._activity = VoiceActivity(audio.rate)
        samples = np.frombuffer(audio.samples, "<i2").astype(np.float32) / np.float32(FULL_SCALE)
        for turn in self._activity.feed(samples):
            at = audio.at - (self._activity.heard_s - turn.at_s)
            yield VoiceChanged(at=at, call=self._call, speaking=turn.speaking)

    def finish(self) -> Iterator[DtmfReceived]:
        """A digit that the end of the call cut short."""
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
