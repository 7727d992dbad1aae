"""Transmissions into a call that take time: playbacks and DTMF digits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

from bot.deadline import Deadline
from bot.errors import CallEnded, CallFailed, WaitTimeout
from bot.ipc import StopPlay
from bot.ua.requests import SentRequest

if TYPE_CHECKING:
    from bot.ua.call import Call

__all__ = ["Playback", "Transmission"]


class Playback:
    """A file that is played into a call."""

    def __init__(self, call: Call, number: int, path: Path, *, loop: bool = False) -> None:
        self._call = call
        self._number = number
        self.path = path
        """The played file, in the form that the agent plays."""
        self.loop = loop
        self.complete: bool | None = None
        """Whether it was played to its end; None while it plays."""

    def wait(self, timeout: float = 60.0) -> Self:
        """Wait until it has been played to its end.

        Raises CallFailed when the call ended first, WaitTimeout after ``timeout`` seconds.
        """
        if not self._call.wait_until(lambda: self.complete is not None, Deadline(timeout)):
            raise WaitTimeout(f"{self._call}: still playing after {timeout:g} s")
        if not self.complete:
            kind = CallEnded if self._call.facts.ended else CallFailed
            raise kind(f"{self._call}: the playing was cut short")
        return self

    def stop(self) -> None:
        """Stop playing."""
        self._call.endpoint.request(StopPlay(playback=self._number))


class Transmission:
    """DTMF digits on their way."""

    def __init__(self, call: Call, infos: SentRequest | None = None) -> None:
        self._call = call
        self._infos = infos
        self.finished = False
        self.problem: str | None = None
        """Why not all digits were sent."""

    def wait(self, timeout: float = 60.0) -> Self:
        """Wait until every digit was sent, and by INFO accepted.

        Raises CallFailed when a digit could not be sent, RequestRefused when the peer refused an INFO.
        """
        deadline = Deadline(timeout)
        if not self._call.wait_until(lambda: self.finished, deadline):
            raise WaitTimeout(f"{self._call}: still dialling after {timeout:g} s")
        if self.problem:
            raise CallFailed(f"{self._call}: {self.problem}")
        if self._infos is not None:
            self._infos.wait_all(deadline.left)
        return self
