"""Special case of a cell: renegotiation, or an unusual or invalid offer, with the rule of its RFC."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.model import SrtpMode
from bot.sip import SdpEdit

__all__ = ["Case", "Step"]


class Step(StrEnum):
    """Request in the dialog."""

    HOLD = "hold"
    RESUME = "resume"
    RESUME_WITH_NEW_KEYS = "resume with new keys"
    REINVITE_WITHOUT_OFFER = "re-INVITE without SDP"
    UPDATE = "UPDATE"


@dataclass(frozen=True)
class Case:
    """An unusual or invalid offer or answer."""

    name: str
    title: str
    reading: str
    """Rule of the RFC in one line, with the section."""
    accepted: tuple[str, ...]
    """Patterns of the allowed outcomes."""
    edits: tuple[SdpEdit, ...] = ()
    """Change of the SDP offer, or of the SDP answer when the peer calls."""
    mode: SrtpMode = SrtpMode.MANDATORY
    suites: int = 4
    """Largest number of offered suites."""
    only_cm: bool = False
    """Whether the case is about the name or the key of an AES-CM suite."""
    steps: tuple[Step, ...] = ()
    offer: bool = True
    """Whether the INVITE has an SDP offer."""
    calls_back: bool = False
    """Whether the endpoint calls the peer during the peer's call."""
    comes_last: bool = False
    """Whether the case verifies that the peer still works after the other cases."""
    judges_media: bool = True
    """Whether the endpoint can use its offer; if not, the verdict is about the peer's answer only."""
