"""Packet capture of a run (``--capture FILE``) and verification of the packets of its calls.

The keys stay in memory. A capture of unencrypted signalling contains keys; a message says so.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bot.capture.journal_messages import is_from_journal, journal_messages
from bot.capture.recorder import CaptureFilter, PacketRecorder
from bot.capture.verification import CallLifetime, MediaLine, Verification, prove
from bot.config import EndpointConfig
from bot.errors import ConfigError, NativeError
from bot.ipc import CallStarted, CallStateChanged
from bot.model import CallState, MediaDirection
from bot.sip import parse_sdp, parse_uri
from bot.ua import Call, CallRecord, Entry, Journal

if TYPE_CHECKING:
    from bot.capture.report import Analysis

__all__ = ["CaptureOfRun"]

RECEIVING = (MediaDirection.SENDRECV, MediaDirection.RECVONLY)


class CaptureOfRun:
    """Records packets from ``begin`` to ``end``, then verifies them."""

    def __init__(self, path: Path, journal: Journal) -> None:
        self.path = path
        self._journal = journal
        self._entries: list[Entry] = []
        self._lives: dict[tuple[str, int], CallLifetime] = {}
        self._sniffer: PacketRecorder | None = None
        journal.observe(self._observe)

    @property
    def running(self) -> bool:
        """Whether the capture is running."""
        return self._sniffer is not None

    def begin(self, configs: Iterable[EndpointConfig], uris: Iterable[str] = ()) -> None:
        """Record the packets of endpoints with these settings, and of their calls to ``uris``.

        Returns when the recorder runs; does nothing if it runs already. Raises the errors of
        ``PacketRecorder``.
        """
        if self.running:
            return
        configs = list(configs)
        ports = [port for config in configs if config.port for port in (config.port, config.port + 1)]
        ports += [port for uri in uris if (port := port_of(uri))]
        place = CaptureFilter.of([one.bind for one in configs], ports)
        try:
            self._sniffer = PacketRecorder(self.path, place).__enter__()
        except (ConfigError, NativeError) as error:
            raise type(error)(f"--capture: {error}") from None

    def end(self) -> str | None:
        """Stop after the last sent packet is in the file; a text about lost packets, or None.

        Raises NativeError for a capture that ended early or did not start.
        """
        sniffer, self._sniffer = self._sniffer, None
        if sniffer is None:
            raise NativeError("--capture: no packets were recorded")
        try:
            sniffer.__exit__(None, None, None)
        except NativeError as error:
            raise NativeError(f"--capture: {error}") from None
        return f"the kernel dropped {sniffer.dropped} packets of the capture" if sniffer.dropped else None

    def proofs(self, calls: Sequence[Call]) -> Mapping[Call, dict[int, Verification]]:
        """The verification of each m= line of each call with media; raises NativeError."""
        streams = self._analysis().streams
        return {
            call: {
                index: prove(call.facts.sip_call_id, index, line, streams)
                for index, line in lines_of(call.facts, self._life(call.endpoint.name, call.number)).items()
            }
            for call in calls
        }

    def _analysis(self) -> Analysis:
        """The analysis of the capture file, with the keys and addresses of the journal."""
        from bot.capture.analysis import analyse
        from media.capture.reader import CaptureError

        try:
            return analyse(self.path, journal_messages=journal_messages(self._entries, self._journal))
        except CaptureError as error:
            raise NativeError(f"--capture: {error}") from None

    def _life(self, endpoint: str, call: int) -> CallLifetime:
        return self._lives.get((endpoint, call), CallLifetime())

    def _observe(self, entry: Entry) -> None:
        if self._sniffer is None:
            return
        if is_from_journal(entry):
            self._entries.append(entry)
        match entry.event:
            case CallStarted() as event:
                self._lives[entry.endpoint, event.call] = CallLifetime(began=wall_time(event.at))
            case CallStateChanged(state=CallState.DISCONNECTED) as event:
                began = self._life(entry.endpoint, event.call).began
                self._lives[entry.endpoint, event.call] = CallLifetime(began=began, ended=wall_time(event.at))


def wall_time(at: float) -> float:
    """A monotonic time in seconds since 1970, by the current clock; a suspended machine shifts the clock."""
    return time.time() - (time.monotonic() - at)


def heard_from(facts: CallRecord, index: int) -> float | None:
    """Time when an m= line began to receive, in s since 1970; None if it did not receive until the end."""
    lines = [(at, line) for at, lines in facts.media_history for line in lines if line.index == index]
    active = [(at, line) for at, line in lines if line.active]
    if not active or any(line.direction not in RECEIVING for _, line in active):
        return None
    return wall_time(active[0][0])


def lines_of(facts: CallRecord, life: CallLifetime) -> dict[int, MediaLine]:
    """The active m= lines."""
    lines: dict[int, MediaLine] = {}
    for media in facts.last_active.values():
        crypto, stats = facts.crypto(media.index), facts.stats(media.index)
        profile = facts.profile(media.index) or ""
        lines[media.index] = MediaLine(
            own=own_addresses(facts, media.index),
            secure=bool(media.suite or crypto.keyed or "/SAVP" in profile.upper()),
            suite=media.suite,
            dtls=facts.dtls(media.index) is not None,
            sent=stats.tx.packets if stats else None,
            received=stats.rx.packets if stats else None,
            life=life,
            heard_from=heard_from(facts, media.index),
            changes=max(0, len(facts.media_history) - 1),
        )
    return lines


def own_addresses(facts: CallRecord, index: int) -> set[str]:
    """The RTP addresses of the library's socket and of all sent session descriptions."""
    media = (line for _, lines in facts.media_history for line in lines if line.index == index)
    found = {line.local for line in media if line.local}
    for traced in facts.messages:
        text = traced.message.sdp if traced.sent else None
        described = parse_sdp(text).media if text else ()
        if index < len(described) and described[index].port:
            found.add(f"{described[index].connection}:{described[index].port}")
    return found


def port_of(uri: str) -> int | None:
    """The port of a URI; errors of the URI are reported by the call."""
    try:
        return parse_uri(uri).port
    except ConfigError:
        return None
