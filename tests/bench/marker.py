"""``python -m tests.bench.marker [simulated] [invented] [called]``: markers missed, wrong, late, invented.

``simulated`` and ``invented`` need only media; ``called`` places real calls with every codec of the build.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import comb
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bot import CallState, Endpoint
from media.audio.wav import Audio, read, write
from media.signals import marker as coded
from media.signals.dtmf import DIGITS, synthesise
from media.signals.marker import DURATION_S, IDENTITIES, SYMBOLS, Marker, find_markers, marker
from media.signals.marker_search import Block, Peak, blocks, peaks
from media.signals.tones import speech_like, sweep, tone

CODECS = ("PCMU", "PCMA", "G722", "GSM", "iLBC", "speex/8000", "speex/16000")
CALLS_AT_ONCE = 4
EVERY_S = 1.4  # one marker in this many seconds
NEAR_S = 0.6  # between the marker that was played and the one that was heard, at most
PACKET_S = 0.02
Signal = NDArray[np.float64]
Sent = list[tuple[int, float]]


class Tally:
    """What became of markers."""

    def __init__(self) -> None:
        self.sent = self.missed = self.wrong = 0
        self.early_ms: list[float] = []
        self.agreed: list[int] = []
        self.levels: list[float] = []

    def add(self, sent: Sent, heard: tuple[Marker, ...], calls: bool) -> None:
        """Compare; a call's own delay is the median of its markers' and no error."""
        rest, late = list(heard), []
        delays = [one.start_s - at for one in heard for identity, at in sent if one.identity == identity]
        delay = float(np.median(delays)) if calls and delays else 0.0
        for identity, at in sent:
            for one in rest:
                if one.identity == identity and abs(one.start_s - at - delay) < NEAR_S:
                    late.append((one.start_s - at - delay) * 1000)
                    self.agreed.append(round(one.confidence * SYMBOLS))
                    self.levels.append(one.level_dbfs)
                    rest.remove(one)
                    break
        self.sent, self.wrong = self.sent + len(sent), self.wrong + len(rest)
        self.missed += len(sent) - len(late)
        self.early_ms += [abs(ms) for ms in late]

    def row(self) -> list[str]:
        if not self.agreed:
            return [str(self.sent), str(self.missed), str(self.wrong), *["-"] * 5]
        off = [f"{np.quantile(self.early_ms, share):.3f}" for share in (0.5, 0.95, 1)]
        agreed = f"{np.mean(self.agreed):.1f}, {min(self.agreed)}"
        return [
            str(self.sent),
            str(self.missed),
            str(self.wrong),
            *off,
            agreed,
            f"{np.mean(self.levels):.1f}",
        ]


COLUMNS = ("sent", "missed", "wrong", "off ms, median", "95 %", "worst", "agreed of 24, least", "level heard")


def scene(count: int, rate: int, seed: int, level_dbfs: float, speech: bool) -> tuple[Audio, Sent]:
    """Markers at random places, alone or with speech of the same power, and where each of them begins."""
    rng = np.random.default_rng(seed)
    samples = np.zeros(round((count + 1) * EVERY_S * rate))
    if speech:
        talk = speech_like(len(samples) / rate + 1, rate, seed).samples[: len(samples)]
        samples += talk * 10 ** ((level_dbfs + 20 - 3.01) / 20)  # a sine of 0 dBFS has a power of -3.01 dB
    sent = []
    for index in range(count):
        at = round((index * EVERY_S + 0.3 + rng.uniform(0, EVERY_S - DURATION_S)) * rate)
        identity = int(rng.integers(0, IDENTITIES))
        sound = marker(identity, rate, level_dbfs).samples
        samples[at : at + len(sound)] += sound[: len(samples) - at]
        sent.append((identity, at / rate))
    return Audio(np.clip(samples, -1, 1).astype(np.float32), rate), sent


def mu_law(samples: Signal) -> Signal:
    """The curve of G.711 in 255 steps."""
    curved = np.sign(samples) * np.log1p(255 * np.abs(samples)) / np.log(256)
    curved = np.round(curved * 127) / 127
    return np.asarray(np.sign(curved) * np.expm1(np.abs(curved) * np.log(256)) / 255)


def lose(samples: Signal, rate: int, share: float, repeat: bool, seed: int) -> Signal:
    """Packets of 20 ms lost at random, filled with silence or with the packet before."""
    packet = round(PACKET_S * rate)
    packets = samples[: len(samples) // packet * packet].reshape(-1, packet).copy()
    for lost in np.flatnonzero(np.random.default_rng(seed).random(len(packets)) < share):
        packets[lost] = packets[lost - 1] if repeat and lost else 0
    return packets.ravel()


def noisy(samples: Signal, snr_db: float, level_dbfs: float, seed: int) -> Signal:
    """White noise so far below the marker."""
    size = 10 ** ((level_dbfs - 3.01 - snr_db) / 20)
    return samples + np.random.default_rng(seed).normal(0, size, len(samples))


def simulated(seeds: int = 25, count: int = 40) -> None:
    """Markers through channels made of arithmetic."""
    table = Table("channel", "rate", *COLUMNS, title=f"simulated channels, {seeds * count} markers each")
    channels: list[tuple[str, int, float, bool, Callable[[Signal, int, int], Signal]]] = [
        ("mu-law", 8000, -16, False, lambda x, rate, seed: mu_law(x)),
        ("mu-law, -46 dBFS", 8000, -46, False, lambda x, rate, seed: mu_law(x)),
        ("mu-law, speech", 8000, -16, True, lambda x, rate, seed: mu_law(x)),
        ("... 10 % lost, silent", 8000, -16, True, lambda x, rate, s: lose(mu_law(x), rate, 0.1, False, s)),
        ("... 10 % lost, repeated", 8000, -16, True, lambda x, rate, s: lose(mu_law(x), rate, 0.1, True, s)),
        ("... 20 % lost, repeated", 8000, -16, True, lambda x, rate, s: lose(mu_law(x), rate, 0.2, True, s)),
        ("white noise at 0 dB", 16000, -16, False, lambda x, rate, seed: noisy(x, 0, -16, seed)),
        ("white noise 6 dB louder", 8000, -16, False, lambda x, rate, seed: noisy(x, -6, -16, seed)),
        ("speech, 48 kHz", 48000, -16, True, lambda x, rate, seed: x),
    ]
    for name, rate, level, speech, channel in channels:
        tally = Tally()
        for seed in range(seeds):
            audio, sent = scene(count, rate, seed, level, speech)
            through = channel(audio.samples.astype(np.float64), rate, seed)
            tally.add(sent, find_markers(Audio(np.clip(through, -1, 1).astype(np.float32), rate)), False)
        table.add_row(name, str(rate), *tally.row())
    Console(width=140).print(table)


def music(s: float, rate: int, seed: int) -> Audio:
    """Chords of harmonic notes with decay, and a drum."""
    rng = np.random.default_rng(seed)
    samples = np.zeros(round(s * rate))
    for at in np.arange(0, len(samples) - rate, rate // 4):
        t = np.arange(rate) / rate
        for note in rng.choice(36, 3, replace=False):
            pitch = 110 * 2 ** (note / 12) * (1 + 0.003 * np.sin(2 * np.pi * 5 * t))
            turns = np.cumsum(pitch) / rate
            for harmonic in range(1, 9):
                samples[at : at + rate] += np.sin(2 * np.pi * harmonic * turns) * np.exp(-4 * t) / harmonic
        drum = np.exp(-40 * t) * rng.normal(0, 2, rate)
        samples[at : at + rate] += drum
    return Audio((samples / np.abs(samples).max() * 0.5).astype(np.float32), rate)


def digits(s: float, rate: int, seed: int) -> Audio:
    """DTMF without end."""
    picked = np.random.default_rng(seed).choice(list(DIGITS), round(s / 0.14))
    return synthesise("".join(picked), rate, 70, 70)


def noise(s: float, rate: int, seed: int) -> Audio:
    samples = np.random.default_rng(seed).normal(0, 0.1, round(s * rate))
    return Audio(np.clip(samples, -1, 1).astype(np.float32), rate)


def tones(s: float, rate: int, seed: int) -> Audio:
    """Sweeps and dial tones, one after the other, each a second long."""
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(round(s / 2)):
        parts.append(sweep(1, rate, *rng.uniform(200, 3500, 2)).samples)
        parts.append(tone(list(rng.uniform(300, 3400, 2)), 1, rate).samples)
    return Audio(np.concatenate(parts), rate)


def invented(seeds: int = 6, s: float = 300) -> None:
    """What is heard where there is no marker: in the search, and at every place that is read at random."""
    kinds = {"speech": speech_like, "music": music, "noise": noise, "tones, sweeps": tones, "DTMF": digits}
    bound = {least: chance(least) for least in (7, 8, 9, 10, 12)}
    found = Table(
        "audio", "hours", "candidates/s", "most agreed", "markers", "x real time", title="no marker"
    )
    random = Table("audio", "read", *(f">= {least}" for least in bound), title="agreement at random places")
    random.add_row("chance, at most", "", *(f"{value:.1e}" for value in bound.values()))
    for name, make in kinds.items():
        candidates, most, markers, spent, agreed = 0, 0, 0, 0.0, []
        for seed in range(seeds):
            audio = make(s, 8000, seed)
            begun = time.process_time()
            markers += len(find_markers(audio))
            spent += time.process_time() - begun
            rng = np.random.default_rng(seed)
            for block in blocks(audio, round(DURATION_S * 8000)):
                tops = _candidates(block)
                candidates += len(tops)
                most = max([most, *(coded._decoded(block, [top])[1] for top in tops)])
                for at in block.margin + rng.integers(0, block.own - 6000, 200):
                    agreed.append(coded._decoded(block, [Peak(float(at), 0)])[1])
        hours = seeds * s / 3600
        rate = candidates / hours / 3600
        speed = f"{hours * 3600 / spent:.0f}"
        found.add_row(name, f"{hours:.2f}", f"{rate:.4f}", str(most), str(markers), speed)
        shares = [f"{np.mean(np.array(agreed) >= least):.1e}" for least in bound]
        random.add_row(name, str(len(agreed)), *shares)
    Console(width=140).print(found, random)


def chance(least: int) -> float:
    """At most how likely it is that so many symbols agree with an identity when each is any of 32."""
    several = range(least, SYMBOLS + 1)
    ways: int = sum(comb(SYMBOLS, n) * 31 ** (SYMBOLS - n) for n in several)
    return float(IDENTITIES * ways / 32.0**SYMBOLS)


def called(count: int = 40) -> None:
    """Markers through real calls."""
    table = Table(
        "codec", "sent as", "lost", *COLUMNS, title="real calls (`off` has the jitter buffer's moves)"
    )
    cases = [
        (codec, level, speech, loss)
        for codec in CODECS
        for level, speech, loss in ((-16, True, 0), (-16, True, 10), (-46, False, 10))
    ]
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
        futures = [pool.submit(_called, *case, count, Path(name)) for case in cases]
        for (codec, level, speech, loss), future in zip(cases, futures, strict=True):
            sent_as = f"{level}{', speech' if speech else ''}"
            table.add_row(codec, sent_as, f"{loss} %", *future.result().row())
    Console(width=140).print(table)


def _called(codec: str, level: float, speech: bool, loss_pct: int, count: int, folder: Path) -> Tally:
    name = f"{codec.replace('/', '-')}{level}-{loss_pct}"
    played, recorded = folder / f"{name}.wav", folder / f"{name}-heard.wav"
    audio, sent = scene(count, 16000, CODECS.index(codec), level, speech)
    write(played, audio)
    with (
        Endpoint(name="callee", bind="127.0.0.1", codecs=[codec], rx_drop_pct=loss_pct) as callee,
        Endpoint(name="caller", bind="127.0.0.1", codecs=[codec]) as caller,
    ):
        with callee.expect_call(timeout=10) as incoming:
            outgoing = caller.make_call(callee.uri)
        answered = incoming.value.answer()
        outgoing.wait(CallState.CONFIRMED, timeout=10)
        with answered.record(recorded):
            outgoing.play(played).wait(timeout=audio.duration_s + 20)
        outgoing.hangup()
        answered.wait(CallState.DISCONNECTED, timeout=10)
    tally = Tally()
    tally.add(sent, find_markers(read(recorded)), True)
    return tally


def _candidates(block: Block) -> list[Peak]:
    used = len(coded.SYNC) * coded.SLOT
    least, apart, most = coded.LEAST_LIKENESS, coded.APART, coded.CANDIDATES
    return peaks(block, coded._sync(), used, least=least, apart=apart, most=most)


def main() -> None:
    wanted = sys.argv[1:] or ["simulated", "invented", "called"]
    for measurement in (simulated, invented, called):
        if measurement.__name__ in wanted:
            measurement()


if __name__ == "__main__":
    main()
