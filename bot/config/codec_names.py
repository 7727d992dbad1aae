"""Check of codec names against the codecs of the library build."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from bot.model import Codec

__all__ = ["codec_problem"]


def codec_problem(wanted: str, build: Sequence[Codec]) -> str | None:
    """The error message for the codec name ``wanted``, with the nearest name; None for a valid name."""
    matching = [codec for codec in build if codec.answers_to(wanted)]
    if any(codec.carries_mono for codec in matching):
        return None
    if matching:  # the conference bridge asserts that a port has as many channels as the bridge
        return f"codec {wanted!r}: stereo aborts the library; use a mono codec"
    names = [str(codec) for codec in build] + [codec.name for codec in build]
    near = difflib.get_close_matches(wanted.upper(), {name.upper(): name for name in names}, n=1)
    hint = f" (did you mean {next(n for n in names if n.upper() == near[0])!r}?)" if near else ""
    available = ", ".join(dict.fromkeys(names[: len(build)]))  # mono and stereo have the same name
    return f"codec {wanted!r} is not in this build{hint}; codecs of this build: {available}"
