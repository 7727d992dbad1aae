"""A WebRTC peer by aiortc (ICE, rtcp-mux, DTLS-SRTP); another peer carries its descriptions in SIP."""

from __future__ import annotations

import asyncio
import importlib.util
import threading
from collections.abc import Coroutine
from fractions import Fraction
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np

__all__ = ["AiortcPeer", "has_aiortc"]

T = TypeVar("T")
RATE, FRAME = 8000, 160
TONE_HZ = 440.0
WAIT_S = 15.0


def has_aiortc() -> bool:
    """Whether aiortc is installed."""
    return importlib.util.find_spec("aiortc") is not None


class AiortcPeer:
    """Sends a tone, and keeps what it receives; its event loop runs on a thread of its own."""

    def __init__(self) -> None:
        self.aiortc = importlib.import_module("aiortc")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.heard: list[np.ndarray[Any, Any]] = []
        """The samples of each received frame."""

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def state(self) -> str:
        """Of the connection: ``connected`` once ICE and DTLS have ended."""
        return str(self._connection.connectionState)

    def offer(self) -> str:
        """Its offer, with all candidates."""
        return self._run(self._offer())

    def answer(self, offer: str) -> str:
        """Its answer to an offer."""
        return self._run(self._answer(offer))

    def accept(self, answer: str) -> None:
        """Take the answer to its offer."""
        self._run(self._remote("answer", answer))

    def _run(self, job: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(job, self._loop).result(WAIT_S)

    async def _open(self) -> None:
        self._connection = self.aiortc.RTCPeerConnection()
        self._connection.addTrack(self._tone())
        self._connection.on("track", lambda track: asyncio.ensure_future(self._listen(track)))

    async def _close(self) -> None:
        await self._connection.close()
        tasks = [one for one in asyncio.all_tasks() if one is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _offer(self) -> str:
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return str(self._connection.localDescription.sdp)

    async def _answer(self, offer: str) -> str:
        await self._remote("offer", offer)
        await self._connection.setLocalDescription(await self._connection.createAnswer())
        return str(self._connection.localDescription.sdp)

    async def _remote(self, kind: str, sdp: str) -> None:
        await self._connection.setRemoteDescription(self.aiortc.RTCSessionDescription(sdp, kind))

    async def _listen(self, track: Any) -> None:
        ended = importlib.import_module("aiortc.mediastreams").MediaStreamError
        try:
            while True:
                self.heard.append((await track.recv()).to_ndarray())
        except ended:
            return

    def _tone(self) -> Any:
        """A track with a tone, in real time."""
        frames = importlib.import_module("av").AudioFrame
        track = self.aiortc.mediastreams.AudioStreamTrack()
        state = {"sent": 0, "began": 0.0}

        async def recv() -> Any:
            loop = asyncio.get_running_loop()
            state["began"] = state["began"] or loop.time()
            await asyncio.sleep(max(0.0, state["began"] + state["sent"] / RATE - loop.time()))
            times = (np.arange(FRAME) + state["sent"]) / RATE
            samples = (8000 * np.sin(2 * np.pi * TONE_HZ * times)).astype(np.int16)
            frame = frames.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, int(state["sent"])
            frame.time_base = Fraction(1, RATE)
            state["sent"] += FRAME
            return frame

        track.recv = recv
        return track
