"""The rate of the conference bridge, at which audio is mixed, played and recorded, resampled from the codecs.

A resampled leg takes about twice the processor time of one that is not: 0.4 % of a core more.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.config.endpoint import WITHOUT, EndpointConfig

__all__ = ["USUAL_CODECS", "conference_rate", "of_many_calls"]

USUAL_CODECS = ("PCMA", "PCMU", "G722")
"""Codecs that are offered first where no codec is chosen: nearly every peer has them."""
NARROW_BAND = {"pcmu", "pcma", "gsm", "ilbc"}


def conference_rate(codecs: Sequence[str]) -> int:
    """The rate in Hz of the best of these codecs; without any it suits G722."""
    names = [name.casefold() for name in codecs]
    if names and all(name.split("/")[0] in NARROW_BAND or name.startswith("speex/8000") for name in names):
        return 8000
    if any(name.startswith("opus") for name in names):
        return 48000
    return 32000 if any(name.startswith("speex/32000") for name in names) else 16000


def of_many_calls(config: EndpointConfig) -> EndpointConfig:
    """These settings for an agent of many calls: at the preferred codec's rate, unless ``clock_rate`` is set.

    Calls with a codec of a higher rate are carried too, with the bandwidth of the preferred one.
    """
    if config.clock_rate is not None:
        return config
    return config.with_options(clock_rate=conference_rate([preferred(config.codecs)]))


def preferred(codecs: Sequence[str]) -> str:
    """The first codec of an offer."""
    if codecs and not codecs[0].startswith(WITHOUT):
        return codecs[0]
    left_out = {name.removeprefix(WITHOUT).casefold() for name in codecs}
    return next((name for name in USUAL_CODECS if name.casefold() not in left_out), "")
