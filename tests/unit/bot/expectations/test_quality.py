"""Loss, jitter and MOS, while a call lasts and after it has ended."""

from __future__ import annotations

import inspect

import pytest

from bot import expect
from bot.errors import ExpectationFailed
from bot.expectations.quality import QualityExpectation
from tests.support.fakes import LONG, Line, Rig, at_once, while_waiting


def test_figures_are_judged_as_soon_as_packets_were_counted(rig: Rig, talk: Line) -> None:
    with (
        while_waiting(
            rig.journal, lambda: talk.measured(99, 100, lost=1, loss_events=1, discarded=0, jitter_ms_max=4.5)
        ),
        at_once(),
    ):
        expect(talk.call).to_have_loss(at_most=1, timeout=LONG)
    expect(talk.call).to_have_jitter(at_most=4.5)
    expect(talk.call).to_have_mos(at_least=1)
    with at_once(), pytest.raises(ExpectationFailed, match=r"expected: at most 0\.5 %\nobserved: 1\.00 %"):
        expect(talk.call).to_have_loss(at_most=0.5, timeout=LONG)
    with at_once(), pytest.raises(ExpectationFailed, match=r"expected: at most 4 ms\nobserved: 4\.50 ms"):
        expect(talk.call).to_have_jitter(at_most=4, timeout=LONG)
    with at_once(), pytest.raises(ExpectationFailed, match=r"MOS of 5 or more\nobserved: \d\.\d\d MOS\n"):
        expect(talk.call).to_have_mos(at_least=5, timeout=LONG)


def test_figures_are_judged_after_the_end(talk: Line) -> None:
    talk.measured(50, 50, final=True, lost=50, jitter_ms_max=1.0)
    talk.ended()
    expect(talk.call).to_have_jitter(at_most=1)
    expect(talk.call).to_have_loss(at_most=50)
    with pytest.raises(ExpectationFailed, match=r"observed: 50\.00 %"):
        expect(talk.call).to_have_loss(at_most=49)


def test_what_was_never_measured_fails(rig: Rig, talk: Line) -> None:
    for name in ("to_have_loss", "to_have_jitter", "to_have_mos"):
        [limit, _] = list(inspect.signature(getattr(QualityExpectation, name)).parameters)[1:]
        with pytest.raises(ExpectationFailed, match=r"observed: not measured, audio active.*\nwaited 0 s"):
            getattr(expect(talk.call), name)(**{limit: 3, "timeout": 0})
    refused = rig.outgoing()
    refused.ended(486, "Busy Here")
    with at_once(), pytest.raises(ExpectationFailed, match=r"(?s)not measured, no media.*486 Busy Here"):
        expect(refused.call).to_have_mos(at_least=1, timeout=LONG)


def test_a_figure_may_come_after_the_first_packets(rig: Rig, talk: Line) -> None:
    talk.measured(1, 1)
    with while_waiting(rig.journal, lambda: talk.measured(9, 9, jitter_ms_max=2.0)), at_once():
        expect(talk.call).to_have_jitter(at_most=2, timeout=LONG)
