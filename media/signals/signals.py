"""Test signal generator: makes the audio of a specification such as `tone:440:2,marker:17,speech`.

`media.signals.grammar` defines the syntax. Levels are in dBFS, where 0 is a sine that just reaches full
scale (AES17). They apply to each sine of a tone, to the RMS of noise, and to the active level (ITU-T P.56)
of speech and files.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from media.audio.wav import Audio, AudioError, read, resample
from media.signals.call_progress_tones import (
    REGIONS,
    SIT_LENGTH_S,
    TONES,
    exchange_tone,
    special_information,
    usual_length,
)
from media.signals.dtmf import DIGITS, FREQUENCIES
from media.signals.grammar import LONGEST_S, Item, items
from media.signals.tones import silence, speech_like, sweep, tone

__all__ = ["LONGEST_S", "SIGNALS", "Part", "arrange", "files", "make"]

MILLIWATT_HZ = 1004.0
MILLIWATT_DBFS = -3.17  # 0 dBm0: a full-scale sine is +3.17 dBm0 in mu-law (ITU-T G.711)
MOST_SINES = 16
SEEDS = 2**32 - 1
MARKERS = 65535

REGION = f"[:{'|'.join(REGIONS)}][:SECONDS]"
SIGNALS = {
    "tone": ("tone:HZ[+HZ...][:SECONDS]", "sines together, 1 s, -10 dBFS each"),
    "sweep": ("sweep[:HZ-HZ][:SECONDS]", "a sine that goes from 100 to 3400 Hz in 3 s, -10 dBFS"),
    "silence": ("silence[:SECONDS]", "digital silence, 1 s"),
    "noise": ("noise[:SECONDS[:SEED]]", "noise with the spectrum of speech, 1 s, -20 dBFS"),
    "white": ("white[:SECONDS[:SEED]]", "white noise, 1 s, -20 dBFS"),
    "speech": ("speech[:SECONDS]", "a spoken sentence, whole, or repeated and cut; about -19 dBFS"),
    "babble": ("babble[:SECONDS[:SEED]]", "sound like speech that never repeats, 5 s, about -17 dBFS"),
    "marker": ("marker:NUMBER", "a mark that a recording is searched for, 0 to 65535, -16 dBFS"),
    "dtmf": ("dtmf:DIGITS[:ON[:OFF]]", "digits, 100ms on and 100ms off, -10 dBFS each sine"),
    "dial": (f"dial{REGION}", "dial tone, -20 dBFS each sine"),
    "ringback": (f"ringback{REGION}", "what a caller hears while it rings"),
    "busy": (f"busy{REGION}", "busy tone"),
    "reorder": (f"reorder{REGION}", "congestion tone (fast busy)"),
    "sit": ("sit", "special information tone: three rising sines"),
    "milliwatt": ("milliwatt[:SECONDS]", f"1004 Hz, 1 s, 0 dBm0, that is {MILLIWATT_DBFS} dBFS"),
    "file": ("file:PATH", 'an audio file, at its own level; file:"a,b.wav" when its name has a comma'),
}
"""Every signal by name: its syntax and its description."""


@dataclass(frozen=True, slots=True)
class Part:
    """A generated item of a signal; `text` is its specification."""

    text: str
    start_s: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class _Plan:
    """The length of an item, if known, and the function that generates it at a rate."""

    seconds: float
    make: Callable[[int], Audio]


def make(specification: str, rate: int, folder: str = "") -> Audio:
    """The audio of a specification at `rate` Hz; file names are relative to `folder`.

    Raises AudioError, which names the item, its position from 1, and the expected form, for an item that is
    malformed or cannot be made, or when the whole signal is longer than an hour.
    """
    return arrange(specification, rate, folder)[0]


def arrange(specification: str, rate: int, folder: str = "") -> tuple[Audio, tuple[Part, ...]]:
    """The signal, and the position of each item in it; otherwise like `make`."""
    if rate <= 0:
        raise AudioError(f"a sample rate must be a positive number of Hz, not {rate}")
    written = [_placed(item, folder) for item in _written(specification)]
    plans = [PLANS[item.name](item) for item in written]
    total = sum(plan.seconds for plan in plans)
    if total > LONGEST_S:
        raise AudioError(f"the signal would last {total:.0f} s; at most {LONGEST_S:g} s can be made")
    pieces, parts, count = [], [], 0
    for item, plan in zip(written, plans, strict=True):
        piece = _made(item, plan, rate)
        parts.append(Part(item.text, count / rate, piece.duration_s))
        pieces.append(piece.samples)
        count += len(piece.samples)
        if count > (LONGEST_S + 1) * rate:
            raise AudioError(f"{item.place}: with it the signal is longer than {LONGEST_S:g} s")
    return Audio(pieces[0] if len(pieces) == 1 else np.concatenate(pieces), rate), tuple(parts)


def files(specification: str) -> tuple[str, ...]:
    """The paths of the files in a signal; raises AudioError like `make`."""
    return tuple(_path(item) for item in _written(specification) if item.name == "file")


def _written(specification: str) -> list[Item]:
    return items(specification, {name: usage for name, (usage, _) in SIGNALS.items()})


def _placed(item: Item, folder: str) -> Item:
    if item.name != "file" or not folder:
        return item
    return replace(item, arguments=(os.path.join(folder, _path(item)),))


def _made(item: Item, plan: _Plan, rate: int) -> Audio:
    try:
        return plan.make(rate)
    except AudioError as error:
        raise AudioError(f"{item.place}: {error}") from error


def _tone(item: Item) -> _Plan:
    item.takes(1, 2)
    frequencies = item.hertz(0, "+", "Hz such as 440 or 440+480")
    if len(frequencies) > MOST_SINES:
        raise item.wrong(f"{len(frequencies)} frequencies are too many", f"at most {MOST_SINES}")
    s, level = item.seconds(1, 1.0), item.level(-10)
    return _Plan(s, lambda rate: tone(frequencies, s, rate, level))


def _sweep(item: Item) -> _Plan:
    ranged = bool(item.arguments) and "-" in item.arguments[0]
    item.takes(0, 2 if ranged else 1)
    ends = item.hertz(0, "-", "Hz-Hz such as 100-3400") if ranged else [100.0, 3400.0]
    if len(ends) != 2:
        raise item.wrong(f"{item.arguments[0]!r} is no range", "Hz-Hz such as 100-3400")
    s, level = item.seconds(int(ranged), 3.0), item.level(-10)
    return _Plan(s, lambda rate: sweep(s, rate, ends[0], ends[1], level))


def _silence(item: Item) -> _Plan:
    item.takes(0, 1)
    if item.level_dbfs is not None:
        raise item.wrong("silence has no level", "silence:2, or noise:2@-60")
    s = item.seconds(0, 1.0)
    return _Plan(s, lambda rate: silence(s, rate))


def _noise(item: Item) -> _Plan:
    from media.signals.noise import speech_noise, white_noise

    item.takes(0, 2)
    s, seed, level = item.seconds(0, 1.0), item.whole(1, 0, SEEDS), item.level(-20)
    make_noise = speech_noise if item.name == "noise" else white_noise
    return _Plan(s, lambda rate: make_noise(s, rate, seed, level))


def _speech(item: Item) -> _Plan:
    from media.signals.speech import sentence, speak

    item.takes(0, 1)
    s, level = item.seconds(0, 0.0), item.level_dbfs
    return _Plan(s, lambda rate: _levelled(speak(s, rate) if s else sentence(rate), level))


def _babble(item: Item) -> _Plan:
    item.takes(0, 2)
    s, seed, level = item.seconds(0, 5.0), item.whole(1, 0, SEEDS), item.level_dbfs
    return _Plan(s, lambda rate: _levelled(speech_like(s, rate, seed), level))


def _marker(item: Item) -> _Plan:
    from media.signals.marker import DURATION_S, marker

    item.takes(1, 1)
    identity, level = item.whole(0, 0, MARKERS), item.level(-16)
    return _Plan(DURATION_S, lambda rate: marker(identity, rate, level))


def _dtmf(item: Item) -> _Plan:
    from media.signals.dtmf import synthesise

    item.takes(1, 3)
    digits = item.arguments[0].upper()
    for place, digit in enumerate(digits, start=1):
        if digit not in FREQUENCIES:
            raise item.wrong(f"{digit!r}, digit {place}, is no DTMF digit", f"some of {DIGITS}")
    if not digits:
        raise item.wrong("no digit", f"some of {DIGITS}, such as dtmf:159#")
    on, off, level = item.seconds(1, 0.1), item.seconds(2, 0.1), item.level(-10)
    seconds = len(digits) * (on + off)
    return _Plan(seconds, lambda rate: synthesise(digits, rate, 1000 * on, 1000 * off, level))


def _exchange(item: Item) -> _Plan:
    """A tone with an optional region and an optional length."""
    named = bool(item.arguments) and not item.arguments[0][:1].isdigit()
    item.takes(0, 2 if named else 1)
    region = item.choice(item.arguments[0].lower(), REGIONS, "region") if named else REGIONS[0]
    s, level = item.seconds(int(named), usual_length(item.name, region)), item.level(-20)
    return _Plan(s, lambda rate: exchange_tone(item.name, region, s, rate, level))


def _sit(item: Item) -> _Plan:
    item.takes(0, 0)
    return _Plan(SIT_LENGTH_S, lambda rate: special_information(rate, item.level(-20)))


def _milliwatt(item: Item) -> _Plan:
    item.takes(0, 1)
    s, level = item.seconds(0, 1.0), item.level(MILLIWATT_DBFS)
    return _Plan(s, lambda rate: tone([MILLIWATT_HZ], s, rate, level))


def _file(item: Item) -> _Plan:
    path = _path(item)
    return _Plan(0.0, lambda rate: _levelled(_loaded(path, rate), item.level_dbfs))


def _path(item: Item) -> str:
    item.takes(1, 1)
    path = item.arguments[0].strip('"')
    if not path or "\0" in path:
        raise item.wrong("no path", item.usage)
    return path


def _loaded(path: str, rate: int) -> Audio:
    """A file at a rate; a file that is too long is refused before it is loaded."""
    import soundfile

    try:
        facts = soundfile.info(path)
    except (OSError, TypeError, ValueError, soundfile.LibsndfileError):
        return resample(read(path), rate)  # the error of the reader says why
    if facts.frames > LONGEST_S * facts.samplerate:
        length = facts.frames / facts.samplerate
        raise AudioError(f"{path}: lasts {length:.0f} s; at most {LONGEST_S:g} s can be used")
    return resample(read(path), rate)


def _levelled(audio: Audio, level: float | None) -> Audio:
    """Scale to the requested active level (ITU-T P.56); nothing is clipped."""
    if level is None:
        return audio
    from media.audio.levels import speech_level

    present = speech_level(audio).active_dbfs
    if present is None:
        raise AudioError(f"it is too short or too quiet to have an active level; remove @{level:g}")
    gain = 10 ** ((level - present) / 20)
    peak = float(np.abs(audio.samples).max()) * gain
    if peak > 1:
        loudest = math.floor(level - 20 * math.log10(peak))
        raise AudioError(f"at {level:g} dBFS its peaks exceed full scale; use @{loudest} or less")
    return Audio(audio.samples * np.float32(gain), audio.rate)


PLANS: dict[str, Callable[[Item], _Plan]] = {
    "tone": _tone,
    "sweep": _sweep,
    "silence": _silence,
    "noise": _noise,
    "white": _noise,
    "speech": _speech,
    "babble": _babble,
    "marker": _marker,
    "dtmf": _dtmf,
    **dict.fromkeys(TONES, _exchange),
    "sit": _sit,
    "milliwatt": _milliwatt,
    "file": _file,
}
