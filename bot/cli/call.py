"""``srtpbot call URI``: place a call, do in it what the options say, assert what happened."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from bot.call import Call, checked_digits, ensure_writable
from bot.cli.checks import Checks
from bot.cli.options import (
    PositiveSeconds,
    dtmf_method,
    endpoint_config,
    endpoint_options,
    existing_audio,
    expectation_options,
    headers,
    naming,
    output_options,
)
from bot.cli.run import Run, endpoint_of
from bot.config import MOST_HOPS, EndpointConfig
from bot.deadline import Deadline
from bot.errors import CallEnded, CallFailed, ConfigError, WaitTimeout
from bot.expectations import expect
from bot.model import CallState, DtmfMethod
from bot.scenario.watching import CallWatch

__all__ = ["command"]

DEFAULT_DURATION_S = 10.0
LAST_ECHO_S = 0.3
CANCELLED_S = 5.0
REQUEST_TERMINATED = 487


@click.command(name="call")
@click.argument("uri")
@endpoint_options
@click.option("--play", metavar="FILE", help="Play this audio file when the call is answered.")
@click.option("--loop", is_flag=True, help="Play it again and again.")
@click.option("--record", metavar="FILE", help="Record what is received, WAV.")
@click.option("--dtmf", metavar="DIGITS", help="Send digits after the file; a comma pauses 0.5 s.")
@click.option("--dtmf-method", type=dtmf_method, default="rfc4733", show_default=True)
@click.option("--header", "header_texts", multiple=True, metavar="'NAME: VALUE'", help="Add to the INVITE.")
@click.option(
    "--duration",
    type=PositiveSeconds,
    metavar="S",
    help="Hang up this long after the answer.  [10, or longer, till all is played and dialled]",
)
@click.option("--ring-timeout", type=PositiveSeconds, default=30.0, show_default=True, metavar="S")
@click.option(
    "--follow-redirects",
    type=click.IntRange(0, MOST_HOPS),
    metavar="N",
    help="Send the INVITE on up to N times when it is redirected.  [0]",
)
@click.option("--cancel-after", type=PositiveSeconds, metavar="S", help="CANCEL unless answered by then.")
@click.option(
    "--expect-code", type=click.IntRange(200, 699), metavar="N", help="The final response to the INVITE."
)
@expectation_options
@output_options
def command(uri: str, **options: Any) -> int:
    """Place a call to URI and assert what happens.

    It is always asserted that the call was answered, that audio flowed both ways, and that it ended as
    planned; or, with --expect-code or --cancel-after, that it ended so instead. Each --expect adds to that.
    """  # fmt: skip
    with Run(options) as run:
        Placing(run, uri, options).perform()
    run.show()
    return run.exit_status


class Placing:
    """One call, from its INVITE to the verdict."""

    def __init__(self, run: Run, uri: str, options: dict[str, Any]) -> None:
        self._run = run
        self._uri = uri
        config = endpoint_config(options, name="caller")
        self._config = trusting(config.with_options(follow_redirects=options.pop("follow_redirects")))
        self._headers = headers(options.pop("header_texts"))
        self._play = existing_audio(options.pop("play"), "--play")
        self._loop = options.pop("loop")
        self._record = options.pop("record")
        digits = options.pop("dtmf")
        with naming("--dtmf"):
            self._digits = checked_digits(digits) if digits is not None else None
        self._method = DtmfMethod(options.pop("dtmf_method"))
        self._duration = options.pop("duration")
        self._ring_timeout = options.pop("ring_timeout")
        self._cancel_after = options.pop("cancel_after")
        self._code = options.pop("expect_code")
        self._checks = Checks(run, options, srtp=self._config.srtp)
        if self._checks.audio is not None and self._record is None:
            self._record = str((run.folder or Path()) / "received.wav") if run.folder else None
            if self._record is None:
                raise ConfigError("--expect-audio needs a recording: add --record FILE or --out DIR")
        if self._record is not None:
            with naming("--record"):
                ensure_writable(Path(self._record))

    def perform(self) -> None:
        """Everything between the first packet and the last."""
        self._run.begin_capture([self._config], [self._uri])
        with endpoint_of(self._run, self._config) as endpoint:
            if self._play is not None:
                endpoint.playable(self._play)
            if not self._run.registered(endpoint):
                return
            call = endpoint.make_call(self._uri, headers=self._headers, ring_timeout=self._ring_timeout)
            self._run.calls.append(call)
            if self._record:
                with suppress(CallEnded):  # refused before: what was expected of it is judged all the same
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
        answered = call.host.wait_until(
            lambda: call.known.reached(CallState.CONFIRMED, CallState.DISCONNECTED) is not None,
            Deadline(self._cancel_after),
        )
        wanted = self._code or REQUEST_TERMINATED
        if answered:
            self._run.check(lambda: expect(call).to_be_disconnected(code=wanted, by="local"))
            return
        try:
            came = str(call.cancel().wait(CANCELLED_S))
        except (CallFailed, WaitTimeout) as error:  # the library takes the call to be over all the same
            came = str(error)
        self._run.decide(f"{call.label} is cancelled", came == str(wanted), str(wanted), came)

    def _is_answered(self, call: Call) -> bool:
        """Whether the call is up; if it should be refused, whether it was is asserted."""
        patience = self._ring_timeout + 1
        if self._code is not None and self._code >= 300:
            self._run.check(lambda: expect(call).to_be_disconnected(code=self._code, timeout=patience))
            return False
        answered = self._run.check(lambda: expect(call).to_be_confirmed(timeout=patience))
        if answered and self._code is not None:
            self._run.check(lambda: CallWatch(call).to_see_response(self._code, timeout=0.0))
        return answered

    def _talk(self, call: Call) -> None:
        """Play and dial while the time runs; the call may end under our hands."""
        least = Deadline(self._duration or DEFAULT_DURATION_S)
        self._run.check(lambda: expect(call).to_have_active_media())
        try:
            playback = call.play(self._play, loop=self._loop) if self._play else None
            if playback is not None and not self._loop:
                playback.wait(least.left if self._duration else 24 * 3600)
            if self._digits:
                call.send_dtmf(self._digits, method=self._method).wait()
            if playback is not None or self._digits:
                self._stay(call, Deadline(LAST_ECHO_S))
        except (CallFailed, WaitTimeout) as error:
            self._run.decide("played and dialled", False, "everything that was asked for", str(error))
        self._stay(call, least)

    def _stay(self, call: Call, deadline: Deadline) -> None:
        call.host.wait_until(lambda: call.known.ended is not None, deadline)

    def _hang_up(self, call: Call) -> None:
        self._checks.before_the_end(call)
        call.measure()
        if call.known.ended is None:
            call.hangup()
        self._run.check(lambda: expect(call).to_be_disconnected(code=200, by="local"))
        self._checks.after_the_end(call)


def trusting(config: EndpointConfig) -> EndpointConfig:
    """With the system's CAs even beside a certificate of its own: who only calls is no listener."""
    if config.tls.cert and not config.tls.ca and not config.tls.insecure:
        import ssl

        return config.with_options(tls_ca=ssl.get_default_verify_paths().cafile)
    return config
