"""What one call of a load gets, and what it does: the verified conversation, or a scenario of the user."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bot.load.detail import CallDetail
from bot.load.hearing import Hearing
from bot.sip import HeaderFields
from bot.ua import Call

__all__ = ["Behaviour", "Invitation", "Talk", "Turn"]


@dataclass(frozen=True)
class Turn:
    """One call of a line, before it is placed."""

    number: int
    """Number of the call in this run, from 1."""
    line: int
    """Number of the line that places it, from 0."""
    index: int
    """Number of the call among those of its line, from 0."""
    uri: str
    """The party to call."""
    account: str | None
    """Address of record of the caller; None for that of the endpoint."""
    seconds: float
    """Length of the call."""
    is_verified: bool
    """Whether its audio is verified."""
    folder: Path
    """Where it records; the folder may be missing."""


@dataclass(frozen=True)
class Invitation:
    """The INVITE of a call."""

    uri: str
    headers: HeaderFields = ()
    ring_timeout: float | None = None
    account: str | None = None


class Talk(Protocol):
    """What a call does, from its INVITE to its end."""

    @property
    def invitation(self) -> Invitation:
        """The INVITE."""

    def perform(self, call: Call, detail: CallDetail) -> None:
        """Talk and hang up; failures are noted in ``detail``."""

    def judge(self, call: Call, detail: CallDetail, hearing: Hearing) -> None:
        """Search the recordings of the ended call; waits for the searching processes."""

    def interrupt(self, call: Call) -> None:
        """Let ``perform`` end soon; from any thread, after ``stopped`` holds."""


class Behaviour(Protocol):
    """What every call of a load does."""

    def talk(self, turn: Turn, stopped: Callable[[], bool]) -> Talk:
        """What the call of this turn does; every wait of it ends when ``stopped`` holds."""
