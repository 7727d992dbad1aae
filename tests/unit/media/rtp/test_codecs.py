"""Payloads become the samples that were encoded, and what cannot be decoded says what would do it."""

import io
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from G722 import G722
from hypothesis import given, settings
from hypothesis import strategies as st

from media.audio.wav import Audio
from media.compare.compare import Options, compare
from media.rtp import codecs as payload
from media.rtp.codecs import A_LAW, MU_LAW, STATIC_TYPES, Samples, UndecodableCodec, decoder, speex_frames
from media.signals import tones

PAYLOADS = Path(__file__).with_name("payloads")
"""What the library sent for `sent()`: payloads of one size, one after the other."""

quick = settings(max_examples=60, deadline=None, derandomize=True)


def sent(rate: int = 16000) -> Audio:
    parts = tones.silence(0.3, rate), tones.speech_like(1.6, rate, seed=1), tones.silence(0.5, rate)
    return Audio(np.concatenate([part.samples for part in parts]), rate)


def payloads(name: str, size: int) -> list[bytes]:
    data = (PAYLOADS / f"{name}.bin").read_bytes()
    assert len(data) % size == 0
    return [data[at : at + size] for at in range(0, len(data), size)]


def heard(samples: Samples, rate: int) -> Audio:
    return Audio((samples / 32768).astype(np.float32), rate)


def tone(rate: int) -> Samples:
    return np.rint(tones.tone([440, 600], 1.0, rate, -12).samples * 32768).astype(np.int16)


# G.711 and linear


@pytest.mark.parametrize(("codec", "table", "subtype"), [("PCMU", MU_LAW, "ULAW"), ("PCMA", A_LAW, "ALAW")])
def test_g711_decodes_every_code_as_libsndfile(codec: str, table: Samples, subtype: str) -> None:
    codes = bytes(range(256))
    known, _ = soundfile.read(
        io.BytesIO(codes), samplerate=8000, channels=1, format="RAW", subtype=subtype, dtype="int16"
    )

    assert table.tolist() == known.tolist()
    assert decoder(codec.lower(), 8000).decode(codes).tolist() == known.tolist()


def test_linear_samples_have_the_high_byte_first() -> None:
    linear = decoder("L16", 44100)

    assert linear.rate == 44100
    assert linear.decode(b"\x01\x02\xff\xfe\x80\x00\x7f").tolist() == [258, -2, -32768]


def test_channels_are_averaged_and_half_a_frame_is_cut_off() -> None:
    stereo = decoder("L16", 48000, channels=2)

    assert stereo.decode(b"\x00\x10\x00\x20\x7f\xff\x7f\xff\x00\x01").tolist() == [0x18, 0x7FFF]


# G.722 and GSM


def test_g722_keeps_tone_and_level_at_16_khz() -> None:
    coder, g722 = G722(16000, 64000), decoder("G722", 8000)
    wave = tone(16000)
    packets = [bytes(coder.encode(wave[at : at + 320])) for at in range(0, 16000, 320)]

    samples = np.concatenate([g722.decode(packet) for packet in packets])

    assert g722.rate == 16000
    assert {len(packet) for packet in packets} == {160}
    result = compare(heard(wave, 16000), heard(samples, 16000), options=Options(codec="G722"))
    assert result.matched, result.reasons
    assert result.level_db == pytest.approx(0, abs=0.1)


def test_g722_is_decoded_as_ffmpeg_decodes_it() -> None:
    noise = np.random.default_rng(1).bytes(1600)
    ffmpeg = av.CodecContext.create("g722", "r")
    known = np.concatenate([frame.to_ndarray().ravel() for frame in ffmpeg.decode(av.Packet(noise))])
    g722 = decoder("G722", 8000)

    pieces = [g722.decode(noise[at : at + 160]) for at in range(0, 1600, 160)]

    assert np.array_equal(np.concatenate(pieces), known)


def test_gsm_packets_are_decoded_as_the_file_that_they_make() -> None:
    packets = payloads("gsm", 33)
    whole, _ = soundfile.read(
        io.BytesIO(b"".join(packets)),
        samplerate=8000,
        channels=1,
        format="RAW",
        subtype="GSM610",
        dtype="int16",
    )
    gsm = decoder("GSM", 8000)

    pieces = [gsm.decode(packet) for packet in packets]

    assert {len(piece) for piece in pieces} == {160}
    assert np.array_equal(np.concatenate(pieces), whole)
    result = compare(sent(), heard(whole, 8000), options=Options(codec="GSM"))
    assert result.matched, result.reasons


def test_gsm_frames_may_share_a_packet_and_damaged_ones_are_left_out() -> None:
    one, two, three = payloads("gsm", 33)[40:43]
    apart, together = decoder("GSM", 8000), decoder("GSM", 8000)

    expected = [*apart.decode(one), *apart.decode(two), *apart.decode(three)]

    assert together.decode(b"\0" * 33).tolist() == []
    assert [*together.decode(one + two), *together.decode(three + b"cut")] == expected


def test_gsm_goes_on_where_libsndfile_would_stop_counting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload, "GSM_LONGEST", 10)
    gsm = decoder("GSM", 8000)

    assert [len(gsm.decode(packet)) for packet in payloads("gsm", 33)[:25]] == [160] * 25


# What ffmpeg decodes


@pytest.mark.parametrize(
    ("codec", "rate", "size", "samples"),
    [
        ("iLBC", 8000, 50, 240),
        ("speex", 8000, 38, 160),
        ("speex", 16000, 70, 320),
        ("speex", 32000, 74, 640),
    ],
)
def test_payloads_of_the_library_are_decoded(codec: str, rate: int, size: int, samples: int) -> None:
    name = f"speex/{rate}" if codec == "speex" else codec
    codec_decoder = decoder(codec, rate)

    pieces = [codec_decoder.decode(data) for data in payloads(name.lower().replace("/", "-"), size)]

    assert codec_decoder.rate == rate
    assert {len(piece) for piece in pieces} == {samples}
    result = compare(sent(), heard(np.concatenate(pieces), rate), options=Options(codec=name))
    assert result.matched, result.reasons


def test_ilbc_has_frames_of_20_ms_and_of_30_and_several_in_a_packet() -> None:
    ilbc = decoder("iLBC", 8000)
    frame = payloads("ilbc", 50)[20]

    assert [len(ilbc.decode(data)) for data in (bytes(38), bytes(76), frame, frame * 2, frame[:-1])] == [
        160,
        320,
        240,
        480,
        0,
    ]


@pytest.mark.parametrize(("rate", "size", "layers"), [(8000, 38, 0), (16000, 70, 1), (32000, 74, 2)])
def test_speex_frames_that_share_a_packet_bit_by_bit(rate: int, size: int, layers: int) -> None:
    frames = payloads(f"speex-{rate}", size)[30:36]
    length = {8000: 300, 16000: 556, 32000: 592}[rate]
    bits = "".join("".join(f"{byte:08b}" for byte in frame)[:length] for frame in frames)
    bits += "01111111"[: -len(bits) % 8]
    packet = int(bits, 2).to_bytes(len(bits) // 8, "big")
    apart, together = decoder("speex", rate), decoder("speex", rate)

    assert speex_frames(packet, layers) == frames
    assert np.array_equal(together.decode(packet), np.concatenate([apart.decode(frame) for frame in frames]))


def test_speex_of_the_shortest_frames_is_bounded() -> None:
    assert len(decoder("speex", 8000).decode(bytes(60000))) == 160 * payload.SPEEX_MOST


@pytest.mark.parametrize("layout", ["mono", "stereo"])
def test_opus_comes_at_48_khz_in_one_channel(layout: str) -> None:
    coder = av.CodecContext.create("libopus", "w")
    assert isinstance(coder, av.AudioCodecContext)
    coder.sample_rate, coder.layout, coder.format = 48000, layout, "s16"
    coder.open()
    wave = np.rint(sent(48000).samples * 32768).astype(np.int16)[: 2 * 48000]
    interleaved = np.repeat(wave, 2 if layout == "stereo" else 1)[None, :]
    width = interleaved.shape[1] // 100
    packets = []
    for at in range(0, interleaved.shape[1], width):
        frame = av.AudioFrame.from_ndarray(interleaved[:, at : at + width], "s16", layout)
        frame.sample_rate = 48000
        packets += [bytes(packet) for packet in coder.encode(frame)]
    opus = decoder("opus", 48000, channels=2)

    samples = np.concatenate([opus.decode(packet) for packet in packets])

    assert opus.rate == 48000
    assert len(samples) == 960 * len(packets)
    result = compare(heard(wave, 48000), heard(samples, 48000))
    assert result.matched, result.reasons
    assert result.level_db == pytest.approx(0, abs=0.5)


def test_g729_has_80_samples_a_frame_and_hears_no_comfort_noise() -> None:
    g729 = decoder("G729", 8000)
    frame = bytes.fromhex("785280a000fac20007d6")

    assert [len(g729.decode(data)) for data in (frame, frame * 2, frame + b"\1\2", b"\1\2")] == [
        80,
        160,
        80,
        0,
    ]


# What cannot be decoded


@pytest.mark.parametrize(
    ("codec", "rate", "channels", "words"),
    [
        ("AMR-WB", 16000, 1, "AMR-WB/16000 cannot be decoded; what can: PCMU"),
        ("speex", 44100, 1, "speex/44100 cannot be decoded"),
        ("G722", 8000, 2, "G722/8000 of 2 channels"),
        ("PCMU", 0, 1, "PCMU/0/1 makes no sense"),
        ("L16", 10**9, 1, "makes no sense"),
        ("L16", 8000, 0, "makes no sense"),
    ],
)
def test_undecodable_codecs_are_named(codec: str, rate: int, channels: int, words: str) -> None:
    with pytest.raises(UndecodableCodec, match=words):
        decoder(codec, rate, channels=channels)


@pytest.mark.parametrize(
    ("codec", "rate"), [("iLBC", 8000), ("speex", 16000), ("opus", 48000), ("G729", 8000)]
)
def test_without_pyav_the_extra_is_named(codec: str, rate: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)

    with pytest.raises(UndecodableCodec, match=rf"(?i){codec}/{rate} .* pip install 'srtpbot\[codecs\]'"):
        decoder(codec, rate)
    assert decoder("GSM", 8000).rate == 8000


def test_pyav_is_loaded_for_no_codec_that_needs_it_not() -> None:
    code = (
        "import sys; from media.rtp.codecs import decoder\n"
        "for codec in 'PCMU', 'L16', 'G722', 'GSM': decoder(codec, 8000)\n"
        "print(*[name for name in ('av', 'soxr') if name in sys.modules])"
    )
    root = Path(payload.__file__).parents[2]

    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""


def test_static_types_are_those_of_rfc_3551() -> None:
    assert STATIC_TYPES[0] == ("PCMU", 8000)
    assert STATIC_TYPES[8] == ("PCMA", 8000)
    assert STATIC_TYPES[9] == ("G722", 8000)
    assert STATIC_TYPES[13] == ("CN", 8000)
    assert STATIC_TYPES[18] == ("G729", 8000)


# Hostile payloads


DECODERS = [
    ("PCMU", 8000),
    ("L16", 44100),
    ("G722", 8000),
    ("GSM", 8000),
    ("iLBC", 8000),
    ("speex", 8000),
    ("speex", 16000),
    ("speex", 32000),
    ("opus", 48000),
    ("G729", 8000),
]


@pytest.mark.parametrize(("codec", "rate"), DECODERS)
@quick
@given(hostile=st.lists(st.binary(max_size=400), max_size=5))
def test_any_payload_gives_samples_or_none(codec: str, rate: int, hostile: list[bytes]) -> None:
    anything = decoder(codec, rate)

    for data in hostile:
        samples = anything.decode(data)
        assert samples.dtype == np.int16
        assert samples.ndim == 1
        assert len(samples) <= max(5760, 50 * 640, 32 * len(data))


@pytest.mark.parametrize(("codec", "rate"), DECODERS)
def test_the_largest_payload_is_bounded(codec: str, rate: int) -> None:
    anything = decoder(codec, rate)

    for data in (bytes(65507), b"\xff" * 65507, np.random.default_rng(1).bytes(65507)):
        assert len(anything.decode(data)) <= 600_000


@pytest.mark.parametrize(
    ("codec", "rate", "name", "size"),
    [("GSM", 8000, "gsm", 33), ("iLBC", 8000, "ilbc", 50), ("speex", 16000, "speex-16000", 70)],
)
def test_a_decoder_recovers_from_damage(codec: str, rate: int, name: str, size: int) -> None:
    damaged = decoder(codec, rate)
    rng = np.random.default_rng(1)
    for _ in range(20):
        damaged.decode(rng.bytes(size))

    samples = np.concatenate([damaged.decode(data) for data in payloads(name, size)])

    result = compare(sent(), heard(samples, rate), options=Options(codec=codec))
    assert result.matched, result.reasons
