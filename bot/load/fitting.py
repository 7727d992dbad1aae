"""Which scenarios fit a load: those of one endpoint, which places one call to the URI of the load."""

from __future__ import annotations

from bot.errors import ConfigError
from bot.scenario.case import Case
from bot.scenario.expect_keys import OF_ENDPOINT
from bot.scenario.expect_model import Expect
from bot.scenario.model import (
    Call,
    Dtmf,
    Path,
    Play,
    Step,
    Tone,
    Transfer,
    Wait,
    walk,
)
from bot.scenario.types import is_yes

__all__ = ["check_fits", "longest_s"]

ANSWERING = {"ring", "answer", "reject"}
OUTSIDE = {"request", "register", "unregister"}
DIGIT_PAUSE_S = 0.5


def check_fits(case: Case, to: str) -> None:
    """Raise ConfigError "file:line: key: ..." for what a load cannot do; ``to`` is the party to call."""
    names = list(case.endpoints)
    steps = list(walk(case.scenario))
    path, first = steps[0]
    caller = first.action.caller if isinstance(first.action, Call) else names[0]
    other = next((name for name in names if name != caller), None)
    if other is not None:
        raise ConfigError(
            f"{case.where(('endpoints', other))}: a load has one endpoint, which places the calls to {to}; "
            "remove the others (the other side is a command of its own: srtpbot answer)"
        )
    if not isinstance(first.action, Call):
        raise ConfigError(
            f"{case.where((*path, first.verb))}: expected a call step; the first step of a load places the "
            "call"
        )
    if to not in first.action.to:
        raise ConfigError(
            f"{case.where((*path, 'call', 'to'))}: calls {first.action.to}, and the load calls {to}; write "
            "to: ${to}"
        )
    for path, step in steps[1:]:
        if problem := unfit(step):
            raise ConfigError(f"{case.where((*path, step.verb))}: {problem}")


def unfit(step: Step) -> str:
    """Why a step after the first one does not fit a load; empty if it does."""
    action = step.action if step.verb != "parallel" else None
    if isinstance(action, Call):
        return "a second call; every call of a load performs the steps once, so remove the step"
    if step.verb in ANSWERING:
        return "answers a call, and a load only places calls; remove the step"
    if step.verb in OUTSIDE or getattr(action, "sender", None) is not None:
        return "is sent outside of the call; a load has steps of its call only, so remove it or use on: CALL"
    if isinstance(action, Transfer) and action.to_call is not None:
        return "needs a second call of this side; use to: URI, a blind transfer"
    if isinstance(action, Expect) and (shared := set(action.expected_keys) & set(OF_ENDPOINT)):
        return f"{min(shared)} is about the endpoint, which many calls share; remove the key"
    return ""


def longest_s(case: Case) -> float:
    """The time that the steps of a call take when they wait for nothing but its own audio, digits and times.

    A wait for the end of the call counts with its timeout.
    """
    return sum(seconds(case, path, step) for path, step in walk(case.scenario))


def seconds(case: Case, path: Path, step: Step) -> float:
    """The time of one step."""
    from bot.audio_files import audio_of

    match step.action if step.verb != "parallel" else None:
        case Play(audio=sound, wait=wait) if is_yes(wait):
            return audio_of(sound, case.folder).duration_s
        case Tone(seconds=length, wait=wait) if is_yes(wait):
            return length
        case Dtmf(digits=digits, on_ms=on_ms, off_ms=off_ms):
            return sum(DIGIT_PAUSE_S if one == "," else (on_ms + off_ms) / 1000 for one in digits)
        case Wait(seconds=float(length)):
            return length
        case Wait(until="disconnected", timeout=timeout):
            return case.scenario.timeout if timeout is None else timeout
        case Expect(during=during):
            return during
        case _:
            return 0.0
