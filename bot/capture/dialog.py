"""Offers and answers between the caller and one callee at one hop of a call (RFC 3264, RFC 4568)."""

from __future__ import annotations

from typing import NamedTuple

from bot.sip import CryptoNegotiation, Message, OfferAnswer, Sdp, SdpMedia

__all__ = ["Agreement", "Dialog"]


class Agreement(NamedTuple):
    """A completed offer/answer exchange (RFC 3264), in force from the time ``at`` (seconds since 1970)."""

    at: float
    offer: Sdp
    answer: Sdp
    by_caller: bool
    """Whether the caller sent the offer."""
    crypto: tuple[CryptoNegotiation, ...]
    """The SRTP key negotiation (RFC 4568) of each m= line of the offer."""

    def media(self, index: int, of_caller: bool) -> SdpMedia | None:
        """The m= line of one side."""
        sdp = self.offer if of_caller == self.by_caller else self.answer
        return sdp.media[index] if index < len(sdp.media) else None


class Dialog:
    """The SIP dialog between the caller and one callee on one hop."""

    def __init__(self) -> None:
        """Create a dialog without messages."""
        self.agreements: list[Agreement] = []
        self._exchanges = OfferAnswer(keys=True)

    @property
    def last_offer(self) -> Sdp | None:
        """The latest offer, answered or not."""
        return self._exchanges.last_offer

    def feed(self, at: float, by_caller: bool, message: Message) -> None:
        """Process the next message."""
        self._exchanges.feed(by_caller, message)
        now = self._exchanges.current
        last = self.agreements[-1] if self.agreements else None
        if now is None or (last and (now.offer, now.answer) == (last.offer, last.answer)):
            return
        crypto = tuple(self._exchanges.negotiated_crypto(index) for index in range(len(now.offer.media)))
        self.agreements.append(Agreement(at, now.offer, now.answer, now.offered_by_us, crypto))
