"""Frames of a capture file in memory, as a reader finds them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import BinaryIO

from media.capture.frames import Damaged, Frame

__all__ = ["frames_until_damage", "read_frames"]

Frames = Callable[[BinaryIO, bytes], Iterator[Frame]]


def read_frames(frames: Frames, content: bytes) -> list[Frame]:
    file = io.BytesIO(content)
    return list(frames(file, file.read(4)))


def frames_until_damage(frames: Frames, content: bytes) -> tuple[list[Frame], str]:
    """The frames before the damage, and its description."""
    file, found = io.BytesIO(content), []
    try:
        for frame in frames(file, file.read(4)):
            found.append(frame)
    except Damaged as damage:
        return found, str(damage)
    raise AssertionError("no frame is damaged")
