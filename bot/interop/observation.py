"""Observation of a cell: facts from the record of its call, and its outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from bot.interop.cells import Cell, Group, Role
from bot.interop.outcome import BYE, PLAIN, PORT_0, broken, refused, srtp
from bot.model import EndedBy, MediaState, SrtpMode
from bot.sip import Message, SdpMedia, ended_text, is_challenge
from bot.ua import CallRecord, answers_invite

__all__ = ["Audio", "Heard", "Observation", "Talk", "observed"]

Audio = Literal["marker", "audio", "silence"]


@dataclass(frozen=True)
class Heard:
    """Result of a marker that was played into the call."""

    audio: Audio | None
    """Received audio: the marker, other audio, or nothing; None if it was not measured."""
    sent: int
    received: int
    """Number of RTP packets during the marker, from the library."""


@dataclass
class Talk:
    """Actions of the endpoint in a call, in addition to the record of the call."""

    heard: list[Heard] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    refused_step: tuple[str, int] | None = None
    trouble: str | None = None
    unmeasured: str | None = None
    """Reason for missing results of the marker."""
    implausible: str | None = None
    """Packet counts that are not plausible."""
    hung_up: bool = False
    """Whether the endpoint ended the call as planned."""


class Observation(msgspec.Struct, kw_only=True):
    """Observation of one cell; None for a value that was not observed."""

    outcome: str
    why: str | None = None
    """Explanation of the outcome, in one line."""
    code: int | None = None
    """Final response to the INVITE."""
    reason: str | None = None
    offer_profile: str | None = None
    answer_profile: str | None = None
    offered: tuple[str, ...] = ()
    answered: str | None = None
    tag: int | None = None
    active: str | None = None
    """Crypto suite that the library uses."""
    codec: str | None = None
    sent: int | None = None
    received: int | None = None
    audio: Audio | None = None
    unmeasured: str | None = None
    """Local reason for missing results of the marker."""
    ended_by: EndedBy | None = None
    notes: tuple[str, ...] = ()
    wire: str | None = None
    """Verification of the captured packets."""
    seconds: float = 0.0
    peer_spoke: bool = False
    """Whether the peer sent a SIP message."""


def observed(cell: Cell, facts: CallRecord, talk: Talk) -> Observation:
    """The observation of one call."""
    final = final_response(facts)
    line, crypto, stats = facts.audio(), facts.crypto(), None
    if line is not None:
        stats = facts.stats(line.index)
    offer, answer = descriptions(facts)
    outcome, why = outcome_of(cell, facts, talk)
    return Observation(
        outcome=outcome,
        why=why,
        code=final.status if final is not None else None,
        reason=final.reason if final is not None else None,
        offer_profile=offer.profile if offer is not None else None,
        answer_profile=answer.profile if answer is not None else None,
        offered=crypto.offered,
        answered=crypto.answered,
        tag=crypto.tag,
        active=line.suite if line is not None else None,
        codec=f"{line.codec}/{line.clock_rate}" if line is not None and line.codec else None,
        sent=stats.tx.packets if stats is not None else None,
        received=stats.rx.packets if stats is not None else None,
        audio=talk.heard[-1].audio if talk.heard else None,
        unmeasured=talk.unmeasured,
        ended_by=ended_by(facts, talk),
        notes=tuple(talk.notes),
        peer_spoke=any(not traced.sent for traced in facts.messages),
    )


def final_response(facts: CallRecord) -> Message | None:
    """The final response to the initial INVITE; a challenge only if it is the last response."""
    found: Message | None = None
    for traced in facts.messages:
        message = traced.message
        if answers_invite(message) and message.is_final:
            found = message
            if not is_challenge(message.status):
                break
    return found


def descriptions(facts: CallRecord) -> tuple[SdpMedia | None, SdpMedia | None]:
    """The first m= lines of the last offer and of its answer."""
    current = facts.negotiation.current
    offer = current.offer if current is not None else facts.negotiation.last_offer
    first = offer.media[0] if offer is not None and offer.media else None
    return first, current.answer.media[0] if current is not None and current.answer.media else None


def outcome_of(cell: Cell, facts: CallRecord, talk: Talk) -> tuple[str, str | None]:
    """The outcome, and its explanation in one line."""
    final = final_response(facts)
    if final is None:
        return failed(talk.trouble or without_response(facts))
    if final.is_failure:
        return refused(
            final.status
        ), "this endpoint refused the offer" if cell.role is Role.LISTENER else None
    offer, answer = descriptions(facts)
    if offer is None or answer is None:
        return failed(without_answer(offer, talk))
    if answer.rejected:
        return refused(PORT_0), "answered, with port 0 for the audio"
    if problem := answer_problem(cell, facts, offer, answer):
        return failed(problem)
    if cell.role is Role.LISTENER and ended_early(facts, talk) and ended_by(facts, talk) is EndedBy.REMOTE:
        return refused(BYE), "the peer ended the call after our answer"
    if cell.role is Role.LISTENER and cell.group is Group.NEGATIVE:
        return of_wrong_answer(facts, talk)
    return of_media(cell, facts, talk, offer, answer)


def of_media(
    cell: Cell, facts: CallRecord, talk: Talk, offer: SdpMedia, answer: SdpMedia
) -> tuple[str, str | None]:
    """The outcome of an acceptable answer."""
    line = facts.audio()
    by_dtls = facts.dtls() is not None
    keyed = by_dtls or bool(offer.crypto and answer.crypto)
    in_clear = line is not None and line.suite is None and bool(talk.heard)
    word = srtp(negotiated_suite(answer, line)) if keyed else PLAIN
    if in_clear and cell.mode is SrtpMode.MANDATORY and cell.group is not Group.BASE:
        return failed("this endpoint talks in clear although SRTP is demanded")
    if cell.case is not None and not cell.case.judges_media:
        return word, media_problem(facts, talk)
    if ended_early(facts, talk):
        return failed(f"answered, {ending(facts, talk)}")
    if talk.refused_step is not None:
        step, code = talk.refused_step
        return refused(code), f"the call was answered, {step} was not accepted"
    if talk.trouble:
        return failed(talk.trouble)
    if line is None or not talk.heard:
        return failed("answered, but no audio became active")
    active = srtp(line.suite) if line.suite is not None else PLAIN
    if active != word:
        return failed(f"the answer says {word}, the library runs {active}")
    if problem := one_way(talk.heard):
        return failed(problem)
    if talk.implausible:
        return failed(f"too little audio: {talk.implausible}")
    return word, facts.crypto().deviation or uncalled_for(offer, answer)


def negotiated_suite(answer: SdpMedia, line: MediaState | None) -> str:
    """The suite of the answer; with DTLS that of the handshake, which no description has."""
    if answer.crypto:
        return answer.crypto[0].suite.upper()
    return line.suite if line is not None and line.suite is not None else "by DTLS"


def of_wrong_answer(facts: CallRecord, talk: Talk) -> tuple[str, str | None]:
    """The outcome of an invalid answer, if the peer does not end the call."""
    line = facts.audio()
    if line is None or not talk.heard:
        return failed("the peer keeps the call, and no audio became active")
    if not talk.heard[-1].received:
        return failed("the peer keeps the call, and nothing comes that this endpoint can decrypt")
    return srtp(line.suite) if line.suite is not None else PLAIN, "the peer keeps the call"


def failed(why: str) -> tuple[str, str]:
    """The outcome without a call and without a refusal."""
    return broken(why), why


def without_response(facts: CallRecord) -> str:
    """The reason for a missing final response."""
    return (
        f"no final response: {ended_text(facts.ended.code, facts.ended.reason, None)}"
        if facts.ended is not None
        else "no final response"
    )


def without_answer(offer: SdpMedia | None, talk: Talk) -> str:
    """The reason for an incomplete offer/answer exchange in an answered call."""
    if offer is None:
        return "answered without SDP"
    if talk.trouble:
        return talk.trouble
    suites = ", ".join(crypto.suite for crypto in offer.crypto) or "no crypto"
    return f"the offer of {offer.profile} with {suites} got no answer"


def answer_problem(cell: Cell, facts: CallRecord, offer: SdpMedia, answer: SdpMedia) -> str | None:
    """Violations of RFC 4568 in the answer that the offer did not cause."""
    if uncalled_for(offer, answer):
        return None
    dtls = facts.dtls()
    if dtls is not None:
        return None if cell.group is Group.NEGATIVE else dtls.disagreement
    problem = facts.crypto().disagreement
    if facts.our_key or problem is None or cell.group is not Group.NEGATIVE:
        return problem
    if cell.role is Role.LISTENER:  # the answer is ours, and meant to be wrong
        return None
    if offer.profile.upper() != answer.profile.upper() or len(answer.crypto) != 1:
        return problem
    [chosen] = answer.crypto
    as_offered = (chosen.tag, chosen.suite.casefold(), chosen.session_params)
    offered = {(crypto.tag, crypto.suite.casefold(), crypto.session_params) for crypto in offer.crypto}
    return None if as_offered in offered else problem


def uncalled_for(offer: SdpMedia, answer: SdpMedia) -> str | None:
    """Crypto attributes in the answer to a plain offer, which a plain endpoint ignores."""
    if offer.secure or answer.secure or offer.crypto or not answer.crypto:
        return None
    return f"the answer has crypto ({answer.crypto[0].suite}) though none was offered (RFC 4568 5.1.2)"


def ended_by(facts: CallRecord, talk: Talk) -> EndedBy | None:
    """The side that sent the first BYE; the library may end calls too."""
    bye = next((traced for traced in facts.messages if traced.message.method == "BYE"), None)
    if bye is None or talk.hung_up:
        return facts.ended_by
    return EndedBy.LOCAL if bye.sent else EndedBy.REMOTE


def ending(facts: CallRecord, talk: Talk) -> str:
    """The description of an unexpected end of the call."""
    ended = facts.ended
    how = ended_text(ended.code, ended.reason, None) if ended is not None else "it has not ended"
    line = facts.audio()
    if line is not None and facts.dtls() is not None:
        how = facts.suite_disagreement(line) or how
    who = "the peer ended it" if ended_by(facts, talk) is EndedBy.REMOTE else "this endpoint gave it up"
    return f"then {who}: {how}"


def ended_early(facts: CallRecord, talk: Talk) -> bool:
    """Whether the call ended before its planned end."""
    return facts.ended is not None and not talk.hung_up


def one_way(heard: Sequence[Heard]) -> str | None:
    """Problems with the packets of the last marker."""
    last = heard[-1]
    if last.sent and last.received:
        return None
    when = " after the renegotiation" if len(heard) > 1 else ""
    if not last.sent and not last.received:
        return f"no packets{when}"
    lacking = "received" if not last.received else "sent"
    return f"one-way{when}: sent {last.sent}, received {last.received} packets, none {lacking}"


def media_problem(facts: CallRecord, talk: Talk) -> str | None:
    """The outcome of a case that examines the answer only."""
    if ended_early(facts, talk) and facts.ended is not None:
        return ending(facts, talk)
    return one_way(talk.heard) if talk.heard else "then no audio became active"
