"""Received packets of each stream: accepted packets, and discarded packets with the reason.

A packet passes the guard of its socket (``sources``), libsrtp, ``pjmedia_rtp_decode_rtp`` and then
``pjmedia_rtp_session_update2``. A packet that fails in libsrtp is not authentic, replayed or not SRTP. A
decoded packet that does not reach the last function came from another address than the peer's, or while the
stream does not receive.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable

from bot.agent.native.detour import Detour
from bot.agent.native.kept import keep
from bot.agent.native.library import Exported, MissingSymbol, Pointer
from bot.agent.native.packet_notes import SLOTS, Note, PacketNotes
from bot.agent.native.source_guard import SOURCE_BYTES
from bot.agent.reception.packet import PAYLOAD_TYPE, is_rtp
from bot.agent.reception.sources import Sources, StreamSources
from bot.agent.reception.statistics import Reception
from bot.model import ForeignPackets

__all__ = ["Arrivals"]

DECODED, TAKEN, RECEIVED = -1, -2, -3
AUTHENTICATION_FAILED = 7
REASONS = {9: "replayed", 10: "replayed"}
"""srtp_err_status_t of srtp.h: auth_fail, replay_fail, replay_old."""
NO_SRTP = "not SRTP"
OTHER_ADDRESS = "from another address"
TAIL_BYTES = 24
RTCP_TYPES = range(64, 96)
"""The packet types of RTCP on the RTP port (RFC 5761 4)."""
CONTEXTS = 1024
"""The libsrtp contexts of the last calls; more than exist at once."""
TRANSPORT_BYTES = 1 << 14
"""Larger than a transport, and smaller than the distance of two transports in memory."""


class _SessionInfo(ctypes.Structure):
    """``pjmedia_stream_rtp_sess_info`` of pjmedia/stream.h."""

    _fields_ = (("received", Pointer), ("sent", Pointer), ("rtcp", Pointer))


class Arrivals:
    """The receptions of the active streams, by the addresses of the library's objects.

    Raises MissingSymbol or OSError where packets cannot be recorded; see ``PacketNotes``.
    """

    def __init__(self, library: Exported, *, guarded: bool = True) -> None:
        """``guarded``: packets from other sources are dropped; streams with ICE follow the rules of ICE."""
        self._c = library
        self._c.require("pjmedia_stream_get_rtp_session_info", "pjmedia_stream_get_transport")
        self._notes = PacketNotes(library)
        self._sources = guard(library, self._notes) if guarded else None
        self._guarded: dict[int, StreamSources] = {}
        """By the stream, and by its RTP session."""
        self._open: dict[int, StreamSources] = {}
        """Those that have not selected a source yet, by the RTP session."""
        self._sessions: dict[int, Reception] = {}
        self._undecided: dict[int, Note] = {}
        """The decoded packet of which it is not known yet whether the stream uses it, by session."""
        self._streams: dict[int, tuple[int, int]] = {}
        self._contexts: dict[int, int] = {}
        """Where a context of libsrtp is kept, by its address; it may outlive a stream, as the keys do."""
        self._remember_contexts()
        if not self._notes.note_calls("pjmedia_rtp_decode_rtp", DECODED):
            raise MissingSymbol("this build of the library calls its functions directly")
        self._notes.note_calls("pjmedia_rtp_session_update2", TAKEN)
        self._notes.note_failures("srtp_unprotect")

    def _remember_contexts(self) -> None:
        """An SRTP context lies in memory inside its transport.

        Its creation reports the address of the transport.
        """

        def create(original: Callable[..., int], kept_at: int, policy: int) -> int:
            status = original(kept_at, policy)
            if not status and (context := Pointer.from_address(kept_at).value):
                self._contexts.pop(context, None)
                self._contexts[context] = kept_at
                while len(self._contexts) > CONTEXTS:
                    del self._contexts[next(iter(self._contexts))]
            return status

        with contextlib.suppress(MissingSymbol):
            keep(Detour(self._c, "srtp_create", create))

    # ---- streams

    def begin(self, stream: int, reception: Reception | None, peer: str) -> None:
        """A stream begins; its packets are counted in this reception, if the stream receives.

        ``peer`` is the RTP address in the peer's description.
        """
        self.read()
        session, transport = _SessionInfo(), self._c.pjmedia_stream_get_transport(stream)
        self._c.pjmedia_stream_get_rtp_session_info(stream, ctypes.byref(session))
        if not session.received or not transport:
            return
        if (
            self._sources is not None
            and (sources := self._sources.begin(stream, transport, peer)) is not None
        ):
            self._guarded[stream] = self._guarded[session.received] = sources
            self._open[session.received] = sources
        self._streams[stream] = session.received, transport
        if reception is not None:
            self._sessions[session.received] = self._sessions[transport] = reception

    def end(self, stream: int) -> None:
        """The stream has ended."""
        self.read()
        session, transport = self._streams.pop(stream, (0, 0))
        self._guarded.pop(session, None)
        self._open.pop(session, None)
        sources = self._guarded.pop(stream, None)
        if sources is not None and self._sources is not None:
            self._sources.end(sources)
        for key in (session, transport):
            self._sessions.pop(key, None)
        self._undecided.pop(session, None)

    def reception(self, stream: int) -> Reception | None:
        """The reception of a stream so far."""
        self.read()
        return self._sessions.get(self._streams.get(stream, (0, 0))[0])

    def hears_negotiated(self, stream: int) -> bool:
        """Whether RTP or STUN has arrived from the remote address of the stream; False when unknown."""
        sources = self._guarded.get(stream)
        return self._sources is not None and sources is not None and self._sources.hears_negotiated(sources)

    def foreign(self, stream: int) -> ForeignPackets | None:
        """Datagrams from other sources for a stream so far; None if unknown."""
        sources = self._guarded.get(stream)
        return self._sources.foreign(sources) if self._sources is not None and sources is not None else None

    # ---- packets

    def read(self, most: int = SLOTS) -> bool:
        """Pass at most so many records to the receptions; whether as many were there.

        Call it often, because the ring buffer is overwritten.
        """
        notes, undecided, sessions = self._notes.read(most), self._undecided, self._sessions
        time_of = self._notes.time_of
        for note in notes:
            key, counter, kind, length, data = note
            if kind == DECODED:
                if key in undecided:
                    self._settle(key)
                if key not in sessions:
                    continue
                if not is_rtp(data, length):
                    sessions[key].refuse("not RTP")
                elif data[1] & PAYLOAD_TYPE not in RTCP_TYPES:
                    undecided[key] = note
            elif kind == TAKEN:
                if key in undecided:
                    _, counter, _, length, data = undecided.pop(key)
                    sessions[key].take(time_of(counter), data, length)
                    if key in self._open and not self._is_open(self._open[key]):
                        del self._open[key]
            elif kind == RECEIVED:
                self._received(key, data, time_of(counter))
            else:
                self._failed(key, kind, data)
        if self._sources is not None:
            self._sources.decide()
        return len(notes) == most

    def _received(self, descriptor: int, data: bytes, at: float) -> None:
        """A datagram passed the guard; once the peer sends, all earlier datagrams were a stranger's."""
        if self._sources is None:
            return
        found = self._sources.received(descriptor, data[:SOURCE_BYTES], at)
        for session, transport in self._streams.values():
            if found is not None and self._guarded.get(session) is found and session in self._sessions:
                self._settle(session)
                reception = self._sessions[session].without_the_taken()
                self._sessions[session] = self._sessions[transport] = reception
                found.disowned = reception.disowned

    def _is_open(self, sources: StreamSources) -> bool:
        """Tell of a used packet; whether the source of the next one may still be another."""
        return self._sources is not None and self._sources.taken(sources)

    def _settle(self, session: int) -> None:
        """A packet was decoded but not used before the next packet arrived."""
        passed_over = self._undecided.pop(session, None)
        if passed_over is not None and (reception := self._sessions.get(session)) is not None:
            reception.refuse(OTHER_ADDRESS)

    def _failed(self, context: int, status: int, data: bytes) -> None:
        reception = self._sessions.get(self._transport_of(context))
        if reception is None:
            return
        if status == AUTHENTICATION_FAILED:
            reception.refuse_unauthentic(data[-TAIL_BYTES:])
        else:
            reception.refuse(REASONS.get(status, NO_SRTP))

    def _transport_of(self, context: int) -> int:
        kept_at = self._contexts.get(context, 0)
        owners = [stream for _, stream in self._streams.values() if 0 < kept_at - stream < TRANSPORT_BYTES]
        return max(owners, default=0)


def guard(library: Exported, notes: PacketNotes) -> Sources | None:
    """The guard of the sockets, if the build permits one."""
    try:
        return Sources(library, notes, RECEIVED)
    except (MissingSymbol, OSError):
        return None
