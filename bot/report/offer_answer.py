"""Offers and answers side by side (RFC 3264), with the agreed crypto attribute marked; keys are redacted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.sip import OfferAnswer, Sdp, parse_sdp
from bot.ua import TracedMessage

__all__ = ["Exchange", "exchanges"]


@dataclass(frozen=True)
class Description:
    """A session description for the page."""

    sent: bool
    message: str
    """Message with the description."""
    at: float
    lines: list[tuple[str, str]]
    """Lines, each with its class: media, crypto, agreed (the crypto attribute in use) or empty."""


@dataclass
class Exchange:
    """Offer and, if there is one, its answer, each with its message."""

    offer: TracedMessage
    answer: TracedMessage | None = None

    def columns(self) -> Iterator[tuple[str, Description | None]]:
        """The offer and the answer, by name; None without an answer."""
        sdp = self.answer.message.sdp if self.answer is not None else None
        media = parse_sdp(sdp).media if sdp else ()
        chosen = {f"{crypto.tag} {crypto.suite}" for line in media for crypto in line.crypto}
        yield "offer", described(self.offer, chosen)
        yield "answer", described(self.answer, chosen) if self.answer is not None else None


def exchanges(messages: Sequence[TracedMessage]) -> list[Exchange]:
    """The offers of a call in order; a repeated answer (200 after 183) replaces the answer before."""
    reader = OfferAnswer()
    offer: Sdp | None = None
    answer: Sdp | None = None
    found: dict[int, Exchange] = {}
    kept: list[Sdp] = []  # so that no two of them get the same id
    for traced in messages:
        reader.feed(traced.sent, traced.message)
        if reader.last_offer is not None and reader.last_offer is not offer:
            offer = reader.last_offer
            kept.append(offer)
            found[id(offer)] = Exchange(traced)
        current = reader.current
        if current is not None and current.answer is not answer:
            answer = current.answer
            if id(current.offer) in found and traced.message.sdp is not None:
                found[id(current.offer)].answer = traced
    return list(found.values())


def described(traced: TracedMessage, chosen: set[str]) -> Description:
    """The description in a message; ``chosen``: tag and suite of the agreed crypto attributes."""
    lines = [one.strip() for one in (traced.message.sdp or "").splitlines() if one.strip()]
    return Description(
        traced.sent,
        traced.message.summary.partition(" sip")[0],
        traced.at,
        [(line, kind(line, chosen)) for line in lines],
    )


def kind(line: str, chosen: set[str]) -> str:
    """The class of a line of SDP; see ``Description``."""
    if line.startswith("m="):
        return "media"
    if not line.lower().startswith("a=crypto:"):
        return ""
    return "agreed" if " ".join(line.split(":", 1)[1].split()[:2]) in chosen else "crypto"
