"""Commands about the media of a call: files, recordings, DTMF, live audio, loopback, counters."""

from __future__ import annotations

from functools import partial

from bot.agent.dtmf import DtmfSender
from bot.agent.handlers.dispatch import carry_out
from bot.agent.session import Session
from bot.ipc import Listen, Loopback, Measure, Play, Record, SendDtmf, StopPlay, StopRecord

__all__: list[str] = []


@carry_out.register
def play(command: Play, session: Session) -> None:
    """Play a file into a call."""
    session.players.play(session.legs.numbered(command.call), command)


@carry_out.register
def stop_play(command: StopPlay, session: Session) -> None:
    """Stop a playback."""
    session.players.stop_play(command.playback, complete=False)


@carry_out.register
def record(command: Record, session: Session) -> None:
    """Record the received audio of a call."""
    session.players.record(session.legs.numbered(command.call), command)


@carry_out.register
def stop_record(command: StopRecord, session: Session) -> None:
    """Close a recording."""
    session.players.stop_record(command.recording)


@carry_out.register
def send_dtmf(command: SendDtmf, session: Session) -> None:
    """Send digits in sequence."""
    leg = session.legs.numbered(command.call)
    DtmfSender(session.loop, leg, command, partial(session.players.tone, leg)).start()


@carry_out.register
def listen(command: Listen, session: Session) -> None:
    """Send the received audio to the parent, or stop that."""
    session.players.listen(session.legs.numbered(command.call), command.on)


@carry_out.register
def loop_back(command: Loopback, session: Session) -> None:
    """Send the received audio back to the peer, or stop that."""
    session.legs.numbered(command.call).audio.loop_back(command.on)


@carry_out.register
def measure(command: Measure, session: Session) -> None:
    """Report the counters of every stream."""
    session.legs.numbered(command.call).measure()
