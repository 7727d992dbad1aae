"""media.signals.marker: markers are detected after codecs, losses and noise, and never elsewhere."""

import functools
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest

from media.audio.wav import Audio, AudioError, read, resample, write
from media.signals import marker_search
from media.signals.dtmf import synthesise
from media.signals.marker import (
    DURATION_S,
    IDENTITIES,
    LEAST_AGREEMENT,
    SYMBOLS,
    Marker,
    find_markers,
    marker,
)
from media.signals.tones import silence, speech_like, sweep, tone

IDS = (0, 1, 4711, 32768, 65535)
PACKET = 160


@functools.cache
def scene(rate: int, level_dbfs: float = -16, speech: bool = False, seed: int = 0) -> Audio:
    """The IDS in this order, one begins every 1.1 s from 0.25 s on; the speech has their power."""
    samples = np.zeros(6 * rate, np.float32)
    if speech:
        samples += speech_like(6, rate, seed).samples * np.float32(10 ** ((level_dbfs + 17) / 20))
    for start, identity in zip(starts(), IDS, strict=True):
        sound = marker(identity, rate, level_dbfs).samples
        samples[round(start * rate) :][: len(sound)] += sound
    return Audio(np.clip(samples, -1, 1), rate)


def starts() -> list[float]:
    return [0.25 + 1.1 * index for index in range(len(IDS))]


def mu_law(samples: np.ndarray) -> np.ndarray:
    curved = np.round(127 * np.sign(samples) * np.log1p(255 * np.abs(samples)) / np.log(256)) / 127
    return np.asarray(np.sign(curved) * np.expm1(np.abs(curved) * np.log(256)) / 255, np.float32)


def a_law(samples: np.ndarray) -> np.ndarray:
    whole = 1 + np.log(87.6)
    size = np.abs(samples)
    curved = np.where(size < 1 / 87.6, 87.6 * size, 1 + np.log(np.maximum(87.6 * size, 1))) / whole
    curved = np.round(127 * curved) / 127
    size = np.where(curved < 1 / whole, curved * whole / 87.6, np.exp(curved * whole - 1) / 87.6)
    return np.asarray(np.sign(samples) * size, np.float32)


def packets(samples: np.ndarray, lost_share: float, repeat: bool, seed: int) -> np.ndarray:
    frames = samples[: len(samples) // PACKET * PACKET].reshape(-1, PACKET).copy()
    for lost in np.flatnonzero(np.random.default_rng(seed).random(len(frames)) < lost_share):
        frames[lost] = frames[lost - 1] if repeat and lost else 0
    return frames.ravel()


def assert_all_heard(audio: Audio, within_ms: float, shift_s: float = 0) -> tuple[Marker, ...]:
    found = find_markers(audio)
    assert [one.identity for one in found] == list(IDS)
    late_ms = [(one.start_s - start - shift_s) * 1000 for one, start in zip(found, starts(), strict=True)]
    assert np.abs(late_ms).max() < within_ms
    return found


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
def test_markers_are_detected_at_every_rate(rate: int) -> None:
    found = assert_all_heard(scene(rate), within_ms=0.07)

    assert [one.level_dbfs for one in found] == pytest.approx([-16] * len(IDS), abs=0.2)
    assert [one.confidence for one in found] == [1] * len(IDS)


@pytest.mark.parametrize("rate", [11025, 16000, 48000])
def test_a_marker_is_the_same_at_every_rate(rate: int) -> None:
    converted = resample(marker(99, rate), 8000).samples
    made = marker(99, 8000).samples

    size = min(len(made), len(converted))
    assert np.corrcoef(made[:size], converted[:size])[0, 1] > 0.99


def test_a_marker_lies_in_the_telephone_band_and_has_its_level() -> None:
    audio = marker(12345, 16000, -20)

    spectrum = np.abs(np.fft.rfft(audio.samples)) ** 2
    hertz = np.fft.rfftfreq(len(audio.samples), 1 / 16000)
    assert audio.duration_s == pytest.approx(DURATION_S, abs=1e-9)
    assert spectrum[(hertz > 300) & (hertz < 3400)].sum() > 0.98 * spectrum.sum()
    assert 20 * np.log10(np.abs(audio.samples).max()) == pytest.approx(-20, abs=0.05)
    assert 10 * np.log10(2 * np.mean(audio.samples.astype(float) ** 2)) == pytest.approx(-20, abs=0.05)
    assert abs(audio.samples[0]) < 1e-6


def test_any_two_identities_differ_in_most_of_their_slots() -> None:
    waves = [marker(identity, 8000).samples.reshape(-1, PACKET) for identity in range(0, IDENTITIES, 4099)]

    alike = [
        sum(np.allclose(a, b, atol=1e-4) for a, b in zip(one, other, strict=True))
        for index, one in enumerate(waves)
        for other in waves[:index]
    ]
    assert max(alike) <= len(waves[0]) - SYMBOLS + 3


@pytest.mark.parametrize("identity", [-1, 65536])
def test_an_identity_beyond_16_bits_is_refused(identity: int) -> None:
    with pytest.raises(AudioError, match="0 to 65535"):
        marker(identity, 8000)


@pytest.mark.parametrize("rate", [0, 7999])
def test_a_rate_below_that_of_telephones_is_refused(rate: int) -> None:
    with pytest.raises(AudioError, match="8000 Hz"):
        marker(1, rate)


@pytest.mark.parametrize("level", [0.1, float("nan")])
def test_a_level_above_full_scale_is_refused(level: float) -> None:
    with pytest.raises(AudioError, match="full scale"):
        marker(1, 8000, level)


def test_markers_are_not_looked_for_below_8_khz() -> None:
    with pytest.raises(AudioError, match="8000 Hz"):
        find_markers(Audio(np.zeros(6000, np.float32), 6000))


@pytest.mark.parametrize("law", [mu_law, a_law])
@pytest.mark.parametrize("level", [-16, -46])
def test_g711_changes_nothing(law: object, level: float) -> None:
    assert callable(law)
    found = assert_all_heard(Audio(law(scene(8000, level).samples), 8000), within_ms=0.05)

    assert [one.level_dbfs for one in found] == pytest.approx([level] * len(IDS), abs=0.5)


def test_a_16_bit_file_carries_the_faintest(tmp_path: pytest.TempPathFactory) -> None:
    path = f"{tmp_path}/faint.wav"
    write(path, scene(16000, -60))

    assert_all_heard(read(path), within_ms=0.1)


@pytest.mark.parametrize("seed", range(4))
def test_speech_of_the_same_level_does_not_hide_markers(seed: int) -> None:
    audio = scene(8000, speech=True, seed=seed)

    found = assert_all_heard(Audio(mu_law(audio.samples), 8000), within_ms=0.1)
    assert [one.level_dbfs for one in found] == pytest.approx([-16] * len(IDS), abs=1.5)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("repeat", [False, True])
@pytest.mark.parametrize(("level", "speech"), [(-16, True), (-46, False)])
def test_lost_packets_do_not_hide_markers(seed: int, repeat: bool, level: float, speech: bool) -> None:
    samples = mu_law(scene(8000, level, speech, seed).samples)

    found = assert_all_heard(Audio(packets(samples, 0.1, repeat, seed), 8000), within_ms=0.2)
    assert LEAST_AGREEMENT / SYMBOLS <= min(one.confidence for one in found) < (1 if repeat else 1.01)


@pytest.mark.parametrize("snr_db", [0, -3])
def test_noise_does_not_hide_markers(snr_db: float) -> None:
    audio = scene(8000, -30)
    noise = np.random.default_rng(3).normal(0, 10 ** ((-33 - snr_db) / 20), len(audio.samples))

    assert_all_heard(Audio((audio.samples + noise).astype(np.float32), 8000), within_ms=0.3)


def test_a_narrow_band_suffices() -> None:
    audio = scene(8000, speech=True)
    spectrum = np.fft.rfft(audio.samples)
    hertz = np.fft.rfftfreq(len(audio.samples), 1 / 8000)
    spectrum[(hertz < 300) | (hertz > 2000)] = 0

    assert_all_heard(Audio(np.fft.irfft(spectrum).astype(np.float32), 8000), within_ms=0.3)


@pytest.mark.parametrize("change", ["inverted", "clipped", "offset"])
def test_markers_in_damaged_audio(change: str) -> None:
    samples = scene(8000).samples
    changed = {"inverted": -samples, "clipped": np.clip(20 * samples, -1, 1), "offset": samples + 0.3}[change]

    assert_all_heard(Audio(changed.astype(np.float32), 8000), within_ms=0.1)


def test_a_clock_that_is_off_by_100_ppm_does_not_matter() -> None:
    samples = scene(8000).samples
    at = np.arange(len(samples)) * (1 + 1e-4)
    drifted = np.interp(at, np.arange(len(samples)), samples)

    assert_all_heard(Audio(drifted.astype(np.float32), 8000), within_ms=0.7)


@pytest.mark.parametrize("jump", [PACKET, -PACKET, 67])
@pytest.mark.parametrize("after_s", [0.2, 0.36, 0.55])
def test_audio_that_jumps_within_a_marker(jump: int, after_s: float) -> None:
    samples = scene(8000, speech=True).samples
    cuts = [round((start + after_s) * 8000) for start in starts()]
    parts = [samples[: cuts[0]]]
    parts += [samples[start - jump : end] for start, end in pairwise([*cuts, len(samples)])]
    found = find_markers(Audio(np.concatenate(parts), 8000))

    expected = [start + index * jump / 8000 for index, start in enumerate(starts())]
    assert [one.identity for one in found] == list(IDS)
    assert [one.start_s for one in found] == pytest.approx(expected, abs=0.0005)


@pytest.mark.parametrize("jump_ms", [20, 30, 40, 60, -20, -40])
@pytest.mark.parametrize("after_s", [0.2, 0.35, 0.5])
def test_audio_behind_a_jump_was_heard(jump_ms: int, after_s: float) -> None:
    sound = scene(8000, speech=True).samples
    place, moved = round((starts()[2] + after_s) * 8000), jump_ms * 8
    jumped = Audio(np.concatenate([sound[:place], sound[place - moved :]]), 8000)
    found = next(one for one in find_markers(jumped) if one.identity == IDS[2])
    dropped_ms = max(0, -jump_ms)
    assert (1 - found.heard) * SYMBOLS * 20 <= dropped_ms + 40
    assert found.heard >= found.confidence


@pytest.mark.parametrize(("muted_ms", "least_ms"), [(100, 40), (200, 100), (300, 160)])
def test_what_was_muted_was_not_heard(muted_ms: int, least_ms: int) -> None:
    sound = scene(8000).samples.copy()
    place = round((starts()[2] + 0.2) * 8000)
    sound[place : place + muted_ms * 8] = 0
    found = next(one for one in find_markers(Audio(sound, 8000)) if one.identity == IDS[2])
    assert least_ms <= round((1 - found.heard) * SYMBOLS) * 20 <= muted_ms


def test_overlapping_markers_are_detected() -> None:
    first, second = marker(1, 8000).samples, marker(2, 8000).samples
    samples = np.zeros(8000, np.float32)
    samples[: len(first)] += first
    samples[2000 : 2000 + len(second)] += second

    found = find_markers(Audio(samples, 8000))
    assert [one.identity for one in found] == [1, 2]
    assert [one.start_s for one in found] == pytest.approx([0, 0.25], abs=0.0002)


def test_an_echo_is_detected() -> None:
    samples = scene(8000).samples.copy()
    samples[1600:] += 0.5 * scene(8000).samples[:-1600]

    found = find_markers(Audio(samples, 8000))
    assert [one.identity for one in found] == [identity for identity in IDS for _ in range(2)]
    gaps = [b.start_s - a.start_s for a, b in zip(found[::2], found[1::2], strict=True)]
    assert gaps == pytest.approx([0.2] * len(IDS), abs=0.0005)


@pytest.mark.parametrize("rate", [8000, 44100])
def test_a_marker_alone_or_cut_short(rate: int) -> None:
    whole = marker(7, rate)

    assert [(one.identity, round(one.start_s, 4)) for one in find_markers(whole)] == [(7, 0)]
    for kept in (slice(rate // 10, None), slice(0, -rate // 10)):
        cut = find_markers(Audio(whole.samples[kept], rate))
        assert {one.identity for one in cut} <= {7}
    assert find_markers(Audio(whole.samples[: rate // 5], rate)) == ()


@pytest.mark.parametrize("start_s", [29.27, 29.6, 29.99, 30.0, 30.01, 59.8])
@pytest.mark.parametrize("rate", [8000])
def test_markers_on_the_edge_of_a_block_are_detected_once(start_s: float, rate: int) -> None:
    assert marker_search.STEP_S == 30
    samples = np.zeros(61 * rate, np.float32)
    sound = marker(500, rate).samples
    start = round(start_s * rate)
    samples[start : start + len(sound)] = sound

    found = find_markers(Audio(samples, rate))
    assert [one.identity for one in found] == [500]
    assert found[0].start_s == pytest.approx(start / rate, abs=0.0001)


@pytest.mark.parametrize(
    "audio",
    [
        Audio(np.zeros(0, np.float32), 8000),
        Audio(np.ones(1, np.float32), 48000),
        silence(3, 16000),
        Audio(np.ones(8000, np.float32), 8000),
        Audio(np.eye(1, 20000, 9000, dtype=np.float32)[0], 8000),
        Audio(np.tile(np.array([1, -1], np.float32), 20000), 8000),
        speech_like(10, 8000, 1),
        tone([440, 480], 5, 8000),
        sweep(5, 16000),
        synthesise("0123456789*#ABCD", 8000),
        Audio(np.random.default_rng(1).uniform(-1, 1, 120000).astype(np.float32), 8000),
        Audio(np.tile(marker(3, 8000).samples[:PACKET], 200), 8000),
        Audio(np.tile(marker(3, 8000).samples[PACKET : 2 * PACKET], 200), 8000),
    ],
    ids=lambda audio: f"{len(audio.samples)}-{audio.rate}",
)
def test_no_marker_is_detected_in_other_audio(audio: Audio) -> None:
    assert find_markers(audio) == ()


def test_a_long_file_needs_little_memory() -> None:
    samples = np.zeros(150 * 48000, np.float32)
    samples[100 * 48000 :][: round(DURATION_S * 48000)] = marker(9, 48000).samples

    tracemalloc.start()
    found = find_markers(Audio(samples, 48000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [one.identity for one in found] == [9]
    assert peak < 80e6
