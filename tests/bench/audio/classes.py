"""What a call does to a reference, by class: good ones that have to match, and bad ones that must not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import soxr
from numpy.lib.stride_tricks import sliding_window_view
from numpy.random import Generator

from media.audio.wav import Audio
from media.compare.compare import Options
from tests.bench.audio.coders import CODECS, Codec, Damage, packet_of, through
from tests.bench.audio.references import (
    DIGITS,
    RATE,
    VOCABULARY,
    Floats,
    Reference,
    fitted,
    reference,
    spoken,
)

__all__ = ["BAD", "GOOD", "Trial", "trial"]

ACTIVE_DB = 20.0  # what is within so much of the loud frames counts as heard
TOLERATED_S = 0.06  # three packets: what may be missing by default
ALIKE = 0.9  # coherence of what was replaced with what replaced it: from there on it is the same audio
CHANGED, AS_ALIKE = ("GSM", "iLBC", "speex/8000", "speex/16000"), 0.6  # codecs that change as much themselves


@dataclass(frozen=True)
class Trial:
    """A comparison to be made; `damaged` are the stretches that are not the reference's, in its time (s)."""

    reference: Audio
    recording: Audio
    options: Options
    sent: Audio | None
    damaged: tuple[tuple[float, float], ...]


@dataclass
class Call:
    """What a class decides: what is sent and lost, what becomes of what was received, and the truth.

    `samples` are at the codec's rate.
    """

    codec: Codec
    random: Generator
    seed: int
    source: Reference
    samples: Floats
    lead: int
    lost: set[int] = field(default_factory=set)
    damage: Damage | None = None
    after: Callable[[Floats], Floats] | None = None
    passes: int = 1
    own: Floats | None = None
    truth: list[tuple[float, float]] = field(default_factory=list)
    within: bool = False  # the damage is within what is tolerated

    def samples_of(self, wide: Floats) -> Floats:
        """Audio at 16 kHz at the codec's rate."""
        return wide if self.codec.rate == RATE else soxr.resample(wide, RATE, self.codec.rate)

    def packets(self) -> range:
        """The numbers of the packets that carry the reference."""
        size = packet_of(self.codec)
        return range(self.lead // size + 1, (self.lead + len(self.samples)) // size)


def trial(name: str, kind: str, codec_name: str, seed: int) -> Trial | None:
    """The case of that class, kind, codec and seed; None when its damage would be within the tolerance."""
    codec, source = CODECS[codec_name], reference(kind, seed)
    random = np.random.default_rng([seed, *name.encode(), *kind.encode()])
    call = Call(codec, random, seed, source, np.zeros(0), int(random.uniform(0.2, 0.5) * codec.rate))
    given = quantised(call.samples_of(source.samples))
    call.samples = given.copy()
    (GOOD | BAD)[name](call)
    if call.within:
        return None
    heard = np.pad(call.samples, (call.lead, int(0.3 * codec.rate)))
    for number in range(call.passes):
        offset = 53 * number  # each pass begins elsewhere in its packets
        heard = through(codec, np.pad(heard, (offset, 0)), call.lost, call.damage)[offset:]
    if name in GOOD and call.lost and harmed_s(call, heard) > TOLERATED_S:
        return None
    heard = heard if call.after is None else call.after(heard)
    options = Options(codec=codec_name, passes=call.passes)
    own = None if call.own is None else audio(call.own, codec.rate)
    return Trial(audio(given, codec.rate), audio(heard, codec.rate), options, own, tuple(call.truth))


def harmed_s(call: Call, heard: Floats) -> float:
    """For how long the lost packets change active audio: a decoder that predicts has to recover from them."""
    size = call.codec.rate // 100
    whole = through(call.codec, np.pad(call.samples, (call.lead, int(0.3 * call.codec.rate))))
    a, b = (one[: len(one) // size * size].reshape(-1, size) for one in (whole, heard))
    coherence = (a * b).sum(axis=1) / np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1) + 1e-12)
    return float(((coherence < ALIKE) & (active(whole, call.codec.rate) > 0)).sum()) / 100


def quantised(samples: Floats) -> Floats:
    return np.asarray(np.clip(np.round(samples * 32767), -32768, 32767) / 32768)


def audio(samples: Floats, rate: int) -> Audio:
    return Audio(quantised(samples).astype(np.float32), rate)


# good


def clean(call: Call) -> None:
    """Nothing but the codec."""


def gain(call: Call) -> None:
    call.samples = np.clip(call.samples * 10 ** (call.random.uniform(-12, 6) / 20), -1, 1)


def noise(call: Call) -> None:
    level = 10 ** (call.random.uniform(-58, -46) / 20)
    call.after = lambda heard: heard + call.random.standard_normal(len(heard)) * level


def clocks(call: Call) -> None:
    call.after = lambda heard: drifted(heard, call.random.uniform(-300, 300), call.codec.rate)


def step(call: Call) -> None:
    """The jitter buffer moves by 10 or 20 ms, once or twice, somewhere."""
    for _ in range(int(call.random.integers(1, 3))):
        slip(call, int(call.random.uniform(0.15, 0.85) * len(call.samples)), (10, 20))


def pause_step(call: Call) -> None:
    """It moves by 10 to 40 ms in the quietest moment."""
    size = call.codec.rate // 100
    power = frames(call.samples, size)
    inner = power[len(power) // 4 : -len(power) // 4]
    slip(call, (len(power) // 4 + int(inner.argmin())) * size, (10, 20, 40))


def slip(call: Call, at: int, sizes_ms: tuple[int, ...]) -> None:
    """From there on the audio comes later, what was before once more; or sooner, some of it left out."""
    size = call.codec.rate * int(call.random.choice(sizes_ms)) // 1000
    samples, again = call.samples, call.random.random() < 0.5
    middle = [samples[at - size : at], samples[at:]] if again else [samples[at + size :]]
    call.samples = np.concatenate([samples[:at], *middle])


def one_lost(call: Call) -> None:
    """A packet of active audio is lost, from which the decoder recovers within what may be missing."""
    at = active_start(call.samples, call.codec.rate, 40, call.random) or len(call.samples) // 2
    call.lost = {(call.lead + at) // packet_of(call.codec)}


def echo(call: Call) -> None:
    """The peer sent back what it received: two passes of the codec."""
    call.passes = 2


# bad


def loss(share: float) -> Callable[[Call], None]:
    def lose(call: Call) -> None:
        call.lost = {number for number in call.packets() if call.random.random() < share}
        of_packets(call, sorted(call.lost))

    return lose


def of_packets(call: Call, numbers: list[int]) -> None:
    """Set the truth: these packets are damaged."""
    size = packet_of(call.codec)
    places = [(number * size - call.lead, (number + 1) * size - call.lead) for number in numbers]
    call.truth = [(begin / call.codec.rate, end / call.codec.rate) for begin, end in places]
    heard = np.repeat(active(call.samples, call.codec.rate), call.codec.rate // 100)
    share = 0.02 if call.codec.name == "iLBC" else 0.01
    damaged = sum(float(heard[max(begin, 0) : max(end, 0)].sum()) for begin, end in places) / call.codec.rate
    call.within = damaged <= max(1.3 * TOLERATED_S, share * heard.sum() / call.codec.rate)


def random_bytes(call: Call) -> None:
    """Every 50th packet is random bytes."""
    first = int(call.random.integers(50))

    def spoil(number: int, payload: bytearray) -> None:
        if number % 50 == first:
            payload[:] = call.random.bytes(len(payload))
            if call.codec.name == "GSM":
                payload[0] = 0xD0 | payload[0] & 15

    call.damage = spoil
    of_packets(call, [number for number in call.packets() if number % 50 == first])


def replay(samples: Floats, at: int, size: int, _: Call) -> Floats:
    return samples[at - size : at]


def freeze(samples: Floats, at: int, size: int, call: Call) -> Floats:
    frame = call.codec.rate // 50
    return np.resize(samples[at - frame : at], size)


def reverse(samples: Floats, at: int, size: int, _: Call) -> Floats:
    return samples[at : at + size][::-1]


def interpolate(samples: Floats, at: int, size: int, call: Call) -> Floats:
    """Fade from what was before to what comes after: a frame of each, as much of each, or both predicted."""
    frame, rising, style = call.codec.rate // 50, np.linspace(0, 1, size), call.random.integers(3)
    before, after = np.resize(samples[at - frame : at], size), np.resize(samples[at + size :][:frame], size)
    if style == 1:
        before, after = samples[at - size : at], samples[at + size : at + 2 * size]
    elif style == 2:
        known, order = call.codec.rate // 20, call.codec.rate // 250
        before = predicted(samples[at - known : at], size, order)
        after = predicted(samples[at + size :][:known][::-1], size, order)[::-1]
    return np.asarray(before * (1 - rising) + after * rising)


def predicted(past: Floats, size: int, order: int) -> Floats:
    rows = sliding_window_view(past[:-1], order)
    weights = np.linalg.lstsq(rows, past[order:], rcond=None)[0]
    known = list(past[-order:])
    for _ in range(size):
        known.append(float(np.clip(np.dot(weights, known[-order:]), -1, 1)))
    return np.array(known[order:])


def replaced(by: Callable[[Floats, int, int, Call], Floats], ms: int) -> Callable[[Call], None]:
    """So many ms of active audio are replaced, in half of the cases with fades of 2 ms."""

    def replace(call: Call) -> None:
        rate, samples = call.codec.rate, call.samples
        size, fade = rate * ms // 1000, rate // 500
        at = active_start(samples, rate, ms, call.random)
        if at is None:
            call.within = True
            return
        weight = np.ones(size)
        if call.random.random() < 0.5:
            weight[:fade], weight[-fade:] = np.linspace(0, 1, fade), np.linspace(1, 0, fade)
        old = samples[at : at + size].copy()
        samples[at : at + size] = weight * by(samples, at, size, call) + (1 - weight) * old
        call.truth = [(at / rate, (at + size) / rate)]
        alike = AS_ALIKE if call.codec.name in CHANGED else ALIKE
        call.within = different_s(old, samples[at : at + size], rate, alike) <= 1.15 * TOLERATED_S

    return replace


def different_s(old: Floats, new: Floats, rate: int, alike: float) -> float:
    """For how long two waveforms have little in common, by pieces of 10 ms."""
    size = rate // 100
    a, b = (one[: len(one) // size * size].reshape(-1, size) for one in (old, new))
    coherence = (a * b).sum(axis=1) / np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1) + 1e-12)
    return float((coherence < alike).sum()) / 100


def another_word(call: Call) -> None:
    """A word or a digit is another, as long and as loud."""
    words = call.source.words
    begin, end, word = words[int(call.random.integers(1, len(words) - 1))]
    known = DIGITS if word in DIGITS else VOCABULARY
    other = spoken(call.source.voice, str(call.random.choice([one for one in known if one != word])))
    if 0.75 < len(other) / (end - begin) < 1.33:
        other = soxr.resample(other, len(other), end - begin)
    other, wide = fitted(other, end - begin), call.source.samples.copy()
    wide[begin:end] = other * np.sqrt(np.square(wide[begin:end]).sum() / np.square(other).sum())
    call.samples = quantised(call.samples_of(wide))
    call.truth = [(begin / RATE, end / RATE)]


def word_left_out(call: Call) -> None:
    """A word is not there: silence, or no time for it."""
    words, wide = call.source.words, call.source.samples
    begin, end, _ = words[int(call.random.integers(1, len(words) - 1))]
    rest = np.zeros(end - begin if call.random.random() < 0.5 else 0)
    call.samples = quantised(call.samples_of(np.concatenate([wide[:begin], rest, wide[end:]])))


def inserted(call: Call) -> None:
    """300 ms of other audio come in between."""
    at = active_start(call.samples, call.codec.rate, 100, call.random) or len(call.samples) // 2
    other = call.samples_of(reference("speech", call.seed + 5000).samples)
    piece = other[len(other) // 3 :][: 3 * call.codec.rate // 10]
    call.samples = np.concatenate([call.samples[:at], piece, call.samples[at:]])


def clocks_apart(call: Call) -> None:
    call.after = lambda heard: drifted(heard, float(call.random.choice([-1000, 1000])), call.codec.rate)


def own_echo(call: Call) -> None:
    """One's own audio comes back 26 dB down."""
    rate = call.codec.rate
    delay = int(call.random.uniform(0.02, 0.4) * rate)
    call.own = quantised(call.samples_of(reference("speech", call.seed + 7000).samples))
    back = np.pad(through(call.codec, call.own * 10 ** (-26 / 20)), (delay, 0))
    call.after = lambda heard: heard + fitted(back, len(heard))


def level_steps(call: Call) -> None:
    """Every other 250 ms are 6 dB down."""
    quarter = np.arange(len(call.samples)) // (call.codec.rate // 4)
    call.samples = call.samples * np.where(quarter % 2, 1, 0.5)


def level_step(call: Call) -> None:
    """From somewhere on the level is 8 dB down."""
    at = int(call.random.uniform(0.3, 0.6) * len(call.samples))
    call.samples[at:] *= 0.4


def cut(call: Call) -> None:
    """200 ms of silence."""
    replaced(lambda samples, at, size, _: np.zeros(size), 200)(call)


def frames(samples: Floats, size: int) -> Floats:
    return np.asarray(np.square(samples[: len(samples) // size * size]).reshape(-1, size).mean(axis=1))


def active(samples: Floats, rate: int) -> Floats:
    """1 for each frame of 10 ms that is heard, else 0."""
    power = frames(samples, rate // 100)
    loud = float(np.percentile(power[power > 1e-7], 90))
    return (power > loud * 10 ** (-ACTIVE_DB / 10)).astype(float)


def active_start(samples: Floats, rate: int, ms: int, random: Generator) -> int | None:
    """Where so many ms are all active, as many after the start and before the end at least; or None."""
    count, heard = ms // 10, active(samples, rate)
    whole = np.convolve(heard, np.ones(count), "valid") >= count - 1
    places = [int(at) for at in np.flatnonzero(whole) if 40 + count <= at < len(heard) - 40 - 2 * count]
    if not places:
        return None
    return int(random.choice(places)) * (rate // 100) + int(random.integers(rate // 100))


def drifted(heard: Floats, ppm: float, rate: int) -> Floats:
    """As a clock that is that much slower records it."""
    fine = soxr.resample(heard, rate, 8 * rate)
    at = np.arange(int(len(heard) * (1 + ppm * 1e-6))) / (1 + ppm * 1e-6)
    return np.asarray(np.interp(8 * at, np.arange(len(fine)), fine))


GOOD: dict[str, Callable[[Call], None]] = {
    "clean": clean,
    "gain": gain,
    "noise": noise,
    "clocks": clocks,
    "step": step,
    "pause step": pause_step,
    "one lost": one_lost,
    "echo": echo,
}
BAD: dict[str, Callable[[Call], None]] = {
    "loss 5 %": loss(0.05),
    "loss 10 %": loss(0.1),
    "random bytes": random_bytes,
    "replay 100": replaced(replay, 100),
    "replay 200": replaced(replay, 200),
    "freeze 100": replaced(freeze, 100),
    "freeze 200": replaced(freeze, 200),
    "interpolate 100": replaced(interpolate, 100),
    "interpolate 200": replaced(interpolate, 200),
    "reverse 150": replaced(reverse, 150),
    "other word": another_word,
    "word left out": word_left_out,
    "cut 200": cut,
    "inserted 300": inserted,
    "clocks apart": clocks_apart,
    "own echo": own_echo,
    "level steps": level_steps,
    "level step": level_step,
}
