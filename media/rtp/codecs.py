"""Audio decoders for RTP payloads (RFC 3551, RFC 3952, RFC 5574, RFC 7587).

Codecs: PCMU, PCMA, L16, G722, GSM, G729, iLBC, Speex, Opus. Codecs without a small library of their own use
ffmpeg's decoders (the optional package `av`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

__all__ = ["STATIC_TYPES", "Decoder", "Samples", "UndecodableCodec", "decoder"]

Samples = NDArray[np.int16]
Frames = Callable[[bytes], Iterable[bytes]]

STATIC_TYPES: Mapping[int, tuple[str, int]] = MappingProxyType(
    {
        0: ("PCMU", 8000),
        3: ("GSM", 8000),
        4: ("G723", 8000),
        5: ("DVI4", 8000),
        6: ("DVI4", 16000),
        7: ("LPC", 8000),
        8: ("PCMA", 8000),
        9: ("G722", 8000),
        11: ("L16", 44100),
        12: ("QCELP", 8000),
        13: ("CN", 8000),
        14: ("MPA", 90000),
        15: ("G728", 8000),
        16: ("DVI4", 11025),
        17: ("DVI4", 22050),
        18: ("G729", 8000),
    }
)
"""Payload type -> (codec, clock rate in Hz) of RFC 3551, table 4; except 10, which has two channels."""

RATES = range(4000, 192001)  # maximum rate (Hz) of a WAV file of a call; an SDP can state any rate
MOST_CHANNELS = 8
NOTHING: Samples = np.zeros(0, np.int16)

GSM_FRAME, GSM_SAMPLES, GSM_MAGIC = 33, 160, 0xD
GSM_LONGEST = 10_000_000  # frames, 55 hours: libsndfile counts samples in 31 bits
ILBC_FRAMES = {50: 13330, 38: 15200}  # bytes per frame (30 and 20 ms) -> bit rate, for ffmpeg
G729_FRAME = 10

# Speex: bits of a frame's narrowband part and of a wideband layer, by submode, headers included.
SPEEX_NARROWBAND = {0: 5, 1: 43, 2: 119, 3: 160, 4: 220, 5: 300, 6: 364, 7: 492, 8: 79}
SPEEX_LAYER = {0: 4, 1: 36, 2: 112, 3: 192, 4: 352}
SPEEX_LAYERS = {8000: 0, 16000: 1, 32000: 2}
SPEEX_MOST = 50  # frames per packet, 1 s: a hostile payload could hold 100,000 of the shortest frames
SPEEX_PADDING = "01111111"  # RFC 5574, 3.3


class UndecodableCodec(ValueError):
    """A codec without an available decoder; the message gives the reason and the remedy."""


class Decoder(Protocol):
    """Decodes the payloads of one stream in order; it is stateful."""

    @property
    def rate(self) -> int:
        """The sample rate in Hz; it may differ from the RTP clock rate (G722: 16000 and 8000)."""

    @property
    def table(self) -> Samples | None:
        """The sample of each byte value, for codecs with one byte per sample; None for other codecs."""

    def decode(self, payload: bytes) -> Samples:
        """The samples of a payload, mono; empty for a damaged or foreign payload. Never raises."""


def decoder(codec: str, clock_rate: int, *, channels: int = 1) -> Decoder:
    """A new decoder for a codec by its SDP name in any case; several channels are averaged.

    Raises UndecodableCodec, which names the package to install if there is one.
    """
    if clock_rate not in RATES or not 1 <= channels <= MOST_CHANNELS:
        raise UndecodableCodec(
            f"{codec[:40]}/{clock_rate}/{channels} makes no sense: "
            f"a clock rate of {RATES[0]} to {RATES[-1]} Hz and 1 to {MOST_CHANNELS} channels do"
        )
    match codec.upper():
        case "PCMU":
            return _Table(MU_LAW, clock_rate, channels)
        case "PCMA":
            return _Table(A_LAW, clock_rate, channels)
        case "L16":
            return _Linear(clock_rate, channels)
        case "G722" if channels == 1:
            return _G722()
        case "GSM" if channels == 1:
            return _Gsm()
        case "ILBC" if channels == 1:
            return _Ilbc()
        case "SPEEX" if channels == 1 and clock_rate in SPEEX_LAYERS:
            layers = SPEEX_LAYERS[clock_rate]
            return _Ffmpeg("speex", clock_rate, lambda payload: speex_frames(payload, layers))
        case "OPUS":
            return _Ffmpeg("libopus", 48000, lambda payload: (payload,))  # one of its channels
        case "G729" if channels == 1:
            return _Ffmpeg("g729", 8000, _g729_frames)
    of = "" if channels == 1 else f" of {channels} channels"
    raise UndecodableCodec(
        f"{codec[:40]}/{clock_rate}{of} cannot be decoded; what can: PCMU, PCMA, L16, G722, GSM, "
        "and with the extra 'codecs' iLBC, speex at 8000, 16000 and 32000 Hz, opus, G729"
    )


def _mu_law() -> Samples:
    """The sample for each of the 256 codes (ITU-T G.711, table 2a)."""
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    size = ((((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)) - 0x84
    return np.where(code & 0x80, -size, size).astype(np.int16)


def _a_law() -> Samples:
    """The sample for each of the 256 codes (ITU-T G.711, table 1a)."""
    code = np.arange(256, dtype=np.int32) ^ 0x55
    step, segment = (code & 0x0F) << 4, (code & 0x70) >> 4
    size = np.where(segment == 0, step + 8, (step + 0x108) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, size, -size).astype(np.int16)


MU_LAW, A_LAW = _mu_law(), _a_law()


class _Table:
    """G.711: one byte per sample."""

    def __init__(self, table: Samples, rate: int, channels: int) -> None:
        self.rate = rate
        self.table = table if channels == 1 else None
        self._table = table
        self._channels = channels

    def decode(self, payload: bytes) -> Samples:
        return _mono(self._table.take(np.frombuffer(payload, np.uint8)), self._channels)


class _Linear:
    """L16: two bytes per sample, big-endian."""

    table = None

    def __init__(self, rate: int, channels: int) -> None:
        self.rate = rate
        self._channels = channels

    def decode(self, payload: bytes) -> Samples:
        return _mono(np.frombuffer(payload, ">i2", len(payload) // 2).astype(np.int16), self._channels)


class _G722:
    """G.722 at 64 kbit/s: 16 kHz, with an RTP clock rate of 8000 Hz (RFC 3551, 4.5.2)."""

    table = None
    rate = 16000

    def __init__(self) -> None:
        from G722 import G722

        self._codec = G722(self.rate, 64000)

    def decode(self, payload: bytes) -> Samples:
        return np.array(self._codec.decode(payload), np.int16) if payload else NOTHING


class _Gsm:
    """GSM 06.10 by libsndfile, which reads the payloads as one endless file, since frames are related."""

    table = None
    rate = 8000

    def __init__(self) -> None:
        self._begin()

    def decode(self, payload: bytes) -> Samples:
        count = len(payload) // GSM_FRAME
        if not count or any(byte >> 4 != GSM_MAGIC for byte in payload[: count * GSM_FRAME : GSM_FRAME]):
            return NOTHING
        if self._left < count:
            self._begin()
        self._left -= count
        self._feed.data = payload
        return np.asarray(self._file.read(count * GSM_SAMPLES, dtype="int16"), np.int16)

    def _begin(self) -> None:
        self._feed = _Feed()
        self._file = soundfile.SoundFile(
            self._feed, "r", samplerate=self.rate, channels=1, format="RAW", subtype="GSM610"
        )
        self._file.read(GSM_SAMPLES)  # opening has decoded the invalid first frame
        self._left = GSM_LONGEST - 1


class _Feed:
    """A file of GSM frames that is filled one payload at a time."""

    def __init__(self) -> None:
        self.data = bytes(GSM_FRAME)  # opening reads a frame; without the magic number it has no effect
        self._at = 0

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, GSM_LONGEST * GSM_FRAME)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, count: int) -> bytes:
        part, self.data = self.data[:count], self.data[count:]
        self._at += len(part)
        return part


class _Ffmpeg:
    """A decoder of ffmpeg, which processes one frame at a time."""

    table = None

    def __init__(self, name: str, rate: int, frames: Frames, *, bit_rate: int | None = None) -> None:
        try:
            import av
        except ImportError as error:
            raise UndecodableCodec(
                f"{name.removeprefix('lib')}/{rate} is decoded by PyAV, which is not installed: "
                "pip install 'srtpbot[codecs]'"
            ) from error
        try:
            context: Any = av.CodecContext.create(name, "r")
        except ValueError as error:
            raise UndecodableCodec(f"the installed PyAV {av.__version__} has no decoder {name}") from error
        context.sample_rate = rate
        context.layout = "mono"
        if bit_rate is not None:
            context.bit_rate = bit_rate
        self.rate = rate
        self._frames = frames
        self._context, self._packet, self._damaged = context, av.Packet, av.error.FFmpegError

    def decode(self, payload: bytes) -> Samples:
        parts = [NOTHING]
        try:
            for data in self._frames(payload) if payload else ():  # an empty packet would end the stream
                for frame in self._context.decode(self._packet(data)):
                    parts.append(_sixteen_bits(frame.to_ndarray().ravel()))
        except self._damaged:
            return NOTHING
        return np.concatenate(parts)


class _Ilbc:
    """iLBC: frames of 20 or 30 ms, distinguished by size (RFC 3952, 3.1 and 3.2)."""

    table = None
    rate = 8000

    def __init__(self) -> None:
        self._modes = {
            size: _Ffmpeg("ilbc", self.rate, partial(_split, size=size), bit_rate=bits)
            for size, bits in ILBC_FRAMES.items()
        }

    def decode(self, payload: bytes) -> Samples:
        for size, mode in self._modes.items():
            if len(payload) % size == 0:
                return mode.decode(payload)
        return NOTHING


def _split(payload: bytes, size: int) -> list[bytes]:
    return [payload[at : at + size] for at in range(0, len(payload) - size + 1, size)]


def _g729_frames(payload: bytes) -> list[bytes]:
    """The frames of 10 ms; two bytes of comfort noise may follow (RFC 3551, 4.5.6) and are ignored."""
    return _split(payload, G729_FRAME)


def speex_frames(payload: bytes, layers: int) -> list[bytes]:
    """The frames of a Speex payload, each padded to bytes; `layers`: number of layers beyond narrowband.

    Frames follow each other bit by bit (RFC 5574, 3.2), so only the submodes show where a frame ends.
    """
    bits = "".join(f"{byte:08b}" for byte in payload)
    frames: list[bytes] = []
    at = 0
    while len(frames) < SPEEX_MOST:
        end = _speex_end(bits, at, layers)
        if end is None or end > len(bits):
            break
        frame = bits[at:end]
        frame += SPEEX_PADDING[: -len(frame) % 8]
        frames.append(int(frame, 2).to_bytes(len(frame) // 8, "big"))
        at = end
    return frames


def _speex_end(bits: str, at: int, layers: int) -> int | None:
    """The end of the frame at this bit; None without a frame: padding, or an invalid frame."""
    narrowband = bits[at : at + 5]
    if len(narrowband) < 5 or int(narrowband, 2) not in SPEEX_NARROWBAND:
        return None
    at += SPEEX_NARROWBAND[int(narrowband, 2)]
    for _ in range(layers):
        layer = bits[at : at + 4]
        if len(layer) < 4 or layer[0] == "0":
            break
        size = SPEEX_LAYER.get(int(layer[1:], 2))
        if size is None:
            return None
        at += size
    return at


def _mono(samples: Samples, channels: int) -> Samples:
    """The mean of interleaved channels; an incomplete last frame is cut off."""
    if channels == 1:
        return samples
    frames = samples[: len(samples) // channels * channels].reshape(-1, channels)
    return np.asarray(np.rint(frames.mean(axis=1)), dtype=np.int16)


def _sixteen_bits(samples: NDArray[Any]) -> Samples:
    """The output of a decoder: 16-bit samples, or floats of full scale 1, NaN for damaged ones."""
    if samples.dtype != np.int16:
        samples = np.clip(np.rint(np.nan_to_num(samples) * 32768), -32768, 32767)
    return np.asarray(samples, dtype=np.int16)
