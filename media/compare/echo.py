"""Echo detection: finds a party's own audio in the audio that it received (ITU-T G.168)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from media.audio.band import in_band
from media.audio.spectra import Floats, Signal
from media.audio.wav import Audio, AudioError, resample

__all__ = ["Echo", "find_echo"]

RATE = 8000
BLOCK_S = 4.0  # averaged block by block: other audio has another phase in each block
LONGEST_S = 2.0
FADE_S = 0.2  # at both ends of a block
LEVEL_S = 0.02
SILENT = 1e-4  # of full scale: what is fainter is not amplified
CLEAR = 10.5  # standard deviations: without an echo, codec artefacts of a reference reached 10.1 in 320 pairs
FAINTEST_DB = -60.0


@dataclass(frozen=True, slots=True)
class Echo:
    """An echo: its delay, and its level relative to the sent audio (negative ERL, ITU-T G.168)."""

    delay_ms: float
    level_db: float


def find_echo(sent: Audio, received: Audio) -> Echo | None:
    """The strongest echo of `sent` in `received`, with a delay of 0 to 2 s; None without an echo.

    Both signals begin at the same moment. The received audio is normalized to one level, so that loud audio
    and its codec noise weigh no more than the pauses. The spectra are whitened in blocks of 4 s and the
    correlations added, so that an echo far below other speech is found. Raises AudioError when `sent` is
    silent.
    """
    sent_samples, received_samples = (
        in_band(resample(audio, RATE).samples, RATE) for audio in (sent, received)
    )
    if not len(sent_samples) or float(np.abs(sent_samples).max()) < 1e-4:
        raise AudioError("what was sent is silent, so nothing of it can come back; give a file with audio")
    if not len(received_samples):
        return None
    reach = round(LONGEST_S * RATE)
    total = _correlation(sent_samples, _levelled(received_samples), reach)
    peak = int(np.abs(total).argmax())
    usual = 1.4826 * float(np.median(np.abs(total)))
    if usual <= 0 or abs(total[peak]) < CLEAR * usual:
        return None
    level = _level_db(sent_samples, received_samples, peak)
    return Echo(1000 * peak / RATE, level) if level is not None and level > FAINTEST_DB else None


def _correlation(sent_samples: Signal, received_samples: Signal, reach: int) -> Floats:
    """The whitened correlation at delays of 0 to `reach` samples, summed over blocks."""
    size = round(BLOCK_S * RATE)
    points = 1 << (2 * size + reach - 1).bit_length()
    total = np.zeros(reach)
    for start in range(0, len(sent_samples), size):
        a = np.fft.rfft(_faded(sent_samples[start : start + size]), points)
        b = np.fft.rfft(_faded(received_samples[start : start + size + reach]), points)
        cross = np.conj(a) * b
        weight = np.abs(cross)
        weight += 1e-3 * weight.max() + 1e-20
        total += np.fft.irfft(cross / weight, points)[:reach]
    return total


def _faded(samples: Signal) -> Signal:
    """Samples that begin and end softly: the clicks of the ends of tones would match each other."""
    size = min(round(FADE_S * RATE), len(samples) // 2)
    rise = np.sin(np.linspace(0, np.pi / 2, size, dtype=np.float32)) ** 2
    weight = np.ones(len(samples), np.float32)
    weight[:size], weight[len(samples) - size :] = rise, rise[::-1]
    return samples * weight


def _levelled(samples: Signal) -> Signal:
    """Samples relative to the root mean square of the 20 ms around each."""
    size = round(LEVEL_S * RATE)
    padded = np.pad(np.square(samples, dtype=np.float64), (size // 2 + 1, size - size // 2 - 1), "edge")
    sums = np.cumsum(padded)
    return np.asarray(samples / np.sqrt((sums[size:] - sums[:-size]) / size + SILENT**2), np.float32)


def _level_db(sent_samples: Signal, received_samples: Signal, delay: int) -> float | None:
    """The gain of the echo by least squares, in dB."""
    count = min(len(sent_samples), len(received_samples) - delay)
    if count <= 0:
        return None
    a, b = sent_samples[:count].astype(np.float64), received_samples[delay : delay + count].astype(np.float64)
    own = float(np.einsum("i,i->", a, a))
    gain = abs(float(np.einsum("i,i->", a, b))) / own if own > 0 else 0.0
    return float(20 * np.log10(gain)) if gain > 0 else None
