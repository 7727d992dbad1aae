"""How well DTMF is heard: ``python -m tests.bench.dtmf [strings|talkoff|speed|loss|codecs]``; all by default.

Random digit strings within ITU-T Q.24's limits, an hour of sound that is no digit, speed, lost packets,
and every codec of the library in real calls on 127.0.0.1.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from media.audio import wav
from media.audio.wav import Audio
from media.detect.dtmf import DigitHeard, DtmfDetector, detect
from media.signals.dtmf import DIGITS, synthesise
from media.signals.tones import silence, speech_like
from tests.support.digits import Sent, burst, conceal, no_digits, random_string

Floats = NDArray[np.float64]

CODECS = ("PCMU", "PCMA", "G722", "GSM", "iLBC", "speex/8000", "speex/16000")
TIMES = ((100, 100, -10), (60, 60, -10), (40, 40, -10), (100, 100, -30), (40, 40, -30))  # ms, ms, dBFS


def strings(count: int = 1000) -> None:
    for rate, snr in ((8000, 15), (8000, 12), (16000, 15)):
        rng = np.random.default_rng(rate + snr)
        right = total = found = 0
        errors: list[tuple[float, ...]] = []
        for _ in range(count):
            audio, sent = random_string(rng, rate, snr)
            heard = detect(audio)
            total += len(sent)
            right += [digit.digit for digit in heard] == [digit.digit for digit in sent]
            pairs = _matched(sent, heard)
            found += len(pairs)
            errors += [
                (
                    1000 * (b.start_s - a.start_s),
                    b.duration_ms - a.duration_ms,
                    b.level_dbfs - a.level_dbfs,
                    b.twist_db - a.twist_db,
                )
                for a, b in pairs
            ]
        print(f"{count} strings at {rate} Hz, {snr} dB SNR: {right} right; digits {found} of {total}")
        for name, column in zip(
            ("start ms", "duration ms", "level dB", "twist dB"), np.array(errors).T, strict=True
        ):
            low, middle, high = np.percentile(column, [0.5, 50, 99.5])
            print(f"    {name:12s} median {middle:+.2f}, 99 % within {low:+.2f} ... {high:+.2f}")


def talkoff(seeds: int = 32) -> None:
    seconds: Counter[str] = Counter()
    digits: Counter[str] = Counter()
    for seed in range(seeds):
        for name, audio in no_digits(7000 + seed, (8000, 16000)[seed % 2]):
            seconds[name] += round(audio.duration_s)
            digits[name] += len(detect(audio))
    for seed in range(8000, 8000 + 60 - seeds):  # what is missing in an hour of speech
        audio = speech_like(60, 8000, seed)
        seconds["speech-like"] += 60
        digits["speech-like"] += len(detect(audio))
    print(f"{'talk-off':20s} {'minutes':>8s} {'digits':>7s}")
    for name, length in seconds.items():
        print(f"{name:20s} {length / 60:8.1f} {digits[name]:7d}")


def speed() -> None:
    print(f"{'rate':>6s} {'x real time':>12s} {'µs per 20 ms':>13s} {'µs per 100 ms':>14s}")
    for rate in (8000, 16000, 48000):
        audio = Audio(np.tile(synthesise(DIGITS, rate).samples, 20), rate)
        begun = time.perf_counter()
        detect(audio)
        whole = audio.duration_s / (time.perf_counter() - begun)
        calls = []
        for chunk in (rate // 50, rate // 10):
            detector, taken = DtmfDetector(rate), []
            for start in range(0, 10 * rate, chunk):
                begun = time.perf_counter()
                detector.feed(audio.samples[start : start + chunk])
                taken.append(time.perf_counter() - begun)
            calls.append(1e6 * float(np.median(taken)))
        print(f"{rate:6d} {whole:12.0f} {calls[0]:13.0f} {calls[1]:14.0f}")


def loss() -> None:
    """Every digit, with a packet of 20 ms lost in it, at every place of the packets."""
    for on_ms in (100, 80, 60):
        for how in ("silence", "repeat", "fade"):
            outcomes: Counter[int] = Counter()
            for digit in DIGITS:
                for shift in range(0, 160, 40):
                    samples = np.concatenate(
                        [
                            np.zeros(800 + shift),
                            burst(digit, on_ms, 8000, -10, -10, fade_s=0.005),
                            np.zeros(800),
                        ]
                    ).astype(np.float32)
                    for lost in range(5, 5 + on_ms // 20):
                        heard = detect(Audio(conceal(samples, 8000, lost, how), 8000))
                        outcomes[len(heard) if all(one.digit == digit for one in heard) else -1] += 1
            total = sum(outcomes.values())
            split = total - outcomes[1] - outcomes[0]
            print(f"{on_ms:4d} ms, {how:8s} one {outcomes[1]}, none {outcomes[0]}, else {split}, of {total}")


def codecs() -> None:
    print(
        f"{'codec':12s}" + "".join(f"{on}/{off}@{level}".rjust(12) for on, off, level in TIMES) + "   false"
    )
    for codec in CODECS:
        rate = 16000 if codec in ("G722", "speex/16000") else 8000
        rng = np.random.default_rng(0)
        texts = ["".join(rng.choice(list(DIGITS), 32)) for _ in TIMES]
        parts = [silence(0.5, rate).samples]
        for text, (on, off, level) in zip(texts, TIMES, strict=True):
            parts += [synthesise(text, rate, on, off, level).samples, silence(0.5, rate).samples]
        heard = detect(_through_a_call(codec, Audio(np.concatenate(parts), rate)))
        matcher = SequenceMatcher(None, "".join(texts), "".join(one.digit for one in heard), autojunk=False)
        right = {a + k for a, _, size in matcher.get_matching_blocks() for k in range(size)}
        row = [sum(32 * i <= at < 32 * (i + 1) for at in right) for i in range(len(TIMES))]
        print(f"{codec:12s}" + "".join(f"{n}/32".rjust(12) for n in row) + f"{len(heard) - len(right):8d}")


def _through_a_call(codec: str, audio: Audio) -> Audio:
    from bot import Endpoint

    with (
        tempfile.TemporaryDirectory() as folder,
        Endpoint(name="callee", bind="127.0.0.1", codecs=[codec]) as callee,
        Endpoint(name="caller", bind="127.0.0.1", codecs=[codec]) as caller,
    ):
        sent, received = Path(folder, "sent.wav"), Path(folder, "received.wav")
        wav.write(sent, audio)
        with callee.expect_call(timeout=5) as incoming:
            outgoing = caller.make_call(callee.uri)
        with incoming.value.answer().record(received):
            outgoing.play(sent).wait(audio.duration_s + 10)
        outgoing.hangup()
        return wav.read(received)


def _matched(sent: list[Sent], heard: tuple[DigitHeard, ...]) -> list[tuple[Sent, DigitHeard]]:
    return [
        (a, b)
        for a in sent
        for b in heard
        if a.digit == b.digit
        and abs(a.start_s + a.duration_ms / 2000 - b.start_s - b.duration_ms / 2000) < 0.02
    ]


def main() -> None:
    parts = {"strings": strings, "talkoff": talkoff, "speed": speed, "loss": loss, "codecs": codecs}
    for name in sys.argv[1:] or parts:
        parts[name]()


if __name__ == "__main__":
    main()
