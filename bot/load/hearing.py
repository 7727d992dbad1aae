"""What was heard: the markers in short recordings, searched in processes beside the calls.

A search takes about 10 ms of a processor for a section of 2 s, a full comparison with the reference 55 ms.
The processes have the lowest priority, so that the audio of calls comes first.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context, parent_process
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec

if TYPE_CHECKING:
    from media.signals.marker import Marker

__all__ = ["Heard", "Hearing", "listen"]

SLOT_MS = 20.0
MOSTLY = 0.75
"""Share of a marker that is enough without a closer search for its pieces."""
SYMBOLS = 24
"""Slots of a marker that carry its identity; the share that agrees is known (``media.signals.marker``)."""
BURDENED = 19


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """The markers that a recording contains."""

    identities: tuple[int, ...] = ()
    """Every identity that was heard, in order."""
    start_s: float | None = None
    """Start of the searched marker in the recording; None when it was not heard."""
    missing_ms: float = 0.0
    """Audio of the searched marker that was not heard, nor heard somewhat later or earlier."""
    silent: bool = False
    """Whether the recording has no sound above -50 dBFS."""
    problem: str = ""
    """Why the file could not be read."""


def listen(path: str, identity: int) -> Heard:
    """Search a recording for the marker of this identity, and for any other."""
    import numpy as np

    from media.audio.wav import AudioError, read
    from media.signals.marker import find_markers
    from media.signals.marker_trace import trace_marker

    try:
        audio = read(path)
        found = find_markers(audio)
    except (AudioError, OSError) as error:
        return Heard(problem=str(error))
    own = next((one for one in found if one.identity == identity), None)
    if own is None or own.heard < MOSTLY:
        traced = trace_marker(audio, identity)
        own = max(filter(None, (own, traced)), key=lambda one: one.heard, default=None)
    return Heard(
        identities=identities_of(found, own),
        start_s=own.start_s if own else None,
        missing_ms=round((1 - own.heard) * SYMBOLS) * SLOT_MS if own else 0.0,
        silent=not len(audio.samples) or float(np.abs(audio.samples).max()) < SILENCE,
    )


def identities_of(found: Sequence[Marker], own: Marker | None) -> tuple[int, ...]:
    """The identities in order of time; the searched marker is among them, whole or in pieces, once."""
    if own is None:
        return tuple(one.identity for one in found)
    others = [one for one in found if one.identity != own.identity]
    return tuple(one.identity for one in sorted([*others, own], key=lambda one: one.start_s))


SILENCE = 10 ** (-50 / 20)


class Hearing:
    """Context manager around the processes that search recordings."""

    def __init__(self, processes: int | None = None) -> None:
        self._count = processes or max(1, (os.cpu_count() or 2) // 2)

    def __enter__(self) -> Self:
        # A fork of a process with threads may inherit a taken lock; the server has no threads.
        self._pool = ProcessPoolExecutor(self._count, get_context("forkserver"), initializer=_humble)
        for _ in range(self._count):
            self._pool.submit(_warm)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def listen(self, path: Path, identity: int) -> Future[Heard]:
        """Search a recording for a marker."""
        return self._pool.submit(listen, str(path), identity)


def _humble() -> None:
    """Take the lowest priority, leave interrupts to the parent, and end with it."""
    import signal

    # The queue of the pool does not end with the parent: an orphan would wait for ever, its output open.
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    os.nice(BURDENED)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _end_with_the_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _warm() -> None:
    """Load the modules before the first recording."""
    import_module("media.signals.marker_trace")
