"""How much faster than real time each analysis of audio is, on one core: the bench's second table."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from rich.table import Table

from media.audio.levels import silences, speech_level
from media.audio.wav import Audio
from media.compare.compare import Options, compare
from media.compare.echo import find_echo
from media.detect.answering_machine import hear_greeting
from media.detect.call_progress import find_tones
from media.detect.dtmf import DtmfDetector, detect
from media.detect.voice import voice
from media.signals.dtmf import synthesise
from media.signals.marker import find_markers, marker
from media.signals.tones import speech_like

__all__ = ["table"]

RATE, WIDE = 8000, 16000
LENGTH_S = 60.0
RUNS = 3
CHUNK = 800  # samples: what a tap hands over at a time

Row = tuple[str, str, Callable[[], object]]


def table() -> Table:
    """Times real time, by the processor time of this process: the best of three runs."""
    shown = Table(title=f"analysis of {LENGTH_S:g} s of audio, times real time on one core (target: 100)")
    for name in ("analysis", "audio", "x real time"):
        shown.add_column(name, justify="right" if name.startswith("x") else "left")
    for name, what, work in rows():
        shown.add_row(name, what, f"{LENGTH_S / min(seconds(work) for _ in range(RUNS)):.0f}")
    return shown


def seconds(work: Callable[[], object]) -> float:
    """Processor time, at least a microsecond."""
    begun = time.process_time()
    work()
    return max(time.process_time() - begun, 1e-6)


def rows() -> Iterator[Row]:
    """Each analysis on what it has most to do with."""
    speech, wide = speech_like(LENGTH_S, RATE, 5), speech_like(LENGTH_S, WIDE, 5)
    yield (
        "compare, clean",
        "speech, 8 kHz",
        lambda: compare(speech, late(speech), options=Options(codec="PCMA")),
    )
    lossy = damaged(speech)
    yield "compare, 3 % lost", "speech, 8 kHz", lambda: compare(speech, lossy, options=Options(codec="PCMA"))
    yield "compare, clean", "speech, 16 kHz", lambda: compare(wide, late(wide), options=Options(codec="G722"))
    yield "find_echo", "speech, 8 kHz", lambda: find_echo(speech, late(speech))
    marked = with_markers(speech)
    yield "find_markers", "speech with 20 markers", lambda: find_markers(marked)
    digits = synthesise("0123456789*#ABCD" * 19, RATE)
    dialled = Audio(digits.samples[: round(LENGTH_S * RATE)], RATE)
    yield "detect (DTMF)", "digits", lambda: detect(dialled)
    yield "detect (DTMF)", "speech, 8 kHz", lambda: detect(speech)
    yield "DtmfDetector, 100 ms at a time", "digits", lambda: live(dialled)
    for work in (speech_level, voice, silences, find_tones, hear_greeting):
        yield work.__name__, "speech, 8 kHz", partial(work, speech)


def late(audio: Audio) -> Audio:
    """The same 25 ms later."""
    return Audio(np.concatenate([np.zeros(audio.rate // 40, np.float32), audio.samples]), audio.rate)


def damaged(audio: Audio) -> Audio:
    """Three of a hundred packets replaced by the one before."""
    size = audio.rate // 50
    samples = late(audio).samples.copy()
    packets = samples[: len(samples) // size * size].reshape(-1, size)
    lost = np.flatnonzero(np.random.default_rng(1).random(len(packets)) < 0.03)
    packets[lost[lost > 0]] = packets[lost[lost > 0] - 1]
    return Audio(samples, audio.rate)


def with_markers(audio: Audio) -> Audio:
    """Twenty markers on top."""
    samples = audio.samples.copy()
    one = marker(17, audio.rate).samples
    for start in np.linspace(0, len(samples) - len(one), 20).astype(int):
        samples[start : start + len(one)] += one
    return Audio(samples, audio.rate)


def live(audio: Audio) -> None:
    """As the tap of a call feeds it."""
    detector = DtmfDetector(audio.rate)
    for start in range(0, len(audio.samples), CHUNK):
        detector.feed(audio.samples[start : start + CHUNK])
    detector.finish()
