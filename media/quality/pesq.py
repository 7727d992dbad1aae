"""PESQ score of a recording (ITU-T P.862, P.862.1, P.862.2), by the optional package `pesq`.

The package compiles the reference code of P.862, whose licence restricts commercial use. So it is not a
dependency, and it is imported on demand only.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType

import numpy as np

from media.audio.spectra import Signal, frame_power
from media.audio.wav import Audio, AudioError, resample
from media.compare.align import active_frames
from media.compare.compare import compare
from media.quality.emodel import Band

__all__ = ["PesqMissing", "Score", "assess"]

NARROWBAND, WIDEBAND = 8000, 16000
SHORTEST_S = 0.5  # PESQ requires 0.25 s; less than a word is meaningless
PIECE_S = 12.0  # P.862 is designed for sentences of 8 to 12 s, weighs by time from 16 s, and its code ...
WANDER_S = 1.5  # ... exceeds its memory from 50 utterances of at least 0.4 s: so a piece has 15 s at most
EDGE_S = 0.2  # what a recorder may miss at the start and at the end
CONTEXT_S = 1.0  # the largest change of the delay before a piece
RECOGNISED = 0.2  # correlation; below it a match may be chance
SILENT_POWER = 10**-6.5  # -65 dBFS, as in a comparison
HOP_S = 0.01
TINY = 1e-9
LOWEST = {Band.NARROWBAND: 1.017, Band.WIDEBAND: 1.043}  # of a raw score of -0.5 (P.862.1, P.862.2)
MISSING = (
    "PESQ is not installed (it is built from source, which takes a C compiler): pip install 'srtpbot[pesq]'"
)


class PesqMissing(AudioError):
    """The package `pesq` is not installed."""


@dataclass(frozen=True, slots=True)
class Score:
    """`mos_lqo` is the listening quality, 1.02 to 4.55 narrowband (P.862.1), 1.04 to 4.64 wideband (P.862.2).

    Scores of the two bands cannot be compared. `pieces` are the scores of the parts; the score is their
    mean.
    """

    mos_lqo: float
    band: Band
    pieces: tuple[float, ...]


def assess(reference: Audio, recording: Audio, *, wideband: bool | None = None) -> Score:
    """The listening quality of a recording relative to its reference, by PESQ.

    P.862 was withdrawn in 2024 in favour of P.863, which has no free implementation. The package's wideband
    scores are those before corrigendum 2 (2018), as most published ones are, and up to 0.9 too low in noise.

    PESQ is designed for speech through telephones and codecs; other sounds get a score too. A recording with
    audio above 4 kHz is rated wideband, any other narrowband; `wideband` says otherwise. The recording may
    have more audio before and after the reference. Up to 0.2 s may be missing at each edge; more missing
    audio counts as silence. Delay, its changes and the level do not count. Audio longer than 15 s is scored
    in pieces, cut in pauses, and their mean, by the time spoken, is the score.

    Raises PesqMissing without the package, and AudioError when the reference is silent, shorter than 0.5 s,
    sampled too low (below 8000 Hz, or 16000 Hz for wideband), or not in the recording.
    """
    native = _package()
    slowest = min(reference.rate, recording.rate)
    least = WIDEBAND if wideband else NARROWBAND
    if slowest < least:
        raise AudioError(
            f"PESQ needs audio of at least {least} Hz here, not {slowest} Hz; record at a higher rate"
        )
    if reference.duration_s < SHORTEST_S:
        raise AudioError(
            f"a reference of {reference.duration_s:g} s is too short for PESQ; use {SHORTEST_S} s or more"
        )
    found = compare(reference, recording)
    if found.delay_ms is None:
        raise AudioError(f"PESQ cannot score this: {'; '.join(found.reasons)}")
    wide = found.rate >= WIDEBAND if wideband is None else wideband
    rate, band = (WIDEBAND, Band.WIDEBAND) if wide else (NARROWBAND, Band.NARROWBAND)
    judge = _judge(native, rate, band)
    sent, received = (
        Audio(_centred(resample(audio, rate).samples), rate) for audio in (reference, recording)
    )
    delay = round(found.delay_ms / 1000 * rate)
    scores, spoken = [], []
    for start, end in _pieces(sent):
        piece = sent.samples[start:end]
        active_s = float(active_frames(piece, rate).sum()) * HOP_S
        if active_s and start:
            delay = _start(piece, received.samples, start + delay, rate) - start
        value = judge(*_pair(piece, received.samples, start + delay, rate)) if active_s else None
        if value is not None:
            scores.append(value)
            spoken.append(active_s)
    if not scores:
        raise AudioError("PESQ found no speech in the reference; use one in which someone speaks")
    return Score(float(np.average(scores, weights=spoken)), band, tuple(scores))


def _package() -> ModuleType:
    try:
        return importlib.import_module("pesq")
    except ImportError as error:
        raise PesqMissing(MISSING) from error


def _judge(native: ModuleType, rate: int, band: Band) -> Callable[[Signal, Signal], float | None]:
    """The score of an aligned pair; None when PESQ finds no utterance."""
    mode = "wb" if band is Band.WIDEBAND else "nb"

    def judge(sent: Signal, received: Signal) -> float | None:
        sent, received = _centred(sent), _centred(received)
        if float(frame_power(received, rate).max(initial=0)) < SILENT_POWER:
            return LOWEST[band]
        try:
            return float(native.pesq(rate, _full(sent), _full(received), mode))
        except native.NoUtterancesError:
            return None
        except (native.PesqError, ValueError) as error:
            raise AudioError(f"PESQ failed on {len(sent) / rate:.1f} s of audio: {error}") from error

    return judge


def _centred(samples: Signal) -> Signal:
    """The samples without their DC."""
    return samples - np.float32(samples.mean(dtype=np.float64)) if len(samples) else samples


def _full(samples: Signal) -> Signal:
    """The samples scaled to full scale: PESQ ignores the level, but rounds."""
    return np.asarray(samples / np.abs(samples).max(initial=TINY), dtype=np.float32)


def _pieces(reference: Audio) -> list[tuple[int, int]]:
    """Split long audio in its quietest moments into pieces of 9 to 15 s, as first and last sample."""
    count = max(1, int(np.ceil(reference.duration_s / PIECE_S)))
    if reference.duration_s <= PIECE_S + WANDER_S:
        count = 1
    power = frame_power(reference.samples, reference.rate)
    smooth = np.convolve(power, np.ones(9), "same")  # a pause, not a moment
    cuts = [0]
    for index in range(1, count):
        middle = index * reference.duration_s / count
        low, high = int((middle - WANDER_S) / HOP_S), int((middle + WANDER_S) / HOP_S)
        cuts.append((low + int(smooth[low:high].argmin())) * (reference.rate // 100))
    cuts.append(len(reference.samples))
    return list(pairwise(cuts))


def _start(piece: Signal, recording: Signal, expected: int, rate: int) -> int:
    """The start of a piece in the recording, in samples.

    The expected start if the piece is not recognised.
    """
    margin = round(CONTEXT_S * rate)
    around = _cut(recording, expected - margin, expected + margin + len(piece))
    size = 1 << (len(around) + len(piece)).bit_length()
    spectrum = np.fft.rfft(around, size) * np.conj(np.fft.rfft(piece, size))
    alike = np.abs(np.fft.irfft(spectrum, size)[: 2 * margin + 1])
    best = int(alike.argmax())
    power = float(np.vdot(piece, piece)) * float(np.vdot(around, around))
    return expected - margin + best if alike[best] > RECOGNISED * power**0.5 else expected


def _cut(recording: Signal, start: int, end: int) -> Signal:
    """The recording from `start` to `end`, in samples; silence before it and after it."""
    inside = recording[max(0, start) : max(0, end)]
    before = min(max(0, -start), end - start)
    return np.pad(inside, (before, end - start - before - len(inside)))


def _pair(piece: Signal, recording: Signal, start: int, rate: int) -> tuple[Signal, Signal]:
    """A piece and its recorded counterpart from `start` on, of equal length; missing audio is silence."""
    edge, end = round(EDGE_S * rate), start + len(piece)
    first = min(max(0, -start), edge)
    last = len(piece) - min(max(0, end - len(recording)), edge)
    return piece[first:last], _cut(recording, start + first, start + last)
