"""The ``expect`` step: each thing that it says is judged, on each call that it names; all of them count."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from bot.call import Recording
from bot.deadline import Deadline
from bot.endpoint import Endpoint
from bot.errors import CallFailed, ExpectationFailed
from bot.events import ExpectationChecked
from bot.expectations import expect
from bot.model import EndedBy
from bot.scenario.expected import Expect
from bot.scenario.sounds import file_of
from bot.scenario.stage import Stage
from bot.scenario.terms import is_yes, several
from bot.scenario.watching import CallWatch

__all__ = ["judge"]

Assertion = Callable[[], None]


def judge(stage: Stage, said: Expect, deadline: Deadline) -> None:
    """Raise ExpectationFailed with everything that did not hold."""
    failures = []
    for assertion in assertions(stage, said, deadline):
        try:
            assertion()
        except ExpectationFailed as failure:
            failures.append(str(failure))
    if failures:
        raise ExpectationFailed("\n".join(failures))


def assertions(stage: Stage, said: Expect, deadline: Deadline) -> list[Assertion]:
    """What is to be judged, in the order of ``said``."""
    if said.recording is not None:
        recording = stage.recordings.get(said.recording)
        if recording is None:
            raise CallFailed(f"the recording {said.recording!r} has not begun")
        return [partial(of_recording, stage, recording, key, said, deadline) for key in said.said]
    return [
        partial(of_call, stage, on, key, said, deadline)
        for on in said.subjects
        for key in said.said
        if not (key in {"code", "by"} and said.state == "disconnected") and not (key == "by" and said.code)
    ]


def of_call(stage: Stage, on: str, key: str, said: Expect, deadline: Deadline) -> None:
    """Judge one thing of one call, or of its endpoint."""
    if key in {"message", "no_message"}:
        of_messages(stage, on.partition(".")[0], said, key, deadline)
        return
    if key in ENDPOINT:
        ENDPOINT[key](stage.endpoints[on.partition(".")[0]], said, deadline.left)
        return
    call = stage.call(on, deadline)
    if key == "redirected":
        assert said.redirected is not None
        CallWatch(call).to_have_been_redirected(to=stage.uri(said.redirected), timeout=deadline.left)
        return
    CALL[key](CallWatch(call), said, deadline.left, stage.media_since.get(call))


def of_recording(stage: Stage, recording: Recording, key: str, said: Expect, deadline: Deadline) -> None:
    """Judge one thing of a recording; it ends here at the latest, so that it can be heard."""
    if not recording.complete:
        recording.stop()
    heard, left = expect(recording), max(deadline.left, 1.0)
    match key:
        case "matches":
            assert said.matches is not None
            heard.to_match(
                file_of(said.matches, stage.case.folder, stage.folder),
                timeout=left,
                ignore=said.ignore,
                max_missing_ms=said.max_missing_ms,
                min_snr_db=said.min_snr_db,
                codec=said.through,
            )
        case "marker":
            for identity in said.marker if isinstance(said.marker, list) else [said.marker]:
                assert identity is not None
                heard.to_contain_marker(identity, timeout=left)
        case "digits":
            heard.to_contain_dtmf(said.digits or "", timeout=left)
        case "signal":
            heard.to_contain_signal(said.signal or "", timeout=left)
        case "silent":
            (heard.to_be_silent if is_yes(said.silent or False) else heard.not_to_be_silent)(timeout=left)
        case _:
            assert said.level is not None
            heard.to_have_level(at_least=said.level.at_least, at_most=said.level.at_most, timeout=left)


def of_messages(stage: Stage, name: str, said: Expect, key: str, deadline: Deadline) -> None:
    """Judge the SIP MESSAGEs that an endpoint received, in its calls and outside of them."""
    endpoint = stage.endpoints[name]

    def texts() -> list[str]:
        return [one.body for one in endpoint.messages]

    if key == "message":
        pattern = re.compile(said.message or "")
        passed = endpoint.wait_until(lambda: any(pattern.search(one) for one in texts()), deadline)
        what, expected = "received message", f"/{said.message}/"
    else:
        passed = not endpoint.wait_until(lambda: bool(texts()), Deadline(said.during))
        what, expected = "received no message", "no message"
    observed = "; ".join(texts()) or "no message"
    checked = ExpectationChecked(
        at=time.monotonic(), name=f"{name} {what}", passed=passed, expected=expected, observed=observed
    )
    stage.journal.append(name, checked)
    if not passed:
        raise ExpectationFailed(f"{name}: {what}\nexpected: {expected}\nobserved: {observed}")


# ---- a function for each key that is expected of a call

Judge = Callable[[CallWatch, Any, float, float | None], None]


def header(watch: CallWatch, said: Expect, left: float, since: float | None) -> None:
    """Each header matches."""
    for name, pattern in (said.header or {}).items():
        watch.to_show_header(name, pattern, within=said.within, whose=said.whose, timeout=left)


def no_header(watch: CallWatch, said: Expect, left: float, since: float | None) -> None:
    """No header is there, or none that matches."""
    unwanted = said.no_header or []
    named = unwanted if isinstance(unwanted, dict) else dict.fromkeys(several(unwanted))
    for name, pattern in named.items():
        watch.not_to_have_header(
            name, matching=pattern, on=said.within, sent=said.whose is EndedBy.LOCAL, timeout=left
        )


def state(watch: CallWatch, said: Expect, left: float, since: float | None) -> None:
    """The call reaches its state."""
    if said.state in {None, "disconnected"}:
        watch.to_be_disconnected(code=said.code, by=said.by, timeout=left)
    else:
        assert said.state is not None
        watch.to_reach(said.state, timeout=left)


def media(watch: CallWatch, said: Expect, left: float, since: float | None) -> None:
    """Audio runs or it does not."""
    watch.to_have_audio(said.media == "active", timeout=left)


def encrypted(watch: CallWatch, said: Expect, left: float, since: float | None) -> None:
    """SRTP or plain RTP."""
    if is_yes(said.encrypted or False):
        watch.to_be_encrypted(timeout=left)
    else:
        watch.not_to_be_encrypted(timeout=left)


def registered(endpoint: Endpoint, said: Expect, left: float) -> None:
    """The endpoint is registered or it is not."""
    if is_yes(said.registered or False):
        expect(endpoint).to_be_registered(timeout=left)
    else:
        expect(endpoint).not_to_be_registered()


def mailbox(endpoint: Endpoint, said: Expect, left: float) -> None:
    """The state of its mailbox."""
    assert said.mailbox is not None
    expect(endpoint).to_have_messages_waiting(new=said.mailbox.new, old=said.mailbox.old, timeout=left)


ENDPOINT: dict[str, Callable[[Endpoint, Expect, float], None]] = {
    "registered": registered,
    "mailbox": mailbox,
}


def reliable(watch: CallWatch, said: Expect, left: float, since: float | None) -> None:
    """PRACKs or none."""
    if is_yes(said.reliable or False):
        watch.to_use_reliable_provisionals(timeout=left)
    else:
        watch.not_to_use_reliable_provisionals(timeout=left)


def stream(watch: CallWatch, said: Expect, left: float, since: float | None) -> None:
    """The audio is packed like that."""
    wanted = said.stream
    assert wanted is not None
    watch.to_have_stream(
        ptime_ms=wanted.ptime_ms,
        payload_type=wanted.payload_type,
        telephone_event=wanted.telephone_event,
        rtcp_mux=None if wanted.rtcp_mux is None else is_yes(wanted.rtcp_mux),
        channels=wanted.channels,
        timeout=left,
    )


CALL: dict[str, Judge] = {
    "transferred": lambda watch, said, left, since: watch.to_have_been_transferred(
        to=said.transferred, timeout=left
    ),
    "replaced": lambda watch, said, left, since: watch.to_have_been_replaced(timeout=left),
    "state": state,
    "code": state,
    "by": state,
    "header": header,
    "no_header": no_header,
    "media": media,
    "stream": stream,
    "encrypted": encrypted,
    "info": lambda watch, said, left, since: watch.to_have_received_request(
        "INFO", matching=said.info, timeout=left
    ),
    "response": lambda watch, said, left, since: watch.to_see_response(said.response, timeout=left),
    "cancelled": lambda watch, said, left, since: watch.to_have_cancelled_correctly(timeout=left),
    "reliable": reliable,
    "session_expires": lambda watch, said, left, since: watch.to_use_session_timer(
        expires_s=said.session_expires, refresher=said.refresher, timeout=left
    ),
    "direction": lambda watch, said, left, since: watch.to_have_active_media(
        direction=said.direction, timeout=left
    ),
    "transport": lambda watch, said, left, since: watch.to_use_transport(said.transport, timeout=left),
    "codec": lambda watch, said, left, since: watch.to_use_codec(said.codec, timeout=left),
    "suite": lambda watch, said, left, since: watch.to_be_encrypted(said.suite, timeout=left),
    "dtmf": lambda watch, said, left, since: watch.to_have_received_dtmf(
        said.dtmf.upper(), method=said.method, timeout=left
    ),
    "ringing_within_ms": lambda watch, said, left, since: watch.to_respond_within(
        "ringing", (0.0, said.ringing_within_ms), timeout=left
    ),
    "answered_within_ms": lambda watch, said, left, since: watch.to_respond_within(
        "answered", (0.0, said.answered_within_ms), timeout=left
    ),
    "answered_after_ms": lambda watch, said, left, since: watch.to_respond_within(
        "answered", (said.answered_after_ms, math.inf), timeout=left
    ),
    "no_media_before": lambda watch, said, left, since: watch.not_to_have_media_before(
        said.no_media_before, since, timeout=left
    ),
    "min_packets": lambda watch, said, left, since: watch.to_have_received_packets(
        at_least=said.min_packets, timeout=left
    ),
    "max_loss_pct": lambda watch, said, left, since: watch.to_have_lost_at_most(said.max_loss_pct),
    "max_jitter_ms": lambda watch, said, left, since: watch.to_have_jitter_at_most(said.max_jitter_ms),
    "min_mos": lambda watch, said, left, since: watch.to_have_mos(said.min_mos),
    "no_dtmf": lambda watch, said, left, since: watch.not_to_receive_dtmf(during=said.during),
    "no_media": lambda watch, said, left, since: watch.not_to_have_media(during=said.during),
    "never_state": lambda watch, said, left, since: watch.not_to_reach(said.never_state, during=said.during),
    "no_response": lambda watch, said, left, since: watch.not_to_see_response(
        said.no_response, during=said.during
    ),
}
