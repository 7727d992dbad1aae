"""What is being sent into a call and takes its time: a file, digits; it knows no other verb of a call."""

from __future__ import annotations

from typing import Protocol, Self

from .commands import StopPlay
from .deadline import Deadline
from .errors import CallEnded, CallFailed, WaitTimeout
from .host import Host
from .record import CallRecord

__all__ = ["Playback", "Transmission"]


class Sender(Protocol):
    """The call; its text names it in errors."""

    host: Host
    known: CallRecord


class Playback:
    """A file that is played into a call."""

    def __init__(self, call: Sender, number: int) -> None:
        self._call = call
        self._number = number
        self.complete: bool | None = None
        """Whether it was played to its end; None while it plays."""

    def wait(self, timeout: float = 60.0) -> Self:
        """Wait until it has been played to its end.

        Raises CallFailed when the call ended first, WaitTimeout after ``timeout`` seconds.
        """
        if not self._call.host.wait_until(lambda: self.complete is not None, Deadline(timeout)):
            raise WaitTimeout(f"{self._call}: still playing after {timeout:g} s")
        if not self.complete:
            kind = CallEnded if self._call.known.ended else CallFailed
            raise kind(f"{self._call}: the playing was cut short")
        return self

    def stop(self) -> None:
        """Stop playing."""
        self._call.host.request(StopPlay(playback=self._number))


class Transmission:
    """DTMF digits on their way."""

    def __init__(self, call: Sender) -> None:
        self._call = call
        self.finished = False
        self.problem: str | None = None
        """Why not all digits were sent."""

    def wait(self, timeout: float = 60.0) -> Self:
        """Wait until every digit was sent; raises CallFailed when one could not be."""
        if not self._call.host.wait_until(lambda: self.finished, Deadline(timeout)):
            raise WaitTimeout(f"{self._call}: still dialling after {timeout:g} s")
        if self.problem:
            raise CallFailed(f"{self._call}: {self.problem}")
        return self
