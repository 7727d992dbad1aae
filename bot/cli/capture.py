"""``--capture FILE``: the packets of a run on disk, and what they prove of each of its calls.

The keys that it needs stay in memory; of what the capture itself has in clear the user was told.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bot.call import Call
from bot.config import EndpointConfig
from bot.errors import ConfigError, NativeError
from bot.events import CallStarted, CallStateChanged, Event
from bot.journal import Entry, Journal
from bot.model import CallState
from bot.pcap.proof import Life, Line, Proof, prove
from bot.pcap.told import is_told, told
from bot.record import CallRecord
from bot.sdp import parse_sdp
from bot.sip import parse_uri
from bot.sniffer import Place, Sniffer

if TYPE_CHECKING:
    from bot.pcap.report import Analysis

__all__ = ["CaptureOfRun"]


class CaptureOfRun:
    """Records from ``begin`` to ``end``, and is asked for proofs after that."""

    def __init__(self, path: Path, journal: Journal) -> None:
        self.path = path
        self._journal = journal
        self._entries: list[Entry] = []
        self._lives: dict[tuple[str, int], Life] = {}
        self._sniffer: Sniffer | None = None
        journal.observe(self._observe)

    @property
    def running(self) -> bool:
        """Whether it has begun and not ended."""
        return self._sniffer is not None

    def begin(self, configs: Iterable[EndpointConfig], uris: Iterable[str] = ()) -> None:
        """Record what endpoints of these settings send and receive, and what they call ``uris`` with.

        Returns when packets are really recorded; once they are, it changes nothing. Raises what ``Sniffer``
        raises.
        """
        if self.running:
            return
        configs = list(configs)
        ports = [port for one in configs if one.port for port in (one.port, one.port + 1)]
        ports += [port for uri in uris if (port := port_of(uri))]
        place = Place.of([one.bind for one in configs], ports)
        try:
            self._sniffer = Sniffer(self.path, place).__enter__()
        except (ConfigError, NativeError) as error:
            raise type(error)(f"--capture: {error}") from None

    def end(self) -> str | None:
        """Stop when everything that was sent is in the file; what was lost, if anything.

        Raises NativeError when it broke off, or was never begun.
        """
        sniffer, self._sniffer = self._sniffer, None
        if sniffer is None:
            raise NativeError("--capture: nothing was recorded")
        try:
            sniffer.__exit__(None, None, None)
        except NativeError as error:
            raise NativeError(f"--capture: {error}") from None
        return f"the kernel dropped {sniffer.dropped} packets of the capture" if sniffer.dropped else None

    def proofs(self, calls: Sequence[Call]) -> Mapping[Call, dict[int, Proof]]:
        """For every call that had media, by the index of its m= line; raises NativeError."""
        streams = self._analysis().streams
        return {
            call: {
                index: prove(call.known.sip_call_id, index, line, streams)
                for index, line in lines_of(call.known, self._life(call.host.name, call.number)).items()
            }
            for call in calls
        }

    def _analysis(self) -> Analysis:
        """What the file holds, with what the journal tells of it."""
        from bot.pcap.analysis import analyse
        from media.capture import CaptureError

        try:
            return analyse(self.path, told=told(self._entries, self._journal))
        except CaptureError as error:
            raise NativeError(f"--capture: {error}") from None

    def _life(self, endpoint: str, call: int) -> Life:
        return self._lives.get((endpoint, call), Life())

    def _observe(self, entry: Entry) -> None:
        if self._sniffer is None:
            return
        if is_told(entry):
            self._entries.append(entry)
        match entry.event:
            case CallStarted() as event:
                self._lives[entry.endpoint, event.call] = Life(began=wall_time(event))
            case CallStateChanged(state=CallState.DISCONNECTED) as event:
                began = self._life(entry.endpoint, event.call).began
                self._lives[entry.endpoint, event.call] = Life(began=began, ended=wall_time(event))


def wall_time(event: Event) -> float:
    """When it happened, in seconds since 1970, by the clock of this moment: a suspended machine's jumps."""
    return time.time() - (time.monotonic() - event.at)


def lines_of(known: CallRecord, life: Life) -> dict[int, Line]:
    """The m= lines that were active."""
    lines: dict[int, Line] = {}
    for media in known.last_active.values():
        crypto, stats = known.crypto(media.index), known.stats(media.index)
        profile = known.profile(media.index) or ""
        lines[media.index] = Line(
            own=own_addresses(known, media.index),
            secure=bool(media.suite or crypto.keyed or "/SAVP" in profile.upper()),
            suite=media.suite,
            sent=stats.tx.packets if stats else None,
            received=stats.rx.packets if stats else None,
            life=life,
        )
    return lines


def own_addresses(known: CallRecord, index: int) -> set[str]:
    """Where the library had its socket, and where every description that was sent said that it is."""
    media = (line for _, lines in known.media_history for line in lines if line.index == index)
    found = {line.local for line in media if line.local}
    for traced in known.messages:
        text = traced.message.sdp if traced.sent else None
        described = parse_sdp(text).media if text else ()
        if index < len(described) and described[index].port:
            found.add(f"{described[index].connection}:{described[index].port}")
    return found


def port_of(uri: str) -> int | None:
    """The port of a URI that somebody wrote; what is wrong with it is said when it is called."""
    try:
        return parse_uri(uri).port
    except ConfigError:
        return None
