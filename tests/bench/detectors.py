"""How fast the detectors are and how often they err, over many seeds, as tables.

``python -m tests.bench.detectors [FOLDER]``: with a folder of WAV files that hold nothing but speech
(or music), how often tones and signals are found in them as well.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from media.audio.levels import runs, silences, speech_level
from media.audio.spectra import frame_power
from media.audio.wav import Audio, read
from media.detect.answering_machine import hear_greeting
from media.detect.call_progress import find_tones, signals
from media.detect.voice import voice
from media.signals import dtmf, tones
from tests.support.reference_audio import coded

SECONDS = 60
SEEDS = 20
RATE = 8000
SPEECH_DBFS = -18.0  # the active level of speech_like by P.56, about

Row = tuple[str, ...]


def joined(*parts: Audio) -> Audio:
    return Audio(np.concatenate([part.samples for part in parts]), parts[0].rate)


def coloured(audio: Audio, exponent: float, level_dbfs: float, seed: int) -> Audio:
    """The audio with noise whose power falls with the frequency: 0 white, 1 pink, 2 brown."""
    count = len(audio.samples)
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(0, 1, count))
    shaped = np.fft.irfft(
        spectrum / np.maximum(np.fft.rfftfreq(count, 1 / RATE), 50) ** (exponent / 2), count
    )
    shaped *= 10 ** ((level_dbfs - 3.0103) / 20) / shaped.std()
    return Audio(audio.samples + shaped.astype(np.float32), audio.rate)


CONDITIONS: dict[str, Callable[[Audio, int], Audio]] = {
    "clean": lambda audio, _: audio,
    "A-law": lambda audio, _: coded(audio, "ALAW"),
    "GSM": lambda audio, _: coded(audio, "GSM610"),
    "SNR 20 dB": lambda audio, seed: coloured(audio, 0, -37, seed),
    "SNR 10 dB": lambda audio, seed: coloured(audio, 0, -27, seed),
}


def speeds() -> Iterator[Row]:
    functions: dict[str, Callable[[Audio], object]] = {
        "speech_level": speech_level,
        "silences": silences,
        "find_tones": find_tones,
        "signals": signals,
        "voice": voice,
        "hear_greeting": hear_greeting,
    }
    for name, function in functions.items():
        row = [name]
        for rate in (8000, 48000):
            audio = tones.speech_like(SECONDS, rate, 1)
            function(audio)
            times = []
            for _ in range(5):
                begun = time.process_time()
                function(audio)
                times.append(time.process_time() - begun)
            row.append(f"{SECONDS / min(times):.0f}")
        yield tuple(row)


def tone_errors() -> Iterator[Row]:
    """Tones of each kind at -17 dBFS: how many were not found as one, and the largest errors of the rest."""
    kinds: list[tuple[tuple[float, ...], float]] = [
        ((425,), 0.25),
        ((950,), 0.1),
        ((1004,), 1.0),
        ((400, 450), 0.4),
        ((440, 480), 2.0),
        ((480, 620), 0.25),
    ]
    for frequencies, length in kinds:
        for name, condition in CONDITIONS.items():
            missed, hertz, edges = 0, [0.0], [0.0]
            for seed in range(SEEDS):
                at = 0.5 + np.random.default_rng(seed).uniform(0, 0.02)
                parts = (
                    tones.silence(at, RATE),
                    tones.tone(frequencies, length, RATE, -17),
                    tones.silence(0.6, RATE),
                )
                heard = find_tones(condition(joined(*parts), seed))
                if len(heard) != 1 or len(heard[0].frequencies) != len(frequencies):
                    missed += 1
                    continue
                hertz += [abs(a - b) for a, b in zip(heard[0].frequencies, frequencies, strict=True)]
                edges += [abs(heard[0].start_s - at), abs(heard[0].end_s - at - length)]
            sines = "+".join(f"{one:g}" for one in frequencies)
            found = f"{missed}/{SEEDS}", f"{max(hertz):.2f}", f"{1000 * max(edges):.1f}"
            yield f"{sines} Hz, {length:g} s", name, *found


def false_tones() -> Iterator[Row]:
    yield "speech_like", *_counts(tones.speech_like(SECONDS, RATE, seed) for seed in range(SEEDS))
    noise = (coloured(tones.silence(SECONDS, RATE), seed % 3, -20, seed) for seed in range(SEEDS))
    yield "noise (white, pink, brown)", *_counts(noise)
    yield (
        "DTMF, 40 to 120 ms",
        *_counts(dtmf.synthesise(dtmf.DIGITS * 10, RATE, on_ms, 60) for on_ms in range(40, 121, 20)),
    )
    for folder in sys.argv[1:]:
        yield folder, *_counts(read(path) for path in sorted(Path(folder).glob("*.wav")))


def _counts(audios: Iterable[Audio]) -> Row:
    minutes, longs, named = 0.0, [0, 0, 0], 0
    for audio in audios:
        minutes += audio.duration_s / 60
        found = find_tones(audio)
        longs = [
            n + sum(one.duration_s >= s for one in found)
            for n, s in zip(longs, (0.1, 0.15, 0.25), strict=True)
        ]
        named += len(signals(audio))
    return (f"{minutes:.1f}", *(f"{one / minutes:.2f}" for one in longs), f"{named / minutes:.2f}")


def voice_errors() -> Iterator[Row]:
    """Frames of speech that were missed, and frames more than 60 ms from speech that were taken for it."""
    for snr_db in (40, 20, 10):
        for exponent, colour in enumerate(("white", "pink", "brown")):
            missed = active = false = pauses = 0
            for seed in range(SEEDS):
                audio, said = _spoken(seed)
                heard = np.zeros(len(said), np.bool_)
                for one in voice(coloured(audio, exponent, SPEECH_DBFS - snr_db, seed)):
                    heard[round(one.start_s * 100) : round(one.end_s * 100)] = True
                far = np.convolve(said, np.ones(13), "same") == 0
                missed += int((said & ~heard).sum())
                active += int(said.sum())
                false += int((heard & far).sum())
                pauses += int(far.sum())
            yield f"{snr_db} dB", colour, f"{100 * missed / active:.2f} %", f"{100 * false / pauses:.2f} %"


def _spoken(seed: int) -> tuple[Audio, np.ndarray]:
    """Utterances with pauses, and which frames of 10 ms are speech (pauses under 250 ms belong to it)."""
    rng = np.random.default_rng(seed)
    parts = [tones.silence(1.0, RATE)]
    for index in range(4):
        parts += [tones.speech_like(rng.uniform(1, 6), RATE, 10 * seed + index)]
        parts += [tones.silence(rng.uniform(0.5, 3), RATE)]
    audio = joined(*parts)
    power = frame_power(audio.samples, RATE)
    said = power > np.percentile(power[power > 1e-6], 95) / 1000
    for first, after in runs(~said):
        if first > 0 and after < len(said) and after - first < 25:
            said[first:after] = True
    return audio, said


def greetings() -> Iterator[Row]:
    rng = np.random.default_rng(0)
    for level_dbfs in (-60, -40, -30):
        for kind in ("beep", "long", "short", "nobody"):
            counts = dict.fromkeys(("machine", "human", "silence", "unknown"), 0)
            errors = []
            for seed in range(SEEDS):
                speech_s = {
                    "beep": rng.uniform(1, 6),
                    "long": rng.uniform(3.5, 8),
                    "short": rng.uniform(0.4, 2),
                }
                said = tones.speech_like(speech_s.get(kind, 0), RATE, seed)
                beep = tones.tone([rng.uniform(400, 1800)], rng.uniform(0.15, 1), RATE, -17)
                after = [tones.silence(0.5, RATE), beep] if kind == "beep" else []
                quiet = tones.silence(0.7, RATE), tones.silence(5 if kind == "nobody" else 2, RATE)
                heard = hear_greeting(coloured(joined(quiet[0], said, *after, quiet[1]), 1, level_dbfs, seed))
                counts[heard.judgement] += 1
                if heard.end_s is not None:
                    errors.append(abs(heard.end_s - 0.7 - said.duration_s))
            ends = f"{np.median(errors):.2f}, {max(errors):.2f}" if errors else "-"
            yield f"{level_dbfs} dBFS", kind, *(str(one) for one in counts.values()), ends


def main() -> None:
    console = Console()
    tables: list[tuple[str, Row, Callable[[], Iterator[Row]]]] = [
        ("Speed, times real time on one core", ("function", "8 kHz", "48 kHz"), speeds),
        ("Tones", ("tone", "condition", "missed", "Hz off", "ms off"), tone_errors),
        (
            "Tones and signals a minute where there are none (DTMF digits are tones, and no signals)",
            ("audio", "minutes", ">= 100 ms", ">= 150 ms", ">= 250 ms", "signals"),
            false_tones,
        ),
        ("Voice", ("SNR", "noise", "missed", "false"), voice_errors),
        (
            f"Greetings, of {SEEDS} each",
            ("noise", "kind", "machine", "human", "silence", "unknown", "end off by s: median, most"),
            greetings,
        ),
    ]
    for title, columns, rows in tables:
        table = Table(*columns, title=title, title_justify="left")
        for row in rows():
            table.add_row(*row)
        console.print(table)


if __name__ == "__main__":
    main()
