"""What `compare` says of real calls: every codec, with and without loss, the right and the wrong reference.

Run it with ``python -m tests.bench.recordings [recordings a cell]``; it takes two minutes on a quiet machine.
A verdict is wrong when a call without loss fails, when one that dropped a tenth passes, and when another
voice than the one that was played passes.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from threading import Barrier

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bot import CallState, Endpoint, SrtpMode, expect
from media.audio.band import in_band
from media.audio.wav import Audio, read, resample, write
from media.compare.compare import Comparison, Options, compare
from media.signals.tones import silence, speech_like

CODECS = ("PCMU", "PCMA", "G722", "GSM", "iLBC", "speex/8000", "speex/16000")
DROPS = (0, 1, 2, 9)  # asked of the library, which drops one per cent more of what is not 0
SEEDS = 200  # of the voices, which no model was fitted to
LENGTH_S = 8.0
PAUSE_S = 0.3
RATE = 8000


@dataclass(frozen=True)
class Recording:
    """One call's recording, what it should be, and what the RTP counters say of it."""

    codec: str
    drop: int
    seed: int
    path: Path
    ptime_ms: int
    packets: int
    lost: int


@dataclass
class Cell:
    """The recordings of one codec at one loss."""

    found: list[Comparison] = field(default_factory=list)
    dropped_ms: list[float] = field(default_factory=list)
    wrong_passed: int = 0


def main() -> None:
    """Make the calls, judge them, print the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    console = Console(width=180)
    with tempfile.TemporaryDirectory() as folder:
        seeds = range(SEEDS, SEEDS + count)
        voices = {seed: voice(seed, Path(folder)) for seed in seeds}
        jobs = list(itertools.product(CODECS, DROPS))
        with ThreadPoolExecutor(len(jobs)) as pool, console.status("calling"):
            ready = Barrier(len(jobs))
            made = pool.map(lambda job: calls(job, voices, Path(folder), ready), jobs)
            recordings = [one for several in made for one in several]
        cells = {job: Cell() for job in jobs}
        for one in track(recordings, "comparing", console=console):
            judge(one, voices, cells[one.codec, one.drop])
    console.print(table(cells))
    clean = sum(not found.matched for job, cell in cells.items() if job[1] == 0 for found in cell.found)
    damaged = sum(
        found.matched for job, cell in cells.items() if job[1] == max(DROPS) for found in cell.found
    )
    other = sum(cell.wrong_passed for cell in cells.values())
    total = 2 * len(recordings)
    console.print(
        f"{len(recordings)} recordings, {total} verdicts; wrong: {clean} clean calls failed, "
        f"{damaged} with a tenth lost passed, {other} with another voice passed"
    )


def voice(seed: int, folder: Path) -> Path:
    """A voice between two pauses, at 16 kHz."""
    rate = 16000
    pause = silence(PAUSE_S, rate).samples
    samples = np.concatenate([pause, speech_like(LENGTH_S, rate, seed).samples, pause])
    path = folder / f"voice-{seed}.wav"
    write(path, Audio(samples, rate))
    return path


def calls(job: tuple[str, int], voices: dict[int, Path], folder: Path, ready: Barrier) -> list[Recording]:
    """One call after another between two endpoints, each playing one voice.

    They begin when all pairs are `ready`: two cores that start fifty processes do not carry audio in time.
    """
    codec, drop = job
    with (
        Endpoint(name="callee", bind="127.0.0.1", codecs=[codec]) as callee,
        Endpoint(
            name="caller", bind="127.0.0.1", codecs=[codec], srtp=SrtpMode.MANDATORY, tx_drop_pct=drop
        ) as caller,
    ):
        ready.wait(timeout=60)
        call(caller, callee, (codec, drop, SEEDS), voices[SEEDS], folder)  # everything is read and cached now
        return [call(caller, callee, (codec, drop, seed), path, folder) for seed, path in voices.items()]


def call(
    caller: Endpoint, callee: Endpoint, what: tuple[str, int, int], voice: Path, folder: Path
) -> Recording:
    """One call and its recording."""
    codec, drop, seed = what
    with callee.expect_call(timeout=10) as incoming:
        outgoing = caller.make_call(callee.uri)
    answered = incoming.value.answer()
    for one in (outgoing, answered):
        expect(one).to_have_active_media(timeout=10)
    path = folder / f"{codec.replace('/', '-')}-{drop}-{seed}.wav"
    with answered.record(path):
        outgoing.play(voice).wait(timeout=60)
    ptime_ms = answered.media[0].ptime_ms or 20
    outgoing.hangup()
    answered.wait(CallState.DISCONNECTED, timeout=5)
    counted = answered.facts.stats(0)
    assert counted is not None
    lost = counted.rx.lost or 0
    return Recording(codec, drop, seed, path, ptime_ms, counted.rx.packets + lost, lost)


def judge(one: Recording, voices: dict[int, Path], cell: Cell) -> None:
    """Compare it with what was played, and with the next voice."""
    options = Options(codec=one.codec, packet_ms=one.ptime_ms)
    heard, played = read(one.path), read(voices[one.seed])
    cell.found.append(compare(played, heard, options=options))
    audible = audible_share(played)
    # What is lost in a pause, before and after cannot be heard; the counters do not say where it was.
    speaking = played.duration_s * audible / (one.packets * one.ptime_ms / 1000)
    cell.dropped_ms.append(one.lost * one.ptime_ms * speaking)
    other = voices[SEEDS + (one.seed - SEEDS + 1) % len(voices)]
    cell.wrong_passed += compare(read(other), heard, options=options).matched


def audible_share(audio: Audio) -> float:
    """The share of the time that is not a pause: within 30 dB of the loud packets, in the telephone band."""
    samples, size = in_band(resample(audio, RATE).samples, RATE), RATE // 50
    powers = np.square(samples[: len(samples) // size * size]).reshape(-1, size).mean(axis=1)
    return float((powers > np.percentile(powers[powers > 1e-7], 90) / 1000).mean())


def table(cells: dict[tuple[str, int], Cell]) -> Table:
    """One row for each codec and loss."""
    shown = Table(title="recordings of real SRTP calls, means over each cell")
    for name in (
        *(
            "codec",
            "dropped",
            "passed",
            "audible loss, ms",
            "missing, ms",
            "of that concealed",
            "found / lost",
        ),
        *("delay, ms", "SNR, dB", "segm. SNR", "correlation", "similarity", "inserted, ms"),
    ):
        shown.add_column(name, justify="left" if name == "codec" else "right")
    for (codec, drop), cell in cells.items():
        lost, missing = mean(cell.dropped_ms), mean(one.missing_ms or 0 for one in cell.found)
        shown.add_row(
            codec,
            f"{drop + 1 if drop else 0} %",
            f"{sum(one.matched for one in cell.found)}/{len(cell.found)}",
            f"{lost:.0f}",
            f"{missing:.0f}",
            f"{mean(one.concealed_ms or 0 for one in cell.found):.0f}",
            f"{missing / lost:.2f}" if lost else "",
            *(average(cell, *column) for column in COLUMNS),
        )
    return shown


COLUMNS = (
    ("delay_ms", 1),
    ("snr_db", 1),
    ("segmental_snr_db", 1),
    ("correlation", 3),
    ("similarity", 3),
    ("inserted_ms", 0),
)


def average(cell: Cell, name: str, digits: int) -> str:
    """The mean of what could be measured."""
    values = [value for one in cell.found if (value := getattr(one, name)) is not None]
    return f"{mean(values):.{digits}f}" if values else ""


if __name__ == "__main__":
    main()
