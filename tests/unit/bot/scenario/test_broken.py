"""Every shipped scenario with one defect fails, and the failure names the defect."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from bot import CallState, EndpointCrashed, ExpectationFailed
from bot.ipc.events import CallStateChanged
from bot.scenario.runner import ScenarioRun
from bot.ua.journal import Entry
from tests.support import needs
from tests.support.scenarios import Perform, Performed

pytestmark = needs.calls

Broken = Callable[..., Performed]
SUITE = "AES_CM_128_HMAC_SHA1_32"
ONE = {"suite": SUITE, "codec": "PCMA"}


@pytest.mark.parametrize(
    ("shipped", "old", "new", "variables", "named"),
    [
        pytest.param(
            "srtp-matrix",
            'suite: "${suite}"            #',
            "suite: AES_256_CM_HMAC_SHA1_80  #",
            ONE,
            ["expected: AES_256_CM_HMAC_SHA1_80", f"the stream runs {SUITE}"],
            id="wrong suite",
        ),
        pytest.param(
            "srtp-matrix",
            "callee: {srtp: optional}",
            "callee: {srtp: mandatory, suites: [AES_256_CM_HMAC_SHA1_80]}",
            ONE,
            [
                "steps[1].answer",
                "406 Not Acceptable",
            ],  # told of the callee's call or the caller's, as they come
            id="no suite in common",
        ),
        pytest.param(
            "srtp-matrix",
            'X-Suite: "^${suite}$"',
            'X-Suite: "^AES_256"',
            ONE,
            ["has header in received INVITE", "X-Suite: /^AES_256/", f"observed: X-Suite: {SUITE}"],
            id="other header",
        ),
        pytest.param(
            "srtp-matrix",
            "{recording: heard, marker: 4568}",
            "{recording: heard, marker: 1}",
            ONE,
            ["contains marker", "expected: marker 1", "4568 at"],
            id="other marker",
        ),
        pytest.param(
            "dtmf-three-ways",
            'digits: "${digits}", method',
            'digits: "158#", method',
            {"method": "rfc4733"},
            ["has received DTMF", "'159#' by rfc4733", "other digits arrived", "'158"],
            id="wrong digit",
        ),
        pytest.param(
            "dtmf-three-ways",
            'dtmf: "${digits}", method: "${method}"',
            'dtmf: "${digits}", method: inband',
            {"method": "info"},
            ["'159#' by inband", "waited"],
            id="wrong method",
        ),
        pytest.param(
            "dtmf-three-ways",
            "{on: caller, no_dtmf: yes}",
            "{on: callee, no_dtmf: yes}",
            {"method": "rfc4733"},
            ["has received no DTMF", "expected: no digits", "159#"],
            id="digits where none should be",
        ),
        pytest.param(
            "echo-call",
            'matches: "speech:2"',
            'matches: "babble:2"',
            {},
            ["recording matches", "babble", "not in the recording"],
            id="other audio",
        ),
        pytest.param(
            "echo-call",
            "{as: parrot}",
            "{as: ringer}",
            {},
            ["reaches CONFIRMED", "EARLY"],
            id="never answers",
        ),
        pytest.param(
            "echo-call",
            "answered_within_ms: 2000",
            "answered_within_ms: 0.01",
            {},
            ["is answered in time", "within 0.01 ms", "after "],
            id="too late",
        ),
        pytest.param(
            "early-media",
            "code: 183}               #",
            "code: 180}               #",
            {},
            ["has a 183 response", "expected: 183", "180"],
            id="no early media",
        ),
        pytest.param(
            "cancel-while-ringing",
            "- ring: {on: callee}",
            "- answer: {on: callee}",
            {},
            ["steps[2].expect", "EARLY"],
            id="answered before the cancel",
        ),
        pytest.param(
            "cancel-while-ringing",
            'CSeq: "CANCEL$"}, within: CANCEL',
            'CSeq: "BYE$"}, within: BYE',
            {},
            ["has header in received BYE", "no received BYE"],
            id="no BYE",
        ),
        pytest.param(
            "busy",
            'code: "${code}", headers',
            "code: 603, headers",
            {},
            ["DISCONNECTED 486", "603"],
            id="code",
        ),
        pytest.param(
            "busy",
            'X-Attempt: "1"}}',
            'X-Attempt: "one"}}',
            {},
            ["X-Attempt: /^[0-9]+$/", "observed: X-Attempt: one"],
            id="wrong header",
        ),
        pytest.param(
            "busy",
            'headers: {Retry-After: "30"}',
            'headers: {Retry-After: "30", X-Debug: "1"}',
            {},
            ["has no header X-Debug", "X-Debug: 1"],
            id="extra header",
        ),
        pytest.param(
            "answering-machine",
            '"*,${pin}#,,1"',
            '"*,1357#,,1"',
            {},
            ["contains marker", "expected: marker 77", "no markers"],
            id="wrong PIN",
        ),
        pytest.param(
            "hold-resume",
            "- unhold: {on: caller}",
            "- wait: {seconds: 0}",
            {},
            ["has active media", "sendrecv", "sendonly"],
            id="never resumed",
        ),
    ],
)
def test_broken_in_one_place(
    broken: Broken, shipped: str, old: str, new: str, variables: dict[str, str], named: list[str]
) -> None:
    done = broken(shipped, old, new, **variables)
    assert isinstance(done.error, ExpectationFailed)
    for text in named:
        assert text in done.message, done.message
    assert done.failed
    assert done.message.startswith(tuple("/")), "the file's name and line come first"


def test_a_callee_that_crashes_is_named(perform: Perform) -> None:
    def kill(performance: ScenarioRun, entry: Entry) -> None:
        event = entry.event
        confirmed = isinstance(event, CallStateChanged) and event.state is CallState.CONFIRMED
        if confirmed and entry.endpoint == "callee":
            os.kill(performance.context.endpoints["callee"].pid, signal.SIGKILL)

    done = perform(shipped="hold-resume", meddle=kill)
    assert isinstance(done.error, EndpointCrashed)
    assert "callee: the agent crashed: it was killed by SIGKILL" in done.message
    unreached = [one for one in done.failed if one.observed.startswith("not reached: ")]
    assert unreached
    assert all("callee: the agent crashed" in one.observed for one in unreached)


def test_what_is_not_reached_has_failed(broken: Broken) -> None:
    done = broken("busy", "- reject: {on: callee", "- reject: {on: callee, timeout: 5, reason: Later")
    assert done.error is None
    done = broken("busy", 'state: disconnected, code: "${code}"', "state: disconnected, code: 600")
    names = [one.name for one in done.failed]
    assert names[0] == "caller call 1 is disconnected"
    assert names[1:] == [f"steps[{index}].expect is reached" for index in range(3, 8)]
    assert {one.observed for one in done.failed[1:]} == {"not reached: steps[2] failed"}
