"""Command ``srtpbot call URI``: place a call, play, record, dial, and check the expectations."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli.call_checks import Checks
from bot.cli.help import GroupedCommand, grouped
from bot.cli.options import (
    PositiveSeconds,
    dtmf_method,
    endpoint_config,
    endpoint_options,
    expectation,
    expectation_options,
    given_audio,
    headers,
    log_option,
    output_options,
)
from bot.cli.session import Session, endpoint_of
from bot.config import MOST_HOPS, EndpointConfig
from bot.deadline import Deadline
from bot.errors import CallEnded, CallFailed, ConfigError, WaitTimeout, naming
from bot.expectations import expect
from bot.model import CallState, DtmfMethod, EndedBy
from bot.sip import StatusCode, is_failure
from bot.ua import ANY, Call, checked_digits, ensure_writable

if TYPE_CHECKING:
    from bot.cli.verbs import Verb

__all__ = ["command"]

DEFAULT_DURATION_S = 10.0
LAST_ECHO_S = 0.3
CANCELLED_S = 5.0
MEDIA_S = 5.0
"""Deadline for active media after the answer, in seconds."""
PATIENCE_S = 60.0
"""Deadline for the peer's BYE after the end of playback and digits, in seconds."""
LONGEST_S = 24 * 3600.0


in_call = grouped("Call")


@click.command(
    name="call",
    cls=GroupedCommand,
    examples=(
        "srtpbot call sip:echo@192.0.2.10 --srtp mandatory --play speech:2 --expect-audio speech:2",
        "srtpbot call sip:100@pbx.example --user alice --registrar sip:pbx.example --dtmf 1234",
        "srtpbot call sip:busy@192.0.2.10 --expect-code 486",
        "srtpbot call sip:100@192.0.2.10 --do 'play speech:2, hold 2, unhold, dtmf 1'",
    ),
)
@click.argument("uri")
@in_call("--play", metavar="FILE|SIGNAL", help="Play a file or signal after the answer.")
@in_call("--loop", is_flag=True, help="Repeat --play until the call ends.")
@in_call("--record", metavar="FILE", help="Record the received audio as WAV.")
@in_call("--dtmf", metavar="DIGITS", help="Send digits after --play; a comma pauses 0.5 s.")
@in_call("--dtmf-method", type=dtmf_method, default="rfc4733", show_default=True, help="Send --dtmf so.")
@in_call(
    "--do",
    metavar="VERBS",
    help="Then do this, in order and separated by commas: play FILE|SIGNAL, dtmf DIGITS, hold [S], unhold, "
    "reinvite, update, transfer URI, message TEXT, wait S.",
)
@in_call(
    "--header",
    "header_texts",
    multiple=True,
    metavar="'NAME: VALUE'",
    help="Add a header to the INVITE; repeatable.",
)
@in_call(
    "--duration",
    type=PositiveSeconds,
    metavar="S",
    help="Seconds from the answer to BYE.  [when all is played, dialled and heard; else 10]",
)
@in_call(
    "--linger",
    type=click.FloatRange(min=0),
    metavar="S",
    help="Without --duration: seconds from the end of all that to BYE.  [0.3]",
)
@in_call(
    "--ring-timeout",
    type=PositiveSeconds,
    default=30.0,
    show_default=True,
    metavar="S",
    help="Seconds to wait for the answer.",
)
@in_call(
    "--follow-redirects",
    type=click.IntRange(0, MOST_HOPS),
    metavar="N",
    help="Follow up to N redirects (3xx).  [0]",
)
@in_call(
    "--cancel-after",
    type=PositiveSeconds,
    metavar="S",
    help="Send CANCEL without an answer after S seconds.",
)
@expectation(
    "--expect-code",
    type=click.IntRange(200, 699),
    metavar="N",
    help="Status code of the final response to the INVITE.",
)
@endpoint_options
@expectation_options
@output_options
@log_option
def command(uri: str, **options: Any) -> int:
    """Place a call to URI and check what happens.

    Always expected: an answer, audio in both directions (--expect-media) and a BYE from this side
    (--expect-end). With --expect-code or --cancel-after, that final response is expected instead. Every other
    --expect option adds an expectation.
    """  # fmt: skip
    with Session(options, logs=True) as run:
        Placing(run, uri, options).perform()
    run.show()
    return run.exit_status


class Placing:
    """Run of the command: one call, from its INVITE to the verdict."""

    def __init__(self, run: Session, uri: str, options: dict[str, Any]) -> None:
        self._run = run
        self._uri = uri
        config = endpoint_config(options, name="caller")
        self._config = trusting(config.with_options(follow_redirects=options.pop("follow_redirects")))
        self._headers = headers(options.pop("header_texts"))
        play = options.pop("play")
        self._play = given_audio("--play", play) if play is not None else None
        self._loop = options.pop("loop")
        if self._loop and self._play is None:
            raise ConfigError("--loop needs something to play: add --play FILE|SIGNAL")
        self._record = options.pop("record")
        digits = options.pop("dtmf")
        with naming("--dtmf"):
            self._digits = checked_digits(digits) if digits is not None else None
        self._method = DtmfMethod(options.pop("dtmf_method"))
        self._verbs = self._verbs_of(options.pop("do"))
        self._linger: float | None = options.pop("linger")
        self._duration: float | None = options.pop("duration")
        if self._linger is not None and self._duration is not None:
            raise ConfigError("--linger and --duration both say when the call ends; give one of them")
        self._ring_timeout = options.pop("ring_timeout")
        self._cancel_after = options.pop("cancel_after")
        self._code = options.pop("expect_code")
        self._checks = Checks(run, options, srtp=self._config.srtp, default_end="local")
        if self._checks.audio is not None and self._record is None:
            self._record = str((run.folder or Path()) / "received.wav") if run.folder else None
            if self._record is None:
                raise ConfigError("--expect-audio needs a recording: add --record FILE or --out DIR")
        if self._record is not None:
            with naming("--record"):
                ensure_writable(Path(self._record))

    @staticmethod
    def _verbs_of(text: str | None) -> list[Verb]:
        if text is None:
            return []
        from bot.cli.verbs import verbs

        return verbs(text)

    def perform(self) -> None:
        """Place the call and check all expectations."""
        self._run.begin_capture([self._config], [self._uri])
        with endpoint_of(self._run, self._config) as endpoint:
            if self._play is not None:
                endpoint.playable(self._play)
            if not self._run.registered(endpoint):
                return
            call = endpoint.make_call(self._uri, headers=self._headers, ring_timeout=self._ring_timeout)
            self._run.calls.append(call)
            if self._record:
                with suppress(CallEnded):  # refused before; its expectations are judged
                    call.record(self._record)
            if self._cancel_after is None and self._is_answered(call):
                self._talk(call)
                self._hang_up(call)
                return
            if self._cancel_after is not None:
                self._cancel(call)
            self._checks.asked_for(call)
            self._checks.after_the_end(call)

    def _cancel(self, call: Call) -> None:
        answered = call.endpoint.wait_until(
            lambda: call.facts.reached(CallState.CONFIRMED, CallState.DISCONNECTED) is not None,
            Deadline(self._cancel_after),
        )
        wanted = self._code or StatusCode.REQUEST_TERMINATED
        if answered:
            self._run.check(lambda: expect(call).to_be_disconnected(code=wanted, by="local"))
            return
        try:
            came = str(call.cancel().wait(CANCELLED_S, code=ANY))
        except (CallFailed, WaitTimeout) as error:  # the library considers the call ended
            came = str(error)
        self._run.decide(f"{call.label} is cancelled", came == str(wanted), str(wanted), came)

    def _is_answered(self, call: Call) -> bool:
        """Whether the call was answered; checks the expected refusal."""
        patience = self._ring_timeout + 1
        if self._code is not None and is_failure(self._code):
            self._run.check(lambda: expect(call).to_be_disconnected(code=self._code, timeout=patience))
            return False
        answered = self._run.check(lambda: expect(call).to_be_confirmed(timeout=patience))
        if answered and self._code is not None:
            self._run.check(lambda: expect(call).to_have_response(self._code, timeout=0.0))
        return answered

    def _talk(self, call: Call) -> None:
        """Play and send digits until the end of the duration; the call may end before."""
        self._expect_direction(call)
        begun = time.monotonic()
        try:
            self._send(call)
        except (CallFailed, WaitTimeout) as error:
            if not self._may_be_cut_short(call):
                self._run.decide("played and dialled", False, "everything that was asked for", str(error))
        left = self._remaining(begun)
        self._run.progress.does("until the end", max(0.0, left))
        self._stay(call, Deadline(left))

    def _expect_direction(self, call: Call) -> None:
        """Check the negotiated direction for --expect-media; a silent peer negotiates sendrecv too."""
        if self._checks.flow in {"sendrecv", "recvonly"}:
            self._run.check(lambda: expect(call).to_have_active_media(direction=self._checks.flow))
        else:
            self._wait(call, lambda: call.facts.audio() is not None, Deadline(MEDIA_S))

    def _send(self, call: Call) -> None:
        playback = call.play(self._play, loop=self._loop) if self._play else None
        if playback is not None and not self._loop:
            playback.wait(self._duration or LONGEST_S)
        if self._digits:
            call.send_dtmf(self._digits, method=self._method).wait()
        if self._verbs:
            from bot.cli.verbs import perform

            perform(self._verbs, call, self._run.progress.does)

    def _may_be_cut_short(self, call: Call) -> bool:
        """Whether the peer was allowed to end the call, and all digits were sent before."""
        sent = "".join(digit.digit for digit in call.facts.sent)
        digits = (self._digits or "").replace(",", "")
        if self._verbs:
            return self._checks.end != "local" and call.facts.ended_by is EndedBy.REMOTE
        return self._checks.end != "local" and call.facts.ended_by is EndedBy.REMOTE and sent == digits

    def _remaining(self, begun: float) -> float:
        """Remaining duration of the call in seconds."""
        passed = time.monotonic() - begun
        if self._duration is not None:
            return self._duration - passed
        if self._checks.end == "remote":
            return PATIENCE_S
        idle = self._play is None and self._digits is None and not self._verbs
        if self._linger is None and (self._loop or idle):
            return max(DEFAULT_DURATION_S, self._checks.heard_s) - passed
        return max(LAST_ECHO_S if self._linger is None else self._linger, self._checks.heard_s - passed)

    def _stay(self, call: Call, deadline: Deadline) -> None:
        """Wait for the deadline or the end of the call; without --duration also for the expected digits."""
        self._wait(call, lambda: False, deadline)
        if self._duration is None:
            self._wait(call, lambda: self._checks.all_digits(call), Deadline(DEFAULT_DURATION_S))

    def _wait(self, call: Call, holds: Callable[[], bool], deadline: Deadline) -> None:
        call.endpoint.wait_until(lambda: call.facts.ended is not None or holds(), deadline)

    def _hang_up(self, call: Call) -> None:
        self._checks.before_the_end(call)
        call.measure()
        if call.facts.ended is None:
            call.hangup()
        self._checks.ended_as_expected(call)
        self._checks.after_the_end(call)


def trusting(config: EndpointConfig) -> EndpointConfig:
    """The settings with the CAs of the system; a client needs them beside its own certificate."""
    if config.tls.cert and not config.tls.ca and not config.tls.insecure:
        import ssl

        return config.with_options(tls_ca=ssl.get_default_verify_paths().cafile)
    return config
