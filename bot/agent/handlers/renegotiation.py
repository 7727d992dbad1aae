"""Commands that negotiate the media of a call again: re-INVITE (RFC 3261 14) and UPDATE (RFC 3311).

The library's ``setHold`` is not used, because it changes the offer after it was shown to us.
"""

from __future__ import annotations

import pjsua2 as pj

from bot.agent.call import Leg
from bot.agent.callbacks import CommandRefused
from bot.agent.handlers.dispatch import carry_out
from bot.agent.headers import tx_option
from bot.agent.native_errors import kind_of, reason_of
from bot.agent.sdp.media_lines import count_lines
from bot.agent.session import Session
from bot.ipc import Reinvite, Update

__all__: list[str] = []


@carry_out.register
def reinvite(command: Reinvite, session: Session) -> None:
    """Send a re-INVITE, with an offer or without one."""
    negotiate(session, command, offer=command.offer)


@carry_out.register
def update(command: Update, session: Session) -> None:
    """Send an UPDATE with an offer."""
    negotiate(session, command, offer=True)


def negotiate(session: Session, command: Reinvite | Update, *, offer: bool) -> None:
    """Send the request, and make sure that its offer left as it was asked for."""
    leg = session.legs.numbered(command.call)
    audio_lines = session.config.audio_lines
    check(leg, command, audio_lines)
    prm = pj.CallOpParam(True)
    prm.opt.flag = 0 if offer else pj.PJSUA_CALL_NO_SDP_OFFER
    count_lines(prm.opt, audio_lines)
    prm.txOption = tx_option(command.headers)
    leg.sdp.prepare(command.edit_sdp, offer=offer, rekey=command.rekey)
    leg.sdp.want(command.direction, command.codecs)
    try:
        (leg.live.update if isinstance(command, Update) else leg.live.reinvite)(prm)
    except pj.Error as error:
        leg.sdp.unwant()
        leg.sdp.check()
        words = f"the library does not send it while the call is {leg.state}: {reason_of(error)}"
        raise CommandRefused(kind_of(error), words) from None
    if offer:
        leg.sdp.check()
        leg.sdp.check_sent()


def check(leg: Leg, command: Reinvite | Update, audio_lines: int) -> None:
    """Refuse offers that the library would handle wrongly."""
    if leg.negotiating:  # else the library would mix both up before it refuses the second (RFC 3261 14.1)
        raise CommandRefused("call", "an offer of this side is not answered yet; wait for that first")
    if command.rekey and audio_lines > 1:
        raise CommandRefused(
            "config", "rekey: the keys of several m= lines cannot be changed; set audio_lines to 1"
        )
    if isinstance(command, Update) and not leg.live.has_media:
        raise CommandRefused(
            "call", "the first offer of the call has not come yet, and an UPDATE needs its answer"
        )
