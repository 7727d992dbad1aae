"""The audio marker: a short coded sound with an identity of 16 bits (MSK, Reed-Solomon code).

An identity has 16 bits. It is coded in 24 slots of 20 ms, each one of 32 sounds, between 12 slots that are
known. A marker is detected when 12 of the 24 agree with one identity. If each slot is any of the 32
by chance that happens once in 9.2 million readings (65536 identities, 1 of 32, 12 of 24). At most four
places are read in a second of audio, each twice: less than one in a million is invented per second
(8.7e-7), by construction. Speech, music and noise make 0.002 such places a second, sweeps 0.3, so it is
4e-10 to 6e-8 there. Half an hour of each of speech, music, noise, tones and sweeps, and DTMF invented none;
in 61,200 readings at random places the agreement was as often 7, 8, 9, 10 as chance has it, and never 12.

Measured by tests/bench/marker.py: 9000 markers through simulated channels (mu-law, -46 dBFS, speech of the
same power, 10 and 20 % of the packets lost, noise 6 dB louder), none missed, the start off by 0.08 ms at
most; and real calls on a busy machine, whose jitter buffers moved the audio by 10 to 180 ms within and
between markers. Of 120 markers per codec, 40 each at -16 dBFS in speech of the same power without and with
10 % loss, and at -46 dBFS with 10 % loss:

===========  ======  ==============================  ==========================
codec        missed  mean agreement of 24 (3 cases)  level heard, of -16 and -46
===========  ======  ==============================  ==========================
PCMU              0  23.1  19.8  20.4                -16.1  -16.2  -46.0
PCMA              1  22.8  20.2  20.7                -16.1  -16.2  -45.9
G722              0  23.8  20.6  19.7                -16.1  -21.4  -46.3
GSM               0  22.6  18.9  20.1                -21.9  -22.9  -52.2
iLBC              0  23.9  21.1  22.0                -18.7  -19.4  -48.0
speex/8000        0  23.8  21.2  20.8                -17.1  -17.6  -47.5
speex/16000       0  23.4  19.9  19.0                -16.6  -17.0  -47.3
===========  ======  ==============================  ==========================

Before doubles were merged across jumps, two markers more than were sent were reported (PCMU and iLBC, -46
dBFS). Of 540 markers in speech with a jump in each, through PCMU, GSM and speex with 5 % loss, 2 were
missed, and 12 starts were those of the audio after the jump, which came early in them. Without jumps the
start is off by 0.02 ms in G.711, 0.06 ms in GSM, iLBC and speex, whose own delay (10 ms in iLBC and speex,
14 ms in speex/16000) it includes.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.audio.wav import Audio, AudioError
from media.signals.marker_path import best_path
from media.signals.marker_search import BESIDE, RATE, Block, Peak, blocks, correlated, peaks, refined

__all__ = [
    "DURATION_S",
    "IDENTITIES",
    "IS_SYMBOL",
    "LEAST_AGREEMENT",
    "SLOT",
    "SLOTS",
    "SYMBOLS",
    "Marker",
    "best_peaks",
    "find_markers",
    "marker",
    "symbols_of",
    "values",
]

Floats = NDArray[np.float64]
Complex = NDArray[np.complex64]
Bytes = NDArray[np.uint8]

IDENTITIES = 1 << 16
"""Number of identities, from 0."""

# A slot is one of 44 sounds of 20 ms: minimum-shift keying of 36 chips around 1700 Hz, which has a constant
# envelope and fills 350 to 3050 Hz. Half of the chips of a word are ones, so that every slot begins and ends
# at phase zero, whatever its neighbours are. The words were searched for low correlation (at most 0.28).
CHIPS, CHIP_HZ, CARRIER_HZ = 36, 1800, 1700
SLOT_S = CHIPS / CHIP_HZ
VALUES = (
    0xB298C7E29, 0x70B54EB98, 0x7842D7674, 0xE3AC3A447, 0x3987A5A65, 0x507E5237A, 0x48D03FF43, 0x1597F01D9,
    0x960BB5571, 0x64615D78B, 0x59259F61C, 0x12EEF8057, 0xC564815FB, 0x0F730233F, 0x619A0C7BE, 0x69C3B83E2,
    0x9E3212CED, 0xCB60A0FAE, 0xEEBB128A8, 0x5B0AEF2B0, 0xEB9F4043A, 0x4FE329817, 0x8D1E873A6, 0xB40075FCD,
    0x1F21E6666, 0x3F5B06F08, 0xE66FE0146, 0x7CE4198B9, 0xBE9E71230, 0xDD28C24FA, 0x4C8C6B979, 0x900FCFAC6,
)  # fmt: skip
SYNC = (
    0x46246ADFC, 0xAC559AF90, 0x024EEF15B, 0xC6507B457, 0xC82C91FF4, 0x3EB44C96C,
    0x6776D2470, 0x4EF102C5F, 0x3C2B4C98F, 0x9846EBB51, 0x0DBC359A3, 0x3CA747AD0,
)  # fmt: skip

# Every third slot is known and gives the time; the 24 others are a Reed-Solomon code over GF(32) of the
# identity; two of its words differ in 21 symbols or more. A burst of loss takes as much from the one as
# from the other.
SLOTS, SLOT = 36, round(SLOT_S * RATE)  # the second in samples at RATE
DURATION_S = SLOTS * SLOT_S
"""Duration of a marker in seconds."""

IS_SYMBOL = np.arange(SLOTS) % 3 != 0
SYMBOLS = SLOTS - len(SYNC)
"""Number of symbols of an identity."""

FIELD, ORDER, DIGITS = 0b100101, 31, 4  # x^5 + x^2 + 1 is primitive; an identity has four digits of five bits
SCRAMBLE = 11  # added at every next position, so that a repetitive sound is no code word

LEAST_AGREEMENT = 12
"""Minimum number of symbols that agree with the reported identity."""

LEAST_LIKENESS = 0.16  # of the known slots
APART = 40  # samples: a peak is the highest within 5 ms
CANDIDATES = 4  # in every second
BEGIN = 6  # slots in which a jump of the audio is searched
CLEARLY = 1.3  # minimum gain in similarity for another position of the beginning
SAME_S = 0.021  # closer markers of the same identity are one marker
JUMP_S = 2 * BESIDE / RATE  # ... and a marker combined from parts belongs to a whole one, if there is one
FAINTEST = 1e-6  # -120 dBFS

LAGS = np.arange(-BESIDE, BESIDE + 1, SLOT // 2)  # samples; where pieces of a marker are looked for


@dataclass(frozen=True, slots=True)
class Marker:
    """A detected marker.

    `start_s` is its start in seconds after the first sample, including the delay of a speech codec.
    `level_dbfs` is the level of the part with the marker's waveform (0 dBFS is a full-scale sine), which is
    lower than the sent level after a codec that changes the waveform. `confidence` is the share of the 24
    symbols that agree with the identity: 1 in a good call, 0.5 at least. `heard` is the share that was heard
    at all, also behind jumps of the audio by 100 ms or less, as a jitter buffer makes them.
    """

    identity: int
    start_s: float
    level_dbfs: float
    confidence: float
    heard: float = 1


def marker(identity: int, rate: int, level_dbfs: float = -16) -> Audio:
    """The marker of an identity, 0 to 65535, of DURATION_S seconds at `rate` Hz; independent of the rate.

    Its envelope is constant, its peaks are those of a sine of `level_dbfs` (0 dBFS is full scale).
    Raises AudioError for another identity, a rate below 8000 Hz, a level above 0 dBFS.
    """
    if not 0 <= identity < IDENTITIES:
        raise AudioError(f"a marker's identity is 0 to {IDENTITIES - 1}, not {identity}")
    if rate < RATE:
        raise AudioError(f"a marker needs a sample rate of {RATE} Hz or more, not {rate}")
    if not level_dbfs <= 0:
        raise AudioError(f"a marker of {level_dbfs:g} dBFS exceeds full scale; 0 is the loudest")
    t = np.arange(round(DURATION_S * rate)) / rate
    wave = np.sin(2 * np.pi * _cycles(_words(identity), t))
    return Audio((10 ** (level_dbfs / 20) * wave).astype(np.float32), rate)


def find_markers(audio: Audio) -> tuple[Marker, ...]:
    """All markers in audio of 8 kHz or more, in order of their start.

    Markers may lie within speech and may overlap. When audio was lost or inserted within a marker, as by a
    jitter buffer, the reported start is that of its beginning if about 120 ms precede the jump.
    Echoes of a marker are found too, unless they come within 20 ms. Raises AudioError for a lower rate.
    """
    if audio.rate < RATE:
        raise AudioError(f"markers are found at {RATE} Hz or more, not at {audio.rate}; record at {RATE} Hz")
    found: list[Marker] = []
    for block in blocks(audio, len(_sync())):
        found += _detected(block)
    return _without_doubles(found)


def best_peaks(audio: Audio) -> Iterator[tuple[Block, list[Peak]]]:
    """The places of each block that resemble any marker, the most similar first."""
    for block in blocks(audio, len(_sync())):
        yield block, sorted(_tops(block), key=lambda peak: -peak.likeness)


def symbols_of(identity: int) -> Bytes:
    """The symbols of an identity, in their order."""
    return _book()[:, identity]


def _tops(block: Block) -> list[Peak]:
    return peaks(block, _sync(), len(SYNC) * SLOT, least=LEAST_LIKENESS, apart=APART, most=CANDIDATES)


def _detected(block: Block) -> list[Marker]:
    """Decode every peak alone; if that fails, with its neighbours, because the audio may have jumped."""
    tops = _tops(block)
    alone = [_marker(block, top, [top]) for top in tops]
    found = [marker for marker in alone if marker is not None]
    for top, marker in zip(tops, alone, strict=True):
        near = [other for other in tops if abs(other.at - top.at) <= BESIDE]
        if marker is None and len(near) > 1:
            joined = _marker(block, top, near)
            if joined is not None and not _is_among(found, joined, JUMP_S):
                found.append(joined)
    return found


def _marker(block: Block, top: Peak, near: list[Peak]) -> Marker | None:
    identity, agreement = _decoded(block, near)
    if agreement < LEAST_AGREEMENT:
        return None
    start_s = block.start_s + (_begun(block, top, identity) - block.margin) / RATE
    heard = agreement if agreement == SYMBOLS else max(agreement, _heard(block, top, identity))
    return Marker(identity, start_s, _level(block, near, identity), agreement / SYMBOLS, heard / SYMBOLS)


def _is_among(markers: list[Marker], marker: Marker, within_s: float) -> bool:
    return any(m.identity == marker.identity and abs(m.start_s - marker.start_s) < within_s for m in markers)


def _decoded(block: Block, tops: list[Peak]) -> tuple[int, int]:
    """The identity with the most matching symbols, and their number; a symbol is the loudest at any peak."""
    likeness = [np.abs(_slots(block.white, top)[IS_SYMBOL] @ values().conj().T) for top in tops]
    symbols = np.max(likeness, axis=0).argmax(axis=1).astype(np.uint8)
    agreements = np.zeros(IDENTITIES, np.uint8)
    for place, value in enumerate(symbols):
        agreements += _book()[place] == value
    identity = int(agreements.argmax())
    return identity, int(agreements[identity])


def _heard(block: Block, top: Peak, identity: int) -> int:
    """The number of symbols that were heard, on the path through the lags that explains most of them."""
    positions = [round(top.at) + lag for lag in LAGS]
    slots = np.stack(
        [block.white[at : at + SLOTS * SLOT].reshape(SLOTS, SLOT)[IS_SYMBOL] for at in positions]
    )
    symbols = np.abs(slots @ values().conj().T).argmax(axis=2)
    return best_path(symbols == symbols_of(identity), near=1).heard


def _begun(block: Block, top: Peak, identity: int) -> float:
    """The start of a marker detected at `top`; it differs when the audio jumped since the start."""
    sent = _sent(identity)[: BEGIN * SLOT]
    first = round(top.at) - BESIDE
    piece = block.white[first : first + 2 * BESIDE + len(sent)]
    likeness = np.abs(correlated(piece, sent))
    place = int(likeness[1:-1].argmax()) + 1
    if likeness[place] < CLEARLY * likeness[BESIDE - 2 : BESIDE + 3].max():
        return top.at
    return refined(likeness, place, first).at


def _slots(samples: NDArray[np.float32], top: Peak) -> NDArray[np.float32]:
    start = round(top.at)
    return samples[start : start + SLOTS * SLOT].reshape(SLOTS, SLOT)


def _level(block: Block, tops: list[Peak], identity: int) -> float:
    """The level in dBFS: the median of all slots, because some may be lost."""
    sent = _sent(identity).conj().reshape(SLOTS, SLOT)
    products = [(_slots(block.whole, top) * sent).mean(axis=1) for top in tops]
    amplitude = 2 * float(np.median(np.max(np.abs(products), axis=0)))
    return 20 * float(np.log10(max(amplitude, FAINTEST)))


def _sent(identity: int) -> Complex:
    """The analytic marker at RATE."""
    sent = _sync().reshape(SLOTS, SLOT).copy()
    sent[IS_SYMBOL] = values()[symbols_of(identity)]
    return sent.ravel()


def _without_doubles(found: list[Marker]) -> tuple[Marker, ...]:
    kept: list[Marker] = []
    for marker in sorted(found, key=lambda marker: -marker.confidence):
        if not _is_among(kept, marker, SAME_S):
            kept.append(marker)
    return tuple(sorted(kept, key=lambda marker: marker.start_s))


def _cycles(words: list[int], t: Floats) -> Floats:
    """The marker's phase, in turns, at times in seconds."""
    chips = np.array([(word >> (CHIPS - 1 - chip)) & 1 for word in words for chip in range(CHIPS)])
    turns = np.concatenate([[0], np.cumsum(2 * chips - 1)]) / 4
    return np.asarray(CARRIER_HZ * t + np.interp(t * CHIP_HZ, np.arange(len(turns)), turns))


def _words(identity: int) -> list[int]:
    symbols = iter(_book()[:, identity].tolist())
    sync = iter(SYNC)
    return [VALUES[next(symbols)] if is_symbol else next(sync) for is_symbol in IS_SYMBOL.tolist()]


@functools.cache
def values() -> Complex:
    """The sounds of all symbols, at RATE."""
    t = np.arange(SLOT) / RATE
    return np.array([np.exp(2j * np.pi * _cycles([word], t)) for word in VALUES], dtype=np.complex64)


@functools.cache
def _sync() -> Complex:
    t = np.arange(SLOT) / RATE
    signal = np.zeros((SLOTS, SLOT), np.complex64)
    signal[~IS_SYMBOL] = [np.exp(2j * np.pi * _cycles([word], t)) for word in SYNC]
    return signal.ravel()


@functools.cache
def _book() -> Bytes:
    """The symbols of every identity, of shape (SYMBOLS, IDENTITIES): its digits are the coefficients of a
    polynomial, whose values at the powers of the field's generator are the symbols."""
    powers = [1]
    for _ in range(ORDER - 1):
        doubled = powers[-1] << 1
        powers.append(doubled ^ FIELD if doubled > ORDER else doubled)
    power_of = np.array(powers, np.uint8)
    logarithm = np.zeros(ORDER + 1, np.intp)
    logarithm[power_of] = np.arange(ORDER)
    identities = np.arange(IDENTITIES)
    book = np.zeros((SYMBOLS, IDENTITIES), np.uint8)
    for place in range(SYMBOLS):
        book[place] = place * SCRAMBLE % (ORDER + 1)
        for exponent in range(DIGITS):
            digit = identities >> (5 * exponent) & ORDER
            product = power_of[(logarithm[digit] + place * exponent) % ORDER]
            book[place] ^= np.where(digit > 0, product, np.uint8(0))
    return book
