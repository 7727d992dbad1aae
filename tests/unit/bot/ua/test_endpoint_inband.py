"""bot.ua.endpoint: in-band digits of its calls."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.ipc.events import AudioHeard, CallStateChanged, DtmfReceived
from bot.model import CallState, DtmfMethod
from tests.support.fakes import Rig


def sounds(call: int, digits: str, *, on_ms: float = 100, begun: float = 50.0) -> list[AudioHeard]:
    """Digits, the first one at ``begun``, as an agent hands them over."""
    import numpy as np

    from media.signals.dtmf import synthesise

    samples = (synthesise(digits, 8000, on_ms=on_ms).samples * 32767).astype(np.dtype("<i2"))
    return [
        AudioHeard(
            at=begun + min(start + 800, len(samples)) / 8000,
            call=call,
            rate=8000,
            samples=samples[start : start + 800].tobytes(),
        )
        for start in range(0, len(samples), 800)
    ]


def test_digits_are_in_the_journal_and_their_audio_is_not(rig: Rig) -> None:
    line = rig.confirmed()
    rig.driver.feed(*sounds(line.number, "4,2,"))
    digits = [entry.event for entry in rig.journal.recent() if isinstance(entry.event, DtmfReceived)]
    assert [(one.digit, one.method) for one in digits] == [("4", DtmfMethod.INBAND), ("2", DtmfMethod.INBAND)]
    assert [digit.duration_ms for digit in digits] == pytest.approx([100, 100], abs=5)
    assert [digit.at for digit in digits] == pytest.approx([50.0, 50.7], abs=0.005)
    assert not any(isinstance(entry.event, AudioHeard) for entry in rig.journal.recent())
    assert line.call.digits == "42"


def test_each_call_has_its_own_detector(rig: Rig) -> None:
    one, other = rig.confirmed(), rig.confirmed()
    for first, second in zip(sounds(one.number, "1,"), sounds(other.number, "9,"), strict=True):
        rig.driver.feed(first, second)
    assert (one.call.digits, other.call.digits) == ("1", "9")


def test_a_digit_that_the_end_cuts_off_goes_before_it(rig: Rig) -> None:
    line = rig.confirmed()
    rig.driver.feed(*sounds(line.number, "7", on_ms=300)[:2])
    assert line.call.digits == ""
    line.ended()
    assert line.call.digits == "7"
    *_, digit, end = [entry.event for entry in rig.journal.recent()]
    assert isinstance(digit, DtmfReceived)
    assert isinstance(end, CallStateChanged)
    assert end.state is CallState.DISCONNECTED


def test_states_before_the_end_leave_a_digit_alone(rig: Rig) -> None:
    line = rig.outgoing()
    whole = sounds(line.number, "7,", on_ms=300)
    rig.driver.feed(*whole[:2])
    line.answered()
    assert line.call.digits == ""
    rig.driver.feed(*whole[2:])
    assert line.call.digits == "7"


def test_who_listens_from_the_beginning(new_rig: Callable[..., Rig]) -> None:
    assert new_rig(name="one", detect_inband_dtmf=True).confirmed().call.facts.listens
    assert not new_rig(name="other").confirmed().call.facts.listens
