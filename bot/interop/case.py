"""A question to a peer beyond "which modes and suites": what is done, and what the RFCs say of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.model import SrtpMode
from bot.sdp_edits import SdpEdit

__all__ = ["Case", "Step"]


class Step(StrEnum):
    """A request within the call."""

    HOLD = "hold"
    RESUME = "resume"
    RESUME_WITH_NEW_KEYS = "resume with new keys"
    REINVITE_WITHOUT_OFFER = "re-INVITE without SDP"
    UPDATE = "UPDATE"


@dataclass(frozen=True)
class Case:
    """One such question as data."""

    name: str
    title: str
    reading: str
    """What a peer should do by the RFC, in one line with the section."""
    accepted: tuple[str, ...]
    """Patterns of the outcomes that this allows."""
    edits: tuple[SdpEdit, ...] = ()
    """What is changed in our offer, or in our answer when the peer calls."""
    mode: SrtpMode = SrtpMode.MANDATORY
    suites: int = 4
    """So many suites are offered at most."""
    steps: tuple[Step, ...] = ()
    offer: bool = True
    """False sends the INVITE without SDP."""
    calls_back: bool = False
    """On the peer's call we call it, so that both run at once."""
    comes_last: bool = False
    """It shows that all others did no harm."""
    judges_media: bool = True
    """False when this endpoint cannot keep what it offers: then the peer's answer counts alone."""
