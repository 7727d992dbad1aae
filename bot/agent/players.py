"""The players, recorders, tone generators and taps of all calls, and their reports."""

from __future__ import annotations

import time
import weakref
from dataclasses import dataclass
from functools import partial

import pjsua2 as pj

from bot.agent.audio import CLOSING_LIMIT_S, CLOSING_STEP_S, Player, is_complete
from bot.agent.audio_ports import Starts, Tap
from bot.agent.call import Leg
from bot.agent.callbacks import CommandRefused
from bot.agent.loop import Loop
from bot.agent.recording_file import REMOVED
from bot.ipc import (
    Play,
    PlaybackFinished,
    PlaybackStarted,
    Record,
    RecordingFinished,
    RecordingStarted,
    StorageFailed,
)

__all__ = ["Players"]

TENDED_S = 0.5
"""How often the header of a recording is brought up to date."""
LAST_FRAME_S = 0.06
"""From the end of a file to the end of its last frame in the call."""


@dataclass(frozen=True)
class Playing:
    """A playback in progress."""

    leg: Leg
    player: Player
    source: str
    """Name of the file or the signal."""
    duration_s: float | None
    """Duration in seconds; None for a loop."""


class Players:
    """Plays and records; ``rate`` is the sampling rate of the conference bridge, in Hz."""

    def __init__(self, loop: Loop, rate: int) -> None:
        self._loop = loop
        self._rate = rate
        self.silence = new_tone(rate)
        """A source without sound that every call has."""
        self._players: dict[int, Playing] = {}
        self._recordings: dict[int, Leg] = {}
        self._tends = False
        self._starts = Starts(loop.soon, self._started)

    @property
    def recording(self) -> list[int]:
        """The recordings with incomplete files."""
        return list(self._recordings)

    def leave(self, leg: Leg) -> None:
        """Called in a callback of the library at the end of a call; players and recorders end later."""
        self._starts.ended(leg.number)
        for playback in [key for key, one in self._players.items() if one.leg is leg]:
            self._loop.soon(partial(self.stop_play, playback, complete=False))
        for recording in leg.audio.close():
            self._loop.soon(partial(self.stop_record, recording))

    def clear(self) -> None:
        """Drop everything native, before the library ends."""
        self._starts.close()
        del self.silence
        self._players.clear()
        self._recordings.clear()

    def tone(self, leg: Leg) -> pj.ToneGenerator:
        """The call's tone generator, which it gets when it first needs one."""
        tone = leg.audio.source("tone")
        if isinstance(tone, pj.ToneGenerator):
            return tone
        tone = new_tone(self._rate)
        leg.audio.add_source("tone", tone)
        return tone

    def play(self, leg: Leg, command: Play) -> None:
        """Play a file into a call."""

        def stop() -> None:
            self._loop.after(LAST_FRAME_S, partial(self.stop_play, command.playback, complete=True))

        def ended() -> None:  # on the audio thread
            self._loop.soon(stop)

        player = Player(command.path, command.loop, ended)
        duration_s = None if command.loop else player.getInfo().sizeSamples / self._rate
        self._players[command.playback] = Playing(leg, player, command.source, duration_s)
        leg.audio.add_source(command.playback, player)

    def stop_play(self, playback: int, *, complete: bool) -> None:
        """End a playback and report it, once."""
        if (playing := self._players.pop(playback, None)) is not None:
            leg = playing.leg
            leg.audio.remove_source(playback)
            self._loop.emit(
                PlaybackFinished(at=time.monotonic(), call=leg.number, playback=playback, complete=complete)
            )

    def record(self, leg: Leg, command: Record) -> None:
        """Record the received audio of a call."""
        self._recordings[command.recording] = leg
        try:
            leg.audio.record(command.recording, command.path, command.draft)
        except CommandRefused:
            del self._recordings[command.recording]
            raise
        self._tend(leg, command.recording)
        if not self._tends:
            self._tends = True
            self._loop.after(TENDED_S, self._tend_all)

    def _tend_all(self) -> None:
        """All files in one turn: with many calls, turns cost more than files."""
        for recording, leg in list(self._recordings.items()):
            self._tend(leg, recording)
        self._tends = bool(self._recordings)
        if self._tends:
            self._loop.after(TENDED_S, self._tend_all)

    def _tend(self, leg: Leg, recording: int) -> None:
        """Keep the file readable; a full disk or the loss of the file ends the recording, not the call."""
        file = leg.audio.files.get(recording)
        if file is None or not leg.audio.is_recording(recording):
            return
        if (problem := file.tend()) is not None:
            self._close(recording, problem)

    def started(self, call: int, key: int) -> None:
        """A player or a recorder was connected to its call: report it with the time of its first frame."""
        self._starts.connected(call, key)

    def _started(self, call: int, key: int, at: float) -> None:
        if (one := self._players.get(key)) is not None:
            started = PlaybackStarted(
                at=at, call=call, playback=key, source=one.source, duration_s=one.duration_s
            )
            self._loop.emit(started)
        elif key in self._recordings:
            self._loop.emit(RecordingStarted(at=at, call=call, recording=key))

    def listen(self, leg: Leg, on: bool) -> None:
        """Start or stop reporting the received audio of a call."""
        overhear = partial(self._overhear, weakref.ref(leg))  # a queued job must not keep what is native
        leg.listen(Tap(lambda: self._loop.soon(overhear)) if on else None)

    def _overhear(self, listener: weakref.ref[Leg]) -> None:
        if (leg := listener()) is not None:
            leg.overhear(leg.audio.tap)

    def stop_record(self, recording: int) -> None:
        """Close a recording; it is reported when its file is complete."""
        leg = self._recordings.get(recording)
        file = leg.audio.files.get(recording) if leg is not None else None
        self._close(recording, REMOVED if file is not None and file.is_removed else None)

    def _close(self, recording: int, problem: str | None) -> None:
        leg = self._recordings.get(recording)
        path = leg.audio.close_recording(recording) if leg is not None else None
        if leg is not None and path is not None:
            if problem is not None:
                reason = f"the recording ends: {problem}"
                self._loop.emit(StorageFailed(at=time.monotonic(), path=path, reason=reason))
            self._await_file(leg, recording, path, time.monotonic() + CLOSING_LIMIT_S)

    def _await_file(self, leg: Leg, recording: int, path: str, deadline: float) -> None:
        now = time.monotonic()
        if is_complete(path) or now > deadline:
            self._recordings.pop(recording, None)
            if (file := leg.audio.files.pop(recording, None)) is not None:
                file.close()
            self._loop.emit(RecordingFinished(at=now, call=leg.number, recording=recording, path=path))
        else:
            self._loop.after(CLOSING_STEP_S, lambda: self._await_file(leg, recording, path, deadline))


def new_tone(rate: int) -> pj.ToneGenerator:
    """A tone generator that is silent until it is given something to play."""
    tone = pj.ToneGenerator()
    tone.createToneGenerator(rate, 1)
    return tone
