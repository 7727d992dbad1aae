"""DTMF detector for audio (ITU-T Q.23, Q.24).

Two complex band-pass filters separate the low and the high group. Over `FIT_S` each must hold one sine of
a frequency of ITU-T Q.23, and the two sines nearly all of the energy. This distinguishes a digit
from speech and music. The filters' envelopes, which are faster, give the start and the end.

Sines from 0 down to -40 dBFS each are detected (ITU-T Q.24's 0 to -27 dBm0 are -3 to -30 dBFS in PCMU and
PCMA). Limits: a digit shorter than 60 ms may be missed when it is interrupted, one shorter than 100 ms
when a packet of it is lost, and some are missed where a codec that models a voice carries them. Of 48 digits
(16 at three phases of the packets, -12 dBFS, 100 ms but where it says otherwise) were detected through

| codec | 80 ms | 60 ms | 50 ms | 40 ms | twist -8 dB | twist +4 dB | SNR 15 dB |
|---|---|---|---|---|---|---|---|
| PCMA, G.722 | 48 | 48 | 48 | 48 | 48 | 48 | 48 |
| GSM 06.10 | 48 | 46 | 44 | 37 | 47 | 48 | 43 |
| iLBC | 48 | 48 | 48 | 48 | 47 | 43 | 48 |
| Speex at 8 and 16 kHz, quality 8 | 48 | 48 | 48 | 48 | 48 | 48 | 48 |
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from media.audio.wav import Audio, AudioError
from media.signals.dtmf import FREQUENCIES

__all__ = ["DigitHeard", "DtmfDetector", "detect"]

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]
Integers = NDArray[np.intp]

LOWEST_RATE = 8000  # Hz

# ITU-T Q.24, table A-1: 1.5 % off is a digit and 3.5 % is none, 40 ms is a digit and 23 ms is none,
# 10 ms without signal is no pause and 40 ms is a pause. The limits are between; a frame may deviate more
# than its digit.
FRAME_TOLERANCE, TOLERANCE = 0.025, 0.0185
SHORTEST_S = 0.030
SHORTEST_PAUSE_S = 0.030
# The high group may be 4 dB above to 8 dB below the low one; 1.5 dB more for what codecs and lines do, and
# twice that below: GSM 06.10 takes 2 to 3 dB off the high group where it is the fainter one.
FRAME_TWIST_DB, TWIST_DB = (-11.5, 6.5), (-11.0, 5.5)
FAINTEST_DBFS = -48.0  # of the fainter of the two

# Distinction of digits and speech. In a frame, the two sines must have this share of all energy ...
FRAME_PURITY = 0.78
# ... and in a digit that share, times each sine's share of its own band. Measured: 0.84 and more at 15 dB,
# about 0.8 after a short interruption or through GSM.
PURITY = 0.80
# Bad frames may be at both edges of each piece, where windows reach beyond it, and in few other
# places. Measured: digits at 15 dB SNR have at most 9.7 ms and 5 %, speech sounds that pass as pure
# mostly 12 ms and more. After a long enough good piece, wrong phases around a lost packet are tolerated.
EDGES_S, BAD, ENOUGH_S = 0.010, 0.05, 0.050
BREAK_S = 0.005  # the gap between two pieces

HOP_S = 0.001
FIT_S = 0.016
NEAR_S = 0.008  # maximum extension of a digit by the envelope beyond the certain frames
BATCH = 1024  # frames processed at a time: bounds memory
PRODUCT = 1 << 15  # samples multiplied at a time: so few that the library starts no threads for them

# The filters: each passes its group with 3.5 % tolerance and attenuates the other group by 40 dB.
FILTER_S = 0.012
KAISER_BETA = 3.4
BANDS = ((818.0, 250.0), (1430.0, 362.0))  # centre and half width in Hz

_LOW = np.array(sorted({low for low, _ in FREQUENCIES.values()}), np.float64)
_HIGH = np.array(sorted({high for _, high in FREQUENCIES.values()}), np.float64)
_KEYS = "".join(sorted(FREQUENCIES, key=lambda digit: FREQUENCIES[digit]))  # row by row
_CENTRES = np.array([centre for centre, _ in BANDS])
_FAINTEST = 10 ** (FAINTEST_DBFS / 10) / 2  # a power
_TINY = 1e-12  # -120 dB
_NONE = -1


@dataclass(frozen=True, slots=True)
class DigitHeard:
    """One DTMF digit.

    `start_s` counts from the first sample; it and `duration_ms` are measured where both sines pass half of
    their amplitude. `level_dbfs` is that of each sine, the mean power of the two, where 0 dBFS is a sine
    that just reaches full scale (AES17); `twist_db` is by how much the high group is above the low.
    """

    digit: str
    start_s: float
    duration_ms: float
    level_dbfs: float
    twist_db: float


@dataclass(slots=True)
class _Open:
    """A digit that may continue. Times in frames."""

    key: int
    start: float
    end: float = 0.0
    piece: float | None = None  # start of the current piece
    pieces: int = 1
    sounded: float = 0.0
    frames: int = 0  # number of good frames
    sums: Floats = field(default_factory=lambda: np.zeros((4, 2)))  # sums of `_Fit.measures` over good frames


@dataclass(frozen=True, slots=True)
class _Fit:
    """The best sine of each group in each frame's window.

    `key` of shape (frames,) is the digit, or _NONE where the frame is not good. The others are of shape
    (frames, 2), for the low and the high group: `amplitude`, and `measures` (frames, 4, 2) with power,
    its square, frequency in Hz, and what counts for PURITY.
    """

    key: Integers
    amplitude: Floats
    measures: Floats


class DtmfDetector:
    """Detects digits in audio that arrives in chunks of any length.

    A digit is reported within 60 ms of audio after its end. Raises AudioError for a rate below 8000 Hz.
    """

    def __init__(self, rate: int) -> None:
        if rate < LOWEST_RATE:
            raise AudioError(
                f"DTMF is detected in audio of {LOWEST_RATE} Hz or more, not {rate}; resample it"
            )
        self._rate = rate
        self._hop = max(1, round(HOP_S * rate))
        frame_s = self._hop / rate
        self._span = 2 * round(FIT_S / frame_s / 2)
        self._near = round(NEAR_S / frame_s)
        self._margin = self._span // 2 + self._near
        self._pause, self._break = SHORTEST_PAUSE_S / frame_s, BREAK_S / frame_s
        self._filters = _filters(rate)
        self._turns = _CENTRES * frame_s  # of each carrier in a frame

        half = len(self._filters) // 2
        self._samples = np.zeros(half)  # not filtered yet, with the context for the next frame
        self._made = 0  # number of filtered frames
        # frames that are not judged yet, with a margin before and after
        self._bands = np.zeros((2 * self._margin, 2), np.complex128)
        self._sums = np.zeros((2 * self._margin, 2))
        self._judged = -self._margin  # the next frame to judge
        self._last = (_NONE, 0.0)
        self._open: _Open | None = None
        self._finished = False

    def feed(self, samples: NDArray[np.float32]) -> list[DigitHeard]:
        """The digits that ended within the next samples, of shape (n,), float, full scale [-1, 1].

        Raises AudioError when they are of another shape or type or not finite, or after `finish`.
        """
        if self._finished:
            raise AudioError("the detector has finished; make another for other audio")
        samples = np.asarray(samples)
        if samples.ndim != 1 or samples.dtype.kind != "f":
            given = f"{samples.dtype} of shape {samples.shape}"
            raise AudioError(f"samples must be floats of shape (n,), but are {given}; scale them to [-1, 1]")
        if not np.isfinite(samples).all():
            raise AudioError("audio holds samples that are NaN or infinite; make it again")
        batch = BATCH * self._hop
        digits: list[DigitHeard] = []
        for start in range(0, len(samples), batch):
            digits += self._take(samples[start : start + batch])
        return digits

    def finish(self) -> list[DigitHeard]:
        """The digits that the end of the audio completes."""
        if self._finished:
            return []
        ahead = len(self._filters) + (self._margin + int(self._pause) + 4) * self._hop
        digits = self._take(np.zeros(ahead, np.float32))
        self._finished = True
        return digits

    def _take(self, samples: NDArray[np.floating]) -> list[DigitHeard]:
        self._samples = np.concatenate([self._samples, samples])
        self._filter()
        count = len(self._bands) - 2 * self._margin
        if count <= 0:
            return []
        fit = self._fit()
        digits = self._judge(fit, count)
        self._bands, self._sums = self._bands[count:], self._sums[count:]
        return digits

    def _filter(self) -> None:
        """Convert samples into frames of both bands, and of the signal's sum and energy."""
        taps = len(self._filters)
        count = (len(self._samples) - taps) // self._hop + 1
        if count <= 0:
            return
        windows = sliding_window_view(self._samples, taps)[:: self._hop][:count]
        frames = np.ascontiguousarray(windows)
        rows = max(1, PRODUCT // frames.shape[1])
        parts = [frames[row : row + rows] @ self._filters for row in range(0, count, rows)]
        product = np.concatenate(parts)
        turns = np.outer(np.arange(self._made, self._made + count), self._turns)
        bands = (product[:, :2] + 1j * product[:, 2:]) * np.exp(-2j * np.pi * (turns % 1))
        middle = (taps - self._hop) // 2
        core = frames[:, middle : middle + self._hop]
        sums = np.stack([core.sum(axis=1), np.einsum("ij,ij->i", core, core)], axis=1)
        self._bands = np.concatenate([self._bands, bands])
        self._sums = np.concatenate([self._sums, sums])
        self._made += count
        self._samples = self._samples[count * self._hop :]

    def _fit(self) -> _Fit:
        """Fit a sine in each band around every frame that has enough neighbours."""
        windows = sliding_window_view(self._bands, self._span, axis=0)
        total = sliding_window_view(self._sums, self._span, axis=0).mean(axis=2) / self._hop
        total = total[:, 1] - total[:, 0] ** 2  # DC does not count
        fit = _Fit(np.full(len(windows), _NONE), np.zeros((len(windows), 2)), np.zeros((len(windows), 4, 2)))
        # a sine in a band has at most the power of the band: most sound needs no further test
        squares = np.square(self._bands.real) + np.square(self._bands.imag)
        band = 2 * sliding_window_view(squares, self._span, axis=0).mean(axis=2)
        likely = (band.sum(axis=1) >= FRAME_PURITY * total) & (band.min(axis=1) >= _FAINTEST)
        at = np.flatnonzero(likely)
        if not len(at):
            return fit
        amplitude, turn = _sine(windows[at])
        power = amplitude**2 / 2
        frequency = _CENTRES + turn * (self._rate / self._hop)
        purity = power.sum(axis=1) / (total[at] + _TINY)
        low, high = _nearest(frequency[:, 0], _LOW), _nearest(frequency[:, 1], _HIGH)
        off = np.abs(frequency / np.stack([_LOW[low], _HIGH[high]], axis=1) - 1).max(axis=1)
        twist_db = 10 * np.log10((power[:, 1] + _TINY) / (power[:, 0] + _TINY))
        good = (off <= FRAME_TOLERANCE) & (purity >= FRAME_PURITY) & (power.min(axis=1) >= _FAINTEST)
        good &= (twist_db >= FRAME_TWIST_DB[0]) & (twist_db <= FRAME_TWIST_DB[1])
        worth = power / band[at] * np.sqrt(purity)[:, None]
        fit.key[at] = np.where(good, low * len(_HIGH) + high, _NONE)
        fit.amplitude[at] = amplitude
        fit.measures[at] = np.stack([power, power**2, frequency, worth], axis=1)
        return fit

    def _judge(self, fit: _Fit, count: int) -> list[DigitHeard]:
        """Find the digit in each of the next `count` frames, and combine the frames to digits."""
        # fits begin span/2 frames after the bands do, which is `near` frames before the next to be judged
        near = self._near
        good = fit.key != _NONE
        digits: list[DigitHeard] = []
        if good.any():
            key = _spread(fit.key, near, count)
            around = sliding_window_view(np.where(good[:, None], fit.amplitude, 0), 2 * near + 1, axis=0)
            envelope = 2 * np.abs(self._bands[self._margin : self._margin + count])
            ratio = (envelope / (around[:count].max(axis=2) + _TINY)).min(axis=1)
            ratio[key == _NONE] = 0
            code = np.where(ratio >= 0.5, key, _NONE)
        else:
            ratio, code = np.zeros(count), np.full(count, _NONE)
        before_code = np.concatenate([[self._last[0]], code[:-1]])
        before = np.concatenate([[self._last[1]], ratio[:-1]])
        begin = 0
        for at in [*np.flatnonzero(code != before_code).tolist(), count]:
            self._measure(fit, begin, at)
            if at == count:
                break
            moment = self._judged + at - 1 + _crossing(before[at], ratio[at])
            digits += self._change(int(code[at]), moment)
            begin = at
        self._last = (int(code[-1]), float(ratio[-1]))
        self._judged += count
        # a piece that begins with the next frame may have begun since the one before
        if self._open and self._open.piece is None and self._judged - 1 - self._open.end > self._pause:
            digits += self._close()
        return digits

    def _measure(self, fit: _Fit, begin: int, end: int) -> None:
        """Add the levels of some judged frames to the current digit."""
        now = self._open
        if now is None or now.piece is None:
            return
        part = slice(self._near + begin, self._near + end)
        good = fit.key[part] == now.key
        now.frames += int(good.sum())
        now.sums += fit.measures[part][good].sum(axis=0)

    def _change(self, key: int, moment: float) -> list[DigitHeard]:
        """Another digit, or silence, begins at `moment`."""
        digits: list[DigitHeard] = []
        now = self._open
        if now and now.piece is not None:
            now.sounded += moment - now.piece
            now.piece, now.end = None, moment
        if key == _NONE:
            return digits
        if now and (now.key != key or moment - now.end > self._pause):
            digits = self._close()
        if self._open is None:
            self._open = _Open(key, moment)
        elif moment - self._open.end > self._break:
            self._open.pieces += 1
        self._open.piece = moment
        return digits

    def _close(self) -> list[DigitHeard]:
        done, self._open = self._open, None
        if done is None or done.frames == 0:
            return []
        frame_s = self._hop / self._rate
        power, square, frequency, purity = done.sums / done.frames
        low, high = square / power  # the mean weighted by power: a window at an edge contains less
        off = np.abs(frequency / (_LOW[done.key // len(_HIGH)], _HIGH[done.key % len(_HIGH)]) - 1)
        digit = DigitHeard(
            digit=_KEYS[done.key],
            start_s=max(0.0, done.start * frame_s),
            duration_ms=1000 * (done.end - done.start) * frame_s,
            level_dbfs=float(10 * np.log10(low + high)),
            twist_db=float(10 * np.log10(high / low)),
        )
        sounded_s, good_s = done.sounded * frame_s, done.frames * frame_s
        accepted = (
            sounded_s >= SHORTEST_S
            and (sounded_s - good_s <= EDGES_S * done.pieces + BAD * sounded_s or good_s >= ENOUGH_S)
            and off.max() <= TOLERANCE
            and purity.prod() >= PURITY
            and TWIST_DB[0] <= digit.twist_db <= TWIST_DB[1]
        )
        return [digit] if accepted else []


def detect(audio: Audio) -> tuple[DigitHeard, ...]:
    """Every digit in the audio, in order. Raises AudioError for a rate below 8000 Hz."""
    detector = DtmfDetector(audio.rate)
    return (*detector.feed(audio.samples), *detector.finish())


def _filters(rate: int) -> Floats:
    """Taps of shape (taps, 4): the real parts of both filters, and their imaginary parts."""
    half = round(FILTER_S * rate / 2)
    t = np.arange(-half, half + 1) / rate
    columns = []
    for centre, width in BANDS:
        shape = np.kaiser(len(t), KAISER_BETA) * np.sinc(2 * width * t)
        columns.append(shape / shape.sum() * np.exp(-2j * np.pi * centre * t))
    taps = np.stack(columns, axis=1)
    return np.concatenate([taps.real, taps.imag], axis=1)


def _sine(windows: Complexes) -> tuple[Floats, Floats]:
    """The best sine in each window: amplitude, and frequency in turns per frame.

    The last axis of `windows` is time. A first estimate of the frequency, from consecutive frames, allows
    to sum each half of the window; the phase between the two halves gives the accurate frequency.
    """
    half = windows.shape[-1] // 2
    first = np.angle((windows[..., 1:] * windows[..., :-1].conj()).sum(axis=-1))
    turned = windows * np.exp(-1j * first[..., None] * np.arange(2 * half))
    early, late = turned[..., :half].sum(axis=-1), turned[..., half:].sum(axis=-1)
    turn = first + np.angle(late * early.conj()) / half
    return np.asarray((np.abs(early) + np.abs(late)) / half), np.asarray(turn / (2 * np.pi))


def _nearest(frequency: Floats, choices: Floats) -> Integers:
    """The choice that is nearest to each frequency, relatively."""
    return np.searchsorted(np.sqrt(choices[1:] * choices[:-1]), frequency)


def _spread(key: Integers, near: int, count: int) -> Integers:
    """The key of the nearest frame with a key, among the frames `near` before to `near` after each frame."""
    frames = np.arange(len(key))
    last = np.maximum.accumulate(np.where(key != _NONE, frames, -len(key)))
    following = np.minimum.accumulate(np.where(key != _NONE, frames, 2 * len(key))[::-1])[::-1]
    middle = slice(near, near + count)
    since, until = (frames - last)[middle], (following - frames)[middle]
    nearest = np.where(since <= until, last[middle], following[middle])
    found = np.minimum(since, until) <= near
    return np.where(found, key[np.where(found, nearest, 0)], _NONE)


def _crossing(before: float, after: float) -> float:
    """The position, from 0 to 1, where a ratio passes one half."""
    if (before - 0.5) * (after - 0.5) >= 0 or min(before, after) == 0:
        return 0.5
    return float((0.5 - before) / (after - before))
