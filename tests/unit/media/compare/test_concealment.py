"""media.compare.concealment: concealed packets of a channel with recorded losses."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from media.audio.band import in_band
from media.compare import concealment as concealing
from media.compare.calibration import model_of
from media.compare.concealment import Aligned, Concealment, concealment
from media.signals import tones

RATE = 8000
PACKET = 160
PAST = 4 * PACKET
HEARD_DB = -30.0  # relative to the loud packets: what is below is not heard, lost or not
Samples = np.ndarray


def mu_law(samples: Samples) -> Samples:
    """Through G.711's companding in 256 steps (the curve itself, not its segments)."""
    steps = np.round(np.sign(samples) * np.log1p(255 * np.abs(samples)) / np.log(256) * 127) / 127
    expanded = np.sign(steps) * np.expm1(np.abs(steps) * np.log(256)) / 255
    return np.asarray(expanded, np.float32)


def last_period(past: Samples) -> Samples:
    """A packet that goes on as the past did, period by period (G.711 Appendix I without its overlaps)."""
    own = past[-PACKET:]

    def agreement(lag: int) -> float:
        before = past[-PACKET - lag : -lag]
        energy = float(before @ before) + 1e-9
        return float(own @ before) / math.sqrt(energy)

    return np.resize(past[-max(range(20, PACKET + 1), key=agreement) :], PACKET)


def last_packet(past: Samples) -> Samples:
    return past[-PACKET:]


def fade(past: Samples) -> Samples:
    return last_period(past) * np.linspace(1, 0, PACKET, dtype=np.float32)


FILLERS: dict[str, Callable[[Samples], Samples]] = {
    "period": last_period,
    "packet": last_packet,
    "fade": fade,
}


@dataclass(frozen=True)
class Heard:
    """What came out of the channel; `lost`: where lost packets began, `audible`: the audible ones."""

    samples: Samples
    lost: tuple[int, ...]
    audible: tuple[int, ...]

    @property
    def audible_s(self) -> float:
        return len(self.audible) * PACKET / RATE


@functools.cache
def speech(seed: int) -> Samples:
    return tones.speech_like(12, RATE, seed + 20).samples


def channel(given: Samples, share: float, seed: int, filler: str) -> Heard:
    """Mu-law in packets of 20 ms at any phase; lost ones are filled from earlier audio."""
    rng = np.random.default_rng([seed, 17])
    received = mu_law(given)
    lost = []
    for at in range(int(rng.integers(PACKET)), len(received) - PACKET, PACKET):
        if at >= PAST and rng.random() < share:
            received[at : at + PACKET] = FILLERS[filler](received[at - PAST : at])
            lost.append(at)
    band = in_band(given, RATE)
    powers = np.square(band[: len(band) // PACKET * PACKET]).reshape(-1, PACKET).mean(axis=1)
    enough = np.percentile(powers[powers > 1e-7], 90) * 10 ** (HEARD_DB / 10)
    audible = [at for at in lost if np.square(band[at : at + PACKET]).mean() > enough]
    return Heard(received, tuple(lost), tuple(audible))


@functools.cache
def judged(share: float, seed: int, filler: str, codec: str | None = "PCMU") -> tuple[Heard, Concealment]:
    received = channel(speech(seed), share, seed, filler)
    return received, concealment(pair(speech(seed), received.samples), codec=codec)


def pair(given: Samples, heard: Samples) -> Aligned:
    clear = np.ones(-(-len(given) // (RATE // 100)), np.bool_)
    return Aligned(in_band(given, RATE), in_band(heard, RATE), RATE, clear)


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722", None])
@pytest.mark.parametrize("seed", range(6))
def test_nothing_was_concealed_in_a_clean_call(codec: str | None, seed: int) -> None:
    _, found = judged(0.0, seed, "period", codec)

    assert found.stretches == ()
    assert found.total_s == 0
    assert found.judged_s > 5


@pytest.mark.parametrize("filler", FILLERS)
@pytest.mark.parametrize(("share", "within"), [(0.03, 0.2), (0.1, 0.2)])
@pytest.mark.parametrize("seed", range(4))
def test_lost_packets_are_counted(filler: str, share: float, within: float, seed: int) -> None:
    received, found = judged(share, seed, filler)

    assert len(received.audible) >= 8
    assert found.total_s == pytest.approx(received.audible_s, rel=within)


@pytest.mark.parametrize("filler", FILLERS)
def test_a_hundredth_lost_is_counted_over_several_calls(filler: str) -> None:
    calls = [judged(0.01, seed, filler) for seed in range(6)]

    dropped = sum(received.audible_s for received, _ in calls)
    assert dropped > 0.4
    assert sum(found.total_s for _, found in calls) == pytest.approx(dropped, rel=0.2)


@pytest.mark.parametrize("filler", FILLERS)
@pytest.mark.parametrize("share", [0.01, 0.03, 0.1])
def test_stretches_that_are_listed_were_lost(filler: str, share: float) -> None:
    listed = right = lost = 0
    for seed in range(4):
        received, found = judged(share, seed, filler)
        lost += len(received.audible)
        for stretch in found.stretches:
            for at in np.arange(round(stretch.start_s * RATE), round(stretch.end_s * RATE), PACKET):
                listed += 1
                right += any(abs(at - one) <= PACKET // 2 for one in received.lost)

    assert right >= 0.9 * listed
    assert right >= 0.75 * lost


@pytest.mark.parametrize("seed", range(4))
def test_a_few_lost_packets_are_pointed_out(seed: int) -> None:
    received = mu_law(speech(seed))
    lost = odd_ones(received, 5)
    for at in lost:
        received[at : at + PACKET] = last_period(received[at - PAST : at])

    found = concealment(pair(speech(seed), received), codec="PCMU")

    assert 3 <= len(found.stretches) <= 5
    for stretch in found.stretches:
        assert min(abs(stretch.start_s - at / RATE) for at in lost) < 0.006
    assert found.total_s == pytest.approx(0.1, abs=0.03)


def odd_ones(heard: Samples, count: int) -> list[int]:
    """The loudest packets that their past does not foretell, in order."""

    def foretold(at: int) -> bool:
        guess, truth = last_period(heard[at - PAST : at]), heard[at : at + PACKET]
        return float(guess @ truth) > 0.5 * math.sqrt(float(guess @ guess) * float(truth @ truth))

    places = [at for at in range(10 * PACKET + 33, len(heard) - 2 * PACKET, PACKET) if not foretold(at)]
    loud = sorted(places, key=lambda at: -float(np.square(heard[at : at + PACKET]).sum()))
    return sorted(loud[:count])


def test_one_lost_packet_proves_nothing() -> None:
    received = mu_law(speech(0))
    (at,) = odd_ones(received, 1)
    received[at : at + PACKET] = last_period(received[at - PAST : at])

    assert concealment(pair(speech(0), received), codec="PCMU").total_s <= 0.02


def test_missing_audio_is_not_judged() -> None:
    received, _ = judged(0.1, 0, "period")
    given = pair(speech(0), received.samples)
    half = Aligned(given.reference, given.recording, RATE, given.clear & (np.arange(len(given.clear)) < 600))
    none = Aligned(given.reference, given.recording, RATE, np.zeros_like(given.clear))

    assert all(stretch.end_s <= 6 for stretch in concealment(half, codec="PCMU").stretches)
    assert concealment(half, codec="PCMU").judged_s < 6
    assert concealment(none, codec="PCMU") == Concealment((), 0.0, 0.0)


@pytest.mark.parametrize("gain_db", [-20, 6])
def test_the_level_does_not_matter(gain_db: float) -> None:
    received, found = judged(0.03, 1, "period")

    louder = concealment(pair(speech(1), received.samples * np.float32(10 ** (gain_db / 20))), codec="PCMU")

    assert louder.total_s == pytest.approx(found.total_s, abs=0.005)


@pytest.mark.parametrize("packet_ms", [10, 30, 60])
def test_packets_have_the_given_length(packet_ms: int) -> None:
    size = packet_ms * RATE // 1000
    received = mu_law(speech(2))
    rng = np.random.default_rng(5)
    lost = [at for at in range(1000 // size * size + 7, len(received) - size, size) if rng.random() < 0.05]
    for at in lost:
        received[at : at + size] = np.resize(last_period(received[at - PAST : at]), size)

    found = concealment(pair(speech(2), received), packet_s=packet_ms / 1000, codec="PCMU")

    assert found.stretches
    for stretch in found.stretches:
        packets = (stretch.end_s - stretch.start_s) * 1000 / packet_ms
        assert packets == pytest.approx(round(packets), abs=1e-6)
    assert found.total_s == pytest.approx(len(lost) * packet_ms / 1000, rel=0.5)


@pytest.mark.parametrize("count", [0, 1, 79, 160, 161, 400])
def test_hardly_any_audio_is_no_trouble(count: int) -> None:
    piece = speech(0)[2000 : 2000 + count]

    found = concealment(pair(piece, piece))

    assert found.stretches == ()
    assert found.total_s == 0


@pytest.mark.parametrize("level", [0.0, 1e-12, 0.5])
def test_silence_and_dc_are_no_trouble(level: float) -> None:
    flat = np.full(RATE, level, np.float32)

    for given, received in ((flat, flat), (flat, speech(0)[:RATE]), (speech(0)[:RATE], flat)):
        found = concealment(pair(given, received))
        assert np.isfinite(found.total_s)
        assert 0 <= found.total_s <= found.judged_s


def test_evidence_grows_with_the_error() -> None:
    model = model_of("PCMU")
    usual = np.tile([0.99, 1.0, -20.0, 0.0, 0.9, 0.0], (40, 1))
    odd = usual.copy()
    odd[20] = [0.3, 8.0, 2.0, -1.0, 0.9, 0.0]

    evidence = concealing.context(odd) @ np.array(model.weights) + model.bias

    assert int(evidence.argmax()) == 20
    assert evidence[20] > 0
    assert np.delete(evidence, 20).max() < 0


def test_six_numbers_are_measured_of_every_packet() -> None:
    given = pair(speech(0)[:4000], mu_law(speech(0)[:4000]))
    starts = np.arange(0, 4000, PACKET)

    measured = concealing.features(
        given,
        starts,
        concealing.levels_of(given, PACKET),
        concealing.voicing_of(given, starts, PACKET),
    )

    assert measured.shape == (len(starts), 6)
    assert np.isfinite(measured).all()


@pytest.mark.parametrize(("below_db", "counted"), [(-12.0, False), (0.0, True)])
def test_after_two_passes_loud_audio_is_judged(below_db: float, counted: bool) -> None:
    """Each pass smears where sounds begin and end, which once is taken for lost packets."""
    sent = in_band(speech(1), RATE)
    rows = sent[: len(sent) // PACKET * PACKET].reshape(-1, PACKET).copy()
    power = np.square(rows).mean(axis=1)
    level = 10 * np.log10(power / np.percentile(power, 90) + 1e-9)
    for number in np.flatnonzero((level < below_db) & (level > -28))[2::7]:
        rows[number] = rows[number - 1]
    received = rows.reshape(-1)
    pair = Aligned(sent[: len(received)], received, RATE, np.ones(len(received) // 80, np.bool_))

    assert concealment(pair, codec="PCMA").total_s > 0.1
    assert (concealment(pair, codec="PCMA", twice=True).total_s > 0.06) is counted
