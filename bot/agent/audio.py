"""Native players, recorders, tones and the tap of a call, connected while its media is active.

Sources play into the call; sinks get the received audio. A silent source is always connected, because without
a source the library sends no RTP and no telephone-events. It is a sink as well, which drops what it gets: the
library reads a jitter buffer only for sinks, and a buffer that was not read is full (240 ms late) at the
beginning of the next recording.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pjsua2 as pj

from bot.agent.audio_ports import Tap
from bot.agent.callbacks import CommandRefused
from bot.agent.recording_file import RecordingFile

__all__ = ["CallAudio", "Player", "is_complete"]

CLOSING_STEP_S = 0.01
CLOSING_LIMIT_S = 1.0
RIFF_HEADER = 8


class Player(pj.AudioMediaPlayer):
    """Plays one file; ``on_end`` is called on the audio thread and must only queue a job."""

    def __init__(self, path: str, loop: bool, on_end: Callable[[], None]) -> None:
        super().__init__()
        self._on_end = None if loop else on_end
        try:
            self.createPlayer(path, 0 if loop else pj.PJMEDIA_FILE_NO_LOOP)
        except pj.Error as error:
            raise CommandRefused("native", f"cannot play {path}: {error.reason}") from None

    def onEof2(self) -> None:
        """The library read the last frame; a loop has no last one."""
        if self._on_end is not None:
            self._on_end()


class CallAudio:
    """The sources and sinks at the audio port of a call; reconnected at each change of its media.

    ``on_connected`` gets the key of each player and recorder at its first connection.
    """

    def __init__(self, silence: pj.AudioMedia, on_connected: Callable[[int], None]) -> None:
        self._sources: dict[int | str, pj.AudioMedia] = {"silence": silence}
        self._sinks: dict[int, tuple[pj.AudioMediaRecorder, str]] = {}
        self.files: dict[int, RecordingFile] = {}
        """The files of the recorders, until they are complete."""
        self._on_connected = on_connected
        self._connected: set[int | str] = set()
        self._tap: Tap | None = None
        self._port: pj.AudioMedia | None = None
        self._echo = False

    def connect(self, port: pj.AudioMedia | None) -> None:
        """Connect everything to the call's port; None when the call has no active audio now."""
        self._port = port
        if port is None:
            return
        for key, source in self._sources.items():
            source.startTransmit(port)
            self._announce(key)
        port.startTransmit(self._sources["silence"])
        for key, (sink, _) in self._sinks.items():
            port.startTransmit(sink)
            self._announce(key)
        if self._tap is not None:
            port.startTransmit(self._tap)
        if self._echo:
            port.startTransmit(port)

    def accompany(self, port: pj.AudioMedia) -> None:
        """Send silence on another line of the call, which would send nothing; drop what it receives."""
        self._sources["silence"].startTransmit(port)
        port.startTransmit(self._sources["silence"])

    def _announce(self, key: int | str) -> None:
        if isinstance(key, int) and key not in self._connected:
            self._connected.add(key)
            self._on_connected(key)

    def add_source(self, key: int | str, source: pj.AudioMedia) -> None:
        """Play ``source`` into the call from now, or from the moment that its media is active."""
        self._sources[key] = source
        if self._port is not None:
            source.startTransmit(self._port)
            self._announce(key)

    def remove_source(self, key: int | str) -> bool:
        """Stop and remove a source; False for an unknown key."""
        source = self._sources.pop(key, None)
        if source is None:
            return False
        if self._port is not None:
            with contextlib.suppress(pj.Error):
                source.stopTransmit(self._port)
        return True

    def source(self, key: int | str) -> pj.AudioMedia | None:
        """The source by that key, if it still plays."""
        return self._sources.get(key)

    def record(self, key: int, path: str, draft: str) -> None:
        """Record the received audio to a WAV file with the sample rate of the conference bridge.

        The library opens the file by name and follows links. Therefore it is created as ``draft``, in a
        folder of this user, and renamed.
        """
        recorder = pj.AudioMediaRecorder()
        try:
            recorder.createRecorder(draft)
            file = RecordingFile(draft)
            os.replace(draft, path)
        except pj.Error as error:
            raise CommandRefused("native", f"cannot record to {path}: {error.reason}") from None
        except OSError as error:
            raise CommandRefused("native", f"cannot record to {path}: {error.strerror}") from None
        self._sinks[key] = (recorder, path)
        self.files[key] = file
        if self._port is not None:
            self._port.startTransmit(recorder)
            self._announce(key)

    def close_recording(self, key: int) -> str | None:
        """Let go of a recorder and return its path; the library completes the file soon after."""
        if key in self._sinks:
            self.files[key].release()
        recorder, path = self._sinks.pop(key, (None, None))
        if recorder is not None and self._port is not None:
            with contextlib.suppress(pj.Error):
                self._port.stopTransmit(recorder)
        return path

    def is_recording(self, key: int) -> bool:
        """Whether the recorder is open."""
        return key in self._sinks

    def listen(self, tap: Tap | None) -> Tap | None:
        """Connect a tap to the received audio, or none; returns the former tap."""
        before, self._tap = self._tap, tap
        if self._port is not None:
            if before is not None:
                with contextlib.suppress(pj.Error):
                    self._port.stopTransmit(before)
            if tap is not None:
                self._port.startTransmit(tap)
        return before

    @property
    def tap(self) -> Tap | None:
        """The connected tap."""
        return self._tap

    def loop_back(self, on: bool) -> None:
        """Start or stop sending the received audio back to the peer."""
        self._echo = on
        if self._port is not None:
            (self._port.startTransmit if on else self._port.stopTransmit)(self._port)

    def close(self) -> list[int]:
        """Remove the port of an ended call; the keys of the running recorders."""
        self._port = None
        return list(self._sinks)


def is_complete(path: str) -> bool:
    """Whether a recorder has written its header: the RIFF length agrees with the file's."""
    file = Path(path)
    try:
        with file.open("rb") as stream:
            header = stream.read(RIFF_HEADER)
        size = file.stat().st_size
    except OSError:
        return True
    return len(header) == RIFF_HEADER and struct.unpack("<4sI", header)[1] == size - RIFF_HEADER
