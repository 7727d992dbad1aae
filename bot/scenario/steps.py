"""Handlers of the steps: one function for each key of a step.

A step that fails raises CallFailed, WaitTimeout, ConfigError or ExpectationFailed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bot.audio_files import audio_file, audio_of
from bot.deadline import Deadline
from bot.errors import WaitTimeout
from bot.scenario import call_steps as in_call
from bot.scenario import model
from bot.scenario.context import ScenarioContext
from bot.scenario.expect_step import check_expectations
from bot.scenario.types import is_yes
from bot.ua import Call, Endpoint, SentRequest

__all__ = ["HANDLERS", "Handler"]


def call(context: ScenarioContext, step: model.Call, deadline: Deadline) -> None:
    """Send an INVITE."""
    placed = context.endpoints[step.caller].make_call(
        context.uri(step.to), headers=step.headers, ring_timeout=step.ring_timeout, account=step.account
    )
    context.placed(placed, step.to)
    if step.name is not None:
        context.named[step.name] = placed


def ring(context: ScenarioContext, step: model.Ring, deadline: Deadline) -> None:
    """Send a provisional response."""
    context.call(step.on, deadline).ring(step.code, reason=step.reason, headers=step.headers)


def answer(context: ScenarioContext, step: model.Answer, deadline: Deadline) -> None:
    """Accept a call."""
    context.call(step.on, deadline).answer(
        step.code, reason=step.reason, headers=step.headers, after=step.after
    )


def reject(context: ScenarioContext, step: model.Reject, deadline: Deadline) -> None:
    """Reject or redirect a call, and wait until it has ended."""
    rejected = context.call(step.on, deadline)
    targets = [f"<{context.uri(party)}>;q={1 - index / 10:.1f}" for index, party in enumerate(step.to)]
    headers = {**step.headers, **({"Contact": ", ".join(targets)} if targets else {})}
    rejected.answer(step.code, reason=step.reason, headers=headers, after=step.after)
    wait_for_end(rejected, deadline)


def cancel(context: ScenarioContext, step: model.Cancel, deadline: Deadline) -> None:
    """Send CANCEL for an INVITE without a final response."""
    cancelled = context.call(step.on, deadline)
    cancelled.cancel(headers=step.headers).wait(deadline.left, code=step.code)


def bye(context: ScenarioContext, step: model.Bye, deadline: Deadline) -> None:
    """Send BYE before the answer."""
    early = context.call(step.on, deadline)
    sent = early.send_bye(headers=step.headers)
    wait_for_end(early, deadline)
    sent.wait(deadline.left, code=step.code)


def hangup(context: ScenarioContext, step: model.Hangup, deadline: Deadline) -> None:
    """End a call."""
    confirmed = context.call(step.on, deadline)
    confirmed.measure()
    sent = confirmed.hangup(headers=step.headers)
    wait_for_end(confirmed, deadline)
    if sent is not None and not confirmed.facts.ended_by_peer:
        sent.wait(deadline.left, code=step.code)


def play(context: ScenarioContext, step: model.Play, deadline: Deadline) -> None:
    """Play a file or a signal."""
    play_audio(context, step, step.audio, deadline, loop=is_yes(step.loop))


def tone(context: ScenarioContext, step: model.Tone, deadline: Deadline) -> None:
    """Play a tone."""
    play_audio(context, step, step.signal, deadline, loop=False)


def record(context: ScenarioContext, step: model.Record, deadline: Deadline) -> None:
    """Record the received audio."""
    context.recordings[step.name] = context.call(step.on, deadline).record(
        context.folder / f"{step.name}.wav"
    )


def dtmf(context: ScenarioContext, step: model.Dtmf, deadline: Deadline) -> None:
    """Send DTMF digits."""
    call, secret = context.call(step.on, deadline), is_yes(step.secret)
    if secret:
        context.hide_digits_from(call)
    call.send_dtmf(step.digits, method=step.method, on_ms=step.on_ms, off_ms=step.off_ms, secret=secret).wait(
        deadline.left
    )


def message(context: ScenarioContext, step: model.Message, deadline: Deadline) -> None:
    """Send a MESSAGE."""
    addressed(
        context,
        step,
        deadline,
        lambda call: call.send_message(step.text, headers=step.headers),
        lambda endpoint, uri: endpoint.send_message(
            uri, step.text, headers=step.headers, timeout=deadline.left, code=step.code
        ),
    )


def options(context: ScenarioContext, step: model.OptionsRequest, deadline: Deadline) -> None:
    """Send OPTIONS."""
    addressed(
        context,
        step,
        deadline,
        lambda call: call.send_options(headers=step.headers),
        lambda endpoint, uri: endpoint.send_options(
            uri, headers=step.headers, timeout=deadline.left, code=step.code
        ),
    )


def info(context: ScenarioContext, step: model.Info, deadline: Deadline) -> None:
    """Send INFO."""
    sent = context.call(step.on, deadline).send_info(
        step.body, content_type=step.content_type, headers=step.headers
    )
    sent.wait(deadline.left, code=step.code)


def request(context: ScenarioContext, step: model.Request, deadline: Deadline) -> None:
    """Send a request outside of a call."""
    context.endpoints[step.sender].send_request(
        step.method,
        context.uri(step.to),
        body=step.body,
        content_type=step.content_type,
        headers=step.headers,
        timeout=deadline.left,
        code=step.code,
    )


def register(context: ScenarioContext, step: model.Register, deadline: Deadline) -> None:
    """Register or unregister an account."""
    endpoint = context.endpoints[step.on]
    verb = endpoint.unregister if isinstance(step, model.Unregister) else endpoint.register
    verb(step.account, timeout=deadline.left, code=step.code)


def wait(context: ScenarioContext, step: model.Wait, deadline: Deadline) -> None:
    """Wait for some time, for the end of the playbacks, or for the end of a call."""
    if step.seconds is not None:
        endpoint = next(iter(context.endpoints.values()))
        endpoint.wait_until(lambda: False, Deadline(step.seconds))
    elif step.on is not None:
        call_ = context.call(step.on, deadline)
        if step.until == "disconnected":
            wait_for_end(call_, deadline)
        for playback in context.playbacks.get(call_, []) if step.until == "played" else []:
            playback.wait(deadline.left)


# ---- shared functions


def addressed(
    context: ScenarioContext,
    step: model.Addressed,
    deadline: Deadline,
    in_call: Callable[[Call], SentRequest],
    outside: Callable[[Endpoint, str], object],
) -> None:
    """Send a request in the step's call or outside of calls, and wait for the final response."""
    if step.on is not None:
        in_call(context.call(step.on, deadline)).wait(deadline.left, code=step.code)
    elif step.sender is not None and step.to is not None:
        outside(context.endpoints[step.sender], context.uri(step.to))


def play_audio(
    context: ScenarioContext, step: model.Play | model.Tone, sound: str, deadline: Deadline, *, loop: bool
) -> None:
    """Play audio, and with ``wait`` wait for its end; the scenario's timeout starts after the audio."""
    target = context.call(step.on, deadline)
    path = audio_file(sound, context.case.folder)
    playback = target.play(path, loop=loop, name=sound)
    if not loop:
        context.playbacks.setdefault(target, []).append(playback)
    if is_yes(step.wait):
        playback.wait(deadline.left + (audio_of(path).duration_s if step.timeout is None else 0.0))


def wait_for_end(call: Call, deadline: Deadline) -> None:
    """Wait until the call has ended."""
    if not call.endpoint.wait_until(lambda: call.facts.ended is not None, deadline):
        raise WaitTimeout(f"{call}: has not ended by the step's deadline, still {call.state}")


Handler = Callable[[ScenarioContext, Any, Deadline], None]
HANDLERS: dict[str, Handler] = {
    "call": call,
    "ring": ring,
    "answer": answer,
    "reject": reject,
    "cancel": cancel,
    "bye": bye,
    "hangup": hangup,
    "hold": in_call.hold,
    "unhold": in_call.unhold,
    "reinvite": in_call.reinvite,
    "update": in_call.update,
    "transfer": in_call.transfer,
    "play": play,
    "tone": tone,
    "record": record,
    "dtmf": dtmf,
    "message": message,
    "options": options,
    "info": info,
    "request": request,
    "register": register,
    "unregister": register,
    "wait": wait,
    "expect": check_expectations,
}
"""Handlers by key of the step; the runner performs ``parallel``."""
