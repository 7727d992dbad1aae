"""Recordings of calls: WAV files, which the agent writes."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from bot.deadline import Deadline
from bot.errors import ConfigError, NativeError, WaitTimeout
from bot.files import NO_ROOM, Draft, make_folder
from bot.ipc import (
    StopRecord,
)

if TYPE_CHECKING:
    from bot.ua.call import Call

__all__ = ["Recording", "ensure_writable", "mended"]

CLOSING_S = 3.0
"""Seconds that the agent may take to close a file."""
IN_FLIGHT_S = 0.4
"""Seconds for which received audio may still be in packets and in the jitter buffer."""


class Recording:
    """A WAV file of the audio that a call receives, from the time at which its media is active.

    As a context manager it is closed at the end of the block; otherwise by ``stop`` or by the end of the
    call.
    """

    def __init__(self, call: Call, number: int, path: Path) -> None:
        self.call = call
        self.path = path
        self.number = number
        self.complete = False
        """Whether the file is whole on disk."""

    def wait(self, timeout: float = 60.0) -> Self:
        """Wait until the file is whole on disk; raises WaitTimeout after ``timeout`` seconds."""
        if not self.call.wait_until(lambda: self.complete, Deadline(timeout)):
            raise WaitTimeout(f"{self.call}: {self.path} is still being recorded after {timeout:g} s")
        return self

    def stop(self, *, linger: float = IN_FLIGHT_S) -> Self:
        """Close the file and wait until it is complete.

        The recording continues for ``linger`` seconds, or until the end of the call, because sent audio is in
        packets and in the jitter buffer for some time.
        """
        self.call.wait_until(lambda: self.complete or self.call.facts.ended is not None, Deadline(linger))
        if not self.complete and self.call.facts.ended is None:
            self.call.endpoint.request(StopRecord(recording=self.number))
        return self.wait(CLOSING_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.stop()


def mended(path: Path) -> bool:
    """Repair the header of a recording after a crash of its agent; whether the file is complete."""
    from media.audio.riff import AudioError, repair

    try:
        repair(path)
    except (AudioError, OSError):
        return False
    return True


def ensure_writable(path: Path) -> None:
    """Create the file's folder; raises ConfigError when no file can be made in it, NativeError for a link."""
    problem = f"{path}: cannot record there"
    if path.exists() and not path.is_file():
        raise ConfigError(f"{problem}: it is not a file")
    try:
        make_folder(path.absolute().parent)
        draft = Draft(path)
    except (OSError, ValueError) as error:
        kind = NativeError if getattr(error, "errno", None) in NO_ROOM else ConfigError
        raise kind(f"{problem}: {getattr(error, 'strerror', None) or error}") from None
    os.close(draft.handle)
    draft.discard()
