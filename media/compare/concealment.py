"""Detection of packet loss concealment in a recording.

A receiver conceals a lost packet by repeating and stretching earlier audio (ITU-T G.711 Appendix I and
similar), so that level and spectrum do not show the loss. The waveform shows it: within one packet it differs
from the reference, and in the neighbouring packets it does not. The models were fitted to real calls with
known losses; see `media.compare.calibration`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from media.audio.levels import Stretch, runs
from media.audio.spectra import HOP_S, Floats, Signal, mel_bands, smooth, windows_at
from media.compare.calibration import Model, model_of
from media.compare.purity import purity

__all__ = [
    "Aligned",
    "Concealment",
    "Levels",
    "concealment",
    "context",
    "features",
    "levels_of",
    "voicing_of",
]

STEP_S = 0.005  # of the search for the grid's phase
MARGIN_S = 0.00375  # spectra look this far beyond a packet
FLOOR_DB = 40.0  # below the loud packets nothing is compared
JUDGED_DB = -30.0  # of a packet's level, relative to the loud ones: concealment is not heard below
TWICE_DB = -10.0  # and cannot be told below from what the second pass of a codec takes
ABOVE_DB = 10.0  # the recording's own noise
QUIET = 1e-7  # -70 dBFS
VOICED, LOUD_DB = 0.8, -20.0  # packets that every codec carries well: what is usual is measured on them
PITCH_S = 0.02  # the longest period that voicing looks for
BANDS = 16
LOWEST_HZ, HIGHEST_HZ = 250.0, 3500.0
ROUNDS = 40  # of expectation and maximisation; it settles within ten
FIRST_SHARE, MOST = 0.02, 0.6
PURE, KEPT = 0.98, 0.9  # share of one or two sines, and coherence, of a tone that was not lost
NOT_LOST = -10.0  # evidence
DISTINCT = (
    0.4  # evidence in all for each lost packet; less is spread over packets that a codec carries less well
)
BATCH = 2048  # packets at a time: bounds memory
TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Concealment:
    """Concealed audio: `stretches` that are more likely concealed than not, in the reference's time.

    `total_s` is the expected duration over all packets; a packet lost in a hiss is not in the list, but
    counts by its probability. `judged_s` is the duration of the audio that could be judged.
    """

    stretches: tuple[Stretch, ...]
    total_s: float
    judged_s: float


@dataclass(frozen=True, slots=True)
class Aligned:
    """A reference and a recording aligned to it, equally long, at `rate` Hz, as `band.in_band` leaves them.

    `clear` says for each frame of 10 ms whether the recording has anything of the reference there.
    """

    reference: Signal
    recording: Signal
    rate: int
    clear: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Levels:
    """How loud a pair is: the reference's `loud` packets (power), the recording's `gain` over the reference.

    `noise_db` is the power of the recording's quietest tenth, relative to the loud packets; all that
    in packets of `size` samples.
    """

    size: int
    loud: float
    gain: float
    noise_db: float


@dataclass(frozen=True, slots=True)
class _Guess:
    """The evidence of one phase of the packets' grid."""

    score: float
    first: int
    probability: Floats
    judged: int


def concealment(
    pair: Aligned, *, packet_s: float = 0.02, codec: str | None = None, twice: bool = False
) -> Concealment:
    """Judge packets of `packet_s` seconds, of a codec that may be known by name.

    Audio that passed the codec `twice` is judged in loud packets only, because each pass smears the edges of
    sounds.
    """
    size, step = round(packet_s * pair.rate), round(STEP_S * pair.rate)
    model, levels = model_of(codec), levels_of(pair, size)
    if twice:
        levels = replace(levels, noise_db=max(levels.noise_db, TWICE_DB - ABOVE_DB))
    voicing = voicing_of(pair, np.arange(-size, len(pair.reference), size), size)
    grids = [np.arange(phase - size, len(pair.reference), size) for phase in range(0, size, step)]
    guesses = [_guess(pair, starts, model, levels, voicing) for starts in grids]
    best = max(guesses, key=lambda guess: guess.score)
    if best.score < max(model.significant, DISTINCT * float(best.probability.sum())):
        return Concealment((), 0.0, best.judged * packet_s)
    stretches = tuple(
        Stretch(max(0, best.first + begin * size) / pair.rate, (best.first + end * size) / pair.rate)
        for begin, end in runs(best.probability > 0.5)
    )
    total = float(best.probability.sum())
    total /= 1 + model.aftermath * total / max(best.judged, 1)
    return Concealment(stretches, total * packet_s, best.judged * packet_s)


def _guess(pair: Aligned, starts: NDArray[np.intp], model: Model, levels: Levels, voicing: Floats) -> _Guess:
    size = levels.size
    values = features(pair, starts, levels, voicing[: len(starts)])
    judged = _clear(pair, starts, size) & (values[:, -1] > max(JUDGED_DB, levels.noise_db + ABOVE_DB))
    evidence = context(values) @ np.array(model.weights) + model.bias
    doubtful = np.flatnonzero(judged & (evidence > NOT_LOST) & (values[:, 0] > KEPT))
    evidence[doubtful[_tones(pair, starts[doubtful], size)]] = NOT_LOST
    evidence = evidence[judged]
    share = _share(evidence)
    probability = np.zeros(len(starts))
    probability[judged] = _posterior(evidence, share)
    score = float(np.log1p(share * np.expm1(np.clip(evidence, -50, 50))).sum())
    return _Guess(score, int(starts[0]), probability, int(judged.sum()))


def _tones(pair: Aligned, starts: NDArray[np.intp], size: int) -> NDArray[np.bool_]:
    """Packets of a tone or a sweep: a packet with a matching waveform was not lost.

    The models were fitted to voices. Speech codecs change single frequencies, which looks like packet loss;
    for a tone only the waveform is reliable.
    """
    parts = (starts[at : at + BATCH] for at in range(0, len(starts), BATCH))
    pure = [purity(windows_at(pair.reference, part, size)) > PURE for part in parts]
    return np.concatenate([np.zeros(0, np.bool_), *pure])


def _clear(pair: Aligned, starts: NDArray[np.intp], size: int) -> NDArray[np.bool_]:
    """Packets that lie in clear frames only, and whole in the reference."""
    hop = HOP_S * pair.rate
    first = np.clip((starts / hop).astype(np.intp), 0, len(pair.clear))
    after = np.clip(np.ceil((starts + size) / hop).astype(np.intp), 0, len(pair.clear))
    sums = np.concatenate([[0], np.cumsum(pair.clear)])
    whole = (starts >= 0) & (starts + size <= len(pair.reference))
    return np.asarray(whole & (after > first) & (sums[after] - sums[first] == after - first))


def features(pair: Aligned, starts: NDArray[np.intp], levels: Levels, voicing: Floats) -> Floats:
    """Features of the packets that begin at `starts`, of shape (packets, 6).

    Coherence of the waveforms, mean difference of the spectra (dB), difference of the waveforms relative to
    the reference (dB), change of level (dB), the `voicing` that is given, and the reference's level relative
    to the loud packets (dB).
    """
    parts = [_measured(pair, starts[at : at + BATCH], levels) for at in range(0, len(starts), BATCH)]
    result = np.concatenate(parts)
    result[:, -1] -= 10 * np.log10(levels.loud)
    return np.insert(result, 4, voicing, axis=1)


def voicing_of(pair: Aligned, starts: NDArray[np.intp], size: int) -> Floats:
    """How well each packet of the reference continues its own past; where it begins matters little."""
    past = round(PITCH_S * pair.rate)
    parts = []
    for at in range(0, len(starts), BATCH):
        part = starts[at : at + BATCH]
        own = windows_at(pair.reference, part, size)
        parts.append(_voicing(own, windows_at(pair.reference, part - past, size + past)))
    return np.concatenate(parts)


def levels_of(pair: Aligned, size: int) -> Levels:
    """Measure the levels in packets of `size` samples."""
    loud = _loud(pair.reference, size)
    gain = max(_rms(pair.recording), TINY) / max(_rms(pair.reference), TINY)
    powers = _powers(pair.recording, size)
    quiet = float(np.percentile(powers, 10)) / gain**2 if len(powers) else loud
    return Levels(size, loud, gain, float(10 * np.log10((quiet + TINY) / loud)))


def _loud(signal: Signal, size: int) -> float:
    """The mean power of the loud packets: those that a tenth exceeds, silence apart."""
    powers = _powers(signal, size)
    audible = powers[powers > QUIET]
    return max(float(np.percentile(audible, 90)), TINY) if len(audible) else TINY


def _powers(signal: Signal, size: int) -> Signal:
    whole = len(signal) // size * size
    return _mean_power(signal[:whole].reshape(-1, size))


def _rms(signal: Signal) -> float:
    return float(np.sqrt(np.einsum("i,i->", signal, signal, dtype=np.float64) / max(len(signal), 1)))


def _mean_power(packets: Signal) -> Signal:
    return np.asarray(np.einsum("ij,ij->i", packets, packets) / packets.shape[1])


def context(values: Floats) -> Floats:
    """Inputs of the models: features relative to the median of the call, and those of both neighbours."""
    coherence, distance, noise, level, voicing, loudness = values.T
    usual = (voicing > VOICED) & (loudness > LOUD_DB)
    usual = usual if usual.any() else loudness > LOUD_DB
    z = _unusual(np.arctanh(np.clip(coherence, -0.95, 0.9999)), usual)
    d = _unusual(np.log(distance + 0.3), usual)
    n = _unusual(noise, usual) / 10
    change = _unusual(level, usual) / 10
    v = np.arctanh(np.clip(voicing, 0, 0.98))
    own = [z, d, n, change, np.abs(change), v, loudness / 10]
    own += [z * v, n * loudness / 10, z * loudness / 10, d * v, d * loudness / 10, z * z, n * n]
    before = [_moved(values, 1) for values in (z, d, n)]
    after = [_moved(values, -1) for values in (z, d, n)]
    return np.stack([*own, *before, *after, z - before[0]], axis=1)


def _unusual(values: Floats, usual: NDArray[np.bool_]) -> Floats:
    return np.asarray(values - np.median(values[usual])) if usual.any() else values


def _moved(values: Floats, by: int) -> Floats:
    """Each packet's neighbour's value; at the ends its own."""
    index = np.clip(np.arange(len(values)) - by, 0, max(len(values) - 1, 0))
    return np.asarray(values[index])


def _measured(pair: Aligned, starts: NDArray[np.intp], levels: Levels) -> Floats:
    size, gain, floor = levels.size, levels.gain, levels.loud * 10 ** (-FLOOR_DB / 10)
    a, b = (
        windows_at(pair.reference, starts, size),
        windows_at(pair.recording, starts, size) / np.float32(gain),
    )
    own, received = _mean_power(a) + floor, _mean_power(b) + floor
    coherence = np.einsum("ij,ij->i", a, b) / size / np.sqrt(own * received)
    noise = 10 * np.log10((_mean_power(b - a) + floor) / own)
    margin = round(MARGIN_S * pair.rate)
    reach = starts - margin, size + 2 * margin
    wide = windows_at(pair.reference, *reach), windows_at(pair.recording, *reach) / np.float32(gain)
    level = 10 * np.log10(np.maximum(own - floor, TINY))
    columns = coherence, _distance_db(*wide, pair.rate, floor), noise, 10 * np.log10(received / own), level
    return np.stack(columns, axis=1).astype(np.float64)


def _distance_db(reference: Signal, recording: Signal, rate: int, floor: float) -> Floats:
    """Mean absolute difference of the spectra of rows, in bands equally wide in mel."""
    window = np.hanning(reference.shape[1]).astype(np.float32)
    points = 1 << (len(window) - 1).bit_length()
    bands = mel_bands(LOWEST_HZ, min(HIGHEST_HZ, 0.44 * rate), BANDS, points, rate).astype(np.float32)
    quiet = floor * float(np.square(window).sum()) * float(bands.sum(axis=0).mean()) / 2
    a, b = (
        10 * np.log10(_energies(signal * window, points, bands) + quiet) for signal in (reference, recording)
    )
    return np.asarray(np.abs(a - b).mean(axis=1))


def _energies(windowed: Signal, points: int, bands: Signal) -> Signal:
    spectra = np.fft.rfft(windowed, points)
    return np.asarray((np.square(spectra.real) + np.square(spectra.imag)) @ bands)


def _voicing(packets: Signal, with_past: Signal) -> Floats:
    """How well each packet continues its own past: the best correlation at a period of 2.5 to 20 ms."""
    size, past = packets.shape[1], with_past.shape[1] - packets.shape[1]
    points = smooth(with_past.shape[1])  # no period that counts reaches around its ends
    spectrum = np.fft.rfft(with_past, points) * np.conj(np.fft.rfft(packets, points))
    products = np.fft.irfft(spectrum, points)[:, : past - past // 8]
    sums = np.cumsum(np.pad(np.square(with_past, dtype=np.float64), ((0, 0), (1, 0))), axis=1)
    energy = sums[:, size : size + products.shape[1]] - sums[:, : products.shape[1]]
    own = np.square(packets, dtype=np.float64).sum(axis=1, keepdims=True)
    return np.asarray((products / np.sqrt(energy * own + 1e-9)).max(axis=1))


def _share(evidence: Floats) -> float:
    """The share of lost packets that explains the evidence best (expectation and maximisation)."""
    share = FIRST_SHARE
    for _ in range(ROUNDS):
        if len(evidence):
            share = float(np.clip(_posterior(evidence, share).mean(), 1e-5, MOST))
    return share


def _posterior(evidence: Floats, share: float) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(evidence + np.log(share / (1 - share)), -50, 50))))
