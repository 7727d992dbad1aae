"""Silence detection on undecoded samples, for codecs that send plain samples (ITU-T G.711)."""

from __future__ import annotations

import struct

__all__ = ["is_silence"]

SILENT = 104
"""-50 dBFS of 16 bits."""


def a_law(code: int) -> int:
    """The magnitude of a sample of G.711 A-law, in 16 bits."""
    code ^= 0x55
    exponent, mantissa = (code >> 4) & 7, code & 15
    return (mantissa << 4) + 8 if not exponent else ((mantissa << 4) + 0x108) << (exponent - 1)


def mu_law(code: int) -> int:
    """The magnitude of a sample of G.711 mu-law, in 16 bits."""
    code = ~code & 0x7F
    return (((code & 15) << 3) + 0x84 << (code >> 4)) - 0x84


QUIET = {
    "PCMA": bytes(code for code in range(256) if a_law(code) < SILENT),
    "PCMU": bytes(code for code in range(256) if mu_law(code) < SILENT),
}


def is_silence(codec: str, payload: bytes) -> bool | None:
    """Whether every sample is below -50 dBFS; None where only a decoder could decide."""
    if codec == "L16":
        whole = payload[: len(payload) // 2 * 2]
        return all(abs(sample) < SILENT for (sample,) in struct.iter_unpack("!h", whole))
    quiet = QUIET.get(codec)
    return None if quiet is None else not payload.strip(quiet)
