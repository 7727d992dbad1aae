"""Levels of audio at a port of the conference bridge, which the library keeps: no audio comes to Python."""

from __future__ import annotations

import math

import pjsua2 as pj

from bot.model import AudioLevels

__all__ = ["dbfs", "levels_of"]

FULL_SCALE = 32768
SINE_DB = 20 * math.log10(math.pi / 2)
"""Peak over mean magnitude of a sine, since a sine of full scale has 0 dBFS (AES17)."""
BIAS, STEP = 33, 4
"""Of mu-law, in its own steps; each of them is four of a 16-bit sample (ITU-T G.711)."""
CODES, PERCENT = 255, 100


def levels_of(port: pj.AudioMedia) -> AudioLevels:
    """The levels of the last frame that the peer sent to the port of a call, and of the last one sent to it.

    The library names them as the port sees them: what it receives is sent to the peer.
    """
    return AudioLevels(received_dbfs=dbfs(port.getTxLevel()), sent_dbfs=dbfs(port.getRxLevel()))


def dbfs(level: int) -> float | None:
    """The library's level in dBFS; None for silence.

    It is the mean magnitude as mu-law with inverted bits, in percent of the largest code: exact to 0.5 dB.
    """
    if level == 0:
        return None
    code = round((level + 0.5) * CODES / PERCENT)
    segment, mantissa = code >> 4 & 7, code & 15
    magnitude = STEP * ((2 * mantissa + BIAS << segment) - BIAS)
    return round(20 * math.log10(magnitude / FULL_SCALE) + SINE_DB, 1)
