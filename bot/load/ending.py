"""The end of a call of a load: how it is hung up, and what a failure at its end is called."""

from __future__ import annotations

from bot.errors import BotError, ExpectationFailed, NativeError, WaitTimeout
from bot.expectations import expect
from bot.load.detail import NO_BYE, CallDetail
from bot.model import CallState, EndedBy
from bot.sip import is_redirection
from bot.ua import Call

__all__ = ["broke", "complete", "died", "hang_up", "predicate", "told", "unanswered", "why_unanswered"]

DIED = "the agent died"
COMPLETE_S = 5.0
"""How long the completion of a recording may take, in seconds."""


def hang_up(call: Call, detail: CallDetail, *, is_stopped: bool) -> None:
    """Hang up, and expect the response to a BYE; with ``is_stopped`` an interrupt ends the call."""
    facts = call.facts
    answered = facts.reached(CallState.CONFIRMED)
    if is_stopped:
        detail.verdict = "ended"
    try:
        call.hangup()
        if answered is not None:
            expect(call).to_be_disconnected(code=200, by=EndedBy.LOCAL)
    except ExpectationFailed as failure:
        detail.fail("BYE" if facts.ended and facts.ended.code else NO_BYE, told(failure))
    except BotError as error:
        broke(call, detail, error)


def complete(call: Call, detail: CallDetail) -> None:
    """Wait until the recordings of an ended call are complete."""
    for recording in call.recordings:
        try:
            recording.wait(COMPLETE_S)
        except (WaitTimeout, NativeError) as error:
            detail.fail("agent", str(error), ours=call.facts.reached(CallState.CONFIRMED) is not None)


def broke(call: Call, detail: CallDetail, error: BotError) -> None:
    """Note what kept this side from going on, unless the end of the call explains it."""
    if call.facts.ended is None:
        ours = isinstance(error, NativeError | WaitTimeout)
        detail.fail("agent" if ours else "call", str(error).partition("\n")[0], ours=ours)


def died(call: Call) -> bool:
    """Whether the call ended because its agent did."""
    end = call.facts.ended
    return end is not None and end.reason.startswith(DIED)


def unanswered(call: Call) -> str:
    """The cause of a call that was not answered: its final response, or what was missing."""
    facts = call.facts
    if facts.ended is not None and facts.ended.code:
        return f"{facts.ended.code} {facts.ended.reason}"
    return "no response" if facts.response_after_ms(100, 199) is None else "no answer"


def why_unanswered(call: Call) -> str:
    """Text about the end of a call that was not answered; what to do about a redirection."""
    facts = call.facts
    is_redirected = facts.ended is not None and is_redirection(facts.ended.code)
    return facts.ended_text + (": follow it with --follow-redirects 1" if is_redirected else "")


def predicate(failure: ExpectationFailed) -> str:
    """What an expectation says, without the call that it is about: ``is encrypted``."""
    return failure.text.partition("\n")[0].removeprefix(failure.subject).strip()


def told(failure: ExpectationFailed) -> str:
    """A failure in one line: its name and what was observed."""
    name, *lines = str(failure).splitlines()
    return " ".join([name, *(f"({line})" for line in lines if line.startswith("observed:"))])
