"""The audio thread's 20 ms clock, as this side sees it: ports that are called at each tick, and when.

A late tick is made up for by the ones after it, so the clock's own time is that of the earliest ticks.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import pjsua2 as pj

__all__ = ["TAP_RATE", "Starts", "Tap", "TickedPort"]

TAP_RATE = 8000
TICK_S = 0.02
FRAMES_AT_ONCE = 5
"""Handed over at a time: 100 ms."""
TICKS_WATCHED = 5
"""To find the clock's own time, since any tick may be late."""
TICKS_KEPT = 512
"""Ten seconds; with many calls some start is always awaited."""


class TickedPort(pj.AudioMediaPort):
    """A port that the audio thread calls at each tick, whether it is connected or not."""

    def __init__(self, name: str) -> None:
        super().__init__()
        wanted = pj.MediaFormatAudio()
        wanted.init(pj.PJMEDIA_FORMAT_PCM, TAP_RATE, 1, round(TICK_S * 1e6), 16)
        self.createPort(name, wanted)

    def __del__(self) -> None:
        """End the native side while this side is whole: until then the audio thread may call it.

        Left to the deallocation, that would be a call on an object that is half gone, and a crash.
        """
        self.__swig_destroy__(self)


class Tap(TickedPort):
    """Stores the received audio; ``on_audio`` is called on the audio thread and must only queue a job."""

    def __init__(self, on_audio: Callable[[], None]) -> None:
        self._on_audio = on_audio
        self._ticks = 0
        self._origins: deque[float] = deque(maxlen=TICKS_WATCHED)
        self._frames: deque[bytes] = deque()
        super().__init__("tap")

    def onFrameReceived(self, frame: pj.MediaFrame) -> None:
        """The clock ticked: 20 ms of audio from now on, or none while there is a pause in the stream."""
        self._origins.append(time.monotonic() - self._ticks * TICK_S)
        self._ticks += 1
        samples = bytes(frame.buf) if frame.type == pj.PJMEDIA_FRAME_TYPE_AUDIO else b""
        self._frames.append(samples or bytes(round(TAP_RATE * TICK_S) * 2))
        if len(self._frames) % FRAMES_AT_ONCE == 0:
            self._on_audio()

    def rest(self) -> tuple[float, bytes]:
        """The stored audio, and the time of the end of its last sample; empties the store."""
        frames = [self._frames.popleft() for _ in range(len(self._frames))]
        until = min(self._origins, default=0.0) + self._ticks * TICK_S
        return until, b"".join(frames)


class Stopwatch(TickedPort):
    """Stores when the clock ticked; ``on_enough`` is called on the audio thread and must only queue a job."""

    def __init__(self, on_enough: Callable[[], None]) -> None:
        self._on_enough = on_enough
        self.ticks: deque[float] = deque(maxlen=TICKS_KEPT)
        self.awaited: deque[float] = deque()
        """The times, in order, after which ``TICKS_WATCHED`` ticks are enough."""
        super().__init__("stopwatch")

    def onFrameReceived(self, frame: pj.MediaFrame) -> None:
        self.ticks.append(time.monotonic())
        since = self.ticks[-TICKS_WATCHED] if len(self.ticks) >= TICKS_WATCHED else 0.0
        if self.awaited and self.awaited[0] <= since:
            while self.awaited and self.awaited[0] <= since:
                self.awaited.popleft()
            self._on_enough()


class Starts:
    """Finds the tick at which each connected player or recorder starts; uses the clock only until then.

    ``soon`` queues a job for the pumping thread; ``report`` gets the call, the key and the time.
    """

    def __init__(self, soon: Callable[[Callable[[], None]], None], report: Callable[[int, int, float], None]):
        self._soon = soon
        self._report = report
        self._waiting: list[tuple[float, int, int]] = []
        self._stopwatch: Stopwatch | None = None

    def connected(self, call: int, key: int) -> None:
        """A player or recorder was connected just now; the clock takes it in at its next tick."""
        now = time.monotonic()
        self._waiting.append((now, call, key))
        if self._stopwatch is None:
            self._stopwatch = Stopwatch(lambda: self._soon(self.ticked))
        self._stopwatch.awaited.append(now)

    def ticked(self) -> None:
        """Report the starts that are certain."""
        self._tell(lambda call, ticks: len(ticks) >= TICKS_WATCHED)

    def ended(self, call: int) -> None:
        """Report the starts in a call that has ended."""
        self._tell(lambda number, ticks: number == call)
        self._waiting = [one for one in self._waiting if one[1] != call]

    def close(self) -> None:
        """Let go of everything native."""
        self._waiting, self._stopwatch = [], None

    def _tell(self, is_due: Callable[[int, list[float]], bool]) -> None:
        seen = list(self._stopwatch.ticks) if self._stopwatch is not None else []
        for one in list(self._waiting):
            connected, call, key = one
            ticks = [tick for tick in seen if tick >= connected]
            if ticks and is_due(call, ticks):
                self._waiting.remove(one)
                self._report(call, key, min(at - number * TICK_S for number, at in enumerate(ticks)))
        if not self._waiting:
            self.close()
