"""Voice activity detection in a complete recording.

Speech is audio that rises above the noise floor in some bands. The floor of each band is the level that
lasts for two seconds (the morphological opening of its energy), so noise may start, stop and have any
spectrum. Constant sines (`media.detect.call_progress`) are not speech.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.audio.levels import Flags, Stretch, runs
from media.audio.spectra import HOP_S, band_energies
from media.audio.wav import Audio, AudioError, resample
from media.detect.call_progress import ToneHeard, find_tones

__all__ = ["Options", "voice"]

Energies = NDArray[np.float32]

RATE = 8000
SMOOTHING = 5  # frames of 10 ms
SILENT = 10**-6.8  # -65 dBFS a band: what codecs make of silence is below
TONE_MARGIN_S = 0.05  # a window of 32 ms, smoothed over 50 ms, contains this much of the end of a tone


@dataclass(frozen=True, slots=True)
class Options:
    """The parameters of voice detection.

    `above_db`: minimum mean level of the bands above their floors. `steady_s`: a level that lasts this
    long is floor. `hangover_s`: a shorter pause belongs to the speech around it. `shortest_s`:
    shorter speech is a click. `lead_s`, `tail_s`: margins before and after, because speech begins and
    ends softly.
    """

    above_db: float = 4.5
    steady_s: float = 2.0
    hangover_s: float = 0.25
    shortest_s: float = 0.08
    lead_s: float = 0.02
    tail_s: float = 0.03


def voice(
    audio: Audio, *, options: Options | None = None, tones: tuple[ToneHeard, ...] | None = None
) -> tuple[Stretch, ...]:
    """The intervals with speech, in order.

    `tones` are those in the audio when they have been found already. Music counts as speech, and so does
    noise that changes faster than `steady_s`; speech in noise 10 dB below loses its weakest consonants.
    Raises AudioError when a duration in `options` is negative.
    """
    options = options or Options()
    if min(options.steady_s, options.hangover_s, options.shortest_s, options.lead_s, options.tail_s) < 0:
        raise AudioError(f"a duration in {options} is negative; give 0 or more seconds")
    narrow = resample(audio, RATE)
    if not len(narrow.samples):
        return ()
    tones = find_tones(narrow) if tones is None else tones
    samples = narrow.samples - narrow.samples.mean(dtype=np.float64).astype(np.float32)
    speech = _above_floor(band_energies(samples, RATE), options)
    for tone in tones:
        first = max(0, int((tone.start_s - TONE_MARGIN_S) / HOP_S))
        speech[first : int(np.ceil((tone.end_s + TONE_MARGIN_S) / HOP_S))] = False
    return tuple(_stretches(speech, tones, options, audio.duration_s))


def _above_floor(energies: Energies, options: Options) -> Flags:
    """The frames above the floor of their bands."""
    width = max(1, round(options.steady_s / HOP_S))
    smooth = np.maximum(_smoothed(energies), np.float32(SILENT))
    floor = _opened(smooth, width)
    return np.asarray((smooth / floor).mean(axis=1) > 10 ** (options.above_db / 10))


def _smoothed(energies: Energies) -> Energies:
    before, after = SMOOTHING // 2 + 1, SMOOTHING // 2
    padded = np.concatenate([energies[:1]] * before + [energies] + [energies[-1:]] * after)
    sums = np.cumsum(padded, axis=0, dtype=np.float64)
    return np.asarray((sums[SMOOTHING:] - sums[:-SMOOTHING]) / SMOOTHING, dtype=np.float32)


def _opened(energies: Energies, width: int) -> Energies:
    """For each frame the highest level that some `width` consecutive frames around it all reach."""
    width = min(width, len(energies))
    least = -_sliding_max(-energies, width)  # of the windows that are inside
    edge = np.full((width - 1, energies.shape[1]), -np.inf, np.float32)
    return _sliding_max(np.concatenate([edge, least, edge]), width)


def _sliding_max(values: Energies, width: int) -> Energies:
    """The largest of each `width` rows in a row, of shape (n - width + 1, columns)."""
    count = len(values) - width + 1
    reach = 1  # how many rows each maximum covers: doubled until they overlap
    while 2 * reach <= width:
        values = np.maximum(values[:-reach], values[reach:])
        reach *= 2
    return np.maximum(values[:count], values[width - reach : width - reach + count])


def _stretches(
    speech: Flags, tones: tuple[ToneHeard, ...], options: Options, duration_s: float
) -> list[Stretch]:
    """Runs of speech, joined over pauses (not over tones), with margins at the ends."""
    found: list[Stretch] = []
    for first, after in _joined(runs(speech), tones, options.hangover_s):
        if (after - first) * HOP_S >= options.shortest_s:
            start = max(0.0, first * HOP_S - options.lead_s)
            found.append(Stretch(start, min(duration_s, after * HOP_S + options.tail_s)))
    return found


def _joined(
    spoken: list[tuple[int, int]], tones: tuple[ToneHeard, ...], hangover_s: float
) -> list[tuple[int, int]]:
    starts = np.array([tone.start_s for tone in tones])
    joined: list[tuple[int, int]] = []
    for first, after in spoken:
        if joined and (first - joined[-1][1]) * HOP_S < hangover_s:
            between = np.searchsorted(starts, [joined[-1][1] * HOP_S, first * HOP_S])
            if between[0] == between[1]:
                joined[-1] = (joined[-1][0], after)
                continue
        joined.append((first, after))
    return joined
