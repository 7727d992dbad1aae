"""Commands that begin, answer and end a call (RFC 3261 9, 13, 15)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pjsua2 as pj

from bot.agent.call import Leg
from bot.agent.callbacks import CommandRefused
from bot.agent.handlers.dispatch import carry_out
from bot.agent.headers import tx_option
from bot.agent.native_errors import reason_of
from bot.agent.redirects import Redirects
from bot.agent.sdp.media_lines import count_lines
from bot.agent.session import Session
from bot.ipc import Answer, CallbackFailed, Cancel, Hangup, MakeCall
from bot.model import CallState, EndedBy
from bot.sip import StatusCode, is_failure, parse_uri

__all__: list[str] = []


# ---- MakeCall


@carry_out.register
def make_call(command: MakeCall, session: Session) -> None:
    """Send an INVITE; with ICE it leaves later, when the candidates are gathered."""
    account = session.accounts.named(command.account)
    check_edits(command, session)
    if command.resolve_s:
        session.loop.beat(command.resolve_s)
    if len(session.config.ip_versions) > 1:
        account.prefer(parse_uri(command.uri).ip_version or 4)
    leg = session.calls.outgoing(account)
    leg.redirects = Redirects(command.uri, session.config, session.loop, session.modules.body)
    place(leg, command, session)
    leg.begin()
    if command.ring_timeout_s is not None:
        session.calls.give_up_after(leg, command.ring_timeout_s)


def place(leg: Leg, command: MakeCall, session: Session) -> None:
    """Let the library make the INVITE; the call has ended when this raises."""
    prm = pj.CallOpParam(True)
    count_lines(prm.opt, session.config.audio_lines)
    prm.opt.customCallId = leg.sdp.call_id = command.sip_call_id
    prm.opt.flag |= 0 if command.offer else pj.PJSUA_CALL_NO_SDP_OFFER
    prm.txOption = tx_option(command.headers)
    try:
        leg.sdp.prepare(command.edit_sdp, offer=command.offer)
        leg.live.makeCall(command.uri, prm)
    except (CommandRefused, pj.Error):
        if leg in session.legs:
            session.calls.ended(leg)
        leg.sdp.check()
        raise
    try:
        leg.sdp.check()
    except CommandRefused:  # the INVITE is still to leave, and will not
        session.calls.hang_up(leg, EndedBy.ERROR, Hangup(call=leg.number))
        raise


def check_edits(command: MakeCall | Answer, session: Session) -> None:
    """Refuse edits of an SDP that the library makes twice."""
    if command.edit_sdp and session.config.nat.uses_ice:
        raise CommandRefused(
            "config", "SDP cannot be edited where ICE gathers candidates first; switch ICE off"
        )


# ---- Answer


@carry_out.register
def answer(command: Answer, session: Session) -> None:
    """Send a response to the INVITE of an incoming call, now or after some seconds."""
    leg = session.legs.numbered(command.call)
    if command.after_s <= 0 or leg.is_outgoing:
        respond(leg, command, session)
        return

    def later() -> None:
        if leg.native is not None:
            with reporting(session, "answer"):
                respond(leg, command, session)

    session.loop.after(command.after_s, later)


@contextlib.contextmanager
def reporting(session: Session, where: str) -> Iterator[None]:
    """Report a failure after CommandDone as CallbackFailed, unless the end of the call is its reason."""
    try:
        yield
    except (CommandRefused, pj.Error) as error:
        if isinstance(error, CommandRefused) and error.kind == "ended":
            return
        words = reason_of(error) if isinstance(error, pj.Error) else str(error)
        session.report(CallbackFailed(at=time.monotonic(), where=where, traceback=words))


def respond(leg: Leg, command: Answer, session: Session) -> None:
    """Send the response, and make sure that its SDP left as it was asked for."""
    if leg.is_outgoing:
        raise CommandRefused("call", "it is an outgoing call, which its callee answers")
    if leg.state in {CallState.CONNECTING, CallState.CONFIRMED}:
        raise CommandRefused("call", "it was answered before")
    check_edits(command, session)
    if is_failure(command.code):
        leg.ended_by = EndedBy.LOCAL
    prm = pj.CallOpParam(True)
    prm.statusCode, prm.reason = command.code, command.reason
    count_lines(prm.opt, session.config.audio_lines)
    prm.txOption = tx_option(command.headers)
    sdp = leg.sdp
    session.modules.headers.answered(sdp.call_id, command.code, command.headers)
    sdp.prepare(command.edit_sdp, offer=not sdp.answers, response=True)
    try:
        leg.live.answer(prm)
    except pj.Error as error:
        raise unanswerable(leg, error, session) from None
    finally:
        sdp.check()
    sdp.check_sent()


def unanswerable(leg: Leg, error: pj.Error, session: Session) -> CommandRefused:
    """End a call that the library cannot answer, unless it has ended; the refusal has the reason."""
    if leg.native is not None and leg.state is not CallState.DISCONNECTED:
        leg.unasked = True
        with contextlib.suppress(pj.Error):
            session.calls.hang_up(
                leg, EndedBy.LOCAL, Hangup(call=leg.number, code=StatusCode.SERVER_INTERNAL_ERROR)
            )
    return CommandRefused(
        "ended", f"the library cannot answer call {leg.number}, which is over: {reason_of(error)}"
    )


# ---- Hangup and Cancel


@carry_out.register
def hang_up(command: Hangup, session: Session) -> None:
    """End a call, after everything that was received until now is reported."""
    if session.modules.pending is not None:
        session.modules.pending.run()
    session.calls.hang_up(session.legs.numbered(command.call), EndedBy.LOCAL, command)


@carry_out.register
def cancel(command: Cancel, session: Session) -> None:
    """Cancel the INVITE or the re-INVITE of this side; CANCEL leaves when it may (RFC 3261 9.1)."""
    leg = session.legs.numbered(command.call)
    session.modules.headers.requested(leg.sdp.call_id, "CANCEL", command.headers)
    if leg.is_outgoing and leg.state in {CallState.CALLING, CallState.EARLY}:
        session.calls.hang_up(leg, EndedBy.LOCAL, Hangup(call=command.call))
    elif session.modules.canceller is None:
        raise CommandRefused("native", "this build of the library exports too little to cancel a re-INVITE")
    else:
        leg.reinvite.cancel(session.modules.canceller.cancel)
