"""What was seen in a cell, and the word for it; read from the call's record, without judging it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from bot.interop.cells import Cell, Group, Role
from bot.interop.outcome import BYE, PLAIN, PORT_0, broken, refused, srtp
from bot.model import EndedBy, SrtpMode
from bot.record import CallRecord, answers_invite
from bot.sdp import SdpMedia
from bot.sip import Message

__all__ = ["Audio", "Heard", "Observation", "Talk", "observed"]

CHALLENGES = {401, 407}
FINAL, REFUSAL = 200, 300
Audio = Literal["marker", "audio", "silence"]


@dataclass(frozen=True)
class Heard:
    """What came of playing a marker into the call."""

    audio: Audio | None
    """The marker came back, something else was heard, or nothing; None when it could not be measured."""
    sent: int
    received: int
    """RTP packets in that time, by the library's count."""


@dataclass
class Talk:
    """What the endpoint did in a call, beside what its record has."""

    heard: list[Heard] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    refused_step: tuple[str, int] | None = None
    trouble: str | None = None
    unmeasured: str | None = None
    """Why it is not known what was heard."""
    hung_up: bool = False
    """This endpoint ended the call as planned."""


class Observation(msgspec.Struct, kw_only=True):
    """One cell, as reports have it; None is "not seen"."""

    outcome: str
    why: str | None = None
    """One line, when the outcome needs an explanation."""
    code: int | None = None
    """The final response to the INVITE."""
    reason: str | None = None
    offer_profile: str | None = None
    answer_profile: str | None = None
    offered: tuple[str, ...] = ()
    answered: str | None = None
    tag: int | None = None
    active: str | None = None
    """The suite that the library says is in use."""
    codec: str | None = None
    sent: int | None = None
    received: int | None = None
    audio: Audio | None = None
    unmeasured: str | None = None
    """Why it is not known what was heard, though a marker was played: nothing that the peer did."""
    ended_by: EndedBy | None = None
    notes: tuple[str, ...] = ()
    wire: str | None = None
    """What the packets on the wire prove, when they were captured."""
    seconds: float = 0.0
    peer_spoke: bool = False
    """Whether any SIP message came from the peer."""


def observed(cell: Cell, known: CallRecord, talk: Talk) -> Observation:
    """The facts of one call."""
    final = final_response(known)
    line, crypto, stats = known.audio(), known.crypto(), None
    if line is not None:
        stats = known.stats(line.index)
    offer, answer = descriptions(known)
    outcome, why = outcome_of(cell, known, talk)
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
        ended_by=ended_by(known, talk),
        notes=tuple(talk.notes),
        peer_spoke=any(not traced.sent for traced in known.messages),
    )


def final_response(known: CallRecord) -> Message | None:
    """To the INVITE that began the call; a challenge counts only when nothing came after it."""
    found: Message | None = None
    for traced in known.messages:
        message = traced.message
        if answers_invite(message) and message.status >= FINAL:
            found = message
            if message.status not in CHALLENGES:
                break
    return found


def descriptions(known: CallRecord) -> tuple[SdpMedia | None, SdpMedia | None]:
    """The first m= line of the last offer and that of its answer."""
    current = known.negotiation.current
    offer = current.offer if current is not None else known.negotiation.last_offer
    first = offer.media[0] if offer is not None and offer.media else None
    return first, current.answer.media[0] if current is not None and current.answer.media else None


def outcome_of(cell: Cell, known: CallRecord, talk: Talk) -> tuple[str, str | None]:
    """The word, and why in one line."""
    final = final_response(known)
    if final is None:
        return failed(talk.trouble or without_response(known))
    if final.status >= REFUSAL:
        return refused(
            final.status
        ), "this endpoint refused the offer" if cell.role is Role.LISTENER else None
    offer, answer = descriptions(known)
    if offer is None or answer is None:
        return failed(without_answer(offer, talk))
    if answer.rejected:
        return refused(PORT_0), "answered, with port 0 for the audio"
    if problem := answer_problem(cell, known, offer, answer):
        return failed(problem)
    if cell.role is Role.LISTENER and ended_early(known, talk) and ended_by(known, talk) is EndedBy.REMOTE:
        return refused(BYE), "the peer ended the call after our answer"
    if cell.role is Role.LISTENER and cell.group is Group.NEGATIVE:
        return of_wrong_answer(known, talk)
    return of_media(cell, known, talk, offer, answer)


def of_media(
    cell: Cell, known: CallRecord, talk: Talk, offer: SdpMedia, answer: SdpMedia
) -> tuple[str, str | None]:
    """What an acceptable answer led to."""
    line = known.audio()
    keyed = bool(offer.crypto and answer.crypto)
    in_clear = line is not None and line.suite is None and bool(talk.heard)
    word = srtp(answer.crypto[0].suite.upper()) if keyed else PLAIN
    if in_clear and cell.mode is SrtpMode.MANDATORY and cell.group is not Group.BASE:
        return failed("this endpoint talks in clear although SRTP is demanded")
    if cell.case is not None and not cell.case.judges_media:
        return word, told_of_media(known, talk)
    if ended_early(known, talk):
        assert known.ended is not None
        return failed(f"answered, {ending(known, talk)}")
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
    return word, uncalled_for(offer, answer)


def of_wrong_answer(known: CallRecord, talk: Talk) -> tuple[str, str | None]:
    """What a peer does with an answer that is wrong, when it does not end the call."""
    line = known.audio()
    if line is None or not talk.heard:
        return failed("the peer keeps the call, and no audio became active")
    if not talk.heard[-1].received:
        return failed("the peer keeps the call, and nothing comes that this endpoint can decrypt")
    return srtp(line.suite) if line.suite is not None else PLAIN, "the peer keeps the call"


def failed(why: str) -> tuple[str, str]:
    """Neither a call nor a refusal."""
    return broken(why), why


def without_response(known: CallRecord) -> str:
    """Why there is no final response."""
    end = known.ended
    if end is None:
        return "no final response"
    return f"no final response: {end.code} {end.reason}"


def without_answer(offer: SdpMedia | None, talk: Talk) -> str:
    """Why a call that was answered has no complete offer and answer."""
    if offer is None:
        return "answered without SDP"
    if talk.trouble:
        return talk.trouble
    suites = ", ".join(one.suite for one in offer.crypto) or "no crypto"
    return f"the offer of {offer.profile} with {suites} got no answer"


def answer_problem(cell: Cell, known: CallRecord, offer: SdpMedia, answer: SdpMedia) -> str | None:
    """What breaks RFC 4568 in the answer; what our own odd offer broke is not held against it."""
    if uncalled_for(offer, answer):
        return None
    problem = known.crypto().disagreement
    if problem is None or cell.group is not Group.NEGATIVE:
        return problem
    if cell.role is Role.LISTENER:  # the answer is ours, and meant to be wrong
        return None
    if offer.profile.upper() != answer.profile.upper() or len(answer.crypto) != 1:
        return problem
    [chosen] = answer.crypto
    as_offered = (chosen.tag, chosen.suite.casefold(), chosen.session_params)
    offered = {(one.tag, one.suite.casefold(), one.session_params) for one in offer.crypto}
    return None if as_offered in offered else problem


def uncalled_for(offer: SdpMedia, answer: SdpMedia) -> str | None:
    """Crypto in the answer to a plain offer, which a plain endpoint does not look at."""
    if offer.secure or answer.secure or offer.crypto or not answer.crypto:
        return None
    return f"the answer has crypto ({answer.crypto[0].suite}) though none was offered (RFC 4568 5.1.2)"


def ended_by(known: CallRecord, talk: Talk) -> EndedBy | None:
    """Who ended the call: by the first BYE on the wire, for the library ends calls by itself too."""
    bye = next((one for one in known.messages if one.message.method == "BYE"), None)
    if bye is None or talk.hung_up:
        return known.ended_by
    return EndedBy.ERROR if bye.sent else EndedBy.REMOTE


def ending(known: CallRecord, talk: Talk) -> str:
    """How a call ended that should not have."""
    assert known.ended is not None
    who = "the peer ended it" if ended_by(known, talk) is EndedBy.REMOTE else "this endpoint gave it up"
    return f"then {who}: {known.ended.code} {known.ended.reason}"


def ended_early(known: CallRecord, talk: Talk) -> bool:
    """Whether the call ended though this endpoint did not end it as planned."""
    return known.ended is not None and not talk.hung_up


def one_way(heard: Sequence[Heard]) -> str | None:
    """What is missing in the packets of the last marker."""
    last = heard[-1]
    if last.sent and last.received:
        return None
    when = " after the renegotiation" if len(heard) > 1 else ""
    if not last.sent and not last.received:
        return f"no packets{when}"
    lacking = "received" if not last.received else "sent"
    return f"one-way{when}: sent {last.sent}, received {last.received} packets, none {lacking}"


def told_of_media(known: CallRecord, talk: Talk) -> str | None:
    """What became of a call of which only the answer counts."""
    if ended_early(known, talk) and known.ended is not None:
        return ending(known, talk)
    return one_way(talk.heard) if talk.heard else "then no audio became active"
