"""Bounds on incoming calls: without ACK, silent, too long, too many of one source; and room for another one.

A call that a limit ends ends by this side: with BYE, or without a word when no ACK has come, for then no BYE
may be sent (RFC 3261 15) and the peer may be nobody.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pjsua2 as pj

from bot.agent.call import Leg
from bot.agent.legs import Legs
from bot.agent.limit_reports import LimitReports
from bot.agent.loop import Loop
from bot.agent.workarounds.unanswered_bye import Dialog, Sessions
from bot.config import LimitsConfig
from bot.model import CallState
from bot.rates import Sources, host_of

__all__ = ["CallLimits", "Room"]

LOOK_S = 0.5
ROOM_ACK_S, ROOM_BYE_S = 1.0, 1.0
"""A call without an ACK, or an answer to BYE, gives way to another one then: twice T1 (RFC 3261 17.1.1.1)."""
ROOM_SILENCE_S = 1.5
"""Age at which a call without received RTP gives way to another call, in seconds."""
ROOM_ABUSE_S, ROOM_ABUSE_SILENCE_S = 0.2, 5.0
"""The same for sources that have exceeded limits, when the other one has not."""
ROOM_RINGING_S = 1.0
"""Age at which a call that rings gives way to a source without a call, if its own source has several."""
UNACKNOWLEDGED, SILENT, LENGTH, BYE = "unacknowledged", "silence", "call-length", "unanswered-bye"
RINGING = "ringing"


class Room(NamedTuple):
    """Whether one more call may begin."""

    why: str = ""
    """Why its source may not have it now."""
    waits: bool = False
    """Whether a call that has proved nothing yet stands in its way: it is used, or gives way, soon."""


class Unanswered(NamedTuple):
    """A call with a BYE that has no response yet."""

    dialog: Dialog
    peer: str
    at: float


class CallLimits:
    """Looks at the incoming calls twice a second, and when one more comes."""

    def __init__(
        self,
        limits: LimitsConfig,
        max_calls: int,
        loop: Loop,
        legs: Legs,
        sources: Sources,
        *,
        hang_up: Callable[[Leg], None],
        drop: Callable[[Leg], bool],
        sessions: Sessions | None,
        reports: LimitReports,
    ) -> None:
        """``hang_up`` sends BYE; ``drop`` ends a call without a message, and says whether the build can."""
        self._limits, self._max_calls = limits, max_calls
        self._loop, self._legs, self._sources = loop, legs, sources
        self._hang_up, self._drop, self._reports = hang_up, drop, reports
        self._sessions = sessions
        self._unanswered: list[Unanswered] = []
        self._looking = False

    def begin(self) -> None:
        """There is an incoming call."""
        if not self._looking:
            self._looking = True
            self._loop.after(LOOK_S, self._look)

    def _look(self) -> None:
        now = time.monotonic()
        for leg in self._incoming():
            self._listen(leg, now)
            rule, why = self._exceeded(leg, now)
            if rule:
                self._end(leg, rule, why)
        self._looking = False
        if any(True for _ in self._incoming()):
            self.begin()

    def _incoming(self) -> Iterator[Leg]:
        return (leg for leg in self._legs if not leg.is_outgoing and leg.native is not None)

    def _listen(self, leg: Leg, now: float) -> None:
        """Comfort noise proves that there is a peer, but is silence (RFC 3389)."""
        packets = leg.streams.packets_received()
        audio = packets - leg.streams.comfort_noise()
        if packets < leg.heard_packets:  # other streams
            leg.heard_audio = 0
        leg.heard_packets = packets
        if audio > leg.heard_audio:
            leg.heard_audio, leg.heard_at = audio, now

    def _exceeded(self, leg: Leg, now: float) -> tuple[str, str]:
        """The rule that a call breaks, and the details; empty for a call within the limits."""
        limits = self._limits
        if leg.ended_by is not None:
            return "", ""
        if leg.state is CallState.CONNECTING and 0 < limits.unacknowledged_s < now - leg.state_since:
            return UNACKNOWLEDGED, f"no ACK within {limits.unacknowledged_s:g} s"
        if leg.state is not CallState.CONFIRMED:
            return "", ""
        if limits.silence_s and leg.hears and now - max(leg.heard_at, leg.state_since) > limits.silence_s:
            return SILENT, f"no RTP for {limits.silence_s:g} s"
        if limits.call_length_s and now - leg.state_since > limits.call_length_s:
            return LENGTH, f"longer than {limits.call_length_s:g} s"
        return "", ""

    def hung_up(self, leg: Leg) -> None:
        """This side has sent BYE; the call keeps its slot in the library until the response."""
        if leg.tags is not None:
            dialog = Dialog(leg.sdp.call_id, *leg.tags)
            self._unanswered.append(Unanswered(dialog, leg.peer, time.monotonic()))

    def _waiting(self) -> list[Unanswered]:
        """The calls with a BYE that has no response yet."""
        sessions = self._sessions
        if sessions is not None:
            self._unanswered = [leg for leg in self._unanswered if sessions.of(leg.dialog)]
        return self._unanswered

    # ---- room for another one

    def make_room(self, host: str, call_id: str) -> Room:
        """End calls to make room for a new call of a source.

        When all slots are in use and no call gives way, the library rejects the new call.
        """
        if self._legs.of_dialog(call_id) is not None:  # sent again
            return Room()
        why = self._in_the_way(host)
        if why is None:
            return Room()
        now = time.monotonic()
        for leg in self._incoming():
            self._listen(leg, now)
        for _ in range(self._max_calls):
            if not self._limits.make_room:
                return Room(why)
            if not self._end_one(host, now, mine=bool(why)):
                return Room(why, self._is_unproved(host, mine=bool(why)))
            why = self._in_the_way(host)
            if why is None:
                return Room()
        return Room()

    def calls_of(self, host: str) -> int:
        """How many incoming calls of a source there are."""
        return sum(leg.source == host for leg in self._incoming())

    def _is_unproved(self, host: str, *, mine: bool) -> bool:
        """Whether there is a call without ACK, without RTP so far, or with an unanswered BYE."""
        if not mine and self._waiting():
            return True
        return any(
            leg.state is CallState.CONNECTING
            or (leg.state is CallState.CONFIRMED and leg.hears and not leg.heard_packets)
            or (leg.awaits_answer and self._takes_more(leg.source, host))
            for leg in self._incoming()
            if not mine or leg.source == host
        )

    def _in_the_way(self, host: str) -> str | None:
        """The reason for a rejection; empty when the library rejects, because all slots are in use."""
        mine = self.calls_of(host)
        if 0 < self._limits.calls_per_source <= mine:
            return f"{mine} calls of this source"
        if self._sources.is_abusing(host) and 1 < self._max_calls <= mine + 1:
            return f"{mine} calls of this source, which has exceeded limits"
        taken = sum(leg.native is not None for leg in self._legs) + len(self._waiting())
        return "" if taken >= self._max_calls else None

    def _end_one(self, host: str, now: float, *, mine: bool) -> bool:
        """End the call that is the least loss, if there is one; ``mine``: only one of this source."""
        for one in () if mine else self._waiting():
            if now - one.at > ROOM_BYE_S:
                self._reports.reached(BYE, one.peer, "its BYE is not answered, and another call came")
                self._sources.abused(host_of(one.peer))
                return self._free(one.dialog)
        found = [
            (rank, leg.state_since, leg, rule, why)
            for leg in self._incoming()
            if not mine or leg.source == host
            for rank, rule, why in self._useless(leg, host, now)
        ]
        if not found:
            return False
        _, _, leg, rule, why = min(found, key=lambda one: one[:2])
        self._end(leg, rule, why, at_once=True, harmless=rule == SILENT and leg.source == host)
        return leg.native is None

    def _useless(self, leg: Leg, host: str, now: float) -> Iterator[tuple[int, str, str]]:
        """Why a call may give way to one of that source, with its rank: the lowest goes first."""
        age = now - leg.state_since
        harsh = self._sources.is_abusing(leg.source) and not self._sources.is_abusing(host)
        if leg.state is CallState.CONNECTING:
            if age > (ROOM_ABUSE_S if harsh else ROOM_ACK_S):
                yield 1, UNACKNOWLEDGED, f"no ACK within {age:.1f} s, and another call came"
        elif leg.state is CallState.CONFIRMED:
            if leg.hears and not leg.heard_packets and age > (ROOM_ABUSE_S if harsh else ROOM_SILENCE_S):
                yield 2, SILENT, f"no RTP within {age:.1f} s, and another call came"
            elif harsh and now - max(leg.heard_at, leg.state_since) > ROOM_ABUSE_SILENCE_S:
                yield 3, SILENT, "no RTP any more, and another call came"
        elif leg.awaits_answer and age > ROOM_RINGING_S and self._takes_more(leg.source, host):
            yield 4, RINGING, "it is not answered yet, and a source without a call came"

    def _takes_more(self, source: str, host: str) -> bool:
        """Whether a source has several calls and the other one has none."""
        return self.calls_of(source) > 1 and not self.calls_of(host)

    def _end(self, leg: Leg, rule: str, why: str, *, at_once: bool = False, harmless: bool = False) -> None:
        """End a call; ``at_once`` frees its place too, which otherwise waits for the answer to BYE.

        ``harmless``: its source stood in nobody's way but its own.
        """
        self._reports.reached(rule, leg.peer, why, leg.number)
        if rule not in {LENGTH, RINGING} and not harmless:
            self._sources.abused(leg.source)
        with contextlib.suppress(pj.Error):
            if rule == UNACKNOWLEDGED and self._drop(leg):
                return
            dialog = leg.tags and Dialog(leg.sdp.call_id, *leg.tags)
            self._hang_up(leg)
            if at_once and dialog:
                self._free(dialog)

    def _free(self, dialog: Dialog) -> bool:
        """Reuse the slot of a call with an unanswered BYE; whether that was possible.

        The transaction of the BYE continues, and the dialog exists until its end.
        """
        self._unanswered = [leg for leg in self._unanswered if leg.dialog != dialog]
        return self._sessions is not None and self._sessions.terminate(dialog)
