"""media.audio.hiss: the share of noise in a signal tells noise from tones and voices."""

from __future__ import annotations

import numpy as np
import pytest

from media.audio.band import in_band
from media.audio.hiss import hiss_share
from media.signals.signals import make

RATE = 8000


@pytest.mark.parametrize(
    ("signal", "least", "most"),
    [("white:2", 0.6, 0.7), ("tone:1400:2", 0, 0.01), ("speech:4", 0.01, 0.08), ("dtmf:159#", 0, 0.01)],
)
def test_hiss_differs_from_tones_and_voices(signal: str, least: float, most: float) -> None:
    samples = in_band(make(signal, RATE).samples, RATE)

    assert least <= hiss_share(samples, RATE, np.arange(len(samples) // 80)) <= most
