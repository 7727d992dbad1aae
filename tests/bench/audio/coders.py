"""The library's codecs and its concealment of lost packets without a call, by ctypes on the library itself.

The structures are those of PJSIP 2.15 (`pjmedia/codec.h`, `pjmedia/frame.h`).
"""

from __future__ import annotations

import ctypes as c
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

__all__ = ["CODECS", "Codec", "through"]

Floats = NDArray[np.float64]
Damage = Callable[[int, bytearray], None]

PTIME_AT, VAD_AT, FRAMES_AT = 20, 41, 40  # of pjmedia_codec_param: ms, bit 0, frames in a packet
AUDIO = 1  # PJMEDIA_FRAME_TYPE_AUDIO
MOST_FRAMES, BYTES = 16, 4096


@dataclass(frozen=True)
class Codec:
    """A codec: its name for the library, and the rate of its samples in Hz."""

    name: str
    native: bytes
    rate: int


CODECS = {
    one.name: one
    for one in (
        Codec("PCMU", b"PCMU/8000", 8000),
        Codec("PCMA", b"PCMA/8000", 8000),
        Codec("G722", b"G722/16000", 16000),
        Codec("GSM", b"GSM/8000", 8000),
        Codec("iLBC", b"iLBC/8000", 8000),
        Codec("speex/8000", b"speex/8000", 8000),
        Codec("speex/16000", b"speex/16000", 16000),
    )
}


class Text(c.Structure):
    _fields_ = (("begin", c.c_char_p), ("length", c.c_long))


class Frame(c.Structure):
    _fields_ = (
        ("type", c.c_int),
        ("buffer", c.c_void_p),
        ("size", c.c_size_t),
        ("timestamp", c.c_uint64),
        ("bits", c.c_uint32),
    )


def _function(*arguments: type) -> type:
    return c.CFUNCTYPE(c.c_int, *arguments)


class Operations(c.Structure):
    _fields_ = (
        ("init", _function(c.c_void_p, c.c_void_p)),
        ("open", _function(c.c_void_p, c.c_void_p)),
        ("close", _function(c.c_void_p)),
        ("modify", _function(c.c_void_p, c.c_void_p)),
        (
            "parse",
            _function(c.c_void_p, c.c_void_p, c.c_size_t, c.c_void_p, c.c_void_p, c.c_void_p),
        ),
        ("encode", _function(c.c_void_p, c.c_void_p, c.c_uint, c.c_void_p)),
        ("decode", _function(c.c_void_p, c.c_void_p, c.c_uint, c.c_void_p)),
        ("recover", _function(c.c_void_p, c.c_uint, c.c_void_p)),
    )


class Native(c.Structure):
    _fields_ = (
        ("previous", c.c_void_p),
        ("next", c.c_void_p),
        ("data", c.c_void_p),
        ("factory", c.c_void_p),
        ("operations", c.POINTER(Operations)),
    )


class Library:
    """The library with its codecs registered; nothing else of it runs."""

    def __init__(self) -> None:
        found = find_spec("pjsua2._pjsua2")
        self.calls = c.PyDLL(str(found and found.origin), mode=c.RTLD_GLOBAL)
        for name in ("pjmedia_endpt_get_codec_mgr", "pj_pool_create"):
            getattr(self.calls, name).restype = c.c_void_p
        done(self.calls.pj_init())
        self.calls.pj_log_set_level(0)
        done(self.calls.pjlib_util_init())
        self.pools = c.create_string_buffer(BYTES)
        policy = c.addressof(c.c_char.in_dll(self.calls, "pj_pool_factory_default_policy"))
        self.calls.pj_caching_pool_init(self.pools, c.c_void_p(policy), c.c_size_t(1 << 20))
        endpoint = c.c_void_p()
        done(self.calls.pjmedia_endpt_create2(self.pools, None, 0, c.byref(endpoint)))
        done(self.calls.pjmedia_codec_register_audio_codecs(endpoint, None))
        self.manager = c.c_void_p(self.calls.pjmedia_endpt_get_codec_mgr(endpoint))


@cache
def library() -> Library:
    return Library()


def done(status: int) -> None:
    if status:
        raise RuntimeError(f"the library says {status}")


class Passage:
    """An encoder, and the decoder at the other end."""

    def __init__(self, codec: Codec) -> None:
        self.library, self.rate = library(), codec.rate
        calls, manager = self.library.calls, self.library.manager
        size = c.c_size_t(1 << 16)
        self.pool = c.c_void_p(calls.pj_pool_create(self.library.pools, b"codec", size, size, None))
        text = c.create_string_buffer(codec.native)
        name, info, count = Text(c.cast(text, c.c_char_p), len(codec.native)), c.c_void_p(), c.c_uint(1)
        found = c.byref(count), c.byref(info)
        done(calls.pjmedia_codec_mgr_find_codecs_by_id(manager, c.byref(name), *found, None))
        parameters = c.create_string_buffer(2 * BYTES)
        done(calls.pjmedia_codec_mgr_get_default_param(manager, info, parameters))
        values = np.frombuffer(memoryview(parameters), np.uint8)
        self.frame = self.rate * int(values[PTIME_AT : PTIME_AT + 2].view("<u2")[0]) // 1000
        self.packet = self.frame * int(values[FRAMES_AT])
        values[VAD_AT] &= 0xFE
        self.handle = c.c_void_p()
        done(calls.pjmedia_codec_mgr_alloc_codec(manager, info, c.byref(self.handle)))
        self.does = c.cast(self.handle, c.POINTER(Native)).contents.operations.contents
        done(self.does.init(self.handle, self.pool))
        done(self.does.open(self.handle, parameters))
        self.payload, self.out = c.create_string_buffer(BYTES), c.create_string_buffer(BYTES)

    def close(self) -> None:
        self.does.close(self.handle)
        self.library.calls.pjmedia_codec_mgr_dealloc_codec(self.library.manager, self.handle)
        self.library.calls.pj_pool_release(self.pool)

    def encode(self, pcm: NDArray[np.int16]) -> bytes:
        raw = c.create_string_buffer(pcm.tobytes())
        given = Frame(AUDIO, c.addressof(raw), 2 * len(pcm), 0, 0)
        coded = Frame(AUDIO, c.addressof(self.payload), BYTES, 0, 0)
        done(self.does.encode(self.handle, c.byref(given), BYTES, c.byref(coded)))
        return self.payload.raw[: coded.size]

    def decode(self, payload: bytes) -> bytes:
        raw, frames = c.create_string_buffer(payload, BYTES), (Frame * MOST_FRAMES)()
        stamp, count = c.c_uint64(0), c.c_uint(MOST_FRAMES)
        counted = c.byref(stamp), c.byref(count)
        if self.does.parse(self.handle, raw, len(payload), *counted, frames):
            return self.recover()
        return b"".join(self._decoded(frames[index]) for index in range(count.value))

    def recover(self) -> bytes:
        """What is played in place of a lost packet."""
        return b"".join(self._recovered() for _ in range(self.packet // self.frame))

    def _decoded(self, frame: Frame) -> bytes:
        size = 2 * self.frame
        given = Frame(AUDIO, c.addressof(self.out), size, 0, 0)
        if self.does.decode(self.handle, c.byref(frame), size, c.byref(given)):
            return self._recovered()
        return self.out.raw[:size]

    def _recovered(self) -> bytes:
        size = 2 * self.frame
        given = Frame(AUDIO, c.addressof(self.out), size, 0, 0)
        done(self.does.recover(self.handle, size, c.byref(given)))
        return self.out.raw[:size]


def through(
    codec: Codec, samples: Floats, lost: Collection[int] = (), damage: Damage | None = None
) -> Floats:
    """Samples (-1 to 1) after encoder and decoder: without packets of these numbers, others damaged."""
    pcm = np.clip(np.round(samples * 32767), -32768, 32767).astype(np.int16)
    passage = Passage(codec)
    try:
        count = -(-len(pcm) // passage.packet)
        pcm = np.pad(pcm, (0, count * passage.packet - len(pcm)))
        heard = []
        for number, packet in enumerate(pcm.reshape(count, -1)):
            payload = bytearray(passage.encode(packet))
            if damage is not None:
                damage(number, payload)
            one = passage.recover() if number in lost else passage.decode(bytes(payload))
            heard.append(one[: 2 * passage.packet].ljust(2 * passage.packet, b"\0"))
    finally:
        passage.close()
    return np.frombuffer(b"".join(heard), np.int16) / 32768


def packet_of(codec: Codec) -> int:
    """Samples of a packet."""
    passage = Passage(codec)
    passage.close()
    return passage.packet
