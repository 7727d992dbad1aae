"""SDP offer/answer (RFC 3264, RFC 6337): the descriptions of a dialog and their SRTP keys (RFC 4568)."""

from __future__ import annotations

import re

import msgspec

from bot.model import AnswerDeviation
from bot.sip.dtls import DtlsNegotiation, negotiated_dtls
from bot.sip.message import Message
from bot.sip.sdp import CryptoAttribute, Sdp, SdpMedia, _follows_ms_sdpext, parse_sdp

__all__ = ["CryptoNegotiation", "Negotiation", "OfferAnswer"]


class Negotiation(msgspec.Struct, frozen=True, kw_only=True):
    """A complete offer/answer exchange."""

    offer: Sdp
    answer: Sdp
    offered_by_us: bool


class CryptoNegotiation(msgspec.Struct, frozen=True, kw_only=True):
    """The SRTP key negotiation (RFC 4568) of one stream."""

    offered: tuple[str, ...] = ()
    """The offered crypto suites in the order of the offer."""
    answered: str | None = None
    """The suite of the answer; None when the stream was refused, or accepted without a=crypto."""
    tag: int | None = None
    """The tag of the answer."""
    disagreement: str | None = None
    """The violation of RFC 4568, in one sentence."""
    deviation: str | None = None
    """A violation that the configuration tolerates by name."""

    @property
    def keyed(self) -> bool:
        """Whether both sides gave keys; an answer to an offer without keys agrees on nothing."""
        return bool(self.offered and self.answered)


class _Exchange:
    """The session descriptions in the messages of one transaction."""

    def __init__(self, branch: str) -> None:
        self.branch = branch
        self.offer: Sdp | None = None
        self.answer: Sdp | None = None
        self.offered_by_us = False
        self.offered_reliably = False
        self.answer_is_final = False
        self.answered_by: str | None = None
        """The To tag of the answer: where an INVITE forked, each branch answers it."""
        self.accepted = False
        """Whether the answer came in a 2xx or in a request; then none is better."""

    def takes(self, message: Message) -> bool:
        """Whether the SDP of ``message``, which is not the offer, is the answer, as far as known so far."""
        by_another = not self.accepted and message.is_final and message.to_tag != self.answered_by
        return not self.answer_is_final or by_another


_Key = tuple[int, bool]


class OfferAnswer:
    """The offers and answers of one dialog, from its messages in order (RFC 3264, RFC 6337).

    The CSeq number and the sender of the request identify a transaction; an ACK belongs to its INVITE.
    A forked request, or a request that arrived by two paths, is still one exchange.
    """

    def __init__(self, *, keys: bool = False) -> None:
        """Create a dialog without descriptions; ``keys`` keeps the keys of a=crypto as well."""
        self._keys = keys
        self.accepted: frozenset[AnswerDeviation] = frozenset()
        """Accepted deviations of answers."""
        self.last_offer: Sdp | None = None
        """The latest offer, answered or not."""
        self._exchanges: dict[_Key, _Exchange] = {}
        self._agreed: list[_Key] = []

    @property
    def current(self) -> Negotiation | None:
        """The last complete exchange whose transaction did not fail; it is in force."""
        if not self._agreed:
            return None
        exchange = self._exchanges[self._agreed[-1]]
        if exchange.offer is None or exchange.answer is None:
            return None
        return Negotiation(offer=exchange.offer, answer=exchange.answer, offered_by_us=exchange.offered_by_us)

    def feed(self, sent: bool, message: Message) -> None:
        """Process the next message of the dialog; ``sent`` is true for a message of this side."""
        if message.cseq is None or message.cseq[1] == "CANCEL":
            return
        number, method = message.cseq
        key = (number, sent if message.is_request else not sent)
        if message.is_failure:
            exchange = self._exchanges.get(key)
            if exchange is not None and exchange.branch != _branch(message):
                return  # it refuses a merged request (RFC 3261 section 8.2.2.2)
            self._exchanges.pop(key, None)
            self._agreed = [agreed for agreed in self._agreed if agreed != key]
            return
        text = message.sdp
        if text is None:
            return
        if message.is_request and method == "PRACK":
            key = self._acknowledged(sent, message) or key
        self._take(key, sent, message, parse_sdp(text, keys=self._keys))

    def _acknowledged(self, sent: bool, prack: Message) -> _Key | None:
        """The INVITE with the reliable provisional response that this PRACK acknowledges (RFC 3262)."""
        rack = (prack.header("RAck") or "").split()
        if len(rack) != 3 or not re.fullmatch("[0-9]{1,10}", rack[1]):
            return None
        key = (int(rack[1]), sent)
        exchange = self._exchanges.get(key)
        if exchange is None or not exchange.offered_reliably or exchange.offered_by_us == sent:
            return None
        return None if exchange.answer else key

    def _take(self, key: _Key, sent: bool, message: Message, sdp: Sdp) -> None:
        exchange = self._exchanges.setdefault(key, _Exchange(_branch(message)))
        if exchange.offer is None:
            exchange.offer, exchange.offered_by_us = sdp, sent
            exchange.offered_reliably = message.is_early and message.header("RSeq") is not None
            self.last_offer = sdp
        elif sent != exchange.offered_by_us and exchange.takes(message):
            # An unreliable 18x only previews the answer; the answer is in the 2xx (RFC 3261 section 13.2.1).
            exchange.answer, exchange.answered_by = sdp, message.to_tag
            exchange.accepted = not message.is_early
            exchange.answer_is_final = exchange.accepted or message.header("RSeq") is not None
            if key not in self._agreed:
                self._agreed.append(key)

    def negotiated_dtls(self, media_index: int) -> DtlsNegotiation | None:
        """The negotiation of DTLS-SRTP for the m= line ``media_index`` (from 0) of the exchange in force.

        None when its answer does not choose DTLS.
        """
        agreed = self.current
        return negotiated_dtls(agreed.offer, agreed.answer, media_index) if agreed is not None else None

    def negotiated_crypto(self, media_index: int) -> CryptoNegotiation:
        """The SRTP key negotiation of the m= line ``media_index`` (from 0) of the exchange in force.

        Before any exchange is in force, the result has the suites of the last offer.
        """
        agreed = self.current
        offer = agreed.offer if agreed else self.last_offer
        offered = _media(offer, media_index)
        suites = tuple(attribute.suite for attribute in offered.crypto) if offered else ()
        if agreed is None or offered is None:
            return CryptoNegotiation(offered=suites)
        answered = _media(agreed.answer, media_index)
        if answered is None:
            missing = f"the answer has no m= line {media_index + 1}"
            return CryptoNegotiation(offered=suites, disagreement=missing)
        if answered.rejected:
            return CryptoNegotiation(offered=suites)
        chosen = answered.crypto[0] if answered.crypto else None
        deviation = None
        if AnswerDeviation.AVP_SAVP in self.accepted and _follows_ms_sdpext(offered, answered):
            offered = msgspec.structs.replace(offered, profile=answered.profile)
            deviation = "the answer says RTP/SAVP to the offered RTP/AVP ([MS-SDPEXT]), accepted as avp-savp"
        return CryptoNegotiation(
            offered=suites,
            answered=chosen.suite if chosen else None,
            tag=chosen.tag if chosen else None,
            disagreement=_disagreement(offered, answered),
            deviation=deviation,
        )


_BRANCH = re.compile(r";\s*branch\s*=\s*([^\s;,]+)", re.IGNORECASE)

# Session parameters that an answer has to repeat (RFC 4568 section 6.3).
_NEGOTIATED_PARAMS = frozenset({"UNENCRYPTED_SRTP", "UNENCRYPTED_SRTCP", "UNAUTHENTICATED_SRTP"})


def _negotiated_params(attribute: CryptoAttribute) -> frozenset[str]:
    return _NEGOTIATED_PARAMS.intersection(param.upper() for param in attribute.session_params)


def _branch(message: Message) -> str:
    """The branch of the top Via, which identifies the transaction; empty without a Via."""
    found = _BRANCH.search((message.header("Via") or "").partition(",")[0])
    return found[1] if found else ""


def _media(sdp: Sdp | None, index: int) -> SdpMedia | None:
    return sdp.media[index] if sdp and 0 <= index < len(sdp.media) else None


def _disagreement(offered: SdpMedia, answered: SdpMedia) -> str | None:
    """The first violation of RFC 4568 sections 5.1.2 and 7, or of RFC 3264 for the profile."""
    by_tag = {attribute.tag: attribute for attribute in offered.crypto}
    if len(by_tag) < len(offered.crypto):
        return f"the offer uses a tag more than once: {', '.join(str(each.tag) for each in offered.crypto)}"
    if offered.profile.upper() != answered.profile.upper():
        return f"the offer's profile is {offered.profile}, the answer's is {answered.profile}"
    if len(answered.crypto) > 1:
        return f"the answer has {len(answered.crypto)} crypto attributes instead of one"
    if not answered.crypto:
        keyed_by_sdes = answered.secure and "TLS/" not in answered.profile.upper()
        return f"the answer accepts {answered.profile} without a crypto attribute" if keyed_by_sdes else None
    chosen = answered.crypto[0]
    if not offered.crypto:
        return f"the answer has the crypto attribute {chosen.tag}, the offer has none"
    if chosen.tag not in by_tag:
        return f"the answer's tag {chosen.tag} is not among the offered tags {', '.join(map(str, by_tag))}"
    wanted = by_tag[chosen.tag]
    if chosen.suite.upper() != wanted.suite.upper():  # suite names are case-insensitive (RFC 4568 section 4)
        return f"the answer says {chosen.suite} for the tag {chosen.tag}, which was offered as {wanted.suite}"
    changed = _negotiated_params(wanted) ^ _negotiated_params(chosen)
    if changed:
        return f"the answer has other session parameters than the offer: {', '.join(sorted(changed))}"
    return None
