"""What each kind of step does: one small function for each, given the stage and a deadline.

A step that cannot be done raises what the call raised: CallFailed, WaitTimeout, ConfigError.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bot.call import Call
from bot.deadline import Deadline
from bot.errors import CallFailed, WaitTimeout
from bot.scenario import in_call, model
from bot.scenario.judge import judge
from bot.scenario.sounds import file_of, seconds_of
from bot.scenario.stage import Stage
from bot.scenario.terms import is_yes

__all__ = ["HANDLERS"]


def call(stage: Stage, said: model.Call, deadline: Deadline) -> None:
    """Send an INVITE."""
    made = stage.endpoints[said.caller].make_call(
        stage.uri(said.to), headers=said.headers, ring_timeout=said.ring_timeout, account=said.account
    )
    stage.placed(made, said.to)
    if said.name is not None:
        stage.named[said.name] = made


def ring(stage: Stage, said: model.Ring, deadline: Deadline) -> None:
    """Answer with a provisional response."""
    stage.call(said.on, deadline).ring(said.code, reason=said.reason, headers=said.headers)


def answer(stage: Stage, said: model.Answer, deadline: Deadline) -> None:
    """Accept a call."""
    stage.call(said.on, deadline).answer(
        said.code, reason=said.reason, headers=said.headers, after=said.after
    )


def reject(stage: Stage, said: model.Reject, deadline: Deadline) -> None:
    """Refuse a call, and wait until that is acknowledged."""
    refused = stage.call(said.on, deadline)
    targets = [f"<{stage.uri(party)}>;q={1 - place / 10:.1f}" for place, party in enumerate(said.to)]
    headers = {**said.headers, **({"Contact": ", ".join(targets)} if targets else {})}
    refused.answer(said.code, reason=said.reason, headers=headers, after=said.after)
    ended(refused, deadline)


def cancel(stage: Stage, said: model.Cancel, deadline: Deadline) -> None:
    """CANCEL an INVITE that nobody has answered."""
    given_up = stage.call(said.on, deadline)
    given_up.cancel(headers=said.headers).wait(deadline.left)


def bye(stage: Stage, said: model.Bye, deadline: Deadline) -> None:
    """BYE before the answer."""
    given_up = stage.call(said.on, deadline)
    given_up.send_bye(headers=said.headers)
    ended(given_up, deadline)


def hangup(stage: Stage, said: model.Hangup, deadline: Deadline) -> None:
    """End a call."""
    over = stage.call(said.on, deadline)
    over.measure()
    over.hangup(headers=said.headers)
    ended(over, deadline)


def play(stage: Stage, said: model.Play, deadline: Deadline) -> None:
    """Play a file or a signal."""
    played(stage, said, said.audio, deadline, loop=is_yes(said.loop))


def tone(stage: Stage, said: model.Tone, deadline: Deadline) -> None:
    """Play sines."""
    played(stage, said, said.signal, deadline, loop=False)


def record(stage: Stage, said: model.Record, deadline: Deadline) -> None:
    """Record a call."""
    stage.recordings[said.name] = stage.call(said.on, deadline).record(stage.folder / f"{said.name}.wav")


def dtmf(stage: Stage, said: model.Dtmf, deadline: Deadline) -> None:
    """Send digits."""
    stage.call(said.on, deadline).send_dtmf(
        said.digits, method=said.method, on_ms=said.on_ms, off_ms=said.off_ms
    ).wait(deadline.left)


def message(stage: Stage, said: model.Message, deadline: Deadline) -> None:
    """Send a MESSAGE."""
    if said.on is not None:
        code = stage.call(said.on, deadline).send_message(said.text, headers=said.headers).wait(deadline.left)
        accepted(f"{said.on}: MESSAGE", code, said.code)
        return
    assert said.sender is not None
    assert said.to is not None
    code = stage.endpoints[said.sender].send_message(
        stage.uri(said.to), said.text, headers=said.headers, timeout=deadline.left
    )
    accepted(f"{said.sender}: MESSAGE to {said.to}", code, said.code)


def options(stage: Stage, said: model.OptionsRequest, deadline: Deadline) -> None:
    """Send OPTIONS."""
    if said.on is not None:
        code = stage.call(said.on, deadline).send_options(headers=said.headers).wait(deadline.left)
        accepted(f"{said.on}: OPTIONS", code, said.code)
        return
    assert said.sender is not None
    assert said.to is not None
    answer = stage.endpoints[said.sender].send_options(
        stage.uri(said.to), headers=said.headers, timeout=deadline.left
    )
    accepted(f"{said.sender}: OPTIONS to {said.to}", answer.code, said.code)


def info(stage: Stage, said: model.Info, deadline: Deadline) -> None:
    """Send INFO."""
    sent = stage.call(said.on, deadline).send_info(
        said.body, content_type=said.content_type, headers=said.headers
    )
    accepted(f"{said.on}: INFO", sent.wait(deadline.left), said.code)


def request(stage: Stage, said: model.Request, deadline: Deadline) -> None:
    """Send a request outside of calls."""
    answer = stage.endpoints[said.sender].send_request(
        said.method,
        stage.uri(said.to),
        body=said.body,
        content_type=said.content_type,
        headers=said.headers,
        timeout=deadline.left,
    )
    accepted(f"{said.sender}: {said.method} to {said.to}", answer.code, said.code)


def register(stage: Stage, said: model.Register, deadline: Deadline) -> None:
    """Register, or take the registration back."""
    endpoint = stage.endpoints[said.on]
    verb = endpoint.unregister if isinstance(said, model.Unregister) else endpoint.register
    try:
        heard = verb(said.account, timeout=deadline.left)
    except CallFailed:
        refused = endpoint.outside.registrations.get(endpoint.outside.named(said.account))
        if refused is None or refused.code != said.code:
            raise
        return
    accepted(f"{said.on}: REGISTER", heard.code, said.code)


def wait(stage: Stage, said: model.Wait, deadline: Deadline) -> None:
    """Let time pass, or wait for the end of something."""
    if said.seconds is not None:
        endpoint = next(iter(stage.endpoints.values()))
        endpoint.wait_until(lambda: False, Deadline(said.seconds))
        return
    assert said.on is not None
    call_ = stage.call(said.on, deadline)
    if said.until == "disconnected":
        ended(call_, deadline)
    for playback in stage.playbacks.get(call_, []) if said.until == "played" else []:
        playback.wait(deadline.left)


# ---- what they have in common


def played(
    stage: Stage, said: model.Play | model.Tone, sound: str, deadline: Deadline, *, loop: bool
) -> None:
    """Play, and wait for the end of it if that is wanted; the scenario's timeout counts after it."""
    into = stage.call(said.on, deadline)
    path = file_of(sound, stage.case.folder, stage.folder)
    playback = into.play(path, loop=loop)
    if not loop:
        stage.playbacks.setdefault(into, []).append(playback)
    if is_yes(said.wait):
        playback.wait(deadline.left + (seconds_of(path) if said.timeout is None else 0.0))


def ended(call: Call, deadline: Deadline) -> None:
    """Wait until the call has ended."""
    if not call.host.wait_until(lambda: call.known.ended is not None, deadline):
        raise WaitTimeout(f"{call}: has not ended by the step's deadline, still {call.state}")


def accepted(what: str, code: int, expected: int | None) -> None:
    """The answer to a request is as it should be."""
    if expected not in {None, code}:
        raise CallFailed(f"{what} was answered with {code}, expected {expected}")


Handler = Callable[[Stage, Any, Deadline], None]
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
    "expect": judge,
}
"""Every step but ``parallel``, which is the runner's."""
