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
from bot.errors import BotError, CallFailed, ExpectationFailed, NativeError, WaitTimeout
from bot.expectations import MAX_DELAY_MS, expect
from bot.load.detail import GAP, LATE, MISSING, NO_BYE, UNHEARD, CallDetail
from bot.load.hearing import Heard, Hearing
from bot.load.sounds import LEAD_S, SECTION_S, Section
from bot.model import CallState, DtmfMethod, EndedBy, SrtpMode
from bot.ua import Call, Playback, Recording

__all__ = ["BOTH_S", "LEAST_S", "Conversation", "Take", "judge_audio"]

ECHO_S = 0.7
"""The longest that an echo takes while nothing is wrong; later audio is cut off from the recording."""
PART_S = SECTION_S + ECHO_S
LEAST_S = 2.5
"""A call with verified audio lasts this long at least, in seconds."""
BOTH_S = 2 * PART_S + 0.5
"""A call of this length or more is verified at its end too."""
SLACK_S = 5.0
"""How much longer than its audio a playback may take, in seconds."""
MISSING_MS = 200.0
"""More audio of a marker than this must not be missing; a codec may cost some of its 480 ms."""
GAP_MS = 500.0
DIED = "the agent died"


@dataclass
class Take:
    """A recording of a marker, and when the recording and the playback began."""

    section: Section
    recording: Recording
    played: int
    """Index of the playback among the activities of the call."""


@dataclass(frozen=True)
class Conversation:
    """What every call of the load does."""

    srtp: SrtpMode
    body: Path
    """Audio between the markers, repeated."""
    digits: str = "1"
    method: DtmfMethod = DtmfMethod.RFC4733
    ring_timeout: float = 30.0
    expected: Callable[[Call], Iterable[Callable[[], None]]] = lambda call: ()
    """Further expectations of an answered call."""

    def perform(
        self,
        call: Call,
        detail: CallDetail,
        seconds: float,
        *,
        sections: tuple[Section, Section] | None,
        folder: Path,
        stopped: Callable[[], bool],
    ) -> list[Take]:
        """Talk for ``seconds`` and hang up; with ``sections`` the audio is recorded into ``folder``.

        Failures are noted in ``detail``. Returns at once when ``stopped`` holds at any wait.
        """
        talk = _Talk(self, call, detail, stopped)
        try:
            talk.perform(seconds, sections, folder)
        except (CallFailed, ExpectationFailed, WaitTimeout, NativeError) as error:
            talk.broke(error)
        finally:
            talk.end()
        return talk.takes


@dataclass
class _Talk:
    """A conversation in progress."""

    of: Conversation
    call: Call
    detail: CallDetail
    stopped: Callable[[], bool]
    takes: list[Take] = field(default_factory=list)
    is_judged: bool = False
    """Whether the media was judged; a call that never got there has not passed."""
    _playback: Playback | None = None

    def perform(self, seconds: float, sections: tuple[Section, Section] | None, folder: Path) -> None:
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
        if self._is_over():
            return
        if self.of.digits:
            self._dial()
        both = sections is not None and seconds >= BOTH_S
        self._wait(Deadline(until.left - PART_S) if both else until)
        if both and sections is not None and not self._is_over():
            if self._playback is not None:
                self._playback.stop()
            self._begin(sections[1], folder / "end.wav")
            self._played()
            self._wait(Deadline(ECHO_S))
        if not self._is_over():
            self._judge_media()
            self.is_judged = True

    def _begin(self, section: Section, path: Path) -> Take:
        """Record, and play a marker, from when the media is active."""
        recording = self.call.record(path)
        played = sum(one.kind == "play" for one in self.call.facts.activities)
        take = Take(section, recording, played)
        self.takes.append(take)
        self._playback = self.call.play(section.path)
        return take

    def _played(self) -> None:
        """Wait for the end of the marker's section."""
        playback = self._playback
        self.call.endpoint.wait_until(
            lambda: playback is None or playback.complete is not None or self._is_over(),
            Deadline(SECTION_S + SLACK_S),
        )

    def _answered(self) -> bool:
        """Whether the call was answered and has media."""
        facts = self.call.facts
        self.call.endpoint.wait_until(
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
        self.call.endpoint.wait_until(self._is_over, deadline)

    def _is_over(self) -> bool:
        return self.call.facts.ended is not None or self.stopped()

    def _judge_media(self) -> None:
        """The encryption, the packets and what the user expects, before the end of the call."""
        call = self.call
        if self.of.srtp is SrtpMode.MANDATORY or call.facts.crypto().keyed:
            self._check("encryption", lambda: expect(call).to_be_encrypted(timeout=1.0))
        elif self.of.srtp is SrtpMode.OFF:
            self._check("encryption", lambda: expect(call).not_to_be_encrypted(timeout=1.0))
        self._check("media", lambda: expect(call).to_have_media("sendrecv", timeout=1.0))
        line = call.facts.audio()
        stats = call.facts.stats(line.index) if line is not None else None
        gap = stats.rx.longest_gap_ms if stats is not None and not stats.rx.paused_ms else None
        if gap is not None and gap > GAP_MS:
            self.detail.fail(GAP, f"no packet for {gap:.0f} ms, at most {GAP_MS:.0f}")
        for assertion in self.of.expected(call):
            self._check("expectation", assertion)

    def _check(self, cause: str, assertion: Callable[[], None]) -> bool:
        try:
            assertion()
        except ExpectationFailed as failure:
            if not self._is_over():
                self.detail.fail(cause, told(failure))
            return False
        return True

    def broke(self, error: BotError) -> None:
        """Note what kept this side from going on, unless the end of the call explains it."""
        if self.call.facts.ended is None:
            ours = isinstance(error, NativeError | WaitTimeout)
            self.detail.fail("agent" if ours else "call", str(error).partition("\n")[0], ours=ours)

    def end(self) -> None:
        """Hang up, and judge the end of the call."""
        call, facts, detail = self.call, self.call.facts, self.detail
        answered = facts.reached(CallState.CONFIRMED)
        if facts.ended is None:
            if self.stopped():
                detail.verdict = "ended"
            try:
                call.hangup()
                if answered is not None:
                    expect(call).to_be_disconnected(code=200, by=EndedBy.LOCAL)
            except ExpectationFailed as failure:
                detail.fail("BYE" if facts.ended and facts.ended.code else NO_BYE, told(failure))
            except BotError as error:
                self.broke(error)
        elif facts.ended.reason.startswith(DIED):
            detail.fail("agent died", facts.ended.reason, ours=True)
        elif answered is not None:
            after_s = facts.ended.at - answered.at
            detail.fail("ended early", f"{facts.ended_text}, {after_s:.1f} s after the answer")
        else:
            end = facts.ended
            detail.fail(f"{end.code} {end.reason}" if end.code else "no response", facts.ended_text)
        if detail.verdict == "pass" and not self.is_judged:
            detail.fail("no answer" if answered is None else "not judged", "the call was given up")
        for take in self.takes:
            try:
                take.recording.wait(SLACK_S)
            except (WaitTimeout, NativeError) as error:
                detail.fail("agent", str(error), ours=facts.reached(CallState.CONFIRMED) is not None)


def told(failure: ExpectationFailed) -> str:
    """A failure in one line: its name and what was observed."""
    name, *lines = str(failure).splitlines()
    return " ".join([name, *(f"({line})" for line in lines if line.startswith("observed:"))])


def judge_audio(detail: CallDetail, call: Call, takes: list[Take], hearing: Hearing) -> None:
    """Search the recordings for their markers and note what is wrong; waits for the searching processes."""
    if not takes or call.facts.reached(CallState.CONFIRMED) is None or detail.verdict == "ended":
        return
    searched = [(take, hearing.listen(take.recording.path, take.section.identity)) for take in takes]
    delays: list[float] = []
    heard_all: list[int] = []
    missing = 0.0
    for take, future in searched:
        heard = future.result()
        heard_all += heard.identities
        missing += heard.missing_ms
        if heard.start_s is not None:
            delays.append(_delay_ms(take, heard.start_s))
        _judge_take(detail, take, heard)
    detail.markers_sent = " ".join(str(take.section.identity) for take in takes)
    detail.markers_heard = " ".join(map(str, heard_all))
    detail.missing_ms = missing if delays else None
    detail.delay_ms = round(max(delays), 1) if delays else None
    if delays and max(delays) > MAX_DELAY_MS:
        detail.fail(LATE, f"heard after {max(delays):.0f} ms, at most {MAX_DELAY_MS:.0f}")


def _judge_take(detail: CallDetail, take: Take, heard: Heard) -> None:
    where = f"at its {take.recording.path.stem}"
    own, others = take.section.identity, [one for one in heard.identities if one != take.section.identity]
    if heard.start_s is None and others:
        detail.fail("wrong marker", f"{where} marker {others[0]} was heard, not {own}: other audio")
    elif heard.problem:
        detail.fail("no audio", f"{where}: {heard.problem}")
    elif heard.start_s is None and heard.silent:
        detail.fail("silence", f"{where} all was silent; marker {own} was expected")
    elif heard.start_s is None:
        detail.fail(UNHEARD, f"{where} marker {own} was not heard")
    elif heard.missing_ms > MISSING_MS:
        detail.fail(MISSING, f"{where} {heard.missing_ms:.0f} ms of marker {own} were missing")


def _delay_ms(take: Take, start_s: float) -> float:
    """From the playing of the marker to its arrival: both begin when the media is active, or later."""
    activities = take.recording.call.facts.activities
    plays = [one for one in activities if one.kind == "play"]
    records = [one for one in activities if one.kind == "record" and one.number == take.recording.number]
    if take.played >= len(plays) or not records:
        return 0.0
    return 1000 * (records[0].at + start_s - plays[take.played].at - LEAD_S)
