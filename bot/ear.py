"""Owns what is understood of a call's audio while it runs: the digits in it; it must not know who asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .events import AudioHeard, DtmfReceived
from .model import DtmfMethod

if TYPE_CHECKING:
    from media.dtmf_detector import DigitHeard, DtmfDetector

__all__ = ["Ear"]

FULL_SCALE = 32768.0


class Ear:
    """Turns what one call hears into events; the digits come when they end, dated when they began."""

    def __init__(self, call: int) -> None:
        self._call = call
        self._detector: DtmfDetector | None = None
        self._heard_s = 0.0
        self._until = 0.0

    def hear(self, audio: AudioHeard) -> Iterator[DtmfReceived]:
        """The digits that ended in this piece of audio."""
        import numpy as np

        from media.dtmf_detector import DtmfDetector

        if self._detector is None:
            self._detector = DtmfDetector(audio.rate)
        samples = np.frombuffer(audio.samples, "<i2").astype(np.float32) / np.float32(FULL_SCALE)
        self._heard_s += len(samples) / audio.rate
        self._until = audio.at
        yield from map(self._dated, self._detector.feed(samples))

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
