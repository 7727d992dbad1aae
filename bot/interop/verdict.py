"""Verdicts on the cells: whether the outcome is consistent, and allowed by the RFCs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bot.interop.cells import Cell, Group, Role
from bot.interop.observation import Observation
from bot.interop.outcome import BROKEN, PLAIN, PORT_0, is_refusal, matches, refused, short, suite_of
from bot.model import SrtpMode
from bot.sip import is_failure

__all__ = [
    "ANSWERS",
    "ANSWERS_TO_THE_END",
    "ENCRYPTED_CALL",
    "Judgement",
    "Verdict",
    "Whole",
    "encrypted_call",
    "judged",
    "untried",
    "wants_encryption",
]

Verdict = Literal["pass", "fail", "deviates", "skip"]
ENCRYPTED_CALL = "an encrypted call works in at least one cell"
ANSWERS = "the peer answers"
ANSWERS_TO_THE_END = "the peer answers to the end"
USUAL = refused(488)
BASE_EXPECTED = {
    SrtpMode.OFF: "plain, or a refusal",
    SrtpMode.OPTIONAL: "SRTP or plain, or a refusal",
    SrtpMode.MANDATORY: "SRTP, or a refusal",
}


@dataclass(frozen=True)
class Judgement:
    """The verdict on a cell."""

    verdict: Verdict
    expected: str
    remark: str | None = None
    """A line for people: the reason of a failure, or a remark on a pass."""


@dataclass(frozen=True)
class Whole:
    """Facts about the peer from all cells of a transport and codec."""

    echoes: bool
    """A marker came back in some cell, so it should in every cell with media."""
    takes_mandatory: bool | None
    """Whether some base cell with mandatory SRTP got through; None when none was tried."""

    @classmethod
    def around(cls, cell: Cell, seen: Mapping[Cell, Observation]) -> Whole:
        """Look at the cells of the same transport and codec as one."""
        place = cell.transport, cell.codec
        alike = [
            (other, observation)
            for other, observation in seen.items()
            if (other.transport, other.codec) == place
        ]
        mandatory = [
            suite_of(one.outcome) is not None
            for other, one in alike
            if other.group is Group.BASE and other.mode is SrtpMode.MANDATORY
        ]
        return cls(
            echoes=any(one.audio == "marker" for _, one in alike),
            takes_mandatory=any(mandatory) if mandatory else None,
        )


def judged(cell: Cell, seen: Observation, whole: Whole) -> Judgement:
    """One cell."""
    if cell.case is None:
        return of_base(cell, seen, whole)
    expected = " or ".join(cell.case.accepted)
    if is_own_refusal(cell, seen):
        return Judgement("skip", expected, "the peer's offer is not acceptable to this endpoint")
    if is_refusal(seen.outcome) and whole.takes_mandatory is False:
        how = f" with {cell.codec}" if cell.codec is not None else ""
        return Judgement("skip", expected, f"the peer refuses mandatory SRTP{how} whatever is offered")
    wrong: Verdict = "deviates" if cell.group is Group.NEGATIVE else "fail"
    if not matches(seen.outcome, cell.case.accepted):
        why = seen.why if suite_of(seen.outcome) is None else None
        return Judgement(wrong, expected, why or cell.case.reading)
    judges_media = cell.case.judges_media and short(seen.outcome) != BROKEN
    if judges_media and (lost := lost_echo(seen, whole)):
        return Judgement(wrong, expected, lost)
    return Judgement("pass", expected, seen.why)


def untried(after: Cell) -> Judgement:
    """A cell that was not tried, because the peer was silent."""
    return Judgement("skip", "anything", f"the peer fell silent after {after.id}")


def is_own_refusal(cell: Cell, seen: Observation) -> bool:
    """Whether this endpoint refused the call, so that the case was not tried."""
    calls_back = cell.case is not None and cell.case.calls_back
    return cell.role is Role.LISTENER and not calls_back and seen.code is not None and is_failure(seen.code)


def of_base(cell: Cell, seen: Observation, whole: Whole) -> Judgement:
    """Modes and suites."""
    expected = BASE_EXPECTED[cell.mode]

    def fail(why: str | None) -> Judgement:
        return Judgement("fail", expected, why)

    outcome, suite = seen.outcome, suite_of(seen.outcome)
    if is_refusal(outcome):
        if not matches(outcome, ("refused [456]??", refused(PORT_0), "refused BYE")):
            return fail("this is not a refusal of an offer; expected 4xx, 5xx or 6xx")
        usual = None if outcome == USUAL else "488 is usual for an offer that cannot be taken"
        return Judgement("pass", expected, seen.why or usual)
    if outcome == PLAIN:
        if cell.mode is SrtpMode.MANDATORY:
            return fail("SRTP was demanded, and the call is in clear")
    elif suite is None:
        return fail(seen.why)
    elif cell.mode is SrtpMode.OFF:
        return fail("SRTP was not offered")
    elif suite not in cell.suites:
        return fail(f"{suite} was not offered")
    if lost := lost_echo(seen, whole):
        return fail(lost)
    return Judgement("pass", expected, seen.why)


def lost_echo(seen: Observation, whole: Whole) -> str | None:
    """What is wrong when a peer that echoes did not."""
    if not whole.echoes or seen.unmeasured or seen.audio == "marker" or is_refusal(seen.outcome):
        return None
    return f"packets both ways, but the marker did not come back (heard: {seen.audio}), as it does elsewhere"


def wants_encryption(cells: Sequence[Cell]) -> bool:
    """Whether any of the cells could show that encryption works."""
    return any(cell.group is Group.BASE and cell.mode is not SrtpMode.OFF for cell in cells)


def encrypted_call(seen: Mapping[Cell, Observation], judgements: Mapping[Cell, Judgement]) -> str | None:
    """The first base cell that shows it."""
    for cell, observation in seen.items():
        shown = cell.group is Group.BASE and suite_of(observation.outcome) is not None
        if shown and judgements[cell].verdict == "pass":
            return f"{cell.id}: {short(observation.outcome)}"
    return None
