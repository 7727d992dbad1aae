"""One verified call: speech with a marker at its beginning and its end, digits between, each judged.

The peer is expected to send the audio back, as ``srtpbot answer`` (a parrot) or an echo service does. So a
marker that comes back in time proves both directions. Between the markers the counters of RTP are judged.
Of digits it is known that the peer negotiated and this side sent them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from bot.deadline import Deadline
from bot.errors import CallFailed, ExpectationFailed, NativeError, WaitTimeout
from bot.expectations import expect
from bot.load.detail import GAP, CallDetail
from bot.load.ending import broke, complete, died, hang_up, predicate, told, unanswered, why_unanswered
from bot.load.hearing import Hearing
from bot.load.sounds import SECTION_S, Section, Sounds
from bot.load.takes import Take, judge_audio
from bot.load.turn import Invitation, Talk, Turn
from bot.model import CallState, DtmfMethod, MediaState, RtpCounters, SrtpMode
from bot.sip import HeaderFields
from bot.ua import Call, Playback, packet_ms, unheard_packets

__all__ = ["BOTH_S", "LEAST_S", "Conversation"]

ECHO_S = 0.7
"""How long a recording goes on after its section was played, in seconds."""
PART_S = SECTION_S + ECHO_S
LEAST_S = 2.5
"""A call with verified audio lasts this long at least, in seconds."""
BOTH_S = 2 * PART_S + 0.5
"""A call of this length or more is verified at its end too."""
SLACK_S = 5.0
"""How much longer than its audio a playback may take, in seconds."""
GAP_MS = 500.0
REFUSED_SHARE = 0.1
"""Share of the peer's packets that SRTP may refuse: some peers send before they have their keys."""


@dataclass(frozen=True)
class Conversation:
    """What every call of the load does, unless a scenario says otherwise."""

    srtp: SrtpMode
    sounds: Sounds
    body: Path
    """Audio between the markers, repeated."""
    digits: str = "1"
    method: DtmfMethod = DtmfMethod.RFC4733
    headers: HeaderFields = ()
    ring_timeout: float = 30.0
    expected: Callable[[Call], Iterable[Callable[[], None]]] = lambda call: ()
    """Further expectations of an answered call."""

    def talk(self, turn: Turn, stopped: Callable[[], bool]) -> Talk:
        """The conversation of one call."""
        sections = self.sounds.of_call(turn.line, turn.index) if turn.is_verified else None
        return _Talk(self, turn, sections, stopped)


@dataclass
class _Talk:
    """A conversation in progress."""

    of: Conversation
    turn: Turn
    sections: tuple[Section, Section] | None
    """The audio with markers; None for a call whose audio is not verified."""
    stopped: Callable[[], bool]
    takes: list[Take] = field(default_factory=list)
    is_judged: bool = False
    """Whether the media was judged; a call that never got there has not passed."""
    call: Call = field(init=False)
    detail: CallDetail = field(init=False)
    _playback: Playback | None = None

    @property
    def invitation(self) -> Invitation:
        """The INVITE."""
        turn, of = self.turn, self.of
        return Invitation(turn.uri, of.headers, of.ring_timeout, turn.account)

    def perform(self, call: Call, detail: CallDetail) -> None:
        """Talk for as long as the turn says, and hang up; failures are noted in ``detail``."""
        self.call, self.detail = call, detail
        try:
            self._talk(self.turn.seconds, self.sections, self.turn.folder)
        except (CallFailed, ExpectationFailed, WaitTimeout, NativeError) as error:
            broke(call, detail, error)
        finally:
            self.end()

    def judge(self, call: Call, detail: CallDetail, hearing: Hearing) -> None:
        """The verdict on the markers."""
        judge_audio(detail, call, self.takes, hearing)

    def interrupt(self, call: Call) -> None:
        """Let every wait ask whether the load was stopped."""
        call.endpoint.journal.wake()

    def _talk(self, seconds: float, sections: tuple[Section, Section] | None, folder: Path) -> None:
        """From the INVITE that was sent to the BYE."""
        first = self._begin(sections[0], folder / "begin.wav") if sections is not None else None
        if first is None:
            self._playback = self.call.play(self.of.body, loop=True)
        if not self._answered():
            return
        confirmed = self.call.facts.reached(CallState.CONFIRMED)
        until = Deadline(seconds - (time.monotonic() - confirmed.at if confirmed is not None else 0.0))
        if first is not None:
            self._played()
            self._playback = self.call.play(self.of.body, loop=True)
            first.recording.stop(linger=ECHO_S)
            first.is_cut_short = self._is_over()
        if self._is_over():
            return
        if self.of.digits:
            self._dial()
        both = sections is not None and seconds >= BOTH_S
        self._wait(Deadline(until.left - PART_S) if both else until)
        if both and sections is not None and not self._is_over():
            if self._playback is not None:
                self._playback.stop()
            second = self._begin(sections[1], folder / "end.wav")
            self._played()
            self._wait(Deadline(ECHO_S))
            second.is_cut_short = self._is_over()
        if not self._is_over():
            self._judge_media()
            self.is_judged = True

    def _begin(self, section: Section, path: Path) -> Take:
        """Record, and play a marker, from when the media is active."""
        recording = self.call.record(path)
        played = sum(one.kind == "play" for one in self.call.facts.activities)
        take = Take(section, recording, played, is_cut_short=True)  # until its echo was due
        self.takes.append(take)
        self._playback = self.call.play(section.path)
        return take

    def _played(self) -> None:
        """Wait for the end of the marker's section."""
        playback = self._playback
        self.call.wait_until(
            lambda: playback is None or playback.complete is not None or self._is_over(),
            Deadline(SECTION_S + SLACK_S),
        )

    def _answered(self) -> bool:
        """Whether the call was answered and has media."""
        facts = self.call.facts
        self.call.wait_until(
            lambda: facts.reached(CallState.CONFIRMED, CallState.DISCONNECTED) is not None or self.stopped(),
            Deadline(self.of.ring_timeout + 1),
        )
        if facts.reached(CallState.CONFIRMED) is None:
            return False
        return self._check("media", expect(self.call).to_have_active_media) and not self._is_over()

    def _dial(self) -> None:
        try:
            self.call.send_dtmf(self.of.digits, method=self.of.method).wait(len(self.of.digits) + SLACK_S)
        except (CallFailed, WaitTimeout) as error:
            if not self._is_over():
                self.detail.fail("digits", str(error))

    def _wait(self, deadline: Deadline) -> None:
        self.call.wait_until(self._is_over, deadline)

    def _is_over(self) -> bool:
        return self.call.facts.ended is not None or self.stopped()

    def _judge_media(self) -> None:
        """The encryption, the packets and what the user expects, before the end of the call."""
        call, patience = self.call, Deadline(1.0)
        if self.of.srtp is SrtpMode.MANDATORY or call.facts.crypto().keyed:
            self._check("encryption", lambda: expect(call).to_be_encrypted(timeout=patience.left))
        elif self.of.srtp is SrtpMode.OFF:
            self._check("encryption", lambda: expect(call).not_to_be_encrypted(timeout=patience.left))
        self._check("media", lambda: expect(call).to_have_media("sendrecv", timeout=patience.left))
        line = call.facts.audio()
        stats = call.facts.stats(line.index) if line is not None else None
        if line is not None and stats is not None:
            self._judge_packets(line, stats.rx)
        for assertion in self.of.expected(call):
            self._check("", assertion)

    def _judge_packets(self, line: MediaState, rx: RtpCounters) -> None:
        """Whether packets came all the time, and under the key that was negotiated."""
        if line.suite is not None and rx.packets and rx.refusals > REFUSED_SHARE * (rx.packets + rx.refusals):
            reasons = ", ".join(f"{count} {why}" for why, count in (rx.refused or {}).items())
            self.detail.fail("encryption", f"packets that SRTP refused beside {rx.packets} others: {reasons}")
            return
        gap_ms = (rx.longest_gap_ms or 0.0) - (rx.paused_ms or 0.0)
        if gap_ms > GAP_MS:  # not silence that the peer suppressed, nor a digit
            self.detail.fail(GAP, f"no packet for {rx.longest_gap_ms:.0f} ms, at most {GAP_MS:.0f}")
        unheard_ms = unheard_packets(self.call.facts, line, rx) * packet_ms(line, rx)
        if rx.packets and unheard_ms > GAP_MS:
            self.detail.fail(GAP, f"packets of {unheard_ms:.0f} ms never came, at most {GAP_MS:.0f}")

    def _check(self, cause: str, assertion: Callable[[], None]) -> bool:
        """Whether it holds; a failure has this cause, or is named after the user's expectation."""
        try:
            assertion()
        except ExpectationFailed as failure:
            if not self._is_over():
                self.detail.fail(cause or f"expectation: {predicate(failure)}", told(failure))
            return False
        return True

    def end(self) -> None:
        """Hang up, and judge the end of the call."""
        facts, detail = self.call.facts, self.detail
        answered = facts.reached(CallState.CONFIRMED)
        if facts.ended is None:
            hang_up(self.call, detail, is_stopped=self.stopped())
        elif died(self.call):
            detail.fail("agent died", facts.ended.reason, ours=True)
        elif answered is not None and facts.broken:
            detail.fail("answer not accepted", facts.ended_text)
        elif answered is not None:
            after_s = facts.ended.at - answered.at
            detail.fail("ended early", f"{facts.ended_text}, {after_s:.1f} s after the answer")
        else:
            detail.fail(unanswered(self.call), why_unanswered(self.call))
        if detail.verdict == "pass" and not self.is_judged:
            detail.fail("no answer" if answered is None else "not judged", "the call was given up")
        complete(self.call, detail)
