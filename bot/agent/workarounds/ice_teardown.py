"""Crashes of the library at the end of a call with ICE (RFC 8445); they are fixed in PJSIP 2.17.

Its audio thread may still send after the call's sockets are closed, and an assertion then ends the process.
Data that a TURN relay sends over TCP right after the release of the allocation is read for a freed session.
"""

from __future__ import annotations

import contextlib
import ctypes
import time
from collections.abc import Callable, Iterable, Iterator

import pjsua2 as pj

from bot.agent.native.detour import Detour
from bot.agent.native.kept import keep
from bot.agent.native.library import Exported, MissingSymbol
from bot.agent.native.machine_code import BEGIN
from bot.agent.native.packet_notes import PacketNotes
from bot.agent.native.sip_module import Modules
from bot.sip import Message

__all__ = ["IceTeardown", "guard_relay", "guard_sending"]

BEFORE_DIALOGS = 12
"""Between PJSIP_MOD_PRIORITY_TSX_LAYER and PJSIP_MOD_PRIORITY_UA_PROXY_LAYER."""
INVALID_OPERATION = 70013
"""PJ_EINVALIDOP."""
ENDING = "BYE ", "CANCEL "
READ_FROM_RELAY = "pj_turn_session_on_rx_pkt"
SEND = "pj_stun_sock_sendto"
IF_THERE = (
    BEGIN,
    ("4885ff", "test rdi, rdi"),
    ("741d", "je invalid"),
    ("4885d2", "test rdx, rdx"),
    ("7418", "je invalid"),
    ("4d85c9", "test r9, r9"),
    ("7413", "je invalid"),
    ("837c240800", "cmp dword [rsp+8], 0"),
    ("740c", "je invalid"),
    ("48b8FUNCTION", "movabs rax, function"),
    ("ffe0", "jmp rax"),
    ("b874110100", "invalid: mov eax, 70004"),
    ("c3", "ret"),
)
"""f(socket, key, packet, length, flags, address, size): PJ_EINVAL without a socket, a packet or an address.

It runs for each packet, and on the audio thread too, so it is machine code (``packet_notes``).
"""
MENDED_IN = "2.17"
"""The first PJSIP version with both fixes."""
FRAME_S = 0.002
"""Longer than the audio thread needs for one frame."""


class IceTeardown:
    """Stops the RTP streams of a call before a hang-up, a BYE or a CANCEL ends it.

    It waits for an RTP frame in progress; RTCP may still be sent every few seconds. ``received()`` returns
    the current message, ``streams(call_id)`` the sending streams of the call. ``soon`` runs a job after the
    library has processed the message. Raises MissingSymbol without the necessary C functions.
    """

    def __init__(
        self,
        modules: Modules,
        received: Callable[[], str],
        streams: Callable[[str], Iterable[int]],
        soon: Callable[[Callable[[], None]], None],
    ) -> None:
        self._c, self._received, self._streams, self._soon = modules.c, received, streams, soon
        self._c.require("pjmedia_stream_pause", "pjmedia_stream_resume")
        modules.register(b"mod-srtpbot-last", BEFORE_DIALOGS, on_request=self._arrived)

    @contextlib.contextmanager
    def held_back(self, call_id: str) -> Iterator[None]:
        """Stop sending while the library ends the call.

        If the library fails to end it, the call continues.
        """
        stopped = self._stop(call_id)
        try:
            yield
        except pj.Error:
            self._resume(call_id, stopped)
            raise

    def _stop(self, call_id: str) -> list[int]:
        """Stop RTP on the streams of the call; returns these streams."""
        streams = list(self._streams(call_id))
        for stream in streams:
            self._c.pjmedia_stream_pause(stream, pj.PJMEDIA_DIR_ENCODING)
        if streams:
            time.sleep(FRAME_S)
        return streams

    def _resume(self, call_id: str, stopped: Iterable[int]) -> None:
        """The call continues: resume its streams."""
        for stream in set(stopped) & set(self._streams(call_id)):
            self._c.pjmedia_stream_resume(stream, pj.PJMEDIA_DIR_ENCODING)

    def _arrived(self, _: int) -> int:
        text = self._received()
        if text.startswith(ENDING):
            call_id = Message.parse(text).header("Call-ID") or ""
            if stopped := self._stop(call_id):
                self._soon(lambda: self._resume(call_id, stopped))  # the stream may belong to another dialog
        return 0


def guard_sending(library: Exported) -> None:
    """Refuse to send by a socket that is closed; the audio thread, RTCP and ICE checks all do.

    Raises MissingSymbol where this build does not permit that.
    """
    try:
        guarded = PacketNotes(library).lead_through(IF_THERE, SEND, 0)
    except OSError:
        guarded = False
    if not guarded:
        raise MissingSymbol(f"this build of the library does not call {SEND} by a table that can be changed")


def guard_relay(library: Exported) -> None:
    """Check for a live session before it receives data from a relay over TCP.

    Raises MissingSymbol where this build does not permit that.
    """

    def read(original: Callable[..., int], session: int | None, packet: int, length: int, used: int) -> int:
        if session is not None:
            return original(session, packet, length, used)
        ctypes.c_size_t.from_address(used).value = length
        return INVALID_OPERATION

    keep(Detour(library, READ_FROM_RELAY, read))
