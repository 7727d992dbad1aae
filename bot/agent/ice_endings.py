"""What the library does not survive when a call with ICE ends; both are mended in it after 2.15.1.

Its audio thread may still send when the call's sockets are taken away, and an assertion ends the process.
And what a relay sends by TCP right after it gave the allocation up is read for a session that is gone.
"""

from __future__ import annotations

import contextlib
import ctypes
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pjsua2 as pj

from bot.agent.linkage import linkage_entry
from bot.agent.modules import Modules, Pointer
from bot.sip import Message

__all__ = ["LastPackets", "guard_relay"]

BEFORE_DIALOGS = 12
"""Between PJSIP_MOD_PRIORITY_TSX_LAYER and PJSIP_MOD_PRIORITY_UA_PROXY_LAYER."""
INVALID_OPERATION = 70013
"""PJ_EINVALIDOP."""
ENDING = "BYE ", "CANCEL "
FRAME_S = 0.002
"""Longer than the audio thread takes for one frame."""
READ_FROM_RELAY = "pj_turn_session_on_rx_pkt"
_Read = ctypes.CFUNCTYPE(ctypes.c_int, Pointer, Pointer, ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t))
_kept: list[object] = []


class LastPackets:
    """Stops the streams of a call that a hang-up, a BYE or a CANCEL is about to end from sending.

    A frame of RTP that has begun is waited for; RTCP may still leave, every few seconds. ``received()``
    returns the message at hand, ``streams(call_id)`` the call's streams that send, ``soon`` runs a job after
    the library has dealt with the message. Raises AttributeError when this build does not export what that
    takes.
    """

    def __init__(
        self,
        modules: Modules,
        received: Callable[[], str],
        streams: Callable[[str], Iterable[int]],
        soon: Callable[[Callable[[], None]], None],
    ) -> None:
        self._c, self._received, self._streams, self._soon = modules.c, received, streams, soon
        for function in (self._c.pjmedia_stream_pause, self._c.pjmedia_stream_resume):
            function.argtypes = [Pointer, ctypes.c_int]
        modules.register(b"mod-srtpbot-last", BEFORE_DIALOGS, on_request=self._arrived)

    @contextlib.contextmanager
    def held_back(self, call_id: str) -> Iterator[None]:
        """Nothing is sent while the library ends the call; when that fails, the call goes on."""
        stopped = self._stop(call_id)
        try:
            yield
        except pj.Error:
            self._resume(call_id, stopped)
            raise

    def _stop(self, call_id: str) -> list[int]:
        """Let the streams of the call send no more RTP; which those are."""
        streams = list(self._streams(call_id))
        for stream in streams:
            self._c.pjmedia_stream_pause(stream, pj.PJMEDIA_DIR_ENCODING)
        if streams:
            time.sleep(FRAME_S)
        return streams

    def _resume(self, call_id: str, stopped: Iterable[int]) -> None:
        """The call lives on after all: send again what is still to be sent."""
        for stream in set(stopped) & set(self._streams(call_id)):
            self._c.pjmedia_stream_resume(stream, pj.PJMEDIA_DIR_ENCODING)

    def _arrived(self, _: int) -> int:
        text = self._received()
        if text.startswith(ENDING):
            call_id = Message.parse(text).header("Call-ID") or ""
            if stopped := self._stop(call_id):
                self._soon(lambda: self._resume(call_id, stopped))  # it may be of another dialog
        return 0


def guard_relay(library: ctypes.CDLL) -> None:
    """Look whether there is a session before it is given what came from a relay by TCP."""
    entry = linkage_entry(library, READ_FROM_RELAY)
    if entry is None:
        return
    read = _Read(ctypes.cast(library[READ_FROM_RELAY], Pointer).value or 0)

    def guarded(session: int | None, packet: int, length: int, used: Any) -> int:
        if session is not None:
            return int(read(session, packet, length, used))
        used[0] = length
        return INVALID_OPERATION

    callback = _Read(guarded)
    _kept.append(callback)
    Pointer.from_address(entry).value = ctypes.cast(callback, Pointer).value
