"""What a call needs of its endpoint: somebody who carries out commands and can be waited on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from .commands import AnyCommand
from .deadline import Deadline

__all__ = ["Host"]


class Host(Protocol):
    """What a call needs of its endpoint."""

    @property
    def name(self) -> str:
        """The endpoint's name."""

    @property
    def has_company(self) -> bool:
        """Whether other endpoints share its journal."""

    def request(self, command: AnyCommand, timeout: float = ...) -> None:
        """Carry out a command, or raise why not."""

    def wait_until(
        self, holds: Callable[[], bool], deadline: Deadline, check: Callable[[], None] = ...
    ) -> bool:
        """Wait on the endpoint's journal; raises when the endpoint is no more."""

    def playable(self, path: Path) -> Path:
        """A WAV file that the agent can play, made of any audio file."""
